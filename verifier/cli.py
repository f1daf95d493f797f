"""The command line. Exit codes: 0 as expected, 1 differs, 2 bad input or usage, 3 unknown or timed
out, 4 the tool disagrees with itself."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from verifier import __version__
from verifier.errors import InputError, InternalError, LimitError, UsageError
from verifier.source import Diagnostic

if TYPE_CHECKING:
    from verifier.results import Verdict
    from verifier.suite import Options

_WORST = (4, 2, 1, 3, 0)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    # Start-up makes many objects and no garbage; collecting costs a tenth of a cold start.
    gc.disable()
    try:
        return _main(argv)
    except UsageError as error:
        print(f"verifier: {error}", file=sys.stderr)
        return 2
    except LimitError as error:
        print(f"verifier: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("verifier: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read has had enough; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    def __init__(self, *words: Any, **more: Any) -> None:
        more["allow_abbrev"] = False  # what is short today may mean two things tomorrow
        super().__init__(*words, **more)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def entry() -> NoReturn:
    """The console command: ``main``, without taking the process apart at the end, which takes as long
    as deciding a small test. Everything that matters is closed by then."""
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
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


def _processes(word: str) -> int:
    value = _count(word)
    if not value:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _arguments() -> argparse.ArgumentParser:
    parser = _Parser(prog="verifier", description=__doc__)
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
        command.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="seconds a test")
        command.add_argument("--seed", type=_count, default=0, metavar="N", help="of the solver")
        command.add_argument("-j", dest="jobs", type=_processes, default=1, metavar="N", help="processes")
        command.add_argument(
            "-D", dest="defines", type=_define, action="append", default=[], metavar="NAME=N"
        )
        command.add_argument("--format", choices=("text", "json", "herd"), default="text")
        command.add_argument(
            "--dot", metavar="FILE", help="the last witness as a graph; - for standard output"
        )
        command.add_argument("-q", "--quiet", action="store_true", help="no stories")
    about = "the observation under each of several profiles or models"
    command = commands.add_parser("compare", help=about, description=about)
    command.add_argument("paths", nargs="+", metavar="PATH", help="file, directory, FILE::VARIANT, or -")
    command.add_argument("--profiles", metavar="A,B", help="all of them, unless given")
    command.add_argument("--models", metavar="A,B", default="x86-tso")
    command.add_argument("--timeout", type=_positive, default=60.0, metavar="S", help="seconds a test")
    command.add_argument("-a", "--all", action="store_true", help="also tests that come out the same")
    about = "the rules of the memory model, or some of them"
    command = commands.add_parser("rules", help=about, description=about)
    command.add_argument("which", nargs="?", metavar="WHICH", help="a number such as 5.7 or 5, or a switch")
    return parser


def _rules(which: str | None) -> int:
    """List all rules; tell one, those of a chapter, or those that a switch changes."""
    from verifier.model.rules import rules, tell

    if which is None:
        for r in rules().values():
            print(f"{r.number:<5} {r.title}  [{r.confidence}]  {r.source}")
        return 0
    known = rules().values()
    found = [r.number for r in known if r.number == which] or [
        r.number for r in known if r.number.startswith(f"{which.rstrip('.')}.") or which in r.switches
    ]
    if not found:
        raise UsageError(
            f"there is no rule {which!r}, and no rule of such a switch; 'verifier rules' lists them"
        )
    print("\n\n".join(map(tell, found)))
    return 0


def _main(argv: list[str] | None) -> int:
    arguments = _arguments().parse_args(argv)
    if arguments.command == "rules":
        return _rules(arguments.which)
    if arguments.command == "compare":
        from verifier.compare import compare

        return compare(
            arguments.paths, arguments.profiles, arguments.models, arguments.timeout, arguments.all,
            print, lambda text: print(text, file=sys.stderr),
        )  # fmt: skip
    from verifier.results import Verdict
    from verifier.suite import Options, discover, outcomes

    options = Options(
        arguments.model, arguments.judge, arguments.unroll, arguments.timeout, arguments.seed,
        arguments.command == "states" or arguments.format == "herd",
        bool(arguments.dot) or (not arguments.quiet and arguments.command == "check"),
        dict(arguments.defines),
        arguments.profile,
        dict(arguments.settings),
        bool(arguments.dot),
    )  # fmt: skip
    _ = options.switches  # what does not exist is said before anything is read
    tasks = discover(arguments.paths)
    if len(tasks) > 1 or options.judge != "z3":
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # tests leave little behind that is in a cycle
        gc.enable()
    verdicts: list[Verdict] = []
    codes: set[int] = set()
    errors: list[Exception] = []
    progress = sys.stderr.isatty() and len(tasks) > 1
    for number, (task, found) in enumerate(outcomes(tasks, options, arguments.jobs), 1):
        if progress:
            print(f"\r\033[K{number}/{len(tasks)} {task.name}", end="", file=sys.stderr, flush=True)
        for outcome in found:
            if isinstance(outcome, Verdict):
                verdicts.append(outcome)
                codes.add(outcome.exit_code)
                continue
            if progress:
                print("\r\033[K", end="", file=sys.stderr)
            if isinstance(outcome, Diagnostic):
                if arguments.command == "check" and arguments.format == "text":
                    print(outcome.render(), file=sys.stderr)
                continue
            errors.append(outcome)
            codes.add(4 if isinstance(outcome, InternalError) else 2)
            print(_error(outcome), file=sys.stderr)
    if progress:
        print("\r\033[K", end="", file=sys.stderr)
    _print(verdicts, errors, arguments, options)
    if arguments.dot:
        _dot(verdicts, arguments.dot)
    sys.stdout.flush()
    return next((c for c in _WORST if c in codes), 0)


def _error(error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    return f"verifier: {error}"


def _print(
    verdicts: list[Verdict], errors: list[Exception], arguments: argparse.Namespace, options: Options
) -> None:
    states = arguments.command == "states"
    if arguments.format == "json":
        from verifier.render.json import document

        sys.stdout.write(document(verdicts, errors, states=states))
    elif arguments.format == "herd":
        from verifier.render.herd import herd

        sys.stdout.write("".join(herd(v) for v in verdicts if v.states is not None))
        _undecided(v for v in verdicts if v.states is None)
    else:
        from verifier.program.events import state_line
        from verifier.render.story import headline, summary, text

        width = max((len(v.test.id) for v in verdicts), default=0)
        for verdict in verdicts:
            if states:
                print(headline(verdict, width))
                for state in verdict.states or ():
                    assert verdict.program is not None
                    print(f"  {state_line(verdict.program, state)}")
            else:
                print(headline(verdict, width) if arguments.quiet else text(verdict, width))
        if len(verdicts) != 1 or errors:
            print(summary(verdicts, len(errors)))


def _undecided(verdicts: Iterable[Verdict]) -> None:
    """Logs have no words for what is not known."""
    from verifier.render.story import headline

    for verdict in verdicts:
        print(f"verifier: {headline(verdict)}", file=sys.stderr)


def _dot(verdicts: list[Verdict], path: str) -> None:
    from verifier.render.dot import dot

    chosen = next((v for v in reversed(verdicts) if v.witness or v.counter), None)
    if chosen is None:
        print("verifier: no outcome is reachable, so there is no graph", file=sys.stderr)
        return
    trace = chosen.witness or chosen.counter
    assert trace is not None
    graph = dot(chosen, trace)
    if path == "-":
        sys.stdout.write(graph)
        return
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(graph)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


if __name__ == "__main__":
    entry()
