"""A process that lasts decides tests one at a time, in any order. If it dies, one test is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import verifier
from verifier.errors import InputError
from verifier.suite import lasting
from verifier.suite.decide import run_alone, run_bare
from verifier.suite.lasting import Lasting
from verifier.suite.options import Options
from verifier.suite.worker import forks

pytestmark = pytest.mark.skipif(not forks(), reason="this system has no processes that fork")

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
OPTIONS = Options(memory=2000, states=True)
FILES = ("classic/SB", "linux/gup-fast/table-free")
TESTS = [test for name in FILES for test in verifier.load(LITMUS / f"{name}.litmus")]


@pytest.fixture
def decider() -> Iterator[Lasting]:
    made = Lasting(TESTS, OPTIONS)
    yield made
    made.end()


def test_any_order_has_the_verdicts_of_processes_of_their_own(decider: Lasting) -> None:
    last = len(TESTS) - 1
    for number in (last, 0, 1, 1, last):
        told, alone = decider.verdict(TESTS[number]), run_alone(TESTS[number], OPTIONS)
        assert told.test is TESTS[number]
        assert (told.observation, told.states) == (alone.observation, alone.states)


def test_one_process_decides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "run_bare", lambda test, options: os.getpid())
    monkeypatch.setattr(lasting, "received", lambda found, test, options: found)
    made = Lasting(TESTS, OPTIONS)
    try:
        (pid,) = {int(str(made.verdict(test))) for test in TESTS}
        assert pid != os.getpid()
    finally:
        made.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def dying(test: verifier.Test, options: Options) -> verifier.Verdict:
    if test is TESTS[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    if test is TESTS[2]:
        raise InputError([])
    return run_bare(test, options)


def test_who_dies_costs_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "run_bare", dying)
    decider = Lasting(TESTS, OPTIONS)
    try:
        assert decider.verdict(TESTS[0]).observation == "sometimes"
        assert "SIGKILL" in decider.verdict(TESTS[1]).reason
        with pytest.raises(InputError):
            decider.verdict(TESTS[2])
        assert decider.verdict(TESTS[0]).observation == "sometimes"
    finally:
        decider.end()


def test_it_knows_its_tests(decider: Lasting) -> None:
    assert TESTS[0] in decider
    assert replace(TESTS[0]) not in decider


@pytest.mark.long
def test_the_time_of_each_test_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(test: verifier.Test, options: Options) -> verifier.Verdict:
        if test is TESTS[1]:
            signal.pause()
        return run_bare(test, options)

    monkeypatch.setattr(lasting, "run_bare", slow)
    decider = Lasting(TESTS, replace(OPTIONS, timeout=0.5))
    try:
        assert decider.verdict(TESTS[0]).observation == "sometimes"
        assert "timeout" in decider.verdict(TESTS[1]).reason
        assert decider.verdict(TESTS[0]).observation == "sometimes"
    finally:
        decider.end()
