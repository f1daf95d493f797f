"""Labels and ``goto``.

A loop that is written out turn by turn has each of its labels once in each turn. A jump within a turn goes to
the label of this turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from verifier.lower.c import guards
from verifier.lower.c.body import BodyCode
from verifier.lower.code import Jump, Label
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble, nearest


def jumps(b: BodyCode, s: ast.Goto) -> None:
    """``goto``."""
    name = _here(b, s.name)
    b.frame.labels.setdefault(name, s.span)
    guards.goes_to(b, s.name, s.span)
    b.code.append(Jump(_target(b, name), s.span))


def placed(b: BodyCode, s: ast.LabelStmt) -> None:
    """``name:``"""
    name = _here(b, s.name)
    defined = b.frame.labels.get(name, s.span) is None
    if defined or b.frame.places.setdefault(s.name, s.span.start) != s.span.start:
        raise Trouble("duplicate", f"the label {s.name} is defined twice", s.span)
    b.frame.labels[name] = None
    b.frame.guarded[s.name] = tuple(held.span.start for held in b.frame.held)
    b.code.append(Label(_target(b, name), s.span))


@contextmanager
def turn(b: BodyCode, body: ast.Stmt) -> Iterator[None]:
    """A turn of a loop that is written out: the labels of its ``body`` are those of this turn."""
    names = [x.name for x in nodes(body) if isinstance(x, ast.LabelStmt)]
    b.frame.turned.update(names)
    b.frame.turns.append({name: b.fresh(f"{name}:") for name in names})
    try:
        yield
    finally:
        b.frame.turns.pop()


def check_labels(b: BodyCode) -> None:
    """Note what jumps to a label that is not there, or into a loop that is written out."""
    guards.check_jumps(b)
    for name, span in b.frame.labels.items():
        if span is None:
            continue
        if name in b.frame.turned:
            text = f"this jumps to {name}, into a loop that is written out turn by turn"
            trouble = Trouble("unknown-label", text, span, "put the label in front of the loop")
        else:
            hint = nearest(name, b.frame.places) or f"write {name}: before a statement of this function"
            trouble = Trouble("unknown-label", f"there is no label {name!r}", span, hint)
        b.shared.troubles.append(trouble.diagnostic)


def _here(b: BodyCode, name: str) -> str:
    """What a label is called in this turn of the loops around it."""
    return next((turn[name] for turn in reversed(b.frame.turns) if name in turn), name)


def _target(b: BodyCode, name: str) -> str:
    return f"{b.frame.prefix}{name}:"
