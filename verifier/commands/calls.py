"""What commands do alike: from the arguments to options and tasks, and from outcomes to an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from verifier.commands.arguments import Arguments
from verifier.errors import UsageError, VerifierError
from verifier.output import Output, OutputError

if TYPE_CHECKING:
    from verifier.render.answers import AnswerReport
    from verifier.render.base import Report
    from verifier.suite.discover import Task
    from verifier.suite.options import Options
    from verifier.syntax.test import Test

P = TypeVar("P")


def options_of(arguments: Arguments) -> Options:
    """The program and the machine that a call names, and its limits."""
    from verifier.suite.options import Options

    return Options(
        model=arguments.model,
        unroll=arguments.unroll,
        timeout=arguments.timeout,
        defines=dict(arguments.defines),
        profile=arguments.profile,
        settings=dict(arguments.settings),
        memory=arguments.memory,
        kernel=tree_of(arguments),
    )


def tree_of(arguments: Arguments) -> str | None:
    """The kernel tree that a call names, or else the project's settings."""
    from verifier.settings import settings

    return settings().kernel if arguments.kernel is None else arguments.kernel


def store_of(arguments: Arguments) -> str | None:
    """The results store that a call names, or else the project's settings."""
    from verifier.settings import settings

    if arguments.no_store and (arguments.store is not None or arguments.fresh):
        raise UsageError("--no-store says that there is no store; leave out --store and --fresh")
    store = settings().store if arguments.store is None else arguments.store
    if arguments.fresh and store is None:
        raise UsageError("--fresh is about a results store: name one with --store FILE")
    return None if arguments.no_store else store


def cluster_of(arguments: Arguments) -> str | None:
    """The address of the scheduler that a call names."""
    if arguments.dask is not None and arguments.jobs > 1:
        raise UsageError("with --dask the cluster's workers decide: leave -j out")
    return arguments.dask


def decided(
    arguments: Arguments, columns: list[Options], report: Report[P], *, hurry: bool | None = None
) -> int:
    """Decide each test under all ``columns``. Returns 0, or the exit code of a signal that asks to stop.

    ``hurry``: show the progress; without it, if there are several files, and a terminal.
    """
    from verifier.report import print_all
    from verifier.suite.discover import discover
    from verifier.suite.outcomes import outcomes

    tasks = discover(arguments.paths)
    if arguments.changed_since is not None:
        tasks = _changed(tasks, arguments, report.out)
    if not tasks:
        return 0
    words = [arguments.command, *arguments.paths]
    found = outcomes(tasks, columns, report.piece, arguments.jobs, " ".join(words))
    if hurry is None:
        hurry = len(tasks) > 1 and report.out.terminal
    return print_all(tasks, found, report, hurry=hurry)


def _changed(tasks: list[Task], arguments: Arguments, out: Output) -> list[Task]:
    """The tasks whose files differ from a revision; says how many they are."""
    from verifier.suite.changed import changed

    since = arguments.changed_since
    assert since is not None
    found = changed(tasks, since, tree_of(arguments))
    out.complain(
        f"verifier: {len(found)} of {len(tasks)} files differ from {since}, or include one that does"
    )
    return found


def hearing(out: Output, test: Test, number: int, of: int) -> Callable[[str], None]:
    """Shows the progress of a test, which is of file ``number`` of ``of``."""
    return lambda text: out.progress(f"{test.id}: {text}", number, of)


@contextmanager
def reported(report: AnswerReport[P], file: str, codes: list[int]) -> Iterator[None]:
    """Report an error of a file or a test, and go on."""
    try:
        yield
    except OutputError:
        raise
    except VerifierError as error:
        codes.append(error.exit_code)
        report.error(error, file)
