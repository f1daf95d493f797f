"""What commands do alike: from the arguments to options and tasks, and from outcomes to an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from verifier.commands.arguments import Arguments
from verifier.errors import UsageError, VerifierError
from verifier.output import Output, OutputError, paint_for

if TYPE_CHECKING:
    from verifier.render.answers import AnswerReport
    from verifier.render.base import Report
    from verifier.suite.discover import Task
    from verifier.suite.options import Options

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
    """The kernel tree that a call names, or else the project's settings. Raises ``UsageError`` if the call
    names none that is there."""
    from verifier.settings import settings

    if arguments.kernel is None:
        return settings().kernel
    from verifier.suite.load import tree_at

    return tree_at(arguments.kernel).place


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


def paths_of(arguments: Arguments) -> list[str]:
    """The paths that a call names, or else the tests of the project's settings, or else what is here."""
    from verifier.settings import settings

    return arguments.paths or list(settings().tests) or ["."]


def tasks_of(arguments: Arguments, ends: tuple[str, ...] = (".litmus",)) -> list[Task]:
    """What is to be done about the paths of a call. Raises ``UsageError`` if it names none, and there is
    nothing where it looks. ``ends``: of the names of files in directories."""
    from verifier.settings import settings
    from verifier.suite.discover import NOT_THERE, discover

    tasks = discover(paths_of(arguments), ends)
    codes = {d.code for task in tasks if task.error is not None for d in task.error.diagnostics}
    if not arguments.paths and all(task.error is not None for task in tasks) and codes <= NOT_THERE:
        project = settings()
        if project.tests:
            where = (
                f"{', '.join(map(os.path.abspath, project.tests))}, as [tool.verifier] of {project.file} says"
            )
            raise UsageError(f"the call names no path, and there are no tests in {where}")
        raise UsageError(
            f"the call names no path, and there are no {ends[0]} files below this directory: name a file or "
            'a directory, or set tests = ["DIR"] in [tool.verifier] of pyproject.toml'
        )
    return tasks


def again(arguments: Arguments, command: str = "") -> str:
    """The call that shows one test of this call again, without its path. ``command``: in the place of its
    own."""
    from verifier.budget import MEMORY
    from verifier.program.profiles import MODEL_NAMES
    from verifier.render.attention import quoted

    words = ["verifier", command or arguments.command]
    named = {
        "--model": (arguments.model, MODEL_NAMES[0]),
        "--profile": (arguments.profile, "generic"),
        "--judge": (getattr(arguments, "judge", "z3"), "z3"),
        "--unroll": (arguments.unroll, None),
        "--kernel": (arguments.kernel, None),
        "--timeout": (arguments.timeout, 60.0),
        "--memory": (arguments.memory, MEMORY),
    }
    for option, (value, usual) in named.items():
        words += [] if value == usual else [option, f"{value:g}" if isinstance(value, float) else str(value)]
    words += [word for name, value in arguments.settings for word in ("--set", f"{name}={value}")]
    words += [word for name, number in arguments.defines for word in ("-D", f"{name}={number}")]
    words += ["--strict"] if arguments.strict else []
    return " ".join(map(quoted, words))


def paint(arguments: Arguments, out: Output) -> None:
    """Colour the output of a call as it says. Raises ``UsageError`` for colours in a format for programs."""
    if arguments.color == "always" and arguments.format != "text":
        raise UsageError(f"--format {arguments.format} has no colours; leave --color out")
    if arguments.format == "text":
        out.paint = paint_for(arguments.color)


def decided(
    arguments: Arguments, columns: list[Options], report: Report[P], tasks: list[Task] | None = None
) -> int:
    """Decide each test under all ``columns``. Returns 0, or the exit code of a signal that asks to stop.
    ``tasks``: those of the call, if they are known."""
    from verifier.commands.outcomes import print_all
    from verifier.progress import Progress
    from verifier.suite.outcomes import outcomes

    if tasks is None:
        tasks = changed_tasks(arguments, report.out)
    if not tasks:
        return 0
    words = [arguments.command, *paths_of(arguments)]
    found = outcomes(tasks, columns, report.piece, arguments.jobs, " ".join(words))
    return print_all(tasks, found, report, Progress(report.out, wanted=not arguments.quiet))


def changed_tasks(arguments: Arguments, out: Output) -> list[Task]:
    """The tasks that a call names; with ``--changed-since``, those whose files differ."""
    tasks = tasks_of(arguments)
    return tasks if arguments.changed_since is None else _changed(tasks, arguments, out)


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
