"""Who looks at the line in front of a lock? Where nobody does, nobody needs to stand there."""

from __future__ import annotations

from itertools import chain

from verifier.syntax import ast
from verifier.syntax.idle import reached
from verifier.syntax.nodes import nodes
from verifier.words.guards import GUARDS
from verifier.words.rows import Locked, flat
from verifier.words.sync import SLEEPS
from verifier.words.table import WORDS


def looked_at(unit: ast.Unit) -> bool:
    """Does a test call a word that acts on who stands in line for a lock (MMR 19.4)?

    What all words do that merely wait for the lock, they do alike whether others see them wait or not."""
    run = reached(unit, also=unit.functions.keys() & set(chain(*SLEEPS.values())))
    code = [*unit.threads.values(), *unit.nmis, *(unit.functions[name] for name in run)]
    return any(_looks(name) for name in _words(code))


def _words(code: object) -> set[str]:
    found = set[str]()
    for x in nodes(code):
        if isinstance(x, ast.CallExpr) and x.name in WORDS:
            found.add(x.name)
        elif isinstance(x, ast.Guard) and x.name in GUARDS:
            found |= {GUARDS[x.name].begin, GUARDS[x.name].end}
    return found


def _looks(name: str) -> bool:
    effects = flat(WORDS[name].effects)
    return any(isinstance(x, Locked) and x.line not in ("", "joins") for x in effects)
