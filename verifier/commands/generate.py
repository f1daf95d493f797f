"""``generate``: write tests, as files or to standard output."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.options import list_of_words, one_or_more, whole_number
from verifier.errors import ExitCode, Interrupted, UsageError
from verifier.output import Output

if TYPE_CHECKING:
    from verifier.generate.suite import Made
    from verifier.progress import Progress


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    from verifier.generate.edges import LANGUAGES

    command.add_argument(
        "--language",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help="the tests' language (default: %(default)s)",
    )
    command.add_argument(
        "--edges",
        type=list_of_words,
        default=[],
        metavar="A,B",
        help="the edges to use (the page generate.md has a table)",
    )
    command.add_argument(
        "--max-edges",
        type=one_or_more,
        default=6,
        metavar="N",
        help="edges of a cycle (default: %(default)s)",
    )
    command.add_argument(
        "--cpus", type=one_or_more, default=4, metavar="N", help="CPUs of a test (default: %(default)s)"
    )
    command.add_argument("--count", type=one_or_more, metavar="N", help="a random choice of N (default: all)")
    command.add_argument("--seed", type=whole_number, default=0, metavar="N", help="the seed of this choice")
    command.add_argument(
        "--cycle", type=list_of_words, default=[], metavar="'A B …'", help="make the test of one cycle"
    )
    command.add_argument(
        "--into", metavar="DIR", help="write files into a new directory (default: standard output)"
    )
    command.add_argument(
        "--format", choices=("text", "names", "jsonl"),
        help="on standard output: texts, names with cycles, or lines of JSON (default: text)",
    )  # fmt: skip
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the progress of --into")


def _shown(made: Iterable[Made], progress: Progress, count: int) -> Iterator[Made]:
    """The tests; each is shown on the terminal when it is made. ``count``: how many there will be, or 0."""
    for number, test in enumerate(made, 1):
        progress.at(test.name, number, count)
        yield test


def run(arguments: Arguments, out: Output) -> int:
    """Run ``generate``: write tests, as files or to standard output."""
    from verifier.generate.suite import Recipe, save, tests
    from verifier.progress import Progress
    from verifier.suite.pool import stopping

    if arguments.into is not None and arguments.format is not None:
        raise UsageError("--format is about standard output; leave it out beside --into")
    if arguments.cycle and (arguments.edges or arguments.count is not None):
        raise UsageError("--cycle names one test, so it goes without --edges and --count")
    asked = Recipe(
        language=arguments.language,
        names=arguments.edges,
        max_edges=arguments.max_edges,
        cpus=arguments.cpus,
        count=arguments.count,
        seed=arguments.seed,
        cycle=arguments.cycle,
    )
    made = _Counted(tests(asked))
    try:
        with stopping():
            if arguments.into is not None:
                progress = Progress(out, wanted=not arguments.quiet)
                with closing(progress):
                    save(_shown(made, progress, arguments.count or 0), arguments.into)
            else:
                _print(made, arguments.format or "text", out)
    except Interrupted as stop:
        raise Interrupted(stop.signum, f"; {made.count} tests are written") from None
    if arguments.count is not None and made.count < arguments.count:
        are = "is only 1 such test" if made.count == 1 else f"are only {made.count} such tests"
        out.complain(f"verifier: there {are}, not {arguments.count}")
    return ExitCode.EXPECTED


class _Counted:
    """Tests, and the ``count`` of those that were taken."""

    def __init__(self, made: Iterator[Made]) -> None:
        self.made, self.count = made, 0

    def __iter__(self) -> Iterator[Made]:
        for test in self.made:
            yield test
            self.count += 1


def _print(made: Iterable[Made], form: str, out: Output) -> None:
    """Write tests to standard output."""
    for number, test in enumerate(made):
        if form == "text":
            out.write(f"{'' if not number else chr(10)}{test.text}")
        else:
            line = test.json if form == "jsonl" else f"{test.name}: {test.cycle}"
            out.write(f"{line}\n")
