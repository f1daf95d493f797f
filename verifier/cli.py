"""The command line: ``verifier check``, ``states``, ``compare`` and ``rules``."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from verifier import __version__
from verifier.errors import ExitCode, Interrupted, LimitError, UsageError, VerifierError, unexpected, worst
from verifier.output import Output, OutputError, open_all
from verifier.suite.pool import MEMORY, OUT_OF_MEMORY

if TYPE_CHECKING:
    from verifier.report import Report


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    # Start-up makes many objects and no garbage; collecting costs a tenth of a cold start.
    collecting = gc.isenabled()
    gc.disable()
    open_all()
    out = Output()
    error: VerifierError
    try:
        return _main(argv, out)
    except SystemExit as end:  # of --help and --version
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
    except MemoryError:
        error = LimitError(OUT_OF_MEMORY)
    except OutputError as found:
        out.complain(f"verifier: {found}")
        return found.exit_code
    except VerifierError as found:
        error = found
    except Exception as found:
        error = unexpected(found, "verifier")
    finally:
        if collecting:
            gc.enable()
    return _failed(error, sys.argv[1:] if argv is None else argv, out)


def _failed(error: VerifierError, words: list[str], out: Output) -> int:
    """Say what keeps everything from being done, as a document if one was asked for."""
    from verifier.report import Json, Report

    json = "--format=json" in words or ("--format", "json") in pairwise(words)
    report = Json(out) if json else Report(out)
    try:
        report.error(error)
        report.close()
    except OutputError as found:
        out.complain(f"verifier: {found}")
    return error.exit_code


class _Parser(argparse.ArgumentParser):
    def __init__(self, *words: Any, **more: Any) -> None:
        more["allow_abbrev"] = False  # what is short today may mean two things tomorrow
        super().__init__(*words, **more)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version; argparse would not say that they cannot be written."""
        Output().write(message)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def entry() -> NoReturn:
    """The console command: ``main``, without taking the process apart at the end, which takes as long
    as deciding a small test. Everything that matters is closed by then."""
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError):
        code = worst((code, ExitCode.WRONG))
    os._exit(code)


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
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be positive, and less than 1e9")
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


def _arguments() -> argparse.ArgumentParser:
    codes = ", ".join(f"{code} {code.brief}" for code in sorted(ExitCode))
    parser = _Parser(prog="verifier", description=f"The command line. Exit codes: {codes}.")
    parser.add_argument("--version", action="version", version=f"verifier {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, about in (
        ("check", "decide tests; a witness for each reachable outcome"),
        ("states", "all final states"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("paths", nargs="+", metavar="PATH", help="file, directory, FILE::VARIANT, or -")
        command.add_argument("--model", choices=("x86-tso", "sc"), default="x86-tso")
        command.add_argument("--profile", default="generic", metavar="NAME", help="generic, intel, amd, …")
        command.add_argument(
            "--set", dest="settings", type=_setting, action="append", default=[], metavar="SWITCH=VALUE",
            help="a switch of the memory model",
        )  # fmt: skip
        command.add_argument("--judge", choices=("z3", "explorer", "both"), default="z3")
        command.add_argument("--unroll", type=_count, metavar="N", help="backward jumps a CPU may take")
        command.add_argument("--seed", type=_count, default=0, metavar="N", help="of the solver")
        command.add_argument(
            "-D", dest="defines", type=_define, action="append", default=[], metavar="NAME=N"
        )
        command.add_argument("--format", choices=("text", "json", "herd"), default="text")
        command.add_argument(
            "--dot", metavar="FILE", help="the last witness as a graph; - for standard output"
        )
        _common(command)
        command.add_argument("-q", "--quiet", action="store_true", help="no stories")
    about = "the observation under each of several profiles or models"
    command = commands.add_parser("compare", help=about, description=about)
    command.add_argument("paths", nargs="+", metavar="PATH", help="file, directory, FILE::VARIANT, or -")
    command.add_argument("--profiles", metavar="A,B", help="all of them, unless given")
    command.add_argument("--models", metavar="A,B", default="x86-tso")
    _common(command)
    command.add_argument("-a", "--all", action="store_true", help="also tests that come out the same")
    about = "the rules of the memory model, or some of them"
    command = commands.add_parser("rules", help=about, description=about)
    command.add_argument("which", nargs="?", metavar="WHICH", help="a number such as 5.7 or 5, or a switch")
    return parser


def _common(command: argparse.ArgumentParser) -> None:
    """Options of everything that decides."""
    command.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="seconds a test")
    command.add_argument(
        "--memory", type=_one_or_more, default=MEMORY, metavar="MB", help=f"memory a test ({MEMORY})"
    )
    command.add_argument("-j", dest="jobs", type=_one_or_more, default=1, metavar="N", help="processes")
    command.add_argument("--strict", action="store_true", help="warnings are errors")
    command.add_argument(
        "--skip-other", action="store_true", help="leave out tests for other architectures, and count them"
    )


def _rules(which: str | None, out: Output) -> int:
    """List all rules; tell one, those of a chapter, or those that a switch changes."""
    from verifier.model.rules import rules, tell

    if which is None:
        for r in rules().values():
            out.write(f"{r.number:<5} {r.title}  [{r.confidence}]  {r.source}\n")
        return 0
    known = rules().values()
    found = [r.number for r in known if r.number == which] or [
        r.number for r in known if r.number.startswith(f"{which.rstrip('.')}.") or which in r.switches
    ]
    if not found:
        raise UsageError(
            f"there is no rule {which!r}, and no rule of such a switch; 'verifier rules' lists them"
        )
    out.write("\n\n".join(map(tell, found)) + "\n")
    return 0


def _main(argv: list[str] | None, out: Output) -> int:
    arguments = _arguments().parse_args(argv)
    if arguments.command == "rules":
        return _rules(arguments.which, out)
    from verifier.suite.discover import discover
    from verifier.suite.options import Options
    from verifier.suite.outcomes import outcomes

    if arguments.command == "compare":
        from verifier.compare import compare

        common = Options(
            timeout=arguments.timeout, witnesses=False, memory=arguments.memory,
            strict=arguments.strict, skip_other=arguments.skip_other,
        )  # fmt: skip
        return compare(
            arguments.paths, arguments.profiles, arguments.models, arguments.all, out, common, arguments.jobs
        )
    from verifier.report import print_all

    states = arguments.command == "states"
    options = Options(
        arguments.model, arguments.judge, arguments.unroll, arguments.timeout, arguments.seed,
        states or arguments.format == "herd",
        bool(arguments.dot) or (not arguments.quiet and not states),
        dict(arguments.defines),
        arguments.profile,
        dict(arguments.settings),
        bool(arguments.dot),
        arguments.memory,
        arguments.strict,
        arguments.skip_other,
    )  # fmt: skip
    _ = options.switches  # what does not exist is said before anything is read
    tasks = discover(arguments.paths)
    report = _report(arguments, out)
    found = outcomes(tasks, [options], report.piece, arguments.jobs)
    stopped = print_all(
        tasks, found, report, hurry=len(tasks) > 1 and bool(sys.stderr and sys.stderr.isatty())
    )
    if arguments.dot and not stopped:
        _dot(report, arguments.dot)
    report.close()
    return stopped or report.exit_code


def _report(arguments: argparse.Namespace, out: Output) -> Report:
    from verifier import report

    states, graphs = arguments.command == "states", bool(arguments.dot)
    if arguments.format == "json":
        return report.Json(out, states=states, graphs=graphs)
    if arguments.format == "herd":
        return report.Herd(out, states=states, graphs=graphs)
    return report.Text(out, states=states, stories=not arguments.quiet, graphs=graphs)


def _dot(report: Report, path: str) -> None:
    if not report.graph:
        why = f"{report.undecided} is unknown" if report.undecided else "no outcome is reachable"
        report.out.complain(f"verifier: {why}, so there is no graph")
    elif path == "-":
        report.out.write(report.graph)
    else:
        try:
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(report.graph)
        except OSError as error:
            report.error(UsageError(f"{path}: {error.strerror}"))


if __name__ == "__main__":
    entry()
