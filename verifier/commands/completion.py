"""``completion``: print the completion of a shell."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.errors import ExitCode
from verifier.output import Output


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    command.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")


def run(arguments: Arguments, out: Output) -> int:
    """Print the completion of a shell."""
    from verifier.commands.parser import whole_parser
    from verifier.completion import script

    out.write(script(arguments.shell, whole_parser()))
    return ExitCode.EXPECTED
