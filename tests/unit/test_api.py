"""The Python interface refuses what does not exist, before anything is decided."""

from __future__ import annotations

from typing import Any

import pytest

import verifier
from verifier.errors import InputError, InternalError, UsageError
from verifier.source import Source
from verifier.suite import decide
from verifier.syntax import load

(TEST,) = load(Source("t", "MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n"))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"model": "foo"}, "unknown model 'foo'; use one of x86-tso, sc"),
        ({"judge": "foo"}, "unknown judge 'foo'; use one of z3, explorer, both"),
        ({"profile": "foo"}, "unknown profile 'foo'"),
        ({"unroll": -3}, "unroll must be a whole number, 0 or more, not -3"),
        ({"unroll": 1.5}, "unroll must be a whole number"),
        ({"timeout": -1}, "timeout must be a positive number of seconds, not -1"),
        ({"timeout": float("nan")}, "timeout must be a positive number of seconds, not nan"),
        ({"timeout": "60"}, "timeout must be a positive number of seconds, not '60'"),
        ({"settings": {"tce": True}}, "the value of switch tce must be 'true', not True"),
        ({"settings": {"tec": "true"}}, "unknown switch 'tec'"),
    ],
)
def test_options_that_do_not_exist_are_usage_errors(option: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        verifier.check(TEST, **option)
    assert says in str(caught.value)


def test_options_that_do_exist_are_taken() -> None:
    verdict = verifier.check(
        TEST, model="sc", judge="both", unroll=0, timeout=None, settings={"tce": "false"}
    )
    assert verdict.observation == "always"


@pytest.mark.slow
def test_memory_is_bounded_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = verifier.check(TEST, memory=500)
    assert verdict.test is TEST and verdict.observation == "always"
    assert verdict.witness is not None and verdict.complete
    more_than_is_free = 4 << 30  # the heap of a process that ran other tests may have much to give
    monkeypatch.setattr(decide, "lower", lambda *_: bytearray(more_than_is_free))
    short = verifier.check(TEST, memory=200)
    assert (short.observation, short.reason) == ("unknown", "out of memory")
    assert short.test is TEST and short.exit_code == 3 and not short.complete


def test_errors_come_out_of_that_process() -> None:
    (wrong,) = load(Source("t", "MM t\n{ int x; }\nP0 { y = 1; }\nexists (x = 1)\n"))
    with pytest.raises(InputError, match="'y'"):
        verifier.check(wrong, memory=500)
    with pytest.raises(UsageError, match="memory must be a whole number of MB from 1 to"):
        verifier.check(TEST, memory=0)


def test_out_of_memory_is_unknown_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decide, "lower", build)
    verdict = verifier.check(TEST)
    assert (verdict.observation, verdict.reason) == ("unknown", "out of memory")


def test_an_exception_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "lower", lambda *_: {}["gone"])
    with pytest.raises(InternalError, match=r"this is a fault of the verifier .*\n.*KeyError: 'gone'"):
        verifier.check(TEST)


def test_a_verdict_has_its_warnings() -> None:
    (test,) = load(Source("t", "MM t\nSourse=x\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n"))
    assert [w.code for w in verifier.check(test).warnings] == ["unknown-key"]
    assert verifier.check(TEST).warnings == ()
