"""Give the outcomes of tasks to a report, in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from verifier.errors import Interrupted, LimitError, VerifierError, unexpected
from verifier.output import OutputError
from verifier.progress import Progress
from verifier.render.base import Report
from verifier.source import Diagnostic
from verifier.suite.discover import Task
from verifier.suite.outcomes import Aside
from verifier.suite.parts import Begun, Done, Outcome, Skipped
from verifier.suite.worker import OUT_OF_MEMORY, Doing

P = TypeVar("P")


def print_all(
    tasks: Sequence[Task],
    found: Iterable[tuple[Task, Outcome[P] | Aside | None]],
    report: Report[P],
    progress: Progress,
) -> int:
    """Report outcomes, and return 0, or the exit code if a signal asks to stop. Raises ``OutputError``."""
    ended = 0
    try:
        for task, outcome in found:
            if outcome is None:
                ended += 1
                report.ended(task.name)
            elif isinstance(outcome, Begun):
                if len(tasks) > 1:
                    progress.at(task.name, ended + 1, len(tasks))
                report.begin(outcome.ids, outcome.tests)
            elif isinstance(outcome, Doing):
                progress.at(outcome.text, ended + 1, len(tasks))
            elif isinstance(outcome, Done):
                report.done(outcome.value)
            elif isinstance(outcome, Skipped):
                report.skipped(task.name, outcome.arch)
            elif isinstance(outcome, Aside):
                report.out.complain(f"verifier: {outcome.text}")
            elif isinstance(outcome, Diagnostic):
                report.warning(outcome)
            else:
                report.error(outcome, task.name)
    except Interrupted as stop:
        report.stopped(Interrupted(stop.signum, f"; {ended} of {len(tasks)} files are decided"))
        return stop.exit_code
    except OutputError:
        raise
    except VerifierError as error:
        report.error(error)
    except MemoryError:
        report.error(LimitError(OUT_OF_MEMORY))
    except Exception as error:
        report.error(unexpected(error, "verifier"))
    finally:
        progress.close()
    return 0
