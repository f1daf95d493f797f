"""Runs of suites, as a results store has them, and what differs between two of them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from verifier.errors import UsageError, worst
from verifier.patterns import pattern
from verifier.records import dataclass
from verifier.results import Tally
from verifier.suite.shelf import Cell, StoreError
from verifier.suite.store import ResultsStore, existing

_LAST = pattern(r"last(?:~(\d+))?")
LEAST_LAPSE = 0.5  # seconds, from which a change of time is worth a line
LAPSE_FACTOR = 2.0  # how much longer or shorter it must be


@dataclass(frozen=True, slots=True)
class Recorded:
    """A verdict of a run. ``reused``: the store had its answer; ``seconds`` are then those of that time."""

    path: str
    id: str
    machine: int
    observation: str
    hangs: bool | None
    expected: str
    as_expected: bool | None
    code: int
    reason: str
    bound: int | None
    seconds: float
    reused: bool

    @property
    def told(self) -> str:
        """The verdict in words."""
        return f"{self.observation}{' hangs' if self.hangs else ''}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that left ``tests`` tests of a file, or the whole file, without a verdict; ``code``: the exit
    code."""

    path: str
    message: str
    code: int
    tests: int


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """A run of a suite.

    ``began`` and ``ended`` are in seconds since 1970; ``ended`` is None if the run was killed, or goes on;
    ``state`` is ``complete``, ``stopped by SIGINT`` or the like, ``failed``, or ``open``;
    ``machines``: what the run was asked for, once for each column of ``compare``;
    ``tool``: a digest of the program that decided;
    ``tally``, ``seconds`` and ``reused``: counts, the time of all verdicts, and how many the store had;
    ``unstored``: how many of its verdicts could not be written; ``failures``: its errors.
    """

    store: str
    number: int
    began: float
    ended: float | None
    state: str
    command: str
    machines: Sequence[Mapping[str, object]]
    files: int
    tool: str
    tally: Tally
    seconds: float
    reused: int
    unstored: int
    failures: tuple[Failure, ...]

    def named(self, machine: int) -> str:
        """What sets a machine apart from the others of the run; empty if there is one."""
        if len(self.machines) < 2 or machine >= len(self.machines):
            return ""
        of = self.machines[machine]
        return f"{of.get('profile')}/{of.get('model')}"


def runs(path: str) -> list[SuiteRun]:
    """All runs of a store, the oldest first. Raises ``UsageError``."""
    with existing(path) as store:
        return [_run(store, row) for row in _rows(store, "SELECT * FROM runs ORDER BY number")]


def _rows(store: ResultsStore, asked: str, given: tuple[Cell, ...] = ()) -> list[sqlite3.Row]:
    try:
        cursor = store.base.execute(asked, given)
        cursor.row_factory = sqlite3.Row
        return cursor.fetchall()
    except sqlite3.Error as error:
        raise UsageError(f"{store.path}: {error}") from None


def _run(store: ResultsStore, row: sqlite3.Row) -> SuiteRun:
    tally, seconds, reused = Tally(), 0.0, 0
    asked = (
        "SELECT as_expected, code, count(*) AS n, sum(seconds) AS seconds, sum(reused) AS reused"
        " FROM verdicts WHERE run = ? GROUP BY as_expected, code"
    )
    for group in _rows(store, asked, (row["number"],)):
        for _ in range(group["n"]):
            tally.add(_flag(group["as_expected"]), worst([group["code"]]))
        seconds += group["seconds"]
        reused += group["reused"]
    wrong = _rows(store, "SELECT * FROM errors WHERE run = ? ORDER BY rowid", (row["number"],))
    failures = tuple(Failure(r["path"], r["message"], r["code"], r["tests"]) for r in wrong)
    tally.errors = sum(failure.tests for failure in failures)
    return SuiteRun(
        store.path, row["number"], row["began"], row["ended"], row["state"], row["command"],
        json.loads(row["machines"]), row["files"], row["tool"], tally, seconds, reused,
        row["unstored"], failures,
    )  # fmt: skip


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def verdicts(run: SuiteRun) -> list[Recorded]:
    """The verdicts of a run, in the order of its files. Raises ``UsageError``."""
    with existing(run.store, known=True) as store:
        rows = _rows(
            store, "SELECT * FROM verdicts WHERE run = ? ORDER BY file, test, machine", (run.number,)
        )
    return [
        Recorded(
            r["path"], r["id"], r["machine"], r["observation"], _flag(r["hangs"]), r["expected"],
            _flag(r["as_expected"]), r["code"], r["reason"], r["bound"], r["seconds"], bool(r["reused"]),
        )
        for r in rows
    ]  # fmt: skip


def chosen(word: str, path: str | None) -> SuiteRun:
    """The run that a word names: ``7``, ``last``, ``last~1``, ``FILE:7``, or ``FILE`` for its last run. The
    others are in the store ``path``. Raises ``UsageError``."""
    file, colon, name = word.rpartition(":")
    if not colon and os.path.exists(word):
        path, name = word, "last"
    elif colon:
        path = file
    if path is None:
        raise UsageError(f"say which store has run {word!r}: --store FILE, or FILE:{word}")
    known = runs(path)
    last = _LAST.fullmatch(name)
    back = int(last[1] or 0) if last else 0
    found = (
        known[-1 - back : len(known) - back]
        if last and back < len(known)
        else [r for r in known if str(r.number) == name]
    )
    if not found:
        there = f"it has {known[0].number} to {known[-1].number}" if known else "it has none"
        if not last and not name.isdigit():
            there = "name a run by its number, or as last, last~1, FILE or FILE:NUMBER"
        raise UsageError(f"{path} has no run {name!r}; {there}")
    return found[0]


@dataclass(frozen=True, slots=True)
class Pair:
    """A test that both runs have."""

    before: Recorded
    after: Recorded

    @property
    def changed(self) -> bool:
        """Is the verdict another one?"""
        return self.before.told != self.after.told

    @property
    def judged(self) -> bool:
        """Is it now as expected and was not, or the other way round; or is the expectation another one?"""
        return (self.before.expected, self.before.as_expected) != (
            self.after.expected,
            self.after.as_expected,
        )

    @property
    def timed(self) -> bool:
        """Did it take much longer, or much less?"""
        low, high = sorted((self.before.seconds, self.after.seconds))
        return high - low >= LEAST_LAPSE and high >= LAPSE_FACTOR * low


@dataclass(frozen=True, slots=True)
class RunDiff:
    """What differs between two runs: ``pairs`` are the tests of both, ``gone`` and ``new`` those of one."""

    before: SuiteRun
    after: SuiteRun
    pairs: tuple[Pair, ...]
    gone: tuple[Recorded, ...]
    new: tuple[Recorded, ...]

    @property
    def failed(self) -> list[Failure]:
        """The errors of the second run that the first did not have."""
        return [f for f in self.after.failures if f not in self.before.failures]

    @property
    def mended(self) -> list[Failure]:
        """The errors of the first run that the second does not have."""
        return [f for f in self.before.failures if f not in self.after.failures]

    @property
    def differs(self) -> bool:
        """Is any verdict, or whether it is as expected, another one; or does another file have errors?"""
        return any(p.changed or p.judged for p in self.pairs) or bool(self.failed or self.mended)

    def asked(self) -> list[str]:
        """What the runs were asked for in different ways: ``profile: generic -> intel``."""
        found: list[str] = []
        for one, other in zip(self.before.machines, self.after.machines, strict=False):
            found += [f"{k}: {one.get(k)} -> {other.get(k)}" for k in one if one.get(k) != other.get(k)]
        if len(self.before.machines) != len(self.after.machines):
            found.append(f"machines: {len(self.before.machines)} -> {len(self.after.machines)}")
        if self.before.tool != self.after.tool:
            found.append(f"verifier: {self.before.tool[:12]} -> {self.after.tool[:12]}")
        return list(dict.fromkeys(found))


def difference(before: SuiteRun, after: SuiteRun) -> RunDiff:
    """What differs between two runs. A test is the same by its file's path, its id, and the machine's number.
    Raises ``UsageError``."""
    old, new = _keyed(verdicts(before)), _keyed(verdicts(after))
    return RunDiff(
        before,
        after,
        tuple(Pair(old[k], new[k]) for k in new if k in old),
        tuple(v for k, v in old.items() if k not in new),
        tuple(v for k, v in new.items() if k not in old),
    )


def _keyed(found: Iterable[Recorded]) -> dict[tuple[object, ...], Recorded]:
    """Verdicts by what they are about; a number sets those apart that are called the same."""
    seen: Counter[tuple[object, ...]] = Counter()
    out: dict[tuple[object, ...], Recorded] = {}
    for verdict in found:
        key = (verdict.path, verdict.id, verdict.machine)
        seen[key] += 1
        out[(*key, seen[key])] = verdict
    return out


def prune(path: str, keep: int) -> int:
    """Remove all runs but the last ``keep``, and answers that none of those has. Returns how many runs it
    were. Raises ``UsageError``."""
    with existing(path) as store:
        try:
            return store.drop(keep)
        except StoreError as error:
            raise UsageError(f"{path}: {error}") from None
