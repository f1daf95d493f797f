"""The command line, and its commands: those of ``arguments.COMMANDS``.

The arguments name tasks and say how to decide them. The outcome of each test goes to a report as soon as
it is there. The exit code is the worst of all outcomes.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

from verifier.arguments import Arguments, format_asked, parse
from verifier.errors import ExitCode, Interrupted, LimitError, UsageError, VerifierError, unexpected, worst
from verifier.output import Output, OutputError, open_all
from verifier.records import replace
from verifier.suite.worker import OUT_OF_MEMORY, tell

if TYPE_CHECKING:
    from verifier.against.compare import ComparedWord
    from verifier.render.answers import AnswerReport
    from verifier.render.base import Report, Verdicts
    from verifier.revisions.found import History
    from verifier.suite.discover import Task
    from verifier.suite.options import Options
    from verifier.syntax.test import Test
    from verifier.why.found import Repairs

P = TypeVar("P")


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    # Start-up makes many objects and no garbage; collecting costs a tenth of a cold start.
    collecting = gc.isenabled()
    gc.disable()
    open_all()
    out = Output()
    error: VerifierError
    try:
        return _run(parse(argv), out)
    except SystemExit as end:  # of --help and --version
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        error = Interrupted(signal.SIGINT)
    except MemoryError:
        error = LimitError(OUT_OF_MEMORY)
    except VerifierError as found:
        error = found
    except Exception as found:
        error = unexpected(found, "verifier")
    finally:
        if collecting:
            gc.enable()
    return _failed(error, sys.argv[1:] if argv is None else argv, out)


def _run(arguments: Arguments, out: Output) -> int:
    if arguments.command == "rules":
        return _rules(arguments.which, out)
    if arguments.command == "completion":
        return _complete(arguments.shell, out)
    if arguments.command == "generate":
        return _generate(arguments, out)
    if arguments.command == "fuzz":
        return _fuzz(arguments, out)
    if arguments.command in ("explain", "audit"):
        return _why(arguments, out)
    if arguments.command == "repair":
        return _repair(arguments, out)
    if arguments.command in ("results", "diff"):
        return _look_back(arguments, out)
    if arguments.command == "kernel":
        return _kernel(arguments, out)
    if arguments.command == "history":
        return _history(arguments, out)
    return _compare(arguments, out) if arguments.command == "compare" else _check(arguments, out)


def _check(arguments: Arguments, out: Output) -> int:
    """Run ``check`` or ``states``: print a verdict for each test, in one of the formats."""
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS

    states, graph = arguments.command == "states", bool(arguments.dot)
    form = FORMATS[arguments.format]
    if arguments.dot == "-" and arguments.format != "text":
        raise UsageError(f"--format {arguments.format} writes to standard output; let --dot write to a file")
    options = replace(
        _options(arguments),
        judge=arguments.judge,
        seed=arguments.seed,
        states=states or form.states,
        witnesses=graph or (not arguments.quiet and not states),
        counters=graph,
        strict=arguments.strict,
        skip_other=arguments.skip_other,
        store=_store_of(arguments),
        fresh=arguments.fresh,
        dask=_cluster_of(arguments),
    )
    _ = options.switches  # complain about an unknown switch before reading files
    report = form.report(out, Wanted(states=states, stories=not arguments.quiet, graph=graph))
    stopped = _decide(arguments, [options], report)
    if arguments.dot and not stopped:
        _dot(report, arguments.dot)
    report.close()
    return stopped or report.exit_code


def _options(arguments: Arguments) -> Options:
    """The program and the machine that a call names, and its limits."""
    from verifier.suite.options import Options

    return Options(
        model=arguments.model,
        unroll=arguments.unroll,
        timeout=arguments.timeout,
        defines=dict(arguments.defines),
        profile=arguments.profile,
        settings=dict(arguments.settings),
        memory=arguments.memory,
        kernel=_tree_of(arguments),
    )


def _tree_of(arguments: Arguments) -> str | None:
    """The kernel tree that a call names, or else the project's settings."""
    from verifier.settings import settings

    return settings().kernel if arguments.kernel is None else arguments.kernel


def _store_of(arguments: Arguments) -> str | None:
    """The results store that a call names, or else the project's settings."""
    from verifier.settings import settings

    if arguments.no_store and (arguments.store is not None or arguments.fresh):
        raise UsageError("--no-store says that there is no store; leave out --store and --fresh")
    store = settings().store if arguments.store is None else arguments.store
    if arguments.fresh and store is None:
        raise UsageError("--fresh is about a results store: name one with --store FILE")
    return None if arguments.no_store else store


def _cluster_of(arguments: Arguments) -> str | None:
    """The address of the scheduler that a call names."""
    if arguments.dask is not None and arguments.jobs > 1:
        raise UsageError("with --dask the cluster's workers decide: leave -j out")
    return arguments.dask


def _look_back(arguments: Arguments, out: Output) -> int:
    """Run ``results`` or ``diff``."""
    from verifier.runs import list_runs, list_verdicts, show_difference
    from verifier.settings import settings
    from verifier.suite.runs import chosen, difference, prune, runs

    store = settings().store if arguments.store is None else arguments.store
    as_json = arguments.format == "json"
    found = [chosen(word, store) for word in arguments.runs]
    if arguments.command == "diff":
        return show_difference(out, difference(*found), as_json=as_json)
    if found and arguments.keep is None:
        return list_verdicts(out, found, as_json=as_json)
    if store is None:
        raise UsageError('say which results store: --store FILE, or store = "FILE" in [tool.verifier]')
    if arguments.keep is not None:
        if found:
            raise UsageError("--keep is about all runs of the store; name none")
        prune(store, arguments.keep)
    return list_runs(out, runs(store), as_json=as_json)


def _why(arguments: Arguments, out: Output) -> int:
    """Run ``explain`` or ``audit``: decide each test, and say why the verdict is as it is."""
    from verifier.budget import Budget
    from verifier.model import model
    from verifier.render.base import Wanted
    from verifier.render.why import AuditedJson, AuditedText, ExplainedJson, ExplainedText
    from verifier.results import Verdict
    from verifier.why.answers import Audit, Explanation
    from verifier.why.audit import audit
    from verifier.why.explain import explain

    options = replace(
        _options(arguments), strict=arguments.strict, skip_other=arguments.skip_other, more=arguments.timeout
    )
    machine = model(options.switches, options.model)
    hurry = out.terminal and not arguments.quiet

    def budget(verdict: Verdict) -> Budget:
        listener = (lambda text: tell(f"{verdict.test.id}: {text}")) if hurry else None
        return Budget(arguments.timeout, arguments.memory, listener)

    def explained(verdict: Verdict) -> Explanation:
        return explain(verdict, machine, budget(verdict), arguments.unroll, arguments.reasons)

    def audited(verdict: Verdict) -> Audit:
        return audit(verdict, machine, budget(verdict), arguments.unroll, not arguments.quiet)

    wanted, text = Wanted(stories=not arguments.quiet), arguments.format == "text"
    report: Verdicts
    if arguments.command == "explain":
        report = (ExplainedText if text else ExplainedJson)(out, wanted, explained)
    else:
        report = (AuditedText if text else AuditedJson)(out, wanted, audited)
    stopped = _decide(arguments, [options], report, hurry=hurry)
    report.close()
    return stopped or report.exit_code


def _compare(arguments: Arguments, out: Output) -> int:
    """Run ``compare``: print a row for each test, with a column for each machine."""
    from verifier.compare import Table, columns
    from verifier.suite.options import Options

    machines = columns(arguments.profiles, arguments.models)
    options = [
        Options(
            profile=profile,
            model=model,
            timeout=arguments.timeout,
            witnesses=False,
            memory=arguments.memory,
            strict=arguments.strict,
            skip_other=arguments.skip_other,
            kernel=_tree_of(arguments),
            store=_store_of(arguments),
            fresh=arguments.fresh,
            dask=_cluster_of(arguments),
        )
        for profile, model in machines
    ]
    table = Table(out, machines, everything=arguments.all)
    stopped = _decide(arguments, options, table)
    table.close()
    return stopped or table.exit_code


def _repair(arguments: Arguments, out: Output) -> int:
    """Run ``repair``: print what would mend each test."""
    from verifier.render.repair import Patches, RepairJson, RepairText
    from verifier.suite.discover import discover
    from verifier.suite.load import load_task
    from verifier.why.costs import costs
    from verifier.why.repair import repair_alone

    options = _options(arguments)
    _ = options.switches, costs(dict(arguments.costs))  # complain before reading files
    report: AnswerReport[Repairs] = RepairText(out)
    if arguments.format == "json":
        report = RepairJson(out)
    elif arguments.patch:
        report = Patches(out, arguments.take)
    codes: list[int] = []
    tasks = discover(arguments.paths)
    hurry = out.terminal and not arguments.quiet
    for number, task in enumerate(tasks, 1):
        tests: list[Test] = []
        with _reported(report, task.name, codes):
            tests = load_task(task, options)
        for test in tests:
            with _reported(report, task.name, codes):
                hear = _hearing(out, test, number, len(tasks)) if hurry else None
                found = repair_alone(test, options, dict(arguments.costs), hear)
                codes.append(found.exit_code)
                report.add(found)
    report.close()
    return worst(codes)


def _kernel(arguments: Arguments, out: Output) -> int:
    """Run ``kernel``: print what each test takes of the kernel's own text."""
    if arguments.words:
        return _words(arguments, out)
    if not arguments.paths:
        raise UsageError("'verifier kernel' takes files, or --words")
    from verifier.lower.c.kernel import resolved
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS
    from verifier.render.kernel import as_json, taken_json, taken_text
    from verifier.suite.discover import discover
    from verifier.suite.load import load_task
    from verifier.suite.options import Options

    options = Options(defines=dict(arguments.defines), kernel=_tree_of(arguments))
    codes: list[int] = []
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for task in discover(arguments.paths):
        try:
            for test in load_task(task, options):
                if getattr(test.tree, "kernel", None) is None:
                    continue
                found = resolved(test.tree)
                text = taken_text("", found)
                if text in seen and not task.variants:  # another variant with the same text
                    continue
                seen.add(text)
                rows.append(taken_json(test.id, found))
                if arguments.format == "text":
                    out.write(taken_text(test.id, found) + "\n")
        except VerifierError as error:
            codes.append(error.exit_code)
            FORMATS["text"].report(out, Wanted()).error(error, task.name)
    if not rows and not codes:
        raise UsageError("no test here takes text of a kernel; docs/kernel-text.md says how")
    if arguments.format == "json":
        out.write(as_json(rows))
    return worst(codes)


def _words(arguments: Arguments, out: Output) -> int:
    """Run ``kernel --words``: compare the rows of the vocabulary with a tree."""
    from verifier.against.compare import Comparison
    from verifier.kernel.tree import KernelTree
    from verifier.render.against import compared_json, compared_text
    from verifier.syntax.trouble import nearest
    from verifier.words.table import WORDS

    for name in arguments.paths:
        if name not in WORDS:
            hint = nearest(name, WORDS) or "with --words come words of the vocabulary, and no files"
            raise UsageError(f"there is no word {name!r}: {hint}")
    place = _tree_of(arguments)
    if place is None:
        raise UsageError("say with which tree to compare: --kernel DIR")
    comparison = Comparison(KernelTree(place))
    comparison.check()
    differs = False

    def compared() -> Iterator[ComparedWord]:
        nonlocal differs
        for found in comparison.words(arguments.paths or None):
            differs |= found.status == "differs"
            yield found

    if arguments.format == "json":
        out.write(compared_json(place, compared()))
    else:
        for line in compared_text(place, compared()):
            out.write(line)
    return int(ExitCode.DIFFERS) if differs else 0


def _history(arguments: Arguments, out: Output) -> int:
    """Run ``history``: print how verdicts change along the history of a repository."""
    from verifier.render.history import HistoryJson, HistoryText
    from verifier.revisions.commits import RevisionRange
    from verifier.revisions.follow import follow
    from verifier.suite.discover import discover
    from verifier.syntax import read

    *paths, span = arguments.paths
    if ".." not in span or not paths:
        raise UsageError("'verifier history' takes files, and then a range of revisions: FILE… A..B")
    options = replace(_options(arguments), judge=arguments.judge, witnesses=False)
    _ = options.switches  # complain about an unknown switch before reading files
    if options.kernel is None:
        raise UsageError("say where the kernel's repository is: --kernel DIR")
    place = (
        options.kernel
        if arguments.kernel or os.path.isdir(options.kernel)
        else options.kernel.rpartition("@")[0]
    )
    revisions = RevisionRange(place, span)
    report: AnswerReport[History] = HistoryText(out, quiet=arguments.quiet)
    if arguments.format == "json":
        report = HistoryJson(out)
    seen = sys.stderr is not None and sys.stderr.isatty()
    codes: list[int] = []
    for task in discover(paths):
        with _reported(report, task.name, codes):
            if task.error is not None:
                raise task.error
            found = follow(
                task.source or read(task.name),
                revisions,
                options,
                variants=task.variants,
                every=arguments.all,
                first_parent=arguments.first_parent,
                jobs=arguments.jobs,
                progress=out.progress if seen else _silent,
            )
            codes.append(found.exit_code)
            report.add(found)
    report.close()
    return worst(codes)


def _generate(arguments: Arguments, out: Output) -> int:
    """Run ``generate``: write tests, as files or to standard output."""
    from verifier.generate.suite import Recipe, save, tests

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
    made = tests(asked)
    if arguments.into is not None:
        save(made, arguments.into)
        return ExitCode.EXPECTED
    for number, test in enumerate(made):
        if arguments.format == "text":
            out.write(f"{'' if not number else chr(10)}{test.text}")
        else:
            line = test.json if arguments.format == "jsonl" else f"{test.name}: {test.cycle}"
            out.write(f"{line}\n")
    return ExitCode.EXPECTED


def _fuzz(arguments: Arguments, out: Output) -> int:
    """Run ``fuzz``: write a file for each random program about which the judges differ."""
    from collections import Counter

    from verifier.fuzz.hunt import Hunt, herd7, hunted
    from verifier.suite.options import Options
    from verifier.suite.pool import Raised
    from verifier.suite.worker import Limits

    into = arguments.into or "."
    machine = Options(model=arguments.model, profile=arguments.profile, settings=dict(arguments.settings))
    plain = arguments.language == "X86" and arguments.model == "x86-tso" and arguments.profile != "sc"
    hunt = Hunt(
        arguments.language,
        machine.switches,
        arguments.model,
        herd7() if plain and not arguments.settings else None,
        arguments.timeout,
    )
    count = 1000 if arguments.count is None and arguments.seconds is None else arguments.count
    kinds, codes = Counter[str](), list[int]()
    limits = Limits(arguments.memory, None)
    for found in hunted(hunt, arguments.seed, count, arguments.seconds, limits, arguments.jobs):
        if isinstance(found, Raised):
            if not isinstance(found.error, LimitError):
                raise found.error
            kinds["undecided"] += 1
            continue
        kinds[found.kind] += 1
        if found.kind == "differs":
            codes.append(found.exit_code)
            path = os.path.join(into, f"fuzz-{found.seed}.litmus")
            text = found.text(arguments.language)
            try:
                os.makedirs(into, exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise UsageError(f"cannot write {path}: {error.strerror}") from None
            out.write(f"{path}\n{text}\n")
    said = ", ".join(f"{kinds[kind]} {kind}" for kind in ("same", "known", "differs", "undecided"))
    judges = "z3, explorer" + (", herd7" if hunt.herd else "")
    out.write(f"{kinds.total()} programs by {judges}: {said}\n")
    return worst(codes)


def _silent(_: str) -> None:
    """Show no progress."""


def _hearing(out: Output, test: Test, number: int, of: int) -> Callable[[str], None]:
    """Shows the progress of a test, which is of file ``number`` of ``of``."""
    return lambda text: out.progress(f"{test.id}: {text}", number, of)


@contextmanager
def _reported(report: AnswerReport[P], file: str, codes: list[int]) -> Iterator[None]:
    """Report an error of a file or a test, and go on."""
    try:
        yield
    except OutputError:
        raise
    except VerifierError as error:
        codes.append(error.exit_code)
        report.error(error, file)


def _decide(
    arguments: Arguments, columns: list[Options], report: Report[P], *, hurry: bool | None = None
) -> int:
    """Decide each test under all ``columns``. Returns 0, or the exit code of a signal that asks to stop.

    ``hurry``: show the progress; without it, if there are several files, and a terminal.
    """
    from verifier.report import print_all
    from verifier.suite.discover import discover
    from verifier.suite.outcomes import outcomes

    tasks = discover(arguments.paths)
    if arguments.changed_since is not None:
        tasks = _changed(tasks, arguments, report.out)
    if not tasks:
        return 0
    words = [arguments.command, *arguments.paths]
    found = outcomes(tasks, columns, report.piece, arguments.jobs, " ".join(words))
    if hurry is None:
        hurry = len(tasks) > 1 and report.out.terminal
    return print_all(tasks, found, report, hurry=hurry)


def _changed(tasks: list[Task], arguments: Arguments, out: Output) -> list[Task]:
    """The tasks whose files differ from a revision; says how many they are."""
    from verifier.suite.changed import changed

    since = arguments.changed_since
    assert since is not None
    found = changed(tasks, since, _tree_of(arguments))
    out.complain(
        f"verifier: {len(found)} of {len(tasks)} files differ from {since}, or include one that does"
    )
    return found


def _dot(report: Verdicts, path: str) -> None:
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


def _rules(which: str | None, out: Output) -> int:
    """List all rules, or explain one rule, a chapter, or the rules that a switch changes."""
    from verifier.model.rules import rules, tell

    known = rules().values()
    if which is None:
        for r in known:
            out.write(f"{r.number:<5} {r.title}  [{r.confidence}]  {r.source}\n")
        return ExitCode.EXPECTED
    found = [r.number for r in known if r.number == which] or [
        r.number for r in known if r.number.startswith(f"{which.rstrip('.')}.") or which in r.switches
    ]
    if not found:
        raise UsageError(f"no rule, chapter or switch is called {which!r}; 'verifier rules' lists all rules")
    out.write("\n\n".join(map(tell, found)) + "\n")
    return ExitCode.EXPECTED


def _complete(shell: str, out: Output) -> int:
    """Print the completion of a shell."""
    from verifier.arguments import whole_parser
    from verifier.completion import script

    out.write(script(shell, whole_parser()))
    return ExitCode.EXPECTED


def _failed(error: VerifierError, words: list[str], out: Output) -> int:
    """Report an error that ends the whole call, in the format that was asked for."""
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS

    try:
        if isinstance(error, OutputError):
            raise error
        FORMATS[format_asked(words)].report(out, Wanted()).failed(error)
    except OutputError as unwritten:
        out.complain(f"verifier: {unwritten}")
    return error.exit_code


def entry() -> NoReturn:
    """The console command: run ``main``, then leave at once.

    Python's orderly exit takes as long as a small test. By then everything that matters is closed.
    """
    code = main()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        pass
    except (OSError, ValueError):
        code = worst((code, ExitCode.WRONG))
    os._exit(code)


if __name__ == "__main__":
    entry()
