"""The commands, in the order in which ``verifier --help`` lists them. The rows are what the parser and the
completion of shells run on."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from verifier.commands.arguments import Arguments
from verifier.output import Output


class CommandRow(NamedTuple):
    """A row: what a command does, and its module in this room."""

    about: str
    module: str


class CommandModule(Protocol):
    """What the module of a command has. It may have several commands."""

    def add(self, command: argparse.ArgumentParser, name: str) -> None:
        """Add the arguments of the command of this name."""

    def run(self, arguments: Arguments, out: Output) -> int:
        """Run it. Returns the exit code. Raises ``VerifierError`` if the whole call fails."""


COMMANDS = {
    "check": CommandRow("decide tests, and show a run for each outcome that can happen", "check"),
    "states": CommandRow("list all final states", "check"),
    "explain": CommandRow(
        "say why an outcome cannot happen: what it rests on, and the cycles that would have to close", "why"
    ),
    "audit": CommandRow("say which barriers, flushes, waits and locks are needed", "why"),
    "show": CommandRow("draw the run of a test, or the cycles that make it impossible", "show"),
    "report": CommandRow("write pages about tests: an index, stories, explanations, the rules", "report"),
    "compare": CommandRow("compare verdicts under several profiles or models", "compare"),
    "repair": CommandRow("find the smallest changes after which a bad outcome is impossible", "repair"),
    "kernel": CommandRow(
        "show what a test takes of the kernel's own text, and what is left out of it", "kernel"
    ),
    "history": CommandRow("show how verdicts change along the history of a kernel's repository", "history"),
    "results": CommandRow("list the runs of a results store, or the verdicts of some", "lookback"),
    "diff": CommandRow(
        "compare two runs of a results store: which verdicts changed, and which times", "lookback"
    ),
    "generate": CommandRow("make tests from cycles of edges", "generate"),
    "fuzz": CommandRow("look for random programs about which the judges disagree", "fuzz"),
    "rules": CommandRow("show the rules of the memory model", "rules"),
    "lsp": CommandRow("serve an editor: the Language Server Protocol", "editor"),
    "editor-files": CommandRow("write the syntax files of vim and VS Code", "editor"),
    "fmt": CommandRow("print files in the style of this project, or write them so", "fmt"),
    "watch": CommandRow("decide tests again whenever their files are saved", "watch"),
    "new": CommandRow("write a commented test to begin with", "new"),
    "words": CommandRow("search the vocabulary: what each word of the kernel is on x86", "words"),
    "completion": CommandRow("print the completion of a shell", "completion"),
}


def module_of(name: str) -> CommandModule:
    """The module of a command, which is imported only if it is needed."""
    return cast(CommandModule, import_module(f"verifier.commands.{COMMANDS[name].module}"))
