"""CR3 as a value: the address of a top-level table with other bits, and what has no meaning."""

from __future__ import annotations

import pytest

from verifier.program.functions import apply
from verifier.program.values import CR3_ADDRESS, CR3_KEEPS, UNDEF, Ptr, Value

N = Ptr("N")
ROOT = Ptr("N%root")
FULL = Ptr("N%root", CR3_KEEPS | 5)


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("root", (N,), ROOT),
        ("root", (ROOT,), UNDEF),
        ("root", (0,), UNDEF),
        ("bitor", (ROOT, 5), Ptr("N%root", 5)),
        ("bitor", (5, ROOT), Ptr("N%root", 5)),
        ("bitor", (Ptr("N%root", 5), CR3_KEEPS), FULL),
        ("bitor", (ROOT, 0x1000), UNDEF),
        ("add", (ROOT, 5), Ptr("N%root", 5)),
        ("bitand", (FULL, 0xFFF), 5),
        ("bitand", (FULL, CR3_ADDRESS), ROOT),
        ("bitand", (FULL, ~0xFFF), Ptr("N%root", CR3_KEEPS)),
        ("bitand", (FULL, 0x1000), UNDEF),
        ("root_mm", (FULL,), N),
        ("root_pcid", (FULL,), 5),
        ("root_keeps", (FULL,), 1),
        ("root_keeps", (ROOT,), 0),
        ("root_mm", (N,), UNDEF),
        ("root_pcid", (7,), UNDEF),
        ("eq", (Ptr("N%root", 5), FULL), 0),
        # No other address has bits.
        ("bitor", (N, 5), UNDEF),
        ("bitand", (N, 0xFFF), UNDEF),
    ],
)
def test_values(function: str, arguments: tuple[Value, ...], expected: Value) -> None:
    assert apply(function, arguments) == expected
