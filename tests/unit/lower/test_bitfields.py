"""Bit-fields as tests define them: padding, undefined values, what a state shows of a unit."""

from __future__ import annotations

import pytest

from tests.judges import holds


@pytest.mark.parametrize(
    ("between", "lost"),
    [
        ("", True),
        ("unsigned :3;", True),
        ("unsigned :31;", False),
        ("unsigned :0;", False),
        ("int :2, :0;", False),
    ],
)
def test_a_bitfield_without_a_name_is_padding(between: str, lost: bool) -> None:
    fields = f"unsigned a : 1; {between} unsigned b : 1;"
    text = f"MM t\n{{ struct s o; }}\nstruct s {{ {fields} }};\nP0 {{ o.a = 1; }}\nP1 {{ o.b = 1; }}\n"
    assert holds(f"{text}exists (o.a = 0 \\/ o.b = 0)\n") == lost
    assert holds(f"{text}exists (o.a = 1 /\\ o.b = 1)\n")
