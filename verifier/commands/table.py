"""The commands, in the order in which ``verifier --help`` lists them. The rows are what the parser and the
completion of shells run on."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Protocol, cast

from verifier.commands.arguments import Arguments
from verifier.output import Output


class CommandModule(Protocol):
    """What the module of a command has. It may have several commands."""

    def add(self, command: argparse.ArgumentParser, name: str) -> None:
        """Add the arguments of the command of this name."""

    def run(self, arguments: Arguments, out: Output) -> int:
        """Run it. Returns the exit code. Raises ``VerifierError`` if the whole call fails."""


# What each command does, and its module in this room.
COMMANDS = {
    "check": ("decide tests, and show a run for each outcome that can happen", "check"),
    "states": ("list all final states", "check"),
    "explain": (
        "say why an outcome cannot happen: what it rests on, and the cycles that would have to close",
        "why",
    ),
    "audit": ("say which barriers, flushes, waits and locks are needed", "why"),
    "show": ("draw the run of a test, or the cycles that make it impossible", "show"),
    "report": ("write pages about tests: an index, stories, explanations, the rules", "report"),
    "compare": ("compare verdicts under several profiles or models", "compare"),
    "repair": ("find the smallest changes after which a bad outcome is impossible", "repair"),
    "kernel": ("show what a test takes of the kernel's own text, and what is left out of it", "kernel"),
    "history": ("show how verdicts change along the history of a kernel's repository", "history"),
    "results": ("list the runs of a results store, or the verdicts of some", "lookback"),
    "diff": ("compare two runs of a results store: which verdicts changed, and which times", "lookback"),
    "generate": ("make tests from cycles of edges", "generate"),
    "fuzz": ("look for random programs about which the judges disagree", "fuzz"),
    "rules": ("show the rules of the memory model", "rules"),
    "lsp": ("serve an editor: the Language Server Protocol", "editor"),
    "editor-files": ("write the syntax files of vim and VS Code", "editor"),
    "fmt": ("print files in the style of this project, or write them so", "fmt"),
    "watch": ("decide tests again whenever their files are saved", "watch"),
    "new": ("write a commented test to begin with", "new"),
    "words": ("search the vocabulary: what each word of the kernel is on x86", "words"),
    "completion": ("print the completion of a shell", "completion"),
}


def module_of(name: str) -> CommandModule:
    """The module of a command, which is imported only if it is needed."""
    return cast(CommandModule, import_module(f"verifier.commands.{COMMANDS[name][1]}"))
