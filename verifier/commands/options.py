"""Groups of options that several commands have, and the types of their words."""

from __future__ import annotations

import argparse

from verifier.budget import MEMORY
from verifier.output import COLORS
from verifier.program.profiles import MODEL_NAMES
from verifier.suite.options import MAX_SECONDS

PATHS = "a file, a directory, FILE::VARIANT, or -"
HERE = " (default: tests of [tool.verifier], or what is here)"


def add_paths(command: argparse.ArgumentParser, behind: str = HERE, *, what: str = PATHS) -> None:
    """Add the paths of tests. ``what`` they can be, and what stands ``behind`` that; there may be none."""
    command.add_argument("paths", nargs="*", metavar="PATH", help=f"{what}{behind}")


def add_color(command: argparse.ArgumentParser) -> None:
    """Add the choice of colours."""
    command.add_argument(
        "--color", choices=COLORS, default=COLORS[0], metavar="WHEN",
        help="colour the text: auto (on a terminal), always or never (default: %(default)s)",
    )  # fmt: skip


def add_machine(command: argparse.ArgumentParser) -> None:
    """Add the options that say what to decide, and for which machine."""
    add_memory_model(command)
    add_bound(command)
    add_tree(command)


def add_bound(command: argparse.ArgumentParser) -> None:
    """Add the option that says how far loops are followed."""
    command.add_argument(
        "--unroll", type=whole_number, metavar="N",
        help="how often a CPU may jump backwards (default: as the file says, or 2)",
    )  # fmt: skip


def add_memory_model(command: argparse.ArgumentParser) -> None:
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
    add_switches(command, "the profile")


def add_switches(command: argparse.ArgumentParser, of: str) -> None:
    """Add the option that changes a switch of one profile, or of several."""
    command.add_argument(
        "--set", dest="settings", type=_setting, action="append", default=[], metavar="SWITCH=VALUE",
        help=f"change one switch of {of}",
    )  # fmt: skip


def add_tree(command: argparse.ArgumentParser) -> None:
    """Add what says where the kernel's text is, and how a test is set."""
    add_place(command)
    command.add_argument(
        "-D", dest="defines", type=_define, action="append", default=[], metavar="NAME=N",
        help="give a constant of an enum another value",
    )  # fmt: skip


def add_place(command: argparse.ArgumentParser) -> None:
    """Add what says where the kernel's text is."""
    command.add_argument(
        "--kernel", metavar="DIR[@REV]",
        help="a kernel's source, for tests about its text: a directory, or a revision of its repository",
    )  # fmt: skip


def add_limiting(command: argparse.ArgumentParser) -> None:
    """Add the options that bound the work, and those that every deciding command has."""
    add_limits(command, "test")
    add_sharing(command)
    command.add_argument("--strict", action="store_true", help="treat warnings as errors")
    command.add_argument(
        "--skip-other", action="store_true", help="skip tests for other architectures, and count them"
    )


def add_limits(
    command: argparse.ArgumentParser, each: str, more: str = "and judge", seconds: float = 60.0
) -> None:
    """Add the limits of time and memory for each of something; ``more`` says what the time is for."""
    separator = " " if more.startswith("and") else ", "
    command.add_argument(
        "--timeout", type=positive_seconds, default=seconds, metavar="S",
        help=f"seconds for each {each}{separator}{more} (default: %(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--memory", type=one_or_more, default=MEMORY, metavar="MB",
        help=f"memory for each {each} (default: %(default)s)",
    )  # fmt: skip


def add_sharing(command: argparse.ArgumentParser) -> None:
    """Add the number of processes."""
    command.add_argument(
        "-j", dest="jobs", type=one_or_more, default=1, metavar="N",
        help="how many processes decide at the same time (default: %(default)s)",
    )  # fmt: skip


def add_store(command: argparse.ArgumentParser) -> None:
    """Add the name of a results store."""
    command.add_argument(
        "--store", metavar="FILE", help="the results store (default: store of [tool.verifier], if any)"
    )


def add_results(command: argparse.ArgumentParser) -> None:
    """Add a results store from which answers are taken."""
    add_store(command)
    command.add_argument("--no-store", action="store_true", help="use no results store, whatever is set")
    command.add_argument("--fresh", action="store_true", help="decide anew what the store has")


def add_keeping(command: argparse.ArgumentParser) -> None:
    """Add the options of a suite whose answers are kept."""
    add_results(command)
    command.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of a Dask cluster decide, such as tcp://host:8786"
    )


def add_formatting(command: argparse.ArgumentParser) -> None:
    """Add the choice between text and JSON."""
    command.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="the output's format (default: %(default)s)",
    )


# -- the types of words -----------------------------------------------------------------------------


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


def list_of_words(word: str) -> list[str]:
    words = word.replace(",", " ").split()
    if not words:
        raise argparse.ArgumentTypeError("names nothing; give it a word, or leave it out")
    return words


def positive_seconds(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of seconds") from None
    if not 0 < value < MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"must be positive, and less than {MAX_SECONDS:g}")
    return value


def whole_number(word: str) -> int:
    try:
        value = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def one_or_more(word: str) -> int:
    value = whole_number(word)
    if not value:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
