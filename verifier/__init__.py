"""Decides whether the ordering in kernel memory-management code is right.

>>> import verifier
>>> for test in verifier.load("litmus/classic/SB.litmus"):
...     print(test.id, verifier.check(test).observation)
SB sometimes
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.program.trace import Step, Trace
    from verifier.results import Verdict
    from verifier.syntax.test import Test

__version__ = "0.1.0"
__all__ = ["Step", "Test", "Trace", "Verdict", "__version__", "check", "load"]

_HOMES = {
    "Step": "verifier.program.trace",
    "Trace": "verifier.program.trace",
    "Verdict": "verifier.results",
    "Test": "verifier.syntax.test",
}


def load(path: str | os.PathLike[str], defines: Mapping[str, int] | None = None) -> list[Test]:
    """All tests of a litmus file, one a variant, in the file's order.

    ``defines`` override constants of the file's enums, as ``-D n=4`` does. Raises
    ``verifier.errors.InputError``, which carries every error of the file.
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

    ``model`` is ``x86-tso`` or ``sc``; ``judge`` is ``z3``, ``explorer`` or ``both``; ``unroll`` is
    how often a CPU may jump backwards; ``timeout`` is in seconds; with ``states`` the verdict has
    all final states; ``profile`` and ``settings`` (switch -> value) say what machine it is; with
    ``memory``, in MB, the test is decided in a process of its own that may take so much, and is
    ``unknown`` if that is not enough. Raises
    ``UsageError`` for a model, judge, number, profile or switch that does not exist, ``InputError``
    for errors that show only when the test is built, and ``InternalError`` if the tool contradicts
    itself (a witness that does not re-check, judges that disagree) or fails; all are in
    ``verifier.errors``.
    """
    from verifier.suite.decide import run, run_alone
    from verifier.suite.options import Options

    options = Options(
        model=model, judge=judge, unroll=unroll, timeout=timeout, states=states,
        profile=profile, settings=settings or {}, counters=True, memory=memory,
    )  # fmt: skip
    _ = options.switches  # what does not exist is said before anything is built
    return run(test, options) if memory is None else run_alone(test, options)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'verifier' has no attribute {name!r}")
