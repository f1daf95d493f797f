"""The small tests in which the meaning of a word shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from verifier.against.families import ARGUMENTS, Family
from verifier.records import NamedTuple
from verifier.words.rows import Word


class CallOfWord(NamedTuple):
    """One way to call a word: what stands before it, the call, and whether it has a value."""

    before: str
    text: str
    after: str
    value: bool
    start: str


def calls(word: Word, family: Family) -> Iterator[CallOfWord]:
    """The ways to call a word."""
    choices: list[tuple[str, ...]] = []
    before = after = ""
    for p in word.parameters:
        if p.kind in ("pointer", "word", "offset") and p.name != "old":
            choices.append(("&cell",))
        elif p.kind in ("place", "percpu"):
            choices.append(("cell",))
        elif p.name == "old":
            choices.append(("&old",))
            before, after = "old = 1;", "r2 = old;"
        else:
            choices.append(family.arguments.get(p.name) or ARGUMENTS.get(p.name, ()))
    for start in family.starts:
        for given in itertools.product(*choices):
            yield CallOfWord(before, f"{word.name}({', '.join(given)})", after, word.result != "void", start)


class Situation(NamedTuple):
    """A small test: the programs around the call, and what is observed."""

    name: str
    first: str
    second: str


def situations(family: Family) -> tuple[Situation, ...]:
    """The tests, of which the first one is the call alone. ``CALL`` stands for it."""
    cell = family.reach
    changed = f"WRITE_ONCE({cell}, CHANGED);"
    return (
        ALONE,
        Situation("against an interrupt", "CALL", _SENDS),
        Situation(
            "between a store and a load", "WRITE_ONCE(x, 1); CALL r1 = READ_ONCE(y);",
            "WRITE_ONCE(y, 1); smp_mb(); r1 = READ_ONCE(x);",
        ),
        Situation("after a store", "WRITE_ONCE(x, 1); CALL", f"{changed} smp_mb(); r1 = READ_ONCE(x);"),
        Situation(
            "before a load", "CALL r1 = READ_ONCE(y);", f"WRITE_ONCE(y, 1); smp_mb(); r1 = READ_ONCE({cell});"
        ),
        Situation("as a message", "WRITE_ONCE(x, 1); CALL", f"r0 = READ_ONCE({cell}); r1 = READ_ONCE(x);"),
        Situation("for a message", "CALL r1 = READ_ONCE(x);", f"WRITE_ONCE(x, 1); {changed}"),
        Situation("against another CPU", "CALL", f"WRITE_ONCE({cell}, CHANGED); r1 = READ_ONCE({cell});"),
        Situation("against itself", "CALL", "CALL"),
        Situation("before an interrupt", "CALL r1 = READ_ONCE(y); r2 = READ_ONCE(y);", _SENDS),
    )  # fmt: skip


_SENDS = "smp_call_function_single(0, handler, NULL, 0);"
ALONE = Situation("alone", "CALL", "")


class CalledIn(NamedTuple):
    """A situation with a call."""

    at: Situation
    call: CallOfWord

    @property
    def words(self) -> str:
        """How reports call it."""
        return f"{self.call.text} with {self.call.start} in the cell, {self.at.name}"


OBSERVED = ("cell", *(f"{cpu}:r{i}" for cpu in (0, 1) for i in (0, 1, 2)))


def text_of(
    family: Family, variants: Sequence[CalledIn], codes: Sequence[str], functions: str, *, tree: bool
) -> str:
    """A file that has a variant for each of ``variants``: V0, V1, …. ``codes`` are the calls as they are in
    this file, ``functions`` what they call. ``tree``: the cell holds what the tree has in it."""
    cells = "".join(
        f"[V{n}] {family.cell} = {_held(family, v.call.start, tree)};\n" for n, v in enumerate(variants)
    )
    threads = "".join(
        _threads(family, n, v, code) for n, (v, code) in enumerate(zip(variants, codes, strict=True))
    )
    threads = threads.replace("CHANGED", _held(family, family.changed, tree))
    names = "".join(f"    V{n} sometimes;\n" for n in range(len(variants)))
    cell = "0:cell" if family.cell.startswith("percpu") else "cell"
    observed = "; ".join((cell, *OBSERVED[1:]))
    return (
        f"MM word\n{{\n{cells}int x; int y;\n}}\n{functions}\n"
        f"void handler(void *info) {{ {family.handler} }}\n{threads}variants {{\n{names}}}\n"
        f"locations [{observed};]\nexists (x = 7)\n"
    )


def _held(family: Family, value: str, tree: bool) -> str:
    """What the cell holds for a value."""
    return str(family.encoding[int(value)]) if tree and family.encoding else value


def _threads(family: Family, number: int, of: CalledIn, code: str) -> str:
    call = of.call
    whole = f"{call.before} {'r0 = ' if call.value else ''}{code}; {call.after}"
    made = ""
    for cpu, body in enumerate((of.at.first, of.at.second)):
        declared = f"{family.local} old; " if "CALL" in body and call.before else ""
        given = "r0 = 0; r1 = 0; r2 = 0;"
        made += f"[V{number}] P{cpu} {{ {given} {declared}{body.replace('CALL', whole)} }}\n"
    return made
