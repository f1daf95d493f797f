"""Which entries an invalidation removes, as literals: the formulas of ``model.cover``."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.model.cover import ALWAYS, NEVER, Formula, cover, holds
from verifier.program.values import GLOBAL, Ptr, flags
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.sites import Chain, InvalidationSite, Level, Literals, Use


def _same(e: Encoding, a: Literals, b: Literals) -> int:
    if len(a) == len(b) == 1:
        return YES if a.keys() == b.keys() else NO
    return e.clauses.any(e.clauses.both(x, b[v]) for v, x in a.items() if v in b)


def _formula(e: Encoding, formula: Formula, atoms: dict[str, int]) -> int:
    return holds(formula, atoms.__getitem__, both=e.clauses.both, either=e.clauses.either, true=YES, false=NO)


def _beside(e: Encoding, inv: InvalidationSite, leaves: Mapping[Ptr, int]) -> int:
    """The literal that an entry was read in one of ``leaves``, as a large page that has the address."""
    return e.clauses.any(
        e.clauses.both(x, inv.vas[va])
        for cell, x in leaves.items()
        for va in e.addresses.get(cell, ())
        if va in inv.vas
    )


def _leaves(e: Encoding, chain: Chain) -> dict[Ptr, int]:
    """Where the entry of a walk may have been read, of the entries that are for several addresses."""
    found: dict[Ptr, int] = {}
    for level in chain.levels:
        for cell, x in level.where.items():
            if cell in e.addresses:
                found[cell] = e.clauses.either(found.get(cell, NO), e.clauses.both(level.last, x))
    return found


def _entry(
    e: Encoding, inv: InvalidationSite, vas: Literals, tag: Literals, globe: int, leaves: Mapping[Ptr, int]
) -> int:
    atoms = {
        "va": e.clauses.either(_same(e, inv.vas, vas), _beside(e, inv, leaves)),
        "tag": _same(e, inv.pcid, tag),
        "global": globe,
        "local": -globe,
        "pcid0": inv.pcid.get(0, NO),
    }
    return _formula(e, cover(inv.kind, e.model.switches).entries, atoms)


def covers_use(e: Encoding, inv: InvalidationSite, use: Use) -> int:
    """The literal that an invalidation is done and removes the entry that serves a use."""
    formula = cover(inv.kind, e.model.switches).entries
    if formula == NEVER:
        return NO
    if formula == ALWAYS:
        return inv.done
    parts = []
    for served, chain in use.served:
        leaves = _leaves(e, chain)
        here = _entry(e, inv, vas=chain.vas, tag=chain.tag, globe=chain.flags[GLOBAL], leaves=leaves)
        # A use that only this walk can serve is served by it.
        alone = len(use.served) == 1 and not use.initial
        parts.append(here if alone else e.clauses.both(served, here))
    for entry in use.initial:
        globe = YES if flags(entry.content) & GLOBAL else NO
        leaves = {} if entry.leaf is None else {entry.leaf: YES}
        here = _entry(e, inv, {entry.va: YES}, tag={entry.pcid: YES}, globe=globe, leaves=leaves)
        parts.append(e.clauses.both(entry.done, here))
    return e.clauses.both(inv.done, e.clauses.any(parts))


def covers_upper(e: Encoding, inv: InvalidationSite, chain: Chain, upper: Level) -> int:
    """The literal that an invalidation is done and removes an upper entry that a walk has read."""
    formula = cover(inv.kind, e.model.switches).uppers
    if formula == NEVER:
        return NO
    leads = NO
    if any("leads" in alternative for alternative in formula):
        leads = e.clauses.any(
            e.clauses.both(x, y)
            for va, x in inv.vas.items()
            for cell, y in upper.where.items()
            if leads_to(e, cell, va)
        )
    atoms = {"tag": _same(e, inv.pcid, chain.tag), "leads": leads}
    return e.clauses.both(inv.done, _formula(e, formula, atoms))


def leads_to(e: Encoding, cell: Ptr, va: object) -> bool:
    """Is the cell, in some table, the entry of an address?"""
    return any(c == cell and at == va for (_, at), c in e.program.entries.items())
