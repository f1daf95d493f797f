"""Runs of a results store, and what differs between two, for people and as JSON. docs/runs.schema.json is the
schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from verifier.errors import ExitCode
from verifier.output import Output
from verifier.render.json import Shape
from verifier.suite.runs import Failure, Pair, Recorded, RunDiff, SuiteRun, verdicts

SHOWN = 20  # changes of time that are listed


def list_runs(out: Output, found: Sequence[SuiteRun], *, as_json: bool) -> ExitCode:
    """List runs."""
    if as_json:
        _document(out, [run_object(run) for run in found])
        return ExitCode.EXPECTED
    rows = [("run", "began", "state", "time", "reused", "verdicts", "command")]
    for run in found:
        rows.append(
            (
                str(run.number), _date(run.began), run.state, _time(run.seconds), str(run.reused),
                _counts(run), run.command,
            )
        )  # fmt: skip
    _table(out, rows)
    return ExitCode.EXPECTED


def list_verdicts(out: Output, found: Sequence[SuiteRun], *, as_json: bool) -> ExitCode:
    """List the verdicts of runs."""
    if as_json:
        shapes = [
            run_object(r)
            | {
                "verdicts": [verdict_object(r, v) for v in verdicts(r)],
                "failures": [failure_object(f) for f in r.failures],
            }
            for r in found
        ]
        _document(out, shapes)
        return ExitCode.EXPECTED
    for run in found:
        out.write(f"run {run.number} of {run.store}, {_date(run.began)}, {run.state}: {run.command}\n")
        rows = [
            (_called(run, v), v.told, _time(v.seconds), "stored" if v.reused else "", _judged(v))
            for v in verdicts(run)
        ]
        _table(out, rows)
        for failure in run.failures:
            out.write(f"{failure.path}: error: {failure.message}\n")
        out.write(f"{_counts(run)}\n")
    return ExitCode.EXPECTED


def show_difference(out: Output, found: RunDiff, *, as_json: bool) -> ExitCode:
    """Print what differs between two runs. The exit code says whether a verdict does."""
    code = ExitCode.DIFFERS if found.differs else ExitCode.EXPECTED
    if as_json:
        _document(out, [diff_object(found)])
        return code
    out.write(f"run {found.before.number} of {found.before.store} -> run {found.after.number} of ")
    out.write(f"{found.after.store}\n")
    for line in found.asked():
        out.write(f"{line}\n")
    after = found.after
    changed = [p for p in found.pairs if p.changed or p.judged]
    _table(out, [(_called(after, p.after), f"{p.before.told} -> {p.after.told}", _turn(p)) for p in changed])
    for run in (found.before, found.after):
        if run.unstored:
            out.write(f"run {run.number}: {run.unstored} verdicts could not be stored\n")
    failures = [(f, "") for f in found.failed] + [(f, " (no more)") for f in found.mended]
    for failure, more in failures:
        out.write(f"{failure.path}: error: {failure.message}{more}\n")
    for what, run, those in (("only in the first", found.before, found.gone), ("new", after, found.new)):
        _table(out, [(_called(run, v), v.told, what) for v in those])
    timed = sorted((p for p in found.pairs if p.timed), key=_lapse, reverse=True)
    times = [
        (_called(after, p.after), f"{_time(p.before.seconds)} -> {_time(p.after.seconds)}") for p in timed
    ]
    _table(out, times[:SHOWN])
    if len(times) > SHOWN:
        out.write(f"and {len(times) - SHOWN} more that took another time\n")
    same, others = len(found.pairs) - len(changed), f"{len(found.gone)} gone, {len(found.new)} new"
    out.write(f"{len(changed)} changed, {same} the same, {others}; time {_time(_sum(found, 'before'))} -> ")
    out.write(f"{_time(_sum(found, 'after'))}\n")
    return code


def _counts(run: SuiteRun) -> str:
    """The counts of a run, and what of it the store lacks."""
    lacks = f", and {run.unstored} more that could not be stored" if run.unstored else ""
    return f"{run.tally}{lacks}"


def _lapse(pair: Pair) -> float:
    return abs(pair.after.seconds - pair.before.seconds)


def _sum(found: RunDiff, which: str) -> float:
    return float(sum(getattr(p, which).seconds for p in found.pairs))


def _called(run: SuiteRun, verdict: Recorded) -> str:
    machine = run.named(verdict.machine)
    return f"{verdict.path}: {verdict.id}{f' [{machine}]' if machine else ''}"


def _judged(verdict: Recorded) -> str:
    """Whether it is as expected, and why it is unknown."""
    if verdict.as_expected is None:
        said = ""
    elif verdict.as_expected:
        said = "as expected"
    else:
        said = f"{'' if verdict.code == ExitCode.UNKNOWN else 'DIFFERS: '}expected {verdict.expected}"
    return f"{said} ({verdict.reason})" if said and verdict.reason else said or verdict.reason


def _turn(pair: Pair) -> str:
    """How the judgement on a test changed."""
    before, after = _judged(pair.before), _judged(pair.after)
    return after if before == after else f"{before or 'nothing expected'} -> {after or 'nothing expected'}"


def _table(out: Output, rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        out.write("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() + "\n")


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


# -- JSON ----------------------------------------------------------------------------------------------


def _document(out: Output, results: Iterable[Shape]) -> None:
    document = {"version": 1, "results": list(results), "errors": []}
    out.write(json.dumps(document, indent=1, ensure_ascii=not out.unicode) + "\n")


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def run_object(run: SuiteRun) -> Shape:
    """A run, as the schema has it."""
    tally = run.tally
    return {
        "store": run.store,
        "run": run.number,
        "began": _stamp(run.began),
        "ended": _stamp(run.ended),
        "state": run.state,
        "command": run.command,
        "machines": [dict(machine) for machine in run.machines],
        "files": run.files,
        "tool": run.tool,
        "tests": tally.total,
        "as_expected": tally.expected,
        "differ": tally.differ,
        "unknown": tally.unknown,
        "reused": run.reused,
        "seconds": round(run.seconds, 6),
        "with_errors": tally.errors,
        "unstored": run.unstored,
    }


def failure_object(failure: Failure) -> Shape:
    """An error of a run, as the schema has it."""
    return {
        "file": failure.path,
        "message": failure.message,
        "exit_code": failure.code,
        "tests": failure.tests,
    }


def verdict_object(run: SuiteRun, verdict: Recorded) -> Shape:
    """A verdict of a run, as the schema has it."""
    return {
        "file": verdict.path,
        "id": verdict.id,
        "machine": run.named(verdict.machine) or None,
        "observation": verdict.observation,
        "hangs": verdict.hangs,
        "expected": verdict.expected or None,
        "as_expected": verdict.as_expected,
        "exit_code": verdict.code,
        "reason": verdict.reason,
        "bound": verdict.bound,
        "seconds": round(verdict.seconds, 6),
        "reused": verdict.reused,
    }


def diff_object(found: RunDiff) -> Shape:
    """What differs between two runs, as the schema has it."""

    def pair(p: Pair) -> Shape:
        return {
            "changed": p.changed,
            "judged_anew": p.judged,
            "time_changed": p.timed,
            "before": verdict_object(found.before, p.before),
            "after": verdict_object(found.after, p.after),
        }

    return {
        "before": run_object(found.before),
        "after": run_object(found.after),
        "asked": found.asked(),
        "pairs": [pair(p) for p in found.pairs if p.changed or p.judged or p.timed],
        "same": sum(not (p.changed or p.judged) for p in found.pairs),
        "gone": [verdict_object(found.before, v) for v in found.gone],
        "new": [verdict_object(found.after, v) for v in found.new],
        "failed": [failure_object(f) for f in found.failed],
        "mended": [failure_object(f) for f in found.mended],
        "seconds": {
            "before": round(_sum(found, "before"), 6),
            "after": round(_sum(found, "after"), 6),
        },
    }
