"""What the command line takes: commands, their options, and what words these are given."""

from __future__ import annotations

import argparse
from typing import NoReturn

from verifier import __version__
from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.render.formats import FORMATS, formats_of
from verifier.suite.options import JUDGES, MAX_SECONDS, MODEL_NAMES
from verifier.suite.pool import MEMORY

COMMANDS = {
    "check": "decide tests; a witness for each reachable outcome",
    "states": "all final states",
    "compare": "the observation under each of several profiles or models",
    "rules": "the rules of the memory model, or some of them",
}


class Arguments(argparse.Namespace):
    """What a call asks for. Each command has some of these."""

    command: str
    paths: list[str]
    # of all that decides
    timeout: float
    memory: int
    jobs: int
    strict: bool
    skip_other: bool
    # of ``check`` and ``states``
    model: str
    profile: str
    settings: list[tuple[str, str]]
    judge: str
    unroll: int | None
    seed: int
    defines: list[tuple[str, int]]
    format: str
    dot: str | None
    quiet: bool
    # of ``compare``
    profiles: str | None
    models: str
    all: bool
    # of ``rules``
    which: str | None


def parse(argv: list[str] | None) -> Arguments:
    """The arguments of a call. Raises ``UsageError``, and ``SystemExit`` where help was asked for."""
    return _parser().parse_args(argv, namespace=Arguments())


def format_asked(words: list[str]) -> str:
    """The format that a call names which cannot be parsed, as far as that can be seen."""
    named = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--format"]
    named += [value for word in words for option, _, value in [word.partition("=")] if option == "--format"]
    return next((name for name in named if name in FORMATS), next(iter(FORMATS)))


class _Parser(argparse.ArgumentParser):
    def __init__(self, *, prog: str, description: str) -> None:
        # Nothing can be abbreviated: what is short today may mean two things tomorrow.
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def _print_message(self, message: str, file: object = None) -> None:
        """Help and version; argparse would not say that they cannot be written."""
        Output().write(message)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    codes = ", ".join(f"{code} {code.brief}" for code in sorted(ExitCode))
    about = f"The command line. Exit codes: {codes}."
    parser = _Parser(prog="verifier", description=about)
    parser.add_argument("--version", action="version", version=f"verifier {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about)
        if name == "rules":
            _choosing(command)
            continue
        command.add_argument("paths", nargs="+", metavar="PATH", help="file, directory, FILE::VARIANT, or -")
        if name == "compare":
            _comparing(command)
        else:
            _deciding(command, name)
    return parser


def _choosing(command: argparse.ArgumentParser) -> None:
    """Which rules."""
    command.add_argument("which", nargs="?", metavar="WHICH", help="a number such as 5.7 or 5, or a switch")


def _comparing(command: argparse.ArgumentParser) -> None:
    """What the columns are, and which tests to show."""
    command.add_argument("--profiles", metavar="A,B", help="all of them, unless given")
    command.add_argument("--models", metavar="A,B", default=MODEL_NAMES[0])
    _limiting(command)
    command.add_argument("-a", "--all", action="store_true", help="also tests that come out the same")


def _deciding(command: argparse.ArgumentParser, name: str) -> None:
    """How to decide, and what to print of it."""
    command.add_argument("--model", choices=MODEL_NAMES, default=MODEL_NAMES[0])
    command.add_argument("--profile", default="generic", metavar="NAME", help="generic, intel, amd, …")
    command.add_argument(
        "--set", dest="settings", type=_setting, action="append", default=[], metavar="SWITCH=VALUE",
        help="a switch of the memory model",
    )  # fmt: skip
    command.add_argument("--judge", choices=JUDGES, default=JUDGES[0])
    command.add_argument("--unroll", type=_count, metavar="N", help="backward jumps a CPU may take")
    command.add_argument("--seed", type=_count, default=0, metavar="N", help="of the solver")
    command.add_argument("-D", dest="defines", type=_define, action="append", default=[], metavar="NAME=N")
    formats = formats_of(name)
    command.add_argument("--format", choices=formats, default=formats[0])
    command.add_argument("--dot", metavar="FILE", help="the last witness as a graph; - for standard output")
    _limiting(command)
    command.add_argument("-q", "--quiet", action="store_true", help="no stories")


def _limiting(command: argparse.ArgumentParser) -> None:
    """What deciding may take, and what it leaves out."""
    command.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="seconds a test")
    command.add_argument(
        "--memory", type=_one_or_more, default=MEMORY, metavar="MB", help=f"memory a test ({MEMORY})"
    )
    command.add_argument("-j", dest="jobs", type=_one_or_more, default=1, metavar="N", help="processes")
    command.add_argument("--strict", action="store_true", help="warnings are errors")
    command.add_argument(
        "--skip-other", action="store_true", help="leave out tests for other architectures, and count them"
    )


# -- words -------------------------------------------------------------------------------------------


def _define(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    try:
        return name, int(value, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not name=number") from None


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{word!r} is not switch=value")
    return name, value


def _positive(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds") from None
    if not 0 < value < MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"must be positive, and less than {MAX_SECONDS:g}")
    return value


def _count(word: str) -> int:
    try:
        value = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _one_or_more(word: str) -> int:
    value = _count(word)
    if not value:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
