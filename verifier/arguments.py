"""The commands, their options, and the help texts of both."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from verifier import __version__
from verifier.budget import MEMORY
from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.program.profiles import MODEL_NAMES
from verifier.render.formats import FORMATS, formats_of
from verifier.suite.options import JUDGES, MAX_SECONDS

COMMANDS = {
    "check": "decide tests, and show a run for each outcome that can happen",
    "states": "list all final states",
    "explain": "say why an outcome cannot happen: what it rests on, and the cycles that would have to close",
    "audit": "say which barriers, flushes, waits and locks are needed",
    "compare": "compare verdicts under several profiles or models",
    "repair": "find the smallest changes after which a bad outcome is impossible",
    "kernel": "show what a test takes of the kernel's own text, and what is left out of it",
    "history": "show how verdicts change along the history of a kernel's repository",
    "results": "list the runs of a results store, or the verdicts of some",
    "diff": "compare two runs of a results store: which verdicts changed, and which times",
    "generate": "make tests from cycles of edges",
    "fuzz": "look for random programs about which the judges disagree",
    "rules": "show the rules of the memory model",
    "completion": "print the completion of a shell",
}


class Arguments(argparse.Namespace):
    """The arguments of one call. Each command sets some of these attributes."""

    command: str
    paths: list[str]
    # of all commands that decide tests
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
    kernel: str | None
    words: bool
    format: str
    dot: str | None
    quiet: bool
    # of ``check``
    changed_since: str | None = None
    # of ``explain``
    reasons: int
    # of ``history``; also ``all``
    first_parent: bool
    # of ``compare``
    profiles: str | None
    models: str
    all: bool
    # of ``repair``
    costs: list[tuple[str, int]]
    patch: bool
    take: int
    # of ``check``, ``states`` and ``compare``; ``store`` also of ``results`` and ``diff``
    store: str | None
    no_store: bool
    fresh: bool
    dask: str | None
    # of ``results`` and ``diff``
    runs: list[str]
    keep: int | None
    # of ``generate`` and ``fuzz``; also ``seed``
    language: str
    edges: list[str]
    max_edges: int
    cpus: int
    count: int | None
    cycle: list[str]
    into: str | None
    seconds: float | None
    # of ``rules``
    which: str | None
    # of ``completion``
    shell: str


def parse(argv: list[str] | None) -> Arguments:
    """The arguments of a call. Raises ``UsageError``, and ``SystemExit`` if the call asks for help."""
    words = sys.argv[1:] if argv is None else argv
    parser = _parser(words[:1])
    found, more = parser.parse_known_args(argv, namespace=Arguments())
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


class _Parser(argparse.ArgumentParser):
    def __init__(self, *, prog: str, description: str) -> None:
        # Abbreviations are off: a new option could make one ambiguous.
        super().__init__(prog=prog, description=description, allow_abbrev=False, formatter_class=_Help)

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or version. argparse itself would hide a failure to write them."""
        Output().write(message)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


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
        about = COMMANDS[name]
        command = commands.add_parser(name, help=about, description=about)
        if name in _WITHOUT_PATHS:
            _WITHOUT_PATHS[name](command)
            continue
        behind = "; last, the revisions A..B" if name == "history" else ""
        behind += "; with --words, words of the vocabulary, or none for all" if name == "kernel" else ""
        command.add_argument(
            "paths",
            nargs="*" if name == "kernel" else "+",
            metavar="PATH",
            help=f"a file, a directory, FILE::VARIANT, or -{behind}",
        )
        if name == "compare":
            _comparing(command)
        elif name in ("explain", "audit"):
            _asking_why(command, name)
        elif name == "repair":
            _repairing(command)
        elif name == "history":
            _following(command)
        elif name == "kernel":
            command.add_argument(
                "--words", action="store_true", help="compare the vocabulary with the tree instead"
            )
            _tree(command)
            _formatting(command)
        else:
            _deciding(command, name)
    return parser


def _choosing(command: argparse.ArgumentParser) -> None:
    """Add the argument that chooses rules."""
    command.add_argument(
        "which",
        nargs="?",
        metavar="WHICH",
        help="a rule (5.7), a chapter (5) or a switch (tce)",
    )


def _completing(command: argparse.ArgumentParser) -> None:
    """Add the argument of ``completion``."""
    command.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")


def _looking_back(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments of ``results`` and ``diff``."""
    runs = "a run of the store: its number, last, last~1, …; FILE:NUMBER, or FILE for the last one of another"
    command.add_argument("runs", nargs=2 if name == "diff" else "*", metavar="RUN", help=runs)
    _store(command)
    if name == "results":
        command.add_argument(
            "--keep", type=_count, metavar="N",
            help="remove all runs but the last N, and the answers that none of those has",
        )  # fmt: skip
    _formatting(command)


def _store(command: argparse.ArgumentParser) -> None:
    """Add the name of a results store."""
    command.add_argument(
        "--store", metavar="FILE", help="the results store (default: store of [tool.verifier], if any)"
    )


def _keeping(command: argparse.ArgumentParser) -> None:
    """Add the options of a suite whose answers are kept."""
    _store(command)
    command.add_argument("--no-store", action="store_true", help="use no results store, whatever is set")
    command.add_argument("--fresh", action="store_true", help="decide anew what the store has")
    command.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of a Dask cluster decide, such as tcp://host:8786"
    )


def _generating(command: argparse.ArgumentParser) -> None:
    """Add the options of ``generate``."""
    from verifier.generate.edges import LANGUAGES

    command.add_argument(
        "--language",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help="the tests' language (default: %(default)s)",
    )
    command.add_argument(
        "--edges",
        type=_words,
        default=[],
        metavar="A,B",
        help="the edges to use (docs/generate.md has a table)",
    )
    command.add_argument(
        "--max-edges",
        type=_one_or_more,
        default=6,
        metavar="N",
        help="edges of a cycle (default: %(default)s)",
    )
    command.add_argument(
        "--cpus", type=_one_or_more, default=4, metavar="N", help="CPUs of a test (default: %(default)s)"
    )
    command.add_argument(
        "--count", type=_one_or_more, metavar="N", help="a random choice of N (default: all)"
    )
    command.add_argument("--seed", type=_count, default=0, metavar="N", help="the seed of this choice")
    command.add_argument(
        "--cycle", type=_words, default=[], metavar="'A B …'", help="make the test of one cycle"
    )
    command.add_argument(
        "--into", metavar="DIR", help="write files into a new directory (default: standard output)"
    )
    command.add_argument(
        "--format", choices=("text", "names", "jsonl"), default="text",
        help="on standard output: texts, names with cycles, or lines of JSON (default: %(default)s)",
    )  # fmt: skip


def _comparing(command: argparse.ArgumentParser) -> None:
    """Add the options that choose the columns, and the tests to show."""
    command.add_argument("--profiles", metavar="A,B", help="what to compare (default: all profiles)")
    command.add_argument(
        "--models", metavar="A,B", default=MODEL_NAMES[0], help="what to compare (default: %(default)s)"
    )
    _place(command)
    _limiting(command)
    _keeping(command)
    command.add_argument("-a", "--all", action="store_true", help="show tests with the same verdicts, too")


def _asking_why(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options of ``explain`` and ``audit``."""
    _machine(command)
    if name == "explain":
        command.add_argument(
            "--reasons", type=_one_or_more, default=4, metavar="N",
            help="how many independent reasons to look for (default: %(default)s)",
        )  # fmt: skip
    _formatting(command)
    _limiting(command)
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the runs, and the progress")


def _formatting(command: argparse.ArgumentParser) -> None:
    """Add the choice between text and JSON."""
    command.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="the output's format (default: %(default)s)",
    )


def _following(command: argparse.ArgumentParser) -> None:
    """Add the options of ``history``."""
    _machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    command.add_argument("-a", "--all", action="store_true", help="judge each row, however many there are")
    command.add_argument(
        "--first-parent", action="store_true", help="follow first parents alone: a merge is one step"
    )
    _formatting(command)
    _limits(command, "verdict")
    _sharing(command)
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the table")


def _repairing(command: argparse.ArgumentParser) -> None:
    """Add the options of ``repair``."""
    _machine(command)
    command.add_argument(
        "--cost", dest="costs", type=_cost, action="append", default=[], metavar="KIND=N",
        help="give an edit of a kind another cost, such as smp_mb=3 (docs/repair.md has the table)",
    )  # fmt: skip
    command.add_argument("--patch", action="store_true", help="print the first answer as a unified diff")
    command.add_argument(
        "--take", type=_one_or_more, default=1, metavar="N", help="the answer that --patch prints"
    )
    _formatting(command)
    _limits(command, "test", "all edits together")
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the progress")


def _deciding(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options that say how to decide, and what to print."""
    _machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    command.add_argument("--seed", type=_count, default=0, metavar="N", help="the solver's seed")
    formats = formats_of(name)
    command.add_argument(
        "--format", choices=formats, default=formats[0], help="the output's format (default: %(default)s)"
    )
    command.add_argument("--dot", metavar="FILE", help="write the last run as a graph; - for standard output")
    _limiting(command)
    _keeping(command)
    command.add_argument("-q", "--quiet", action="store_true", help="print verdicts without stories")
    if name == "check":
        command.add_argument(
            "--changed-since", metavar="REV",
            help="decide only the files that differ from a git revision, or include a file that does",
        )  # fmt: skip


def _machine(command: argparse.ArgumentParser) -> None:
    """Add the options that say what to decide, and for which machine."""
    _memory_model(command)
    command.add_argument(
        "--unroll", type=_count, metavar="N",
        help="how often a CPU may jump backwards (default: as the file says, or 2)",
    )  # fmt: skip
    _tree(command)


def _memory_model(command: argparse.ArgumentParser) -> None:
    """Add the options that say for which machine."""
    command.add_argument(
        "--model", choices=MODEL_NAMES, default=MODEL_NAMES[0], help="the memory model (default: %(default)s)"
    )
    command.add_argument(
        "--profile",
        default="generic",
        metavar="NAME",
        help="the machine: generic (the default), intel, amd, …",
    )
    command.add_argument(
        "--set", dest="settings", type=_setting, action="append", default=[], metavar="SWITCH=VALUE",
        help="change one switch of the profile",
    )  # fmt: skip


def _tree(command: argparse.ArgumentParser) -> None:
    """Add what says where the kernel's text is, and how a test is set."""
    _place(command)
    command.add_argument(
        "-D", dest="defines", type=_define, action="append", default=[], metavar="NAME=N",
        help="give a constant of an enum another value",
    )  # fmt: skip


def _place(command: argparse.ArgumentParser) -> None:
    """Add what says where the kernel's text is."""
    command.add_argument(
        "--kernel", metavar="DIR[@REV]",
        help="a kernel's source, for tests about its text: a directory, or a revision of its repository",
    )  # fmt: skip


def _limiting(command: argparse.ArgumentParser) -> None:
    """Add the options that bound the work, and those that every deciding command has."""
    _limits(command, "test")
    _sharing(command)
    command.add_argument("--strict", action="store_true", help="treat warnings as errors")
    command.add_argument(
        "--skip-other", action="store_true", help="skip tests for other architectures, and count them"
    )


def _limits(
    command: argparse.ArgumentParser, each: str, more: str = "and judge", seconds: float = 60.0
) -> None:
    """Add the limits of time and memory for each of something; ``more`` says what the time is for."""
    separator = " " if more.startswith("and") else ", "
    command.add_argument(
        "--timeout", type=_positive, default=seconds, metavar="S",
        help=f"seconds for each {each}{separator}{more} (default: %(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--memory", type=_one_or_more, default=MEMORY, metavar="MB",
        help=f"memory for each {each} (default: %(default)s)",
    )  # fmt: skip


def _sharing(command: argparse.ArgumentParser) -> None:
    """Add the number of processes."""
    command.add_argument(
        "-j", dest="jobs", type=_one_or_more, default=1, metavar="N",
        help="how many processes decide at the same time (default: %(default)s)",
    )  # fmt: skip


def _fuzzing(command: argparse.ArgumentParser) -> None:
    """Add the options of ``fuzz``."""
    from verifier.generate.edges import LANGUAGES

    command.add_argument(
        "--language", choices=LANGUAGES, default="MM", help="the programs' language (default: %(default)s)"
    )
    command.add_argument(
        "--count", type=_one_or_more, metavar="N", help="how many programs (default: 1000, without --time)"
    )
    command.add_argument("--time", dest="seconds", type=_positive, metavar="S", help="stop after S seconds")
    command.add_argument("--seed", type=_count, default=0, metavar="N", help="the first program's number")
    command.add_argument(
        "--into", metavar="DIR", help="where to write programs about which judges differ (default: here)"
    )
    _memory_model(command)
    _limits(command, "program", seconds=20.0)
    _sharing(command)


_WITHOUT_PATHS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "rules": _choosing,
    "generate": _generating,
    "results": partial(_looking_back, name="results"),
    "diff": partial(_looking_back, name="diff"),
    "fuzz": _fuzzing,
    "completion": _completing,
}


# -- words -------------------------------------------------------------------------------------------


def _define(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    try:
        return name, int(value, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not name=number") from None


def _cost(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    try:
        return name, int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not kind=number") from None


def _setting(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{word!r} is not switch=value")
    return name, value


def _words(word: str) -> list[str]:
    return word.replace(",", " ").split()


def _positive(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds") from None
    if not 0 < value < MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"must be positive, and less than {MAX_SECONDS:g}")
    return value


def _count(word: str) -> int:
    try:
        value = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _one_or_more(word: str) -> int:
    value = _count(word)
    if not value:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
