"""Decides whether the ordering in kernel memory-management code is right.

>>> import verifier
>>> for test in verifier.load("litmus/classic/SB.litmus"):
...     print(test.id, verifier.check(test).observation)
SB sometimes
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.model import Model
    from verifier.notebook import Drawable
    from verifier.program.trace import Step, Trace
    from verifier.results import Verdict
    from verifier.revisions.found import History
    from verifier.syntax.test import Test
    from verifier.why.answers import Audit, Explanation
    from verifier.why.found import Repair, Repairs

__version__ = "0.1.0"
__all__ = [
    "Audit", "Explanation", "History", "Repair", "Repairs", "Step", "Test", "Trace", "Verdict", "__version__",
    "audit", "check", "explain", "history", "load", "repair",
]  # fmt: skip

_HOMES = {
    "Audit": "verifier.why.answers",
    "Explanation": "verifier.why.answers",
    "History": "verifier.revisions.found",
    "Step": "verifier.program.trace",
    "Trace": "verifier.program.trace",
    "Verdict": "verifier.results",
    "Test": "verifier.syntax.test",
    "Repair": "verifier.why.found",
    "Repairs": "verifier.why.found",
}


def load(path: str | os.PathLike[str], defines: Mapping[str, int] | None = None) -> list[Test]:
    """All tests of a litmus file, one for each variant, in the order of the file.

    ``defines`` override constants of the file's enums, as ``-D n=4`` does. Raises
    ``verifier.errors.InputError`` with every error of the file.
    """
    from verifier.suite.load import load_checked
    from verifier.syntax import read

    return load_checked(read(path), defines)


def check(
    test: Test,
    *,
    model: str = "x86-tso",
    judge: str = "z3",
    unroll: int | None = None,
    timeout: float | None = 60.0,
    states: bool = False,
    profile: str = "generic",
    settings: Mapping[str, str] | None = None,
    memory: int | None = None,
) -> Verdict:
    """Decide one test.

    ``model``     ``x86-tso`` or ``sc``;
    ``judge``     ``z3``, ``explorer`` or ``both``;
    ``unroll``    how often a CPU may jump backwards; None: as the file says, or twice;
    ``timeout``   in seconds, for each judge; None: no limit;
    ``states``    whether the verdict lists all final states;
    ``profile``   the kind of machine, and ``settings`` (switch -> value) changes to it;
    ``memory``    in MB. If it is given, a process of its own decides the test and may take that much;
                  if that is too little, the verdict is ``unknown``.

    Raises exceptions of ``verifier.errors``: ``UsageError`` for a model, judge, number, profile or switch
    that does not exist; ``InputError`` for errors that show only when the test is built; ``InternalError``
    if the verifier contradicts itself (a run fails its re-check, the judges disagree) or fails.
    """
    from verifier.notebook import Drawable
    from verifier.suite.decide import run, run_alone
    from verifier.suite.options import Options

    options = Options(
        model=model, judge=judge, unroll=unroll, timeout=timeout, states=states,
        profile=profile, settings=settings or {}, counters=True, memory=memory,
    )  # fmt: skip
    _ = options.switches  # complain about an unknown switch before building the test
    Drawable.drawn = _drawn
    return run(test, options) if memory is None else run_alone(test, options)


def _drawn(answer: Drawable) -> str:
    """A verdict or an explanation as notebooks show it."""
    from verifier.picture.frame import framed

    return framed(answer)


def _decided(
    test: Test,
    model: str,
    unroll: int | None,
    timeout: float | None,
    profile: str,
    settings: Mapping[str, str] | None,
) -> tuple[Verdict, Model]:
    """A verdict, and the model that it is about."""
    from verifier.model import model as model_of
    from verifier.notebook import Drawable
    from verifier.suite.decide import run
    from verifier.suite.options import Options

    Drawable.drawn = _drawn
    options = Options(model=model, unroll=unroll, timeout=timeout, profile=profile, settings=settings or {})
    return run(test, options), model_of(options.switches, model)


def explain(
    test: Test,
    *,
    model: str = "x86-tso",
    unroll: int | None = None,
    timeout: float | None = 60.0,
    reasons: int = 4,
    profile: str = "generic",
    settings: Mapping[str, str] | None = None,
) -> Explanation:
    """Decide a test, and say why its outcome is impossible: what it rests on, and the cycles that a run with
    the outcome would have to close. ``print`` shows it.

    ``timeout``   in seconds, for the verdict and again for its explanation; what is missing when it ends is
                  named in ``gap``;
    ``reasons``   how many independent reasons are looked for;
    the rest, and the errors, are as for ``check``.
    """
    from verifier.budget import Budget
    from verifier.why.explain import explain as find

    verdict, machine = _decided(test, model, unroll, timeout, profile, settings)
    return find(verdict, machine, Budget(timeout), unroll, reasons)


def audit(
    test: Test,
    *,
    model: str = "x86-tso",
    unroll: int | None = None,
    timeout: float | None = 60.0,
    profile: str = "generic",
    settings: Mapping[str, str] | None = None,
) -> Audit:
    """Decide a test whose outcome is impossible, and find out which of its barriers, flushes, waits and locks
    are needed for that. ``print`` shows it. Arguments and errors are as for ``explain``."""
    from verifier.budget import Budget
    from verifier.why.audit import audit as find

    verdict, machine = _decided(test, model, unroll, timeout, profile, settings)
    return find(verdict, machine, Budget(timeout), unroll)


def repair(
    test: Test,
    *,
    model: str = "x86-tso",
    unroll: int | None = None,
    timeout: float | None = 60.0,
    profile: str = "generic",
    settings: Mapping[str, str] | None = None,
    defines: Mapping[str, int] | None = None,
    costs: Mapping[str, int] | None = None,
) -> Repairs:
    """The smallest changes of a test's text after which its bad outcome is impossible, cheapest first.

    ``timeout``   in seconds, for all of it; what was found until then is given as not complete;
    ``defines``   as the test was loaded with;
    ``costs``     overrides of the table of costs (docs/repair.md), by kind of edit;
    the rest is as for ``check``.

    Raises as ``check``, and ``UsageError`` for an assembly test or a test without a condition.
    """
    from verifier.suite.options import Options
    from verifier.why.repair import repair as find

    options = Options(
        model=model, unroll=unroll, timeout=timeout, profile=profile, settings=settings or {},
        defines=defines or {},
    )  # fmt: skip
    return find(test, options, costs)


def history(
    path: str | os.PathLike[str],
    kernel: str | os.PathLike[str],
    span: str,
    *,
    variants: Sequence[str] = (),
    every: bool = False,
    first_parent: bool = False,
    model: str = "x86-tso",
    judge: str = "z3",
    unroll: int | None = None,
    timeout: float | None = 60.0,
    profile: str = "generic",
    settings: Mapping[str, str] | None = None,
    defines: Mapping[str, int] | None = None,
    memory: int | None = None,
    jobs: int = 1,
) -> History:
    """How the verdicts of a file about a kernel's own text change along the history of a git repository.
    ``print`` shows it.

    ``kernel``        the directory of the repository;
    ``span``          its revisions, as ``v6.1..v6.12``: after the first one, up to the second;
    ``variants``      those of the file that are asked for; none: all;
    ``every``         judge each revision at which something changes; otherwise verdicts are bisected if
                      there are many of them;
    ``first_parent``  follow first parents alone, so that a merge stands for all that it brings;
    ``jobs``          how many processes decide at the same time;
    the rest is as for ``check`` and ``load``.

    Raises ``InputError`` for a file that is wrong whatever the kernel is, ``UsageError`` for a directory, a
    range or a variant that does not exist, and as ``check``.
    """
    from verifier.revisions.commits import RevisionRange
    from verifier.revisions.follow import follow
    from verifier.suite.options import Options
    from verifier.syntax import read

    options = Options(
        model=model, judge=judge, unroll=unroll, timeout=timeout, profile=profile, settings=settings or {},
        defines=defines or {}, memory=memory, witnesses=False,
    )  # fmt: skip
    _ = options.switches  # complain about an unknown switch before reading files
    revisions = RevisionRange(os.fspath(kernel), span)
    return follow(
        read(path), revisions, options, variants=variants, every=every, first_parent=first_parent, jobs=jobs
    )


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'verifier' has no attribute {name!r}")
