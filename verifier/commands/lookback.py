"""``results`` and ``diff``: look back at the runs of a results store."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.commands.options import add_formatting, add_store, whole_number
from verifier.errors import UsageError
from verifier.output import Output


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    runs = "a run of the store: its number, last, last~1, …; FILE:NUMBER, or FILE for the last one of another"
    command.add_argument("runs", nargs=2 if name == "diff" else "*", metavar="RUN", help=runs)
    add_store(command)
    if name == "results":
        command.add_argument(
            "--keep", type=whole_number, metavar="N",
            help="remove all runs but the last N, and the answers that none of those has",
        )  # fmt: skip
    add_formatting(command)


def run(arguments: Arguments, out: Output) -> int:
    """Run ``results`` or ``diff``."""
    from verifier.runs import list_runs, list_verdicts, show_difference
    from verifier.settings import settings
    from verifier.suite.runs import chosen, difference, prune, runs

    store = settings().store if arguments.store is None else arguments.store
    as_json = arguments.format == "json"
    found = [chosen(word, store) for word in arguments.runs]
    if arguments.command == "diff":
        return show_difference(out, difference(*found), as_json=as_json)
    if found and arguments.keep is None:
        return list_verdicts(out, found, as_json=as_json)
    if store is None:
        raise UsageError('say which results store: --store FILE, or store = "FILE" in [tool.verifier]')
    if arguments.keep is not None:
        if found:
            raise UsageError("--keep is about all runs of the store; name none")
        prune(store, arguments.keep)
    return list_runs(out, runs(store), as_json=as_json)
