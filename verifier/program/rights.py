"""Which attributes of a translation forbid an access (MMR 4.2; SDM 4.6.1)."""

from __future__ import annotations

from verifier.program.events import Event
from verifier.program.values import NX, RO, SUPERVISOR

RIGHTS = (RO, NX, SUPERVISOR)


def needs(event: Event) -> int:
    """The attributes that may not be set: ``ro`` for a write (a LOCK'd operation is one, also if it
    writes nothing), ``nx`` for a fetch, ``supervisor`` in user mode."""
    bits = RO if event.op in ("W", "X") else NX if event.op == "IF" else 0
    return bits | (SUPERVISOR if event.kind == "user" else 0)
