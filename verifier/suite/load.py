"""Loads the tests of a task, and reports all their errors together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from verifier.errors import InputError, LimitError, UsageError
from verifier.lower.build import build
from verifier.records import replace
from verifier.results import wrong_expectations
from verifier.source import Diagnostic, Source
from verifier.suite.discover import Task
from verifier.suite.options import Options
from verifier.syntax import NO_TREE, load, read
from verifier.syntax.grammars import page
from verifier.syntax.test import Test
from verifier.syntax.trouble import Unfinished, agreed, nearest

if TYPE_CHECKING:
    from verifier.kernel.tree import KernelTree
    from verifier.syntax.includes import ReadFile


def load_task(task: Task, options: Options) -> list[Test]:
    """The tests of a task. Raises ``InputError``, or ``UsageError`` for an unknown variant."""
    if task.error is not None:
        raise task.error
    tree = tree_at(options.kernel) if options.kernel else None
    try:
        tests = load_all(task.source or read(task.name), options.defines, tree)
    except InputError as error:
        raise InputError((_of_call(d, task.name) for d in error.diagnostics), error.tests) from None
    for wanted in task.variants:
        known = [t.variant for t in tests if t.variant]
        if wanted not in known:
            raise _no_variant(task.name, wanted, known)
    return [t for t in tests if not task.variants or t.variant in task.variants]


def _of_call(found: Diagnostic, name: str) -> Diagnostic:
    """An error about a word of the call has no place in the file."""
    return replace(found, span=None, file=name) if found.code == "define" else found


def variants_of(
    source: Source, defines: Mapping[str, int], wanted: Sequence[str]
) -> tuple[str, list[str | None]]:
    """The name of a test about a kernel's text that is not known yet, and those of its variants that are
    wanted, or all; None stands for a file without variants.

    Raises ``InputError`` for a file that is wrong in itself, ``UsageError`` for one that takes no such text,
    and for an unknown variant.
    """
    from verifier.syntax.mm import declared

    try:
        load_all(source, defines)
    except InputError as error:
        if {d.code for d in error.diagnostics} != {NO_TREE}:
            raise
    else:
        raise UsageError(f"{source.name} takes no text of a kernel; {page('kernel-text.md')} says how")
    name, known = declared(source)
    for one in wanted:
        if one not in known:
            raise _no_variant(source.name, one, known)
    return name, [v for v in known if not wanted or v in wanted] or [None]


def _no_variant(name: str, wanted: str, known: Sequence[str]) -> UsageError:
    hint = nearest(wanted, known) or (f"it has {', '.join(known)}" if known else "it has no variants")
    return UsageError(f"{name}: there is no variant {wanted!r}; {hint}")


@lru_cache(maxsize=8)
def tree_at(place: str) -> KernelTree:
    """The kernel tree that ``--kernel`` names. Raises ``UsageError``."""
    from verifier.kernel.tree import KernelTree

    return KernelTree(place)


def load_all(
    source: Source,
    defines: Mapping[str, int] | None = None,
    tree: KernelTree | None = None,
    only: str | None = None,
    reader: ReadFile | None = None,
) -> list[Test]:
    """All tests of a source, or one variant. Raises ``InputError`` with the errors of guards and those of
    programs. ``reader``: as for ``load``.

    ``syntax.load`` itself finds only the former.
    """
    try:
        return load(source, defines, tree=tree, only=only, reader=reader)
    except Unfinished as error:
        readings = [[*r.troubles, *_errors_of(r.tests)] for r in error.readings]
        raise InputError(agreed(readings, error.doubtful)) from None


def load_checked(
    source: Source, defines: Mapping[str, int] | None = None, tree: KernelTree | None = None
) -> list[Test]:
    """``load_all``, which also builds the tests once, so that all errors show before anything is decided."""
    tests = load_all(source, defines, tree)
    wrong = _errors_of(tests)
    if wrong:
        raise InputError(agreed([wrong], ()))
    return tests


def _errors_of(tests: Iterable[Test]) -> list[Diagnostic]:
    """The errors that show when tests are built."""
    found: list[Diagnostic] = []
    for test in tests:
        found += wrong_expectations(test)
        try:
            build(test, 0)
        except InputError as error:
            found += error.diagnostics
        except (LimitError, RecursionError):
            pass  # the verdict will say so
    return found
