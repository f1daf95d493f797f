"""``watch``: decide tests, and decide them again whenever their files are saved."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import again, options_of, paint, tasks_of, tree_of
from verifier.commands.options import add_color, add_limiting, add_machine, add_paths
from verifier.errors import UsageError
from verifier.output import Output
from verifier.records import replace
from verifier.suite.options import JUDGES

if TYPE_CHECKING:
    from verifier.suite.discover import Task

_PAUSE = 0.3  # seconds between two looks at the files
_SETTLED = 0.05  # seconds in which nothing may change: a file may be written in pieces
_PIECES = 20  # at most


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command, what="a file, a directory, or FILE::VARIANT")
    add_machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    add_limiting(command)
    add_color(command)
    command.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``watch`` until a signal comes. Returns the signal's exit code."""
    arguments.format = "text"
    paint(arguments, out)
    watch = _Watch(arguments, out)
    while not out.gone:
        stopped = watch.look()
        if stopped:
            return stopped
        time.sleep(_PAUSE)
    return watch.report.exit_code


class _Watch:
    """Tests that are watched. Raises ``UsageError`` for a call that names none."""

    def __init__(self, arguments: Arguments, out: Output) -> None:
        from verifier.progress import Progress
        from verifier.render.base import Wanted
        from verifier.render.watch import WatchedText
        from verifier.suite.taken import SavedFiles

        self.arguments = arguments
        self.options = replace(
            options_of(arguments),
            judge=arguments.judge,
            witnesses=False,
            strict=arguments.strict,
            skip_other=arguments.skip_other,
        )
        _ = self.options.switches  # complain about an unknown switch before reading files
        self.tasks = tasks_of(arguments)
        if any(task.source is not None for task in self.tasks):
            raise UsageError("what can be read only once cannot be watched: name files or directories")
        wanted = Wanted(stories=False, again=again(arguments, "check"))
        shows = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.report = WatchedText(out, wanted, clears=shows)
        self.progress = Progress(out, wanted=not arguments.quiet)
        self.saved = SavedFiles(tree_of(arguments))
        self.names: set[str] = set()

    def look(self) -> int:
        """Decide what has changed. Returns 0, or the exit code of a signal that asks to stop."""
        self._discover()
        changed = self.saved.changed(self.tasks)
        names = {task.name for task in self.tasks}
        gone, self.names = self.names - names, names
        if not changed and not gone:
            return 0
        self.report.round([task.name for task in changed], gone)
        stopped = self._decide(self._settled(changed))
        if not stopped:
            self.report.rounded()
            self.progress.at(f"watching {len(names)} file{'s' * (len(names) != 1)}; Ctrl-C ends")
        return stopped

    def _discover(self) -> None:
        """Find the files that are there now. If none is left, those that were there are missing."""
        with suppress(UsageError):
            self.tasks = tasks_of(self.arguments)

    def _settled(self, changed: list[Task]) -> list[Task]:
        """All that has changed, once nothing more does: files may be written in pieces."""
        for _ in range(_PIECES):
            time.sleep(_SETTLED)
            more = self.saved.changed(self.tasks)
            if not more:
                break
            changed += [task for task in more if task not in changed]
        return changed

    def _decide(self, changed: list[Task]) -> int:
        from verifier.commands.outcomes import print_all
        from verifier.suite.outcomes import outcomes

        if not changed:
            return 0
        found = outcomes(changed, [self.options], self.report.piece, self.arguments.jobs)
        return print_all(changed, found, self.report, self.progress)
