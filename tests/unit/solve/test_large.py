"""What Z3's judge says of values that are too many for it: where they come from, and who may decide it."""

from __future__ import annotations

import pytest

from verifier import explore
from verifier.lower.build import build
from verifier.solve import decide, domains
from verifier.source import Source
from verifier.syntax import load

STORES = " ".join(f"WRITE_ONCE(a, {n}); WRITE_ONCE(b, {n});" for n in range(1, 10))
TEXT = f"""MM t
{{ int a; int b; int c; }}
P0 {{ {STORES} }}
P1 {{
    r0 = READ_ONCE(a);
    WRITE_ONCE(c, r0 * READ_ONCE(b));
}}
exists (c = 81)
"""


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("MAX_COMBINATIONS", "an expression in line 6 combines 100 values"),
        ("MAX_VALUES", "an expression in line 6 may have more than 20 values"),
    ],
)
def test_an_expression_with_too_many_values_is_named(
    monkeypatch: pytest.MonkeyPatch, limit: str, says: str
) -> None:
    monkeypatch.setattr(domains, limit, 20)
    (test,) = load(Source("t.litmus", TEXT))
    answer = decide(build(test))
    assert answer.reachable is None and answer.reason.startswith(says)
    assert "--judge explorer" in answer.reason
    assert explore.decide(build(test)).reachable


def test_a_cell_with_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "MAX_VALUES", 5)
    (test,) = load(Source("t.litmus", TEXT))
    reason = decide(build(test)).reason
    assert reason.startswith("cell a may hold more than 5 values") and "--judge explorer" in reason
