"""How words are called, and the small tests in which their meaning shows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from verifier.words.rows import Word

# The values of arguments, by the name of the parameter.
ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "i": ("1", "-1"), "a": ("1", "-2"), "u": ("1",), "e": ("7",), "new": ("7",), "old_value": ("1", "2"),
        "nr": ("0", "3"), "n": ("7",), "mask": ("1", "129"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """Words that are called alike: those that match ``names``. ``cell`` declares the object ``c`` that
    they work on, which starts with each of ``starts``. ``arguments`` are further than ``ARGUMENTS``.
    ``files`` may define them. ``other``: what another CPU, or an interrupt, may do with the cell."""

    names: str
    cell: str
    starts: tuple[int, ...]
    files: tuple[str, ...]
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other: str = "WRITE_ONCE(c, READ_ONCE(c) + 8);"
    changed: int = 9
    local: str = "int"  # the type of what the cell holds
    bits: int = 32  # of the cell


_ATOMIC = ("include/linux/atomic.h",)
_LONG: dict[str, Any] = {"local": "s64", "bits": 64}
_WORD: dict[str, Any] = {"local": "unsigned long", "bits": 64}
_BITS = ("include/linux/bitops.h",)
FAMILIES = (
    Family(r"atomic_long_(?!cond_read)\w+", "atomic_long_t c", (0, 1, 2, -1), _ATOMIC, **_LONG),
    Family(r"atomic64_(?!cond_read)\w+", "atomic64_t c", (0, 1, 2, -1), _ATOMIC, **_LONG),
    Family(
        r"atomic_(?!cond_read|long|dec_and_(raw_)?(spin_)?lock|dec_and_mutex)\w+",
        "atomic_t c",
        (0, 1, 2, -1),
        _ATOMIC,
    ),
    Family(
        r"refcount_\w+",
        "atomic_t c",
        (0, 1, 2, -1, -(1 << 30)),
        ("include/linux/refcount.h", "lib/refcount.c"),
    ),
    Family(
        r"(__)?(test_and_)?(set|clear|change)_bit(_lock|_unlock)?|test_bit(_acquire)?",
        "unsigned long c",
        (0, 1, 8, 9),
        _BITS,
        **_WORD,
    ),
    Family(
        r"(try_)?(cmp)?xchg(64)?(_relaxed|_acquire|_release|_local)?|sync_cmpxchg|cmpxchg64_local",
        "unsigned long c",
        (0, 1, 2),
        _ATOMIC,
        **_WORD,
    ),
    Family(
        r"(smp|virt)_(load_acquire|store_release|store_mb)|READ_ONCE|WRITE_ONCE", "int c", (0, 1), _ATOMIC
    ),
    Family(
        r"((smp|virt|dma|pmem)_)?(mb|rmb|wmb)|barrier|cpu_relax|smp_mb__\w+|smp_acquire__after_ctrl_dep"
        r"|smp_read_barrier_depends|barrier_nospec",
        "int c",
        (0,),
        _ATOMIC,
    ),
)


def family_of(word: Word) -> Family | None:
    """The family of a word."""
    return next((f for f in FAMILIES if re.fullmatch(f.names, word.name)), None)


class CallOfWord(NamedTuple):
    """One way to call a word: what stands before it, the call, and whether it has a value."""

    before: str
    text: str
    after: str
    value: bool
    start: int


def calls(word: Word, family: Family) -> Iterator[CallOfWord]:
    """The ways to call a word."""
    choices: list[tuple[str, ...]] = []
    before = after = ""
    for p in word.parameters:
        if p.kind in ("pointer", "word", "offset") and p.name != "old":
            choices.append(("&c",))
        elif p.kind in ("place", "percpu"):
            choices.append(("c",))
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
    changed = f"WRITE_ONCE(c, {family.changed});"
    return (
        ALONE,
        Situation("against an interrupt", "CALL", "smp_call_function_single(0, handler, NULL, 0);"),
        Situation(
            "between a store and a load", "WRITE_ONCE(x, 1); CALL r1 = READ_ONCE(y);",
            "WRITE_ONCE(y, 1); smp_mb(); r1 = READ_ONCE(x);",
        ),
        Situation("after a store", "WRITE_ONCE(x, 1); CALL", f"{changed} smp_mb(); r1 = READ_ONCE(x);"),
        Situation(
            "before a load", "CALL r1 = READ_ONCE(y);", "WRITE_ONCE(y, 1); smp_mb(); r1 = READ_ONCE(c);"
        ),
        Situation("as a message", "WRITE_ONCE(x, 1); CALL", "r0 = READ_ONCE(c); r1 = READ_ONCE(x);"),
        Situation("for a message", "CALL r1 = READ_ONCE(x);", f"WRITE_ONCE(x, 1); {changed}"),
        Situation("against another CPU", "CALL", family.other),
        Situation("against itself", "CALL", "CALL"),
    )  # fmt: skip


ALONE = Situation("alone", "CALL", "")


class CalledIn(NamedTuple):
    """A situation with a call."""

    at: Situation
    call: CallOfWord

    @property
    def words(self) -> str:
        """How reports call it."""
        return f"{self.call.text} with c = {self.call.start}, {self.at.name}"


OBSERVED = ("c", *(f"{cpu}:r{i}" for cpu in (0, 1) for i in (0, 1, 2)))


def text_of(family: Family, variants: Sequence[CalledIn], codes: Sequence[str], functions: str) -> str:
    """A file that has a variant for each of ``variants``: V0, V1, …. ``codes`` are the calls as they are
    in this file, ``functions`` what they call."""
    cells = "".join(f"[V{n}] {family.cell} = {v.call.start};\n" for n, v in enumerate(variants))
    threads = "".join(
        _threads(family, n, v, code) for n, (v, code) in enumerate(zip(variants, codes, strict=True))
    )
    names = "".join(f"    V{n} sometimes;\n" for n in range(len(variants)))
    return (
        f"MM word\n{{\n{cells}int x; int y;\n}}\n{functions}\n"
        f"void handler(void *info) {{ {family.other} }}\n{threads}variants {{\n{names}}}\n"
        f"locations [{'; '.join(OBSERVED)};]\nexists (c = 0)\n"
    )


def _threads(family: Family, number: int, of: CalledIn, code: str) -> str:
    call = of.call
    whole = f"{call.before} {'r0 = ' if call.value else ''}{code}; {call.after}"
    made = ""
    for cpu, body in enumerate((of.at.first, of.at.second)):
        declared = f"{family.local} old; " if "CALL" in body and call.before else ""
        made += f"[V{number}] P{cpu} {{ r0 = 0; r1 = 0; r2 = 0; {declared}{body.replace('CALL', whole)} }}\n"
    return made
