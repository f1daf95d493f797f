"""The attributes of a translation that forbid an access (MMR 4.2; SDM 4.6.1)."""

from __future__ import annotations

from verifier.program.events import Event
from verifier.program.values import NX, RO, SUPERVISOR

RIGHTS = (RO, NX, SUPERVISOR)


def needs(event: Event) -> int:
    """The attributes that forbid an event: ``ro`` forbids a write (a LOCK'd operation counts as a write, even
    if it writes nothing, and so does the load of an instruction that also stores), ``nx`` a fetch,
    ``supervisor`` an access in user mode."""
    stores = event.op in ("W", "X") or (event.op == "R" and event.joined)
    bits = RO if stores else NX if event.op == "IF" else 0
    return bits | (SUPERVISOR if event.kind == "user" else 0)
