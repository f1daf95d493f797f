"""The edges that cycles are made of: the table that the generator runs on, and that docs/generate.md prints.

An edge leads from one access to another. Accesses are reads ``R``, writes ``W``, exchanges ``X`` (XCHG, which
reads and writes at one instant), and translated reads ``T``: a read through a page-table entry, whose value
says which page the entry led to. A *communication* stays at one location and changes the CPU. A *step*
changes the location and, unless it is an IPI, stays on one CPU.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache

from verifier.errors import UsageError
from verifier.records import dataclass
from verifier.syntax.grammars import page
from verifier.syntax.trouble import nearest

LANGUAGES = ("X86", "C", "MM")
PLAIN = "RWX"
WALK = "T"


@dataclass(frozen=True, slots=True)
class Kind:
    """A row: a family of steps, which have the types of their two accesses as the end of their name.

    ``short`` stands in names of tests. ``words`` spells what is between the two accesses, in each language
    that has it; {v} is the address of the target's entry, or of the source's if ``of_source``. ``sources``
    and ``targets`` are the types that the two ends may have. ``handler``: a handler on another CPU does the
    second access. ``flusher``: {f} is a handler that invalidates {v}. ``depends``: what of the second access
    depends on the value that the first one reads: addr, data or ctrl, in diy's words; then the name has only
    the type of the second.
    """

    name: str
    short: str
    about: str
    rules: tuple[str, ...]
    words: tuple[tuple[str, str], ...]
    sources: str = "RWXT"
    targets: str = "RWXT"
    handler: bool = False
    of_source: bool = False
    flusher: bool = False
    depends: str = ""

    def word(self, language: str) -> str | None:
        """How a language spells what is between the accesses; None: it cannot."""
        return dict(self.words).get(language)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A row: a communication from ``source`` to ``target``, with other names that it may be called by."""

    name: str
    source: str
    target: str
    about: str
    rules: tuple[str, ...]
    also: tuple[str, ...] = ()

    @property
    def parts(self) -> str:
        """What the two accesses are here: an exchange is a read or a write."""
        return {"Rf": "WR", "Fr": "RW", "Co": "WW"}[self.name[:2]]


def _fence(x86: str, c: str) -> tuple[tuple[str, str], ...]:
    return ("X86", x86), ("C", c), ("MM", c)


_ALL = tuple((language, "") for language in LANGUAGES)
_MMU = "RWT"  # the ends of steps that are about walks

MEETINGS = (
    Meeting("Rfe", "W", "R", "the read takes its value from the write", ("1.1",)),
    Meeting("Fre", "R", "W", "the read takes an older value than that of the write", ("1.1",)),
    Meeting("Coe", "W", "W", "the second write is later in coherence order", ("1.1",), ("Wse",)),
    Meeting("Rfw", "W", "T", "a walk reads the entry that the write made", ("3.1", "3.2")),
    Meeting("Frw", "T", "W", "a walk has read the entry before the write", ("3.1", "3.2", "4.1")),
    Meeting("RfeWX", "W", "X", "the exchange reads the write", ("1.1", "2.1")),
    Meeting("RfeXR", "X", "R", "the read takes its value from the exchange", ("1.1", "2.1")),
    Meeting("RfeXX", "X", "X", "the second exchange reads what the first one writes", ("1.1", "2.1")),
    Meeting("FreRX", "R", "X", "the read takes an older value than that of the exchange", ("1.1", "2.1")),
    Meeting("CoeXW", "X", "W", "the write is later in coherence order than the exchange", ("1.1", "2.1")),
)

STEP_KINDS = (
    Kind("Pod", "po", "nothing in between", ("1.1", "3.7"), _ALL),
    Kind("MFenced", "mfence", "MFENCE", ("2.3", "3.7"), _fence("MFENCE", "mb();")),
    Kind("LFenced", "lfence", "LFENCE", ("2.4", "3.7"), _fence("LFENCE", "rmb();")),
    Kind("SFenced", "sfence", "SFENCE", ("2.5", "3.7"), _fence("SFENCE", "wmb();")),
    Kind(
        "Locked", "lock", "a LOCK'd operation elsewhere",
        ("2.1", "3.7"), _fence("LOCK INC [{q}]", "smp_mb();")
    ),
    Kind(
        "DpAddrd", "addr", "the address depends on what was read", ("1.1",), _ALL[1:], "R", "RW",
        depends="addr",
    ),
    Kind(
        "DpDatad", "data", "what is written depends on what was read", ("1.1",), _ALL[1:], "R", "W",
        depends="data",
    ),
    Kind(
        "DpCtrld", "ctrl", "a branch on what was read", ("1.1",), _ALL[1:], "R", "RW",
        depends="ctrl",
    ),
    Kind(
        "Invlpgd", "invlpg", "INVLPG of the address that is read next", ("0.2", "5.1", "5.2", "5.3"),
        (("MM", "invlpg({v});"),), sources=_MMU, targets=WALK,
    ),
    Kind(
        "Flushd", "flush", "a flush of the CPU's own TLB", ("0.2", "5.1", "5.2", "5.3"),
        (("MM", "flush_tlb_local();"),), sources=_MMU, targets=WALK,
    ),
    Kind(
        "Cr3d", "cr3", "a write of CR3, to the same space", ("0.2", "5.1", "5.7"),
        (("MM", "load_cr3(N);"),), sources=_MMU, targets=WALK,
    ),
    Kind(
        "Shotd", "shot", "a shootdown: all other CPUs do INVLPG of the entry's address, and are waited for",
        ("0.2", "5.1", "8.2", "8.4", "8.7", "17.4"), (("MM", "smp_call_function({f}, NULL, 1);"),),
        _MMU, _MMU, of_source=True, flusher=True,
    ),
    Kind(
        "Ipid", "ipi", "an IPI: its handler, on another CPU, does the second access",
        ("8.2", "8.3", "8.4", "17.4"),
        (("MM", "smp_call_function_single({cpu}, {h}, NULL, 0);"),), _MMU, _MMU, handler=True,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stride:
    """A step between two accesses of these types, to different locations."""

    kind: Kind
    source: str
    target: str

    @property
    def name(self) -> str:
        return f"{self.kind.name}{'' if self.kind.depends else self.source}{self.target}"


Edge = Stride | Meeting


@cache
def steps(language: str) -> tuple[Stride, ...]:
    """All steps of a language."""
    types = PLAIN + WALK if language == "MM" else PLAIN
    return tuple(
        Stride(kind, a, b)
        for kind in STEP_KINDS
        if kind.word(language) is not None
        for a in types
        for b in types
        if a in kind.sources and b in kind.targets
    )


@cache
def meetings(language: str) -> tuple[Meeting, ...]:
    """All communications of a language."""
    return tuple(m for m in MEETINGS if language == "MM" or WALK not in m.source + m.target)


def every(language: str) -> list[Edge]:
    """All edges of a language."""
    return [*meetings(language), *steps(language)]


DEFAULTS = {
    "X86": ("Rfe", "Fre", "Coe", "Pod**", "MFenced**"),
    "C": ("Rfe", "Fre", "Coe", "Pod**", "Locked**"),
    "MM": ("Rfe", "Fre", "Coe", "Rfw", "Frw", "Pod**", "MFenced**", "Invlpgd**"),
}


def edges(names: Iterable[str], language: str) -> tuple[Edge, ...]:
    """The edges of these names. ``*`` stands for any type, and types may be left out: ``Pod`` is ``Pod**``.

    It stands for an exchange only if some communication of an exchange is named, too. Raises ``UsageError``
    for a name that no edge of the language has.
    """
    known: dict[str, Edge] = {e.name: e for e in every(language)}
    also = {other: m.name for m in MEETINGS for other in m.also}
    kinds = {kind.name: "*" if kind.depends else "**" for kind in STEP_KINDS}
    found: dict[str, Edge] = {}
    meant = set[str]()
    for name in names:
        pattern = f"{name}{kinds[name]}" if name in kinds else also.get(name, name)
        pattern = pattern.replace("*", "?")
        matches = [n for n in known if fnmatchcase(n, pattern)]
        if not matches:
            raise UsageError(_unknown(name, pattern, language, [*known, *also, *kinds]))
        found.update((n, known[n]) for n in matches)
        meant |= {n for n in matches if n == pattern}
    exchanges = any("X" in e.source + e.target for e in found.values() if isinstance(e, Meeting))
    return tuple(
        e
        for n, e in known.items()
        if n in found and (n in meant or exchanges or "X" not in e.source + e.target)
    )


def _unknown(name: str, pattern: str, language: str, known: list[str]) -> str:
    """What to say about a name that fits no edge."""
    others = [other for other in LANGUAGES if any(fnmatchcase(e.name, pattern) for e in every(other))]
    if others:
        return f"{language} has no edge {name!r}; it takes --language {others[-1]}"
    rows = [kind for kind in STEP_KINDS if kind.name in (pattern[:-1], pattern[:-2])]
    if rows:
        kind = rows[0]
        types = PLAIN + WALK if language == "MM" else PLAIN
        ends = [", ".join(t for t in allowed if t in types) for allowed in (kind.sources, kind.targets)]
        return f"no edge is called {name!r}: {kind.name} leads from {ends[0]} to {ends[1]}"
    hint = nearest(name, known) or f"{page('generate.md')} has the table"
    return f"no edge is called {name!r}: {hint}"


def table() -> str:
    """The tables of docs/generate.md."""
    out = ["| edge | from | to | meaning | rules |", "|---|---|---|---|---|"]
    for m in MEETINGS:
        names = ", ".join(f"`{n}`" for n in (m.name, *m.also))
        out.append(f"| {names} | {m.source} | {m.target} | {m.about} | {', '.join(m.rules)} |")
    out += ["", "| step | in names | from | to | between the two accesses | languages | rules |"]
    out.append("|---|---|---|---|---|---|---|")
    for k in STEP_KINDS:
        spelt = ", ".join(language for language, _ in k.words)
        ends = f"{', '.join(k.sources)} | {', '.join(k.targets)}"
        out.append(f"| `{k.name}` | {k.short} | {ends} | {k.about} | {spelt} | {', '.join(k.rules)} |")
    return "\n".join(out) + "\n"
