"""Decides tests with a results store: answers that it has are not decided again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from verifier.budget import Budget
from verifier.errors import InputError, VerifierError
from verifier.records import dataclass, field, replace
from verifier.results import Verdict
from verifier.suite.decide import run_or_die
from verifier.suite.keys import key_of, tool
from verifier.suite.options import Options
from verifier.suite.packed import packed
from verifier.suite.shelf import Cell, Kept, Place, Record, Shelf, StoreError, Unkept
from verifier.suite.store import ResultsStore, opened, set_aside
from verifier.suite.worker import OUT_OF_MEMORY
from verifier.syntax.test import Test

TIMEOUT = "timeout: "  # how the causes begin that are about time


@dataclass(slots=True)
class OnDisk:
    """A store's file. Each process opens it for itself, when it first needs it."""

    path: str
    _store: ResultsStore | None = None
    _process: int = 0

    def _opened(self) -> ResultsStore:
        if self._store is None or self._process != os.getpid():
            self._store, self._process = ResultsStore(self.path), os.getpid()
        return self._store

    def find(self, key: str) -> Kept | None:
        """As ``Shelf`` says."""
        return self._opened().find(key)

    def write(self, records: Sequence[Record]) -> None:
        """As ``Shelf`` says."""
        self._opened().write(records, tool())


@dataclass(slots=True)
class Carried:
    """Answers that were sent along to where there is no store; ``written`` is to be sent back."""

    known: Mapping[str, Kept]
    written: list[Record] = field(default_factory=list)

    def find(self, key: str) -> Kept | None:
        """As ``Shelf`` says."""
        return self.known.get(key)

    def write(self, records: Sequence[Record]) -> None:
        """As ``Shelf`` says."""
        self.written += records


@dataclass(frozen=True, slots=True)
class Keeper:
    """Decides the tests of run number ``run``; 0: it could not be begun. ``fresh``: answers are written, but
    not used."""

    run: int
    fresh: bool = False

    def decide(
        self, shelf: Shelf, test: Test, columns: Sequence[Options], at: Place
    ) -> tuple[list[Verdict], list[Unkept]]:
        """The verdicts on a test under all columns, and what went wrong with the store. Raises as
        ``run_or_die``."""
        verdicts: list[Verdict] = []
        records: list[Record] = []
        unkept: list[Unkept] = []
        for machine, options in enumerate(columns):
            key, limits = key_of(test, options), limits_of(options)
            try:
                known = None if self.fresh else shelf.find(key)
            except StoreError as error:
                known = None
                unkept.append(Unkept(str(error), error.damaged))
            reused = known.verdict() if known is not None and known.limits in ("", limits) else None
            if reused is not None:
                records.append(Record(self._row(at, machine, reused, key, reused=True)))
                verdicts.append(replace(reused, test=test))
                continue
            budget = Budget(options.timeout, options.memory)
            verdict = run_or_die(test, options, budget)
            verdicts.append(verdict)
            records.append(Record(self._row(at, machine, verdict, key)))
            try:
                records[-1] = records[-1]._replace(answer=kept(key, verdict, limits if budget.felt else ""))
            except Exception as error:  # of pickle; a verdict may be large, or nested deeply
                unkept.append(Unkept(f"an answer cannot be written: {type(error).__name__}: {error}"))
        try:
            shelf.write(records)
        except StoreError as error:
            unkept.append(Unkept(str(error), error.damaged, len(records)))
        except MemoryError:
            unkept.append(Unkept(OUT_OF_MEMORY, verdicts=len(records)))
        return verdicts, unkept

    def lost(
        self, keys: Sequence[str], verdicts: Sequence[Verdict], columns: Sequence[Options], at: Place
    ) -> list[Record]:
        """The records of a test whose worker died. It is an answer if the limits are the reason for that."""
        records: list[Record] = []
        for machine, (key, verdict, options) in enumerate(zip(keys, verdicts, columns, strict=True)):
            limited = verdict.reason == OUT_OF_MEMORY or verdict.reason.startswith(TIMEOUT)
            # With several columns it is not known which one of them came to the limits.
            answer = kept(key, verdict, limits_of(options)) if limited and len(columns) == 1 else None
            records.append(Record(self._row(at, machine, verdict, key), answer))
        return records

    def _row(
        self, at: Place, machine: int, verdict: Verdict, key: str, *, reused: bool = False
    ) -> dict[str, Cell]:
        return {
            "run": self.run, "file": at.file, "test": at.test, "machine": machine, "path": at.path,
            "id": verdict.test.id, "observation": verdict.observation, "hangs": verdict.hangs,
            "expected": verdict.wanted, "as_expected": verdict.as_expected, "code": int(verdict.exit_code),
            "reason": verdict.reason, "bound": verdict.bound, "seconds": verdict.seconds, "reused": reused,
            "key": key,
        }  # fmt: skip


def limits_of(options: Options) -> str:
    """The limits under which an answer that came to them counts."""
    return f"{options.timeout} s, {options.memory} MB"


def kept(key: str, verdict: Verdict, limits: str) -> Kept:
    """An answer to be written."""
    data, texts = packed(verdict)
    return Kept(key, limits, data, {digest: (text.name, text.text) for digest, text in texts.items()})


class Book:
    """The store of a suite in the process that prints. It opens the file only for as long as it writes, since
    processes that fork must not have it open."""

    def __init__(self, path: str, columns: Sequence[Options], files: int, command: str) -> None:
        from json import dumps

        self.path, self.said, self.lost = path, set[str](), False
        self.unkept: list[Unkept] = []  # to be told
        self.unstored = 0  # verdicts that could not be written
        self.identity = _identity(path)
        machines = dumps([machine(options) for options in columns])
        run = 0
        try:
            with ResultsStore(path) as store:
                run = store.begin(command, machines, files, tool(), time.time())
        except StoreError as error:
            self.unkept.append(Unkept(str(error), error.damaged))
        self.keeper = Keeper(run, columns[0].fresh)

    def write(self, records: Sequence[Record]) -> list[Unkept]:
        """Write records; what goes wrong."""
        return self._doing(lambda store: store.write(records, tool()), len(records))

    def note(self, path: str, error: VerifierError) -> list[Unkept]:
        """Note an error that leaves a file, or a test of it, without a verdict; what goes wrong."""
        if not self.keeper.run:
            return []
        some = error if isinstance(error, InputError) else None
        row: dict[str, Cell] = {
            "run": self.keeper.run, "path": path, "code": int(error.exit_code),
            "message": "; ".join(dict.fromkeys(d.message for d in some.diagnostics)) if some else str(error),
            "tests": max(1, len(some.tests)) if some else 1,
        }  # fmt: skip
        return self._doing(lambda store: store.note(row))

    def end(self, state: str) -> list[Unkept]:
        """Note how the run ended: ``complete``, or by what it was stopped."""
        if not self.keeper.run:
            return []
        return self._doing(lambda store: store.end(self.keeper.run, state, time.time(), self.unstored))

    def _doing(self, what: Callable[[ResultsStore], None], verdicts: int = 0) -> list[Unkept]:
        if self.lost:
            return []
        try:
            with ResultsStore(self.path) as store:
                what(store)
        except StoreError as error:
            return [Unkept(str(error), error.damaged, verdicts)]
        return []

    def about(self, digest: str) -> list[Kept]:
        """The answers about a test's text that may be used."""
        if self.keeper.fresh or self.lost:
            return []
        try:
            with ResultsStore(self.path) as store:
                return store.about(digest, tool())
        except StoreError:
            return []  # they are decided again; writing them will tell what is wrong

    def told(self, unkept: Unkept) -> str:
        """What to say about it: each cause once; empty if it is said. A damaged file is set aside."""
        self.unstored += unkept.verdicts
        if unkept.cause in self.said or self.lost:
            return ""
        self.said.add(unkept.cause)
        if unkept.damaged and _identity(self.path) == self.identity is not None:
            self.lost = True
            return f"{set_aside(self.path, unkept.cause)}; the verdicts of this run are not kept"
        return f"{self.path}: {unkept.cause}; not all verdicts are kept"


def begun(path: str, columns: Sequence[Options], files: int, command: str) -> tuple[Book | None, str]:
    """The book of a new run, and what to say first. There is none if the store can be neither read nor
    written now. Raises ``UsageError`` for a store that cannot be used."""
    try:
        said = opened(path)
    except StoreError as error:
        return None, f"{path}: {error}; the verdicts of this run are not kept"
    return Book(path, columns, files, command), f"{said}, and a new one is begun" if said else ""


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def machine(options: Options) -> dict[str, object]:
    """What a run was asked for: what the key of an answer has, by name, and the limits."""
    return {
        "model": options.model,
        "profile": options.profile,
        "settings": dict(sorted(options.settings.items())),
        "judge": options.judge,
        "unroll": options.unroll,
        "seed": options.seed,
        "defines": dict(sorted(options.defines.items())),
        "kernel": options.kernel,
        "states": options.states,
        "timeout": options.timeout,
        "memory": options.memory,
    }
