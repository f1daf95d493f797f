"""Invalidations: the name of each kind, what it names, and where it acts.

Each judge has its own formulas for what a kind *removes* (``model.cover``, ``explore.caches``): if both read
one formula, they could not contradict each other. A judge refuses a kind that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from verifier.errors import InternalError
from verifier.program.ops import Kind, Op

INVALIDATING: frozenset[Op] = frozenset({"CR3", "INV", "BINV"})


class Invalidation(NamedTuple):
    """One kind of invalidation.

    ``acts``   the PCID on which it acts: the ``current`` one (for a write of CR3: the one that it loads), the
               one that it has ``named``, or ``every`` one;
    ``va``     does it name an address, and remove finished entries only for this address?
    ``broadcast``   does it act on all CPUs, on each at an instant of its own? If not, it acts on its own CPU.
    """

    acts: Literal["current", "named", "every"]
    va: bool
    source: str
    broadcast: bool = False

    @property
    def pcid(self) -> bool:
        """Does it name a PCID?"""
        return self.acts == "named"


INVALIDATIONS: Mapping[Kind, Invalidation] = MappingProxyType(
    {
        "cr3": Invalidation("current", False, "MMR 5.1, 5.2: MOV CR3 (SDM 4.10.4.1)"),
        "noflush": Invalidation("current", False, "MMR 5.1, 5.7: MOV CR3 with bit 63 set (SDM 4.10.4.1)"),
        "invlpg": Invalidation("current", True, "MMR 5.1, 5.2: INVLPG (SDM 4.10.4.1)"),
        "local": Invalidation("current", False, "MMR 5.1: MOV CR3, same root and PCID"),
        "all": Invalidation("every", False, "MMR 5.1: MOV CR4 changing PGE"),
        "invpcid0": Invalidation("named", True, "MMR 5.1, 5.2: INVPCID of an address"),
        "invpcid1": Invalidation("named", False, "MMR 5.1, 5.2: INVPCID of a PCID, but its globals"),
        "invpcid2": Invalidation("every", False, "MMR 5.1, 5.2: INVPCID of everything"),
        "invpcid3": Invalidation("every", False, "MMR 5.1, 5.2: INVPCID of everything but globals"),
        "broadcast-va": Invalidation("named", True, "MMR 11.1, 11.3: INVLPGB of an address", broadcast=True),
        "broadcast-final": Invalidation(
            "named", True, "MMR 11.1, 11.3: INVLPGB, final translation only", broadcast=True
        ),
        "broadcast-pcid": Invalidation(
            "named", False, "MMR 11.1, 11.3: INVLPGB of a PCID, but its globals", broadcast=True
        ),
        "broadcast-all": Invalidation(
            "every", False, "MMR 11.1, 11.3: INVLPGB of everything", broadcast=True
        ),
        "fault": Invalidation("current", True, "MMR 5.1: page fault, of its address"),
    }
)


def invalidation(kind: Kind) -> Invalidation:
    """The invalidation of a kind; ``InternalError`` if there is none."""
    found = INVALIDATIONS.get(kind)
    if found is None:
        raise InternalError(f"there is no invalidation {kind!r}")
    return found
