"""What invalidations remove: the table of MMR 5.1, as data.

Each row has two formulas, for finished TLB entries and for upper entries in the paging-structure
caches.  A formula is a list of alternatives; an alternative is a list of atoms that must all hold.

``va``      the entry translates the address that the invalidation names: one of a large page translates all
            addresses of that page (4.5)
``tag``     the entry's PCID is the one that the invalidation acts on
``global``  the entry is global; ``local``: it is not
``leads``   the upper entry lies on the way to the address
``pcid0``   the invalidation acts on PCID 0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from verifier.errors import InternalError
from verifier.program.ops import Kind
from verifier.program.profiles import Switches
from verifier.records import NamedTuple

T = TypeVar("T")
Formula = tuple[tuple[str, ...], ...]

RULE = "5.1"  # the rule whose table this is
ALWAYS: Formula = ((),)
NEVER: Formula = ()
_VA_TAG: Formula = (("va", "tag", "local"),)
_VA_ANY: Formula = (("va", "tag"), ("va", "global"))
_TAG: Formula = (("tag", "local"),)
_TAGGED: Formula = (("tag",),)
_PATH: Formula = (("tag", "leads"),)


class Cover(NamedTuple):
    """The two formulas of an invalidation, and where they come from."""

    entries: Formula
    uppers: Formula
    source: str

    @property
    def nothing(self) -> bool:
        """Does it leave every entry?"""
        return self.entries == self.uppers == NEVER


# One row for each kind of ``program.invalidations``.
COVERS: dict[Kind, Cover] = {
    "invlpg": Cover(_VA_ANY, _TAGGED, "MMR 5.1: INVLPG (SDM 4.10.4.1)"),
    "fault": Cover((("va", "tag"),), _PATH, "MMR 5.1: page fault (SDM 4.10.4.1, APM2 5.5.3)"),
    "cr3": Cover(_TAG, _TAGGED, "MMR 5.1: MOV CR3, of the new PCID (SDM 4.10.4.1)"),
    "noflush": Cover(NEVER, NEVER, "MMR 5.1, 5.7: MOV CR3 with bit 63 set"),
    "local": Cover(_TAG, _TAGGED, "MMR 5.1: MOV CR3, same root and PCID"),
    "all": Cover(ALWAYS, ALWAYS, "MMR 5.1: MOV CR4 changing PGE"),
    "invpcid0": Cover(_VA_TAG, _PATH, "MMR 5.1: INVPCID type 0"),
    "invpcid1": Cover(_TAG, _TAGGED, "MMR 5.1: INVPCID type 1"),
    "invpcid2": Cover(ALWAYS, ALWAYS, "MMR 5.1: INVPCID type 2"),
    "invpcid3": Cover((("local",),), ALWAYS, "MMR 5.1: INVPCID type 3"),
    "broadcast-va": Cover(_VA_TAG, _PATH, "MMR 11.1: INVLPGB of one address"),
    "broadcast-final": Cover(_VA_TAG, NEVER, "MMR 11.1: INVLPGB, final translation only"),
    "broadcast-pcid": Cover(_TAG, _TAGGED, "MMR 11.1: INVLPGB of a PCID"),
    "broadcast-all": Cover(ALWAYS, ALWAYS, "MMR 11.1: INVLPGB of everything"),
}


# Parts of a row that replace the usual ones under some switches.
SWITCHED: dict[str, Cover] = {
    "invlpg tce": Cover(NEVER, _PATH, "MMR 5.1: INVLPG with EFER.TCE (APM2 5.5.3)"),
    "invlpg errata": Cover((("va", "tag", "local"), ("va", "global", "pcid0")), NEVER, "MMR 5.9"),
}


def cover(kind: Kind, switches: Switches) -> Cover:
    """The row of an invalidation under these switches. Raises ``InternalError`` for an unknown kind."""
    row = COVERS.get(kind)
    if row is None:
        raise InternalError(f"the model does not say what the invalidation {kind!r} removes")
    if kind == "invlpg" and switches.errata_invlpg_global_pcid:
        row = row._replace(entries=SWITCHED["invlpg errata"].entries)
    if kind == "invlpg" and switches.tce:
        row = row._replace(uppers=SWITCHED["invlpg tce"].uppers)
    return row


def holds(formula: Formula, atom: Callable[[str], T], both: Callable[[T, T], T], either: Callable[[T, T], T],
          true: T, false: T) -> T:  # fmt: skip
    """The value of a formula, in any kind of truth: booleans, or a solver's literals."""
    found = false
    for alternative in formula:
        here = true
        for name in alternative:
            here = both(here, atom(name))
        found = either(found, here)
    return found


_TOLD = {
    "va": "of the address", "tag": "of the PCID", "global": "global", "local": "not global",
    "leads": "on the way to the address", "pcid0": "the PCID is 0",
}  # fmt: skip


def told(formula: Formula) -> str:
    """A formula in words."""
    if formula == ALWAYS:
        return "all"
    return "; ".join(", ".join(_TOLD[atom] for atom in part) for part in formula) or "none"


def reference() -> str:
    """The table, for the documentation."""
    lines = ["| kind | invalidation | entries that it removes | upper entries | rule |"]
    lines.append("|---|---|---|---|---|")
    for kind, row in COVERS.items():
        rules, _, name = row.source.removeprefix("MMR ").partition(": ")
        lines.append(f"| `{kind}` | {name} | {told(row.entries)} | {told(row.uppers)} | {rules} |")
    tce, errata = SWITCHED["invlpg tce"], SWITCHED["invlpg errata"]
    usual = COVERS["invlpg"]
    lines.append(f"| `invlpg` | with `tce=true` | {told(usual.entries)} | {told(tce.uppers)} | 5.1 |")
    name = "with `errata_invlpg_global_pcid=true`"
    lines.append(f"| `invlpg` | {name} | {told(errata.entries)} | {told(usual.uppers)} | 5.9 |")
    return "\n".join(lines) + "\n"
