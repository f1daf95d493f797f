"""Invalidations: the name of each kind, what it names, and where it acts.

Each judge has its own formulas for what a kind *removes* (``model.cover``, ``explore.caches``): if both read
one formula, they could not contradict each other. A judge refuses a kind that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from verifier.errors import InternalError
from verifier.records import NamedTuple

# The kinds of CR3, INV and BINV. No event has ``fault``: it is the invalidation that a page fault does.
InvalidationKind = Literal[
    "cr3", "noflush",
    "invlpg", "local", "all", "invpcid0", "invpcid1", "invpcid2", "invpcid3",
    "broadcast-va", "broadcast-final", "broadcast-pcid", "broadcast-all",
    "fault",
]  # fmt: skip

Invalidating = Literal["CR3", "INV", "BINV"]
INVALIDATING = frozenset(get_args(Invalidating))  # the ops of events that are invalidations


class Invalidation(NamedTuple):
    """One kind of invalidation.

    ``op``     the op of the events of this kind; empty for what a page fault does, which has no event;
    ``acts``   the PCID on which it acts: the ``current`` one (for a write of CR3: the one that it loads), the
               one that it has ``named``, or ``every`` one;
    ``va``     does it name an address, and remove finished entries only for this address?
    ``broadcast``   does it act on all CPUs, on each at an instant of its own? If not, it acts on its own CPU.
    """

    op: Literal["", Invalidating]
    acts: Literal["current", "named", "every"]
    va: bool
    source: str
    broadcast: bool = False

    @property
    def pcid(self) -> bool:
        """Does it name a PCID?"""
        return self.acts == "named"


INVALIDATIONS: Mapping[InvalidationKind, Invalidation] = MappingProxyType(
    {
        "cr3": Invalidation("CR3", "current", False, "MMR 5.1, 5.2: MOV CR3 (SDM 4.10.4.1)"),
        "noflush": Invalidation(
            "CR3", "current", False, "MMR 5.1, 5.7: MOV CR3 with bit 63 set (SDM 4.10.4.1)"
        ),
        "invlpg": Invalidation("INV", "current", True, "MMR 5.1, 5.2: INVLPG (SDM 4.10.4.1)"),
        "local": Invalidation("INV", "current", False, "MMR 5.1: MOV CR3, same root and PCID"),
        "all": Invalidation("INV", "every", False, "MMR 5.1: MOV CR4 changing PGE"),
        "invpcid0": Invalidation("INV", "named", True, "MMR 5.1, 5.2: INVPCID of an address"),
        "invpcid1": Invalidation("INV", "named", False, "MMR 5.1, 5.2: INVPCID of a PCID, but its globals"),
        "invpcid2": Invalidation("INV", "every", False, "MMR 5.1, 5.2: INVPCID of everything"),
        "invpcid3": Invalidation("INV", "every", False, "MMR 5.1, 5.2: INVPCID of everything but globals"),
        "broadcast-va": Invalidation(
            "BINV", "named", True, "MMR 11.1, 11.3: INVLPGB of an address", broadcast=True
        ),
        "broadcast-final": Invalidation(
            "BINV", "named", True, "MMR 11.1, 11.3: INVLPGB, final translation only", broadcast=True
        ),
        "broadcast-pcid": Invalidation(
            "BINV", "named", False, "MMR 11.1, 11.3: INVLPGB of a PCID, but its globals", broadcast=True
        ),
        "broadcast-all": Invalidation(
            "BINV", "every", False, "MMR 11.1, 11.3: INVLPGB of everything", broadcast=True
        ),
        "fault": Invalidation("", "current", True, "MMR 5.1: page fault, of its address"),
    }
)


_ROWS: Mapping[str, Invalidation] = {str(kind): found for kind, found in INVALIDATIONS.items()}


def invalidating(op: Invalidating) -> frozenset[InvalidationKind]:
    """The kinds of the events of an op."""
    return frozenset(kind for kind, known in INVALIDATIONS.items() if known.op == op)


def invalidation(kind: str) -> Invalidation:
    """The invalidation of a kind. Raises ``InternalError`` if there is none."""
    found = _ROWS.get(kind)
    if found is None:
        raise InternalError(f"there is no invalidation {kind!r}")
    return found
