"""The parser of calls."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from verifier import __version__
from verifier.commands.arguments import Arguments
from verifier.commands.table import COMMANDS, module_of
from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.render.formats import FORMATS


def parse(argv: list[str] | None) -> Arguments:
    """The arguments of a call. Raises ``UsageError``, and ``SystemExit`` if the call asks for help."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["help"]:  # help, or help COMMAND
        words = [*words[1:2], "--help"]
    if not words:
        raise UsageError(f"name a command\n\n{whole_parser().format_help().rstrip()}")
    parser = _parser(words[:1])
    if words[0] not in COMMANDS and not words[0].startswith("-"):
        from verifier.syntax.trouble import nearest

        near = nearest(words[0], COMMANDS) or "'verifier --help' lists the commands"
        raise UsageError(f"there is no command {words[0]!r}; {near}")
    found, more = parser.parse_known_args(words, namespace=Arguments())
    if found.command == "history" and not any(word.startswith("-") for word in more):
        found.paths += more  # the range may stand behind options
        more = []
    if more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    return found


def format_asked(words: list[str]) -> str:
    """The format that a call names, if it can be found in a call that cannot be parsed; else the default."""
    named = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--format"]
    named += [value for word in words for option, _, value in [word.partition("=")] if option == "--format"]
    return next((name for name in named if name in FORMATS), next(iter(FORMATS)))


def whole_parser() -> argparse.ArgumentParser:
    """The parser of calls, with all commands."""
    return _parser([])


def _parser(first: list[str]) -> argparse.ArgumentParser:
    """The parser of all commands; if the first word is a command, of this one alone, which is quicker."""
    codes = ", ".join(f"{code} {code.brief}" for code in sorted(ExitCode))
    about = f"Decide litmus tests about memory ordering. Exit codes: {codes}."
    parser = _Parser(prog="verifier", description=about)
    parser.add_argument("--version", action="version", version=f"verifier {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Parser, prog="verifier"
    )
    for name in first if first and first[0] in COMMANDS else COMMANDS:
        about = COMMANDS[name][0]
        module_of(name).add(commands.add_parser(name, help=about, description=about), name)
    return parser


class _Parser(argparse.ArgumentParser):
    def __init__(self, *, prog: str, description: str) -> None:
        # Abbreviations are off: a new option could make one ambiguous.
        super().__init__(prog=prog, description=description, allow_abbrev=False, formatter_class=_Help)

    def _parse_optional(self, arg_string: str) -> Any:
        """``-::VARIANT``, of standard input, is no option."""
        return None if arg_string.startswith("-::") else super()._parse_optional(arg_string)

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or version. argparse itself would hide a failure to write them."""
        Output().write(message)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


class _Help(argparse.HelpFormatter):
    """Asks for the terminal's width itself. argparse imports shutil for it, with each option of a parser."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """The width of the terminal, as ``shutil.get_terminal_size`` finds it."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80
