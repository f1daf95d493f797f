"""Which events are executed together, and what a read cannot return, by guards alone."""

from __future__ import annotations

from verifier.budget import Budget
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.program.values import UNDEF, Ptr
from verifier.solve.branches import Branches
from verifier.solve.domains import Domains
from verifier.source import Source
from verifier.syntax import load

BRANCH = """MM t
{ int x; int y; int z; }
P0 {
    WRITE_ONCE(x, 1);
    r0 = READ_ONCE(y);
    if (r0) { WRITE_ONCE(x, 2); r1 = READ_ONCE(x); } else { WRITE_ONCE(x, 3); r2 = READ_ONCE(x); }
    r3 = READ_ONCE(x);
}
P1 { WRITE_ONCE(y, 1); WRITE_ONCE(x, 4); }
exists (0:r1 = 1)
"""
DIVIDED = """MM t
{ int x; int y; int z; }
P0 {
    r0 = READ_ONCE(y);
    if (4 / r0) { WRITE_ONCE(x, 1); } else { WRITE_ONCE(x, 2); }
    r1 = READ_ONCE(x);
}
P1 { WRITE_ONCE(y, 1); }
exists (0:r1 = 1)
"""


def program(text: str) -> Program:
    (test,) = load(Source("t", text))
    return build(test)


def at_x(found: Program) -> list[int]:
    """The events of P0 that access x, in their order."""
    return [
        e.id
        for e in found.events
        if e.cpu == 0 and any(getattr(a.addr, "value", None) == Ptr("x") for a in e.accesses)
    ]


def test_events_of_two_branches_are_never_together() -> None:
    found = program(BRANCH)
    branches = Branches(found)
    first, then, seen, other, otherwise, last = at_x(found)
    assert branches.exclusive(then, other) and branches.exclusive(otherwise, seen)
    assert not branches.exclusive(first, then) and not branches.exclusive(then, last)
    assert branches.implies(seen, then) and branches.implies(seen, first)
    assert not branches.implies(last, then) and not branches.implies(then, otherwise)


def test_what_a_read_comes_after() -> None:
    found = program(BRANCH)
    branches = Branches(found)
    first, then, seen, other, otherwise, last = at_x(found)
    reads = [branches.after(found.events[x], Ptr("x")) for x in (seen, otherwise, last)]
    assert reads == [then, other, first]
    domains = Domains(found, Budget())
    values = {x: domains.slots[found.events[x].accesses[0].slot or 0] for x in (seen, otherwise, last)}
    assert values == {seen: {2, 4}, otherwise: {3, 4}, last: {1, 2, 3, 4}}


def test_where_a_condition_is_undefined_both_branches_count() -> None:
    found = program(DIVIDED)
    domains = Domains(found, Budget())
    assert any(UNDEF in domains.of(e.guard) for e in found.events)
    assert not domains.branches.decided
    then, other, _ = at_x(found)
    assert not domains.branches.exclusive(then, other)
