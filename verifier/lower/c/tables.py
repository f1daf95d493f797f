"""The page tables of a test: which level each handle has, and which cell is which entry.

A handle is an mm or a table. One that holds pages, or nothing, is of level 1; one that holds tables
of level k is of level k + 1, and its entries are *upper* ones. Two virtual addresses that one table
maps, or that a handle maps to the same table, lie in one *region*: above that table, every handle has
one entry for both. What ``init_mm`` maps, every mm maps through ``init_mm``'s entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from verifier.program.expressions import Const, Expr, call
from verifier.program.values import ATTRIBUTES, NOT_PRESENT, UNDEF, Ptr, Value, target
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax import condition as c
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble
from verifier.words.table import WORDS, entry, entry_level, special

INIT_MM = Ptr("init_mm")
MAX_LEVELS = 5


class Mapped(NamedTuple):
    """``va -> content`` of a handle in the initial state; ``word``: written ``pmd(N, v) = …``."""

    handle: Ptr
    va: Ptr
    content: Value
    span: Span
    overridable: bool
    word: str = ""


@dataclass(slots=True)
class Uses:
    """What a file says of the MMU anywhere, found before anything is lowered."""

    leaf: set[str] = field(default_factory=set)  # handles that have a leaf entry it names
    upper: dict[str, str] = field(default_factory=dict)  # and an upper one, by which word
    stored: dict[str, set[str]] = field(default_factory=dict)  # names beside an upper entry's in a call
    pcids: bool = False
    attributes: bool = False
    varied: set[str] = field(default_factory=set)  # pages that have entries with attributes
    changes: bool = False  # attributes of entries are changed

    def add(self, other: Uses) -> None:
        """What another part of the file says, too."""
        self.leaf |= other.leaf
        self.upper |= other.upper
        for name, stored in other.stored.items():
            self.stored.setdefault(name, set()).update(stored)
        self.pcids |= other.pcids
        self.attributes |= other.attributes
        self.varied |= other.varied
        self.changes |= other.changes


_OF_INCLUDES: dict[int, tuple[ast.Function, Uses]] = {}  # by id: an include's functions are kept


def uses(unit: ast.Unit) -> Uses:
    """Look through a whole file."""
    mine = [f for f in unit.functions.values() if not f.included]
    found = _uses((mine, unit.threads, unit.nmis, unit.initial, unit.final))
    for f in unit.functions.values():
        if f.included:
            if id(f) not in _OF_INCLUDES:
                _OF_INCLUDES[id(f)] = f, _uses((f,))
            found.add(_OF_INCLUDES[id(f)][1])
    return found


def _uses(parts: object) -> Uses:
    found = Uses()
    for x in nodes(parts):
        if isinstance(x, ast.CallExpr):
            _call(found, x.name, x.arguments)
        elif isinstance(x, c.Call):
            _call(found, x.name, tuple(a[0] for a in x.arguments))
        elif isinstance(x, ast.Mapping | c.Tlb):
            found.pcids |= bool(x.pcid)
        elif isinstance(x, c.Register):
            found.pcids |= isinstance(x.place, c.Name) and x.place.name == "pcid"
        elif isinstance(x, ast.Setting):
            found.pcids |= isinstance(x.place, ast.Ident) and x.place.name == "pcid" and x.cpus is not None
    return found


def _call(found: Uses, name: str, arguments: tuple[object, ...]) -> None:
    """What a call says of the MMU, by the row of its word."""
    word = WORDS.get(name)
    if word is None:
        return
    if word.entry and arguments and isinstance(arguments[0], ast.Ident | c.Name):
        if word.entry == "leaf":
            found.leaf.add(arguments[0].name)
        else:
            found.upper.setdefault(arguments[0].name, name)
    found.changes |= not word.applies.isdisjoint(("pte_with", "pte_without"))
    found.attributes |= found.changes or "mk_pte" in word.applies
    if special(name) == "mk_pte" and len(arguments) > 1:
        found.attributes = True
        given = {x.name for a in arguments[1:] for x in nodes(a) if isinstance(x, ast.Ident | c.Name)}
        if not any(ATTRIBUTES.get(n, 0) & NOT_PRESENT for n in given):  # no == A takes these for A
            found.varied |= {a.name for a in arguments[:1] if isinstance(a, ast.Ident | c.Name)}
    at = word.at("pcid")
    if at is not None and len(arguments) > at:
        pcid = arguments[at]
        found.pcids |= not (isinstance(pcid, ast.Num) and pcid.value == 0)
    found.pcids |= word.special is not None and word.special.register == "pcid"
    names = {a.name for a in arguments if isinstance(a, ast.Ident)}
    for a in arguments if names else ():
        if isinstance(a, ast.CallExpr) and entry_level(a.name) == "upper" and a.arguments:
            handle = a.arguments[0]
            if isinstance(handle, ast.Ident):
                found.stored.setdefault(handle.name, set()).update(names)


class Tables:
    """Levels, regions and entries, once the initial state's mappings are known."""

    def __init__(
        self,
        mms: Iterable[Ptr],
        tables: Iterable[Ptr],
        vas: list[Ptr],
        mapped: list[Mapped],
        used: Uses,
        note: Callable[[Trouble], None],
    ) -> None:
        self.mms, self.tables, self.vas = tuple(mms), frozenset(tables), vas
        self.handles = (*self.mms, *(x for x in tables if x in self.tables))
        self.used, self.note = used, note
        self.mapped: dict[tuple[Ptr, Ptr], Mapped] = {(m.handle, m.va): m for m in mapped}
        self._held: dict[Ptr, list[Mapped]] = {}
        for m in self.mapped.values():
            if target(m.content) in self.tables:
                self._held.setdefault(m.handle, []).append(m)
        self.pages = {m.handle for m in self.mapped.values() if m.content != 0}
        self.levels: dict[Ptr, int] = {}
        self.broken = False  # there is a cycle
        for handle in self.handles:
            self._level(handle, ())
        self._follow()
        self.depth = max(self.levels.values(), default=1)
        self.entries: dict[tuple[Ptr, Ptr], Ptr] = {}
        self.cells: dict[Ptr, int] = {}  # every entry's cell, and its level
        self.names: dict[Ptr, str] = {}
        self._enter()

    # -- levels -----------------------------------------------------------------------------------

    def _level(self, handle: Ptr, path: tuple[Ptr, ...]) -> int:
        if handle in self.levels:
            return self.levels[handle]
        path = (*path, handle)
        below: dict[int, Mapped] = {}
        for m in self._held.get(handle, ()):
            to = target(m.content)
            assert to is not None
            if to in path:
                chain = " -> ".join(str(x) for x in (*path[path.index(to) :], to))
                self._wrong("cycle", f"these tables lead back to themselves: {chain}", m)
                self.broken = True
                continue
            below.setdefault(self._level(to, path), m)
        if len(below) > 1:
            (one, first), (two, second) = list(below.items())[:2]
            a, b = target(first.content), target(second.content)
            what = f"level mismatch: {a} is of level {one}, {b} of level {two}"
            self._wrong("level", what, second, f"all tables that {handle} holds are of one level")
        level = 1 + max(below) if below else self._asked(handle, path)
        self.levels[handle] = level
        if level > MAX_LEVELS and below:
            self._wrong("level", f"there are at most {MAX_LEVELS} levels", next(iter(below.values())))
        return level

    def _asked(self, handle: Ptr, path: tuple[Ptr, ...]) -> int:
        """The level of a handle that holds no table yet: what the words that name it ask for."""
        used, name = self.used, handle.base
        large = handle in self.mms and self.tables  # pages of an mm may be large ones
        if name not in used.upper or name in used.leaf or (handle in self.pages and not large):
            return 1
        stored = [t for t in self.tables if t.base in used.stored.get(name, ()) and t not in path]
        return 1 + max((self._level(t, path) for t in stored), default=1)

    def _follow(self) -> None:
        """An mm that the file does not describe is like the others."""
        others = {self.levels[mm] for mm in self.mms if mm in self._held}
        for mm in self.mms:
            known = mm in self._held or mm in self.pages or mm.base in {*self.used.leaf, *self.used.upper}
            if not known and mm != INIT_MM and len(others) == 1:
                (self.levels[mm],) = others

    def _wrong(self, code: str, message: str, m: Mapped, hint: str = "") -> None:
        self.note(Trouble(code, message, m.span, hint))

    # -- entries ----------------------------------------------------------------------------------

    def _regions(self) -> dict[int, dict[Ptr, Ptr]]:
        """By level: the first address of the region that an address lies in."""
        found: dict[int, dict[Ptr, Ptr]] = {}
        first = {va: va for va in self.vas}
        # By level: who says that a table is for an address (a handle that holds it, or itself), and the two.
        below: dict[int, list[tuple[Ptr, Ptr, Ptr]]] = {}
        for m in self.mapped.values():
            held = target(m.content)
            if held is not None and held in self.tables:
                below.setdefault(self.levels[m.handle], []).append((m.handle, held, m.va))
            if m.handle in self.tables:
                below.setdefault(self.levels[m.handle] + 1, []).append((m.handle, m.handle, m.va))
        for level in range(1, self.depth + 1):
            same: dict[tuple[Ptr, Ptr], Ptr] = {}
            for who, table, va in sorted(below.get(level, ()), key=lambda x: self.vas.index(x[2])):
                low, high = sorted((first[same.setdefault((who, table), va)], first[va]), key=self.vas.index)
                first = {v: low if at == high else at for v, at in first.items()}
            found[level] = first
        return found

    def _enter(self) -> None:
        regions = self._regions()
        kernel = self.levels.get(INIT_MM, 1)
        shared = {regions[kernel][va] for handle, va in self.mapped if handle == INIT_MM}
        for handle in self.handles:
            for va in self.vas:
                owner, level = handle, self.levels[handle]
                if handle in self.mms and regions[kernel][va] in shared:
                    owner, level = INIT_MM, kernel
                at = regions[level][va]
                cell = self.entries[handle, va] = entry(owner, at)
                self.cells[cell] = level
                word = "pte" if level == 1 else self.used.upper.get(owner.base, "pmd")
                self.names[cell] = f"{word}({owner}, {at})"

    def initial(self) -> Iterator[tuple[Ptr, Mapped]]:
        """The mappings with their cells; what contradicts is noted and left out."""
        by_cell: dict[Ptr, Mapped] = {}
        for m in () if self.broken else self.mapped.values():
            cell = self.entries[m.handle, m.va]
            level = self.cells[cell]
            try:
                if m.word:
                    self._check(m.word, m.handle, m.va, level, span=m.span)
                if level == 1 and target(m.content) in self.tables:
                    raise Trouble("type", f"{self.names[cell]} holds none or a page", m.span)
            except Trouble as trouble:
                self.note(trouble)
                continue
            other = by_cell.setdefault(cell, m)
            if other.content != m.content:
                if m.handle != other.handle:
                    mine = next(x.handle for x in (m, other) if x.handle != INIT_MM)
                    what = f"every mm maps what init_mm maps: {mine} has no entry of its own here"
                else:
                    what = f"{m.va} and {other.va} lie in one region: {m.handle} has one entry for both"
                hint = f"that entry has two values: {other.span.text}, {m.span.text}"
                both = [str(x) for x in self.tables if {(x, m.va), (x, other.va)} <= self.mapped.keys()]
                hint += f"; {min(both)} is one table for both addresses" if both and m.va != other.va else ""
                self._wrong("region", what, m, hint)
                continue
            yield cell, m

    # -- pte(N, v), pmd(N, v) -----------------------------------------------------------------------

    def _check(self, word: str, handle: Ptr, va: Ptr, level: int, span: Span) -> None:
        """Raise ``Trouble`` if a word does not go with a level."""
        if (entry_level(word) == "leaf") == (level == 1):
            return
        if level == 1:
            message = f"{handle} holds pages, not tables: it has no upper entries"
            how = f"table T {{ {va} -> A }}; mm N {{ {va} -> T }};"
            hint = f"write pte({handle}, {va}); a table is given as {how}"
        else:
            held = [str(target(m.content)) for m in self._held.get(handle, ()) if m.va == va]
            message = f"{handle} holds tables: its entries are upper ones"
            hint = f"write pmd({handle}, {va})"
            hint += f"; the leaf entry is pte({held[0]}, {va})" if held and level == 2 else ""
        raise Trouble("level", message, span, hint)

    def cell(self, word: str, handle: Ptr, va: Ptr, span: Span) -> Ptr:
        """The cell that ``word(handle, va)`` names. Raises ``Trouble`` for the wrong word."""
        cell = self.entries.get((handle, va))
        if cell is None:
            raise Trouble("type", f"there is no {word}({handle}, {va})", span)
        self._check(word, handle, va, self.cells[cell], span=span)
        return cell

    def address(self, word: str, handle: Expr, va: Expr, span: Span, kind: str = "any") -> Expr:
        """The same where handle or address are found out when the program runs.

        A value that is not a handle then, or one of the wrong level, gives an address of nothing. ``kind`` is
        the handle's, as far as it is known: ``mm``, ``table``, ``pmd`` (an upper entry's content).
        """
        if isinstance(handle, Const) and isinstance(va, Const):
            h, a = handle.value, va.value
            if isinstance(h, Ptr) and isinstance(a, Ptr):
                return Const(self.cell(word, h, a, span))
        plain = call("pte", handle, va)
        result, fits, leaf = plain, False, entry_level(word) == "leaf"
        among = [h for h in self.handles if kind == "any" or (kind == "mm") == (h in self.mms)]
        for h, a in product(among, self.vas):
            cell = self.entries[h, a]
            here: Expr = Const(cell)
            if leaf != (self.cells[cell] == 1):
                here = Const(UNDEF)
            else:
                fits = True
            if here != Const(entry(h, a)):
                both = call("and", call("eq", handle, Const(h)), call("eq", va, Const(a)))
                result = call("ite", both, here, result)
        if not fits and self.entries:
            raise Trouble("level", f"this cannot be a table or mm that has {entry_level(word)} entries", span)
        return result

    def anywhere(self, handle: Expr, va: Expr, *, of_mm: bool) -> Expr:
        """The entry for an address in what the program finds, an mm or a table, of whatever level it is. What
        is neither gives an address of nothing."""
        result = call("pte", handle, va)
        for h, a in product(self.handles, self.vas):
            cell = self.entries[h, a]
            if (h in self.mms) == of_mm and cell != entry(h, a):
                both = call("and", call("eq", handle, Const(h)), call("eq", va, Const(a)))
                result = call("ite", both, Const(cell), result)
        return result
