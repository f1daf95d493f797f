"""``Test``: one variant of one litmus file, which the parsers make."""

from __future__ import annotations

from typing import Any

from verifier.records import dataclass, field, replace
from verifier.source import Diagnostic, Source, Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation under a profile (``switch`` is None), or under a value of a switch.

    ``word`` is about the proposition, None if only a hang is expected; ``hangs``: does some run hang?
    """

    word: str | None
    hangs: bool
    profile: str | None
    switch: tuple[str, str] | None
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """One thing to decide.

    ``quantifier``  ``exists``, ``~exists`` or ``forall``;
    ``condition``   the proposition's text as the file has it, whitespace folded;
    ``expected``    ``never``, ``sometimes``, ``always``, ``deadlock`` or None. It is about the proposition,
                    without its quantifier. ``portable``: it comes from a ``Result:`` comment, which is
                    about the kernel's portable model;
    ``hangs``       the test expects that some run hangs;
    ``otherwise``   the expectations under profiles and switches; the last one that fits counts;
    ``meta``        herd7's ``Key=Value`` lines; ``comment`` is the variant's own text;
    ``tree``        the checked syntax tree;
    ``unroll``      the unrolling bound of the file, or None;
    ``warnings``    about the file's text;
    ``asks``        does the file have a condition? If not, ``condition`` is true, and states can be listed;
    ``span``        of the condition; ``declared`` of the variant's name in ``variants { … }``;
    ``includes``    the files that the test includes, as they were read.
    """

    __test__ = False  # tells pytest that this is not a test class

    source: Source
    name: str
    arch: str
    quantifier: str
    condition: str
    tree: Any
    variant: str | None = None
    doc: str = ""
    comment: str = ""
    meta: dict[str, str] = field(default_factory=dict)
    expected: str | None = None
    hangs: bool = False
    otherwise: tuple[Expectation, ...] = ()
    portable: bool = False
    unroll: int | None = None
    span: Span | None = None
    declared: Span | None = None
    warnings: tuple[Diagnostic, ...] = ()
    asks: bool = True
    includes: tuple[Source, ...] = ()

    @property
    def bare(self) -> Test:
        """The test without what is large, and needed only to decide it."""
        return replace(self, tree=None, includes=(), warnings=())

    @property
    def id(self) -> str:
        """``name::variant``, or the name alone."""
        return f"{self.name}::{self.variant}" if self.variant else self.name


def _end(test: Test) -> Span:
    """Where a variant is declared, or else the end of its file."""
    end = len(test.source.text.rstrip())
    return test.declared or Span(test.source, max(0, end - 1), end)


def nothing_shown(test: Test) -> Diagnostic:
    """The warning about states of which nothing is shown."""
    who = "the condition" if test.asks else "the variant" if test.variant else "the test"
    text = f"nothing is shown of a state: {who} asks for nothing"
    example = "[0:rax; x;]" if test.arch.startswith("X86") else "[0:r0; x;]"
    hint = f"write what is to be shown, such as 'locations {example}', or a condition on it"
    return Diagnostic("nothing-shown", text, _end(test), hint, severity="warning")


def no_condition(test: Test) -> Diagnostic:
    """The error about a test without a condition, if the command needs one."""
    span = _end(test)
    what = f"variant {test.variant}" if test.variant else "a test"
    example = "'exists (0:rax = 0)'" if test.arch.startswith("X86") else "'exists (1:r0 = 1)'"
    hint = f"write one, such as {example}; or use 'verifier states', which lists all final states"
    return Diagnostic("condition", f"{what} needs a condition", span, hint)
