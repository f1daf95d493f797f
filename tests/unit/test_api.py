"""The Python interface refuses what does not exist, before anything is decided."""

from __future__ import annotations

from typing import Any

import pytest

import verifier
from verifier.errors import UsageError
from verifier.source import Source
from verifier.syntax import load

(TEST,) = load(Source("t", "MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n"))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"model": "foo"}, "unknown model 'foo'; there are x86-tso, sc"),
        ({"judge": "foo"}, "unknown judge 'foo'; there are z3, explorer, both"),
        ({"profile": "foo"}, "unknown profile 'foo'"),
        ({"unroll": -3}, "unroll is a whole number, 0 or more, not -3"),
        ({"unroll": 1.5}, "unroll is a whole number"),
        ({"timeout": -1}, "timeout is a positive number of seconds, not -1"),
        ({"timeout": float("nan")}, "timeout is a positive number of seconds, not nan"),
        ({"timeout": "60"}, "timeout is a positive number of seconds, not '60'"),
        ({"settings": {"tce": True}}, "the value of switch tce is 'true', not True"),
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
