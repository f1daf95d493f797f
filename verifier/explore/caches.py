"""TLBs and paging-structure caches, as large as they can be.

Each CPU has cached a set of *items*: finished entries, and upper entries from which a walk may continue.
Where an access itself walks, and reads each level by a load (MMR 3.3, 6.3), the loads that its walk may have
made so far are items, too: what they have read stays while the CPU executes nothing else.
An item may vanish at any time, and an item that stays forbids nothing. So the machine keeps the largest
set, which stands for all its subsets: if a walk can read an entry at an instant, the entry is in the set
at that instant (MMR 3.3, 4.1, 17.5).  A set is an integer with one bit for each item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from verifier.errors import InternalError
from verifier.explore.state import Buffer
from verifier.program.events import Program
from verifier.program.leaves import addresses, mapping
from verifier.program.ops import Kind
from verifier.program.profiles import Switches
from verifier.program.values import (
    CLEAN,
    COMBINED,
    GLOBAL,
    UNACCESSED,
    Ptr,
    Value,
    flags,
    make_entry,
    matches,
    target,
)
from verifier.records import NamedTuple

FINISHED, UPPER_ENTRY, ABSENT, LOADED = range(4)

Contents = Sequence[Value]


class Item(NamedTuple):
    """One thing that a CPU has cached.

    ``kind``   ``FINISHED``: a finished entry; ``UPPER_ENTRY``: one at which a walk goes on; ``ABSENT``: a
               walk has met an entry that is not present, which a fault may still report (MMR 6.3);
               ``LOADED``: an upper entry that the next access has loaded, to walk on from there (3.4);
    ``tag``    the PCID under which the walk read it (4.4);
    ``to``     the page, or the table, that it leads to;
    ``flags``  the rights that remain after all levels; for a finished entry also GLOBAL and CLEAN of the
               leaf (4.2);
    ``spans``  the addresses that a finished entry translates, one bit for each: several for a large page;
    ``path``   for an upper entry, cached or loaded: the handle and the cell of every level that was read;
    ``leaf``   the cell in which a write has to set D; -1 if D is set already (7.3).
    """

    kind: int
    tag: Value
    va: int
    to: Value = 0
    flags: int = 0
    spans: int = 0
    path: tuple[tuple[Value, int], ...] = ()
    leaf: int = -1


class WalkPoint(NamedTuple):
    """Where a walk continues: at a handle, with the rights so far, after the levels ``path``."""

    handle: Value
    flags: int
    path: tuple[tuple[Value, int], ...]


def loaded(cell: int, buffer: Buffer, memory: Contents) -> Value:
    """The value that a load takes: the CPU's newest buffered store, else memory (MMR 1.1)."""
    for store in reversed(buffer):
        for at, value in reversed(store.writes):
            if at == cell:
                return value
    return memory[cell]


class Caches:
    """All items that were ever cached; how walks add items to sets, and how invalidations remove them."""

    def __init__(self, program: Program, switches: Switches, cell_at: Mapping[Value | str, int]) -> None:
        self.program = program
        self.switches = switches
        self.va_at: dict[Value | str, int] = {va: i for i, va in enumerate(program.vas)}
        self.cells: dict[tuple[Value, int], int] = {
            (handle, self.va_at[va]): cell_at[cell]
            for (handle, va), cell in program.entries.items()
            if cell in cell_at and va in self.va_at
        }
        self.cell_at = cell_at
        self.spans = {
            cell_at[cell]: sum(1 << self.va_at[va] for va in vas)
            for cell, vas in addresses(program).items()
            if cell in cell_at
        }
        self.tables = program.tables
        self.depth = program.depth
        self.loading = switches.faults_by_loads
        cpus = range(program.cpus)
        self.cr3 = [cell_at.get(Ptr(f"{c}:cr3"), -1) for c in cpus]
        self.pcid = [cell_at.get(Ptr(f"{c}:pcid"), -1) for c in cpus]
        self.items: list[Item] = []
        self.bits: dict[Item, int] = {}
        # Sets of items, by the properties that invalidations ask for.
        self.of_va = [0] * len(program.vas)  # made by a walk for it
        self.translating = [0] * len(program.vas)  # finished entries of pages that have it
        self.of_tag: dict[Value, int] = {}
        self.globals = self.entries = self.uppers = self.absents = self.loaded = 0
        self.leading = [0] * len(program.vas)  # upper entries on the way to an address
        self.asked = [o for o in program.observables if o.kind == "tlb"]
        self.answers: dict[int, int] = {id(o): 0 for o in self.asked}
        self.watched = [0] * program.cpus  # items that a condition asks for
        self.watched_vas = [0] * program.cpus
        for o in self.asked:
            if o.cpu is not None and o.va is not None:
                self.watched_vas[o.cpu] |= 1 << self.va_at[o.va]

    def bit(self, item: Item) -> int:
        """The bit of an item."""
        known = self.bits.get(item)
        if known is not None:
            return known
        bit = self.bits[item] = 1 << len(self.items)
        self.items.append(item)
        self.of_va[item.va] |= bit
        self.of_tag[item.tag] = self.of_tag.get(item.tag, 0) | bit
        if item.kind == ABSENT:
            self.absents |= bit
            return bit
        if item.kind in (UPPER_ENTRY, LOADED):
            handle, cell = item.path[-1]
            for va in range(len(self.leading)):
                if self.cells.get((handle, va)) == cell:
                    self.leading[va] |= bit
            if item.kind == LOADED:
                self.loaded |= bit
                return bit
            self.uppers |= bit
            for cpu, vas in enumerate(self.watched_vas):
                if vas >> item.va & 1:
                    self.watched[cpu] |= bit
            return bit
        self.entries |= bit
        for va in range(len(self.translating)):
            if item.spans >> va & 1:
                self.translating[va] |= bit
        if item.flags & GLOBAL:
            self.globals |= bit
        self._watch(item, bit)
        return bit

    def _watch(self, item: Item, bit: int) -> None:
        """Note which observables a finished entry may make true."""
        content = make_entry(item.to, item.flags)
        for o in self.asked:
            if o.va is None or o.cpu is None or self.va_at[o.va] != item.va:
                continue
            if o.page is None or not matches(content, o.page):
                continue
            if o.pcid is None or o.pcid == item.tag or item.flags & GLOBAL:
                self.answers[id(o)] |= bit
                self.watched[o.cpu] |= bit

    def tag(self, memory: Contents, cpu: int) -> Value:
        """The current PCID; 0 in a test without PCIDs."""
        cell = self.pcid[cpu]
        return 0 if cell < 0 else memory[cell]

    def root(self, memory: Contents, cpu: int) -> Value:
        """The current root."""
        cell = self.cr3[cpu]
        return 0 if cell < 0 else memory[cell]

    def initial(self, memory: Contents, cpu: int, pcid: int, va: int, content: Value) -> int:
        """An entry of the initial TLB. Its leaf is the leaf that a walk of the initial tables finds (MMR 4.5,
        7.3)."""
        leaf, bits = -1, flags(content) & (COMBINED | GLOBAL | CLEAN)
        if bits & CLEAN and self.switches.spontaneous:
            handle: Value | None = self.root(memory, cpu)
            while handle is not None:
                leaf = self.cells.get((handle, va), -1)
                handle = target(memory[leaf]) if leaf >= 0 else None
                handle = handle if handle in self.tables else None
        own = mapping(self.program, cpu, self.program.vas[va], content)
        spans = 1 << va if own is None else self.spans.get(self.cell_at[own], 1 << va)
        return self.bit(Item(FINISHED, pcid, va, target(content) or 0, bits, spans, (), leaf))

    # ---- walks

    def values(self, cell: int, memory: Contents, buffer: Buffer) -> tuple[Value, ...]:
        """The values that a walk may read in a cell (MMR 3.2, 3.5)."""
        value = memory[cell]
        if not buffer or self.switches.walk_forward == "memory_only":
            return (value,)
        own = loaded(cell, buffer, memory)
        if own == value:
            return (value,)
        return (own,) if self.switches.walk_forward == "forward_always" else (value, own)

    def places(self, tlb: int, memory: Contents, cpu: int, va: int) -> list[WalkPoint]:
        """Where a walk may start now: at the root, or below a cached upper entry (MMR 3.4)."""
        found = [WalkPoint(self.root(memory, cpu), 0, ())]
        if self.depth > 1:
            uppers = tlb & self.uppers & self.of_va[va] & self.of_tag.get(self.tag(memory, cpu), 0)
            found += [WalkPoint(item.to, item.flags, item.path) for item in self._of(uppers)]
        return found

    def _of(self, items: int) -> Iterator[Item]:
        """The items of a set."""
        while items:
            low = items & -items
            items ^= low
            yield self.items[low.bit_length() - 1]

    def read(
        self, place: WalkPoint, tag: Value, va: int, cell: int, value: Value, upper: int = UPPER_ENTRY
    ) -> int:
        """The bit of the item that there is after a walk has read ``value`` in ``cell``; 0 if there is none
        (MMR 4.2, 4.3). ``upper``: the kind of an item from which the walk goes on."""
        to, bits = target(value), flags(value)
        if to is None or (bits & UNACCESSED and self.switches.spontaneous):
            return 0
        rights = (place.flags | bits) & COMBINED
        if to not in self.tables:
            leaf = cell if bits & CLEAN and self.switches.spontaneous else -1
            spans = self.spans.get(cell, 1 << va)
            return self.bit(Item(FINISHED, tag, va, to, rights | bits & (GLOBAL | CLEAN), spans, (), leaf))
        path = (*place.path, (place.handle, cell))
        return self.bit(Item(upper, tag, va, to, rights, 0, path)) if len(path) < self.depth else 0

    def filled(self, tlb: int, memory: Contents, buffer: Buffer, cpu: int, vas: int) -> int:
        """A set, with all items that walks for the addresses ``vas`` can add at this instant."""
        if not self.switches.spontaneous:
            return tlb
        tag, va = self.tag(memory, cpu), 0
        absent = self.switches.fault_walk == "spurious_once"
        while vas:
            if vas & 1:
                work = self.places(tlb, memory, cpu, va)
                while work:
                    place = work.pop()
                    cell = self.cells.get((place.handle, va), -1)
                    if cell < 0:
                        continue
                    for value in self.values(cell, memory, buffer):
                        bit = self.read(place, tag, va, cell, value)
                        if bit and not tlb & bit:
                            tlb |= bit
                            item = self.items[bit.bit_length() - 1]
                            if item.kind == UPPER_ENTRY:
                                work.append(WalkPoint(item.to, item.flags, item.path))
                    if absent and self._absent(cell, memory, buffer):
                        tlb |= self.bit(Item(ABSENT, tag, va))
            vas >>= 1
            va += 1
        return tlb

    def _absent(self, cell: int, memory: Contents, buffer: Buffer) -> bool:
        return target(memory[cell]) is None or target(loaded(cell, buffer, memory)) is None

    # ---- walks by loads

    def starts(self, tlb: int, memory: Contents, cpu: int, va: int) -> Iterator[WalkPoint]:
        """Where the next load of an access may be that walks for an address: at the root, or below an upper
        entry that it has loaded."""
        yield WalkPoint(self.root(memory, cpu), 0, ())
        for item in self._of(tlb & self.loaded & self.of_va[va]):
            yield WalkPoint(item.to, item.flags, item.path)

    def faulting(self, tlb: int, memory: Contents, cpu: int, va: int) -> Iterator[WalkPoint]:
        """Where the last read of a walk may be that ends in a fault (MMR 6.2, 6.3)."""
        yield from (self.starts if self.loading else self.places)(tlb, memory, cpu, va)

    def loads(
        self, tlb: int, memory: Contents, buffer: Buffer, cpu: int, va: int
    ) -> Iterator[tuple[int, WalkPoint, int, Value]]:
        """Each single load that the walk of an access can do now: the bit of what it finds, 0 if it goes no
        further; where it is; cell and value (MMR 3.4)."""
        tag = self.tag(memory, cpu)
        for place in self.starts(tlb, memory, cpu, va):
            cell = self.cells.get((place.handle, va), -1)
            if cell >= 0:
                value = loaded(cell, buffer, memory)
                yield self.read(place, tag, va, cell, value, LOADED), place, cell, value

    def ahead(self, memory: Contents, buffer: Buffer, cpu: int, va: int, tlb: int) -> int:
        """A set, with the upper entries that the next access, to ``va``, can have loaded at this instant."""
        before = -1
        while tlb != before:
            before = tlb
            for bit, _, _, _ in self.loads(tlb, memory, buffer, cpu, va):
                tlb |= bit & self.loaded
        return tlb

    def derivations(
        self, tlb: int, memory: Contents, buffer: Buffer, cpu: int, va: int
    ) -> Iterator[tuple[int, WalkPoint, int, Value]]:
        """Each single read that a walk can do now: the bit it adds, where the walk starts, cell, value."""
        tag = self.tag(memory, cpu)
        for place in self.places(tlb, memory, cpu, va):
            cell = self.cells.get((place.handle, va), -1)
            if cell < 0:
                continue
            for value in self.values(cell, memory, buffer):
                bit = self.read(place, tag, va, cell, value)
                if bit:
                    yield bit, place, cell, value

    def updatable(self, tlb: int, memory: Contents, cpu: int) -> set[int]:
        """The entries in which this CPU's walker may set A at this instant (MMR 7.1, 7.2)."""
        found: set[int] = set()
        for va in range(len(self.of_va)):
            for place in self.places(tlb, memory, cpu, va):
                cell = self.cells.get((place.handle, va), -1)
                if cell >= 0 and target(memory[cell]) is not None and flags(memory[cell]) & UNACCESSED:
                    found.add(cell)
        return found

    # ---- uses

    def usable(self, tlb: int, memory: Contents, cpu: int, va: int) -> Iterator[tuple[int, Item]]:
        """The finished entries that may serve an access now (MMR 4.4), with their bits."""
        tags = self.of_tag.get(self.tag(memory, cpu), 0) | self.globals
        found = tlb & self.entries & self.of_va[va] & tags
        while found:
            low = found & -found
            found ^= low
            yield low, self.items[low.bit_length() - 1]

    def answer(self, o: object, pcid: int | None, tlb: int, memory: Contents, cpu: int) -> int:
        """The entries that make a ``tlb`` observable true now."""
        found = tlb & self.answers[id(o)]
        if pcid is None:
            found &= self.of_tag.get(self.tag(memory, cpu), 0) | self.globals
        return found

    # ---- invalidations

    def removed(self, kind: Kind, pcid: Value, va: int) -> int:
        """The items that an invalidation removes (MMR 5.1).

        ``pcid`` is the PCID that it acts on, ``va`` the address that it names. ``va`` is -1 if it names no
        address, or an address for which no item can exist.
        """
        asked = Asked(
            tagged=self.of_tag.get(pcid, 0),
            address=self.translating[va] if va >= 0 else 0,
            leading=self.leading[va] if va >= 0 else 0,
            globals=self.globals,
            switches=self.switches,
            zero=pcid == 0,
        )
        entries, uppers = removal(kind)(asked)
        return entries & self.entries | uppers & (self.uppers | self.loaded)


class Asked(NamedTuple):
    """The sets of items from which an invalidation chooses.

    ``tagged``   the items of the PCID that it acts on;
    ``address``  the finished entries that translate the address that it names;
    ``leading``  the upper entries on the way to that address;
    ``globals``  the finished entries that are global;
    ``zero``     does it act on PCID 0?
    """

    tagged: int
    address: int
    leading: int
    globals: int
    switches: Switches
    zero: bool


# The finished entries, and the upper entries, to remove. Items of other kinds in the two sets do not count.
Removal = Callable[[Asked], tuple[int, int]]


def _address(a: Asked) -> tuple[int, int]:
    return a.address & a.tagged & ~a.globals, a.tagged & a.leading


def _final_only(a: Asked) -> tuple[int, int]:
    return a.address & a.tagged & ~a.globals, 0


def _address_of_pcid(a: Asked) -> tuple[int, int]:
    return a.address & a.tagged, a.tagged & a.leading


def _invlpg(a: Asked) -> tuple[int, int]:
    kept = a.globals if a.switches.errata_invlpg_global_pcid and not a.zero else 0
    uppers = a.tagged & a.leading if a.switches.tce else a.tagged
    return a.address & (a.tagged | a.globals) & ~kept, uppers


def _pcid(a: Asked) -> tuple[int, int]:
    return a.tagged & ~a.globals, a.tagged


def _everything_local(a: Asked) -> tuple[int, int]:
    return ~a.globals, -1


def _everything(_: Asked) -> tuple[int, int]:
    return -1, -1


def removes_nothing(_: Asked) -> tuple[int, int]:
    """This kind removes nothing."""
    return 0, 0


# What each kind of ``program.invalidations`` removes (MMR 5.1, 11.1).
REMOVES: dict[Kind, Removal] = {
    "cr3": _pcid,
    "noflush": removes_nothing,
    "invlpg": _invlpg,
    "local": _pcid,
    "all": _everything,
    "invpcid0": _address,
    "invpcid1": _pcid,
    "invpcid2": _everything,
    "invpcid3": _everything_local,
    "broadcast-va": _address,
    "broadcast-final": _final_only,
    "broadcast-pcid": _pcid,
    "broadcast-all": _everything,
    "fault": _address_of_pcid,
}


def removal(kind: Kind) -> Removal:
    """What an invalidation removes; ``InternalError`` if the explorer does not know it."""
    found = REMOVES.get(kind)
    if found is None:
        raise InternalError(f"the explorer does not know what the invalidation {kind!r} removes")
    return found
