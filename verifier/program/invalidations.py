"""Invalidations: what each kind is called, what it names, where it acts.

What each *removes* is said twice, once in each judge (``model.cover``, ``explore.caches``): two judges that
read one formula could not contradict each other. A kind that a judge does not know is refused by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from verifier.errors import InternalError

InvalidationKind = Literal[
    "cr3", "noflush",
    "invlpg", "local", "all", "invpcid0", "invpcid1", "invpcid2", "invpcid3",
    "broadcast-va", "broadcast-final", "broadcast-pcid", "broadcast-all",
    "fault",
]  # fmt: skip

Invalidating = Literal["CR3", "INV", "BINV"]
INVALIDATING = frozenset(get_args(Invalidating))  # the ops of events that are invalidations


class Row(NamedTuple):
    """One kind of invalidation.

    ``op``     of the events that are of this kind; empty: it is none of an event;
    ``acts``   on which PCID: the ``current`` one (of a write of CR3 the one that it loads), the one that is
               ``named``, or on ``every`` one;
    ``va``     does it name an address, and for nothing else removes finished entries?
    ``broadcast``   it acts on all CPUs, on each at an instant of its own, and else on its own alone.
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


INVALIDATIONS: Mapping[InvalidationKind, Row] = MappingProxyType(
    {
        "cr3": Row("CR3", "current", False, "MMR 5.1, 5.2: MOV CR3 (SDM 4.10.4.1)"),
        "noflush": Row("CR3", "current", False, "MMR 5.1, 5.7: MOV CR3 with bit 63 set (SDM 4.10.4.1)"),
        "invlpg": Row("INV", "current", True, "MMR 5.1, 5.2: INVLPG (SDM 4.10.4.1)"),
        "local": Row("INV", "current", False, "MMR 5.1: MOV CR3, same root and PCID"),
        "all": Row("INV", "every", False, "MMR 5.1: MOV CR4 changing PGE"),
        "invpcid0": Row("INV", "named", True, "MMR 5.1, 5.2: INVPCID of an address"),
        "invpcid1": Row("INV", "named", False, "MMR 5.1, 5.2: INVPCID of a PCID, but its globals"),
        "invpcid2": Row("INV", "every", False, "MMR 5.1, 5.2: INVPCID of everything"),
        "invpcid3": Row("INV", "every", False, "MMR 5.1, 5.2: INVPCID of everything but globals"),
        "broadcast-va": Row("BINV", "named", True, "MMR 11.1, 11.3: INVLPGB of an address", broadcast=True),
        "broadcast-final": Row(
            "BINV", "named", True, "MMR 11.1, 11.3: INVLPGB, final translation only", broadcast=True
        ),
        "broadcast-pcid": Row(
            "BINV", "named", False, "MMR 11.1, 11.3: INVLPGB of a PCID, but its globals", broadcast=True
        ),
        "broadcast-all": Row("BINV", "every", False, "MMR 11.1, 11.3: INVLPGB of everything", broadcast=True),
        "fault": Row("", "current", True, "MMR 5.1: page fault, of its address"),
    }
)


_ROWS: Mapping[str, Row] = {str(kind): found for kind, found in INVALIDATIONS.items()}


def invalidating(op: Invalidating) -> frozenset[InvalidationKind]:
    """The kinds of the events of an op."""
    return frozenset(kind for kind, row in INVALIDATIONS.items() if row.op == op)


def row(kind: str) -> Row:
    """The row of a kind. Raises ``InternalError`` if there is none."""
    found = _ROWS.get(kind)
    if found is None:
        raise InternalError(f"there is no invalidation {kind!r}")
    return found
