"""Labels in loops that are written out turn by turn, and jumps to them."""

from __future__ import annotations

import pytest

from tests.judges import states
from verifier.errors import InputError
from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load

STATE = "MM t\n{ int x; int y; spinlock_t l; percpu int busy; }\n"
# A loop of two turns, written as one that counts, as one over CPUs, and as what is no copy.
LOOPS = (
    "int i; for (i = 0; i < 2; i++) { BODY }",
    "int i; for_each_possible_cpu(i) { BODY }",
    "int i = 0; { BODY } i = 1; { body }",
)
BODIES = {
    "a jump back": "again: if (READ_ONCE(x) == 1) goto again; ADD",
    "a jump over": "if (READ_ONCE(x)) goto next; ADD next: ;",
    "two labels": "again: if (READ_ONCE(x) == 1) goto next; if (READ_ONCE(x) == 2) goto again; ADD next: ;",
    "a guard inside": "again: { guard(spinlock)(&l); if (READ_ONCE(x) == 1) goto again; } ADD",
    "a jump out": "if (READ_ONCE(x)) goto out; ADD",
}


@pytest.mark.parametrize("name", BODIES)
def test_each_turn_has_its_labels(name: str) -> None:
    found = []
    for loop in LOOPS:
        body = BODIES[name].replace("ADD", "WRITE_ONCE(y, READ_ONCE(y) + READ_ONCE(x) + i + 1);")
        second = body.replace("again", "again2").replace("next", "next2")
        code = loop.replace("BODY", body).replace("body", second)
        out = "out: WRITE_ONCE(x, 5);" if "goto out" in body else ""
        found.append(states(f"{STATE}P0 {{ {code} {out} }}\nP1 {{ x = 1; x = 4; }}\nlocations [x; y;]\n"))
    assert len(found[0]) > 1 and found[0] == found[1] == found[2]


def test_a_guard_around_the_loop_stays() -> None:
    text = (
        f"{STATE}P0 {{ guard(spinlock)(&l); for (int i = 0; i < 2; i++) {{ again: if (READ_ONCE(x)) "
        "goto again; y = y + 1; } r0 = l; }\nP1 { x = 1; x = 0; }\nlocations [0:r0; l; y;]\n"
    )
    assert states(text) == ["0:r0=1; [l]=0; [y]=2;"]


def test_loops_in_loops() -> None:
    text = (
        f"{STATE}P0 {{ for (int i = 0; i < 2; i++) {{ one: if (READ_ONCE(x) == 3) goto one; "
        "for (int k = 0; k < 2; k++) { two: if (READ_ONCE(x) == 1) goto two; if (READ_ONCE(x) == 2) "
        "goto one; y = y + 1; } } }\nlocations [y;]\n"
    )
    assert states(text) == ["[y]=4;"]


def test_a_loop_that_does_not_count_after_all() -> None:
    """Its first turn is thrown away, with its labels."""
    text = (
        f"{STATE}P0 {{ int n = 2; for (int i = 0; i < 2; i = i + n) {{ again: if (READ_ONCE(x)) goto again; "
        "y = 1; n = READ_ONCE(x) + 2; } }\nlocations [y;]\n"
    )
    assert states(text) == ["[y]=1;"]


WRONG = {
    "for (int i = 0; i < 2; i++) { again: y = 1; } if (READ_ONCE(x)) goto again;": "into a loop that is "
    "written out turn by turn",
    "int i; goto again; for_each_possible_cpu(i) { again: y = 1; }": "into a loop that is written out",
    "for (int i = 0; i < 2; i++) { again: y = 1; again: y = 2; }": "again is defined twice",
    "again: for (int i = 0; i < 2; i++) { again: y = 1; }": "again is defined twice",
    "for (int i = 0; i < 2; i++) { again: y = 1; } again: ;": "again is defined twice",
    "for (int i = 0; i < 2; i++) { goto again; }": "there is no label 'again'",
    "goto again;": "there is no label 'again'",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong(code: str) -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ {code} }}\nP1 {{ }}\nexists (x = 1)\n"))
    with pytest.raises(InputError) as error:
        build(test)
    messages = [d.message for d in error.value.diagnostics]
    assert any(WRONG[code] in message for message in messages) and len(set(messages)) == 1
