"""Invalidations: what each kind is called, what it names, where it acts.

What each *removes* is said twice, once in each judge (``model.cover``, ``explore.caches``): two judges that
read one formula could not contradict each other. A kind that a judge does not know is refused by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from verifier.errors import InternalError
from verifier.program.ops import Kind, Op
from verifier.program.profiles import Switches

INVALIDATING: frozenset[Op] = frozenset({"CR3", "INV", "BINV"})


def _always(_: Switches) -> bool:
    return True


def _never(_: Switches) -> bool:
    return False


class Row(NamedTuple):
    """One kind of invalidation.

    ``acts``   on which PCID: the ``current`` one (of a write of CR3 the one that it loads), the one that is
               ``named``, or on ``every`` one;
    ``va``     does it name an address, and for nothing else removes finished entries?
    ``broadcast``   it acts on all CPUs, on each at an instant of its own, and else on its own alone;
    ``serializes``  may its event be serializing, and so drain the store buffer? Whether it is,
               ``Event.serializing`` says, which a hypothetical word may leave out (MMR 5.3);
    ``drains``      does its event wait for an empty store buffer, though it does not serialize?
    """

    acts: Literal["current", "named", "every"]
    va: bool
    source: str
    broadcast: bool = False
    serializes: Callable[[Switches], bool] = _always
    drains: Callable[[Switches], bool] = _never

    @property
    def pcid(self) -> bool:
        """Does it name a PCID?"""
        return self.acts == "named"


def _invpcid(acts: Literal["named", "every"], va: bool, source: str) -> Row:
    return Row(acts, va, source, serializes=lambda s: s.amd_invpcid_serializing)


def _invlpgb(acts: Literal["named", "every"], va: bool, source: str) -> Row:
    return Row(acts, va, source, True, serializes=_never, drains=lambda s: s.invlpgb_after_earlier_stores)


INVALIDATIONS: Mapping[Kind, Row] = MappingProxyType(
    {
        "cr3": Row("current", False, "MMR 5.1, 5.2: MOV CR3 (SDM 4.10.4.1)"),
        "noflush": Row("current", False, "MMR 5.1, 5.7: MOV CR3 with bit 63 set (SDM 4.10.4.1)"),
        "invlpg": Row("current", True, "MMR 5.1, 5.2: INVLPG (SDM 4.10.4.1)"),
        "local": Row("current", False, "MMR 5.1: MOV CR3, same root and PCID"),
        "all": Row("every", False, "MMR 5.1: MOV CR4 changing PGE"),
        "invpcid0": _invpcid("named", True, "MMR 5.1, 5.2: INVPCID of an address"),
        "invpcid1": _invpcid("named", False, "MMR 5.1, 5.2: INVPCID of a PCID, but its globals"),
        "invpcid2": _invpcid("every", False, "MMR 5.1, 5.2: INVPCID of everything"),
        "invpcid3": _invpcid("every", False, "MMR 5.1, 5.2: INVPCID of everything but globals"),
        "broadcast va": _invlpgb("named", True, "MMR 11.1, 11.3: INVLPGB of an address"),
        "broadcast final": _invlpgb("named", True, "MMR 11.1, 11.3: INVLPGB, final translation only"),
        "broadcast pcid": _invlpgb("named", False, "MMR 11.1, 11.3: INVLPGB of a PCID, but its globals"),
        "broadcast all": _invlpgb("every", False, "MMR 11.1, 11.3: INVLPGB of everything"),
        "fault": Row("current", True, "MMR 5.1: page fault, of its address", serializes=_never),
    }
)


def row(kind: Kind) -> Row:
    """The row of a kind; ``InternalError`` if there is none."""
    found = INVALIDATIONS.get(kind)
    if found is None:
        raise InternalError(f"there is no invalidation {kind!r}")
    return found
