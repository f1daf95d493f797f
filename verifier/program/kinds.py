"""Which kinds of values expressions may have: a quick upper bound, without the values themselves.

It says which decisions are never undefined, so that the explorer need not look at them. The other judge knows
the values, and has no use for it.
"""

from __future__ import annotations

from verifier.program.events import Access, DecidedBy, Event, Program
from verifier.program.expressions import Apply, Const, Expr, Ref, large_parts
from verifier.program.functions import INTEGER_TYPES
from verifier.program.values import (
    NOT_PRESENT,
    PAGE_BITS,
    ROOT,
    UNDEF,
    Entry,
    Ptr,
    Value,
)

# Kinds of values, as bits: a number; an address or a handle; an mm's root; an entry with attributes; a fault;
# UNDEF.
NUMBER, ADDRESS, ROOTED, CONTENT, MARK, UNKNOWN = (1 << i for i in range(6))
ANYTHING = 63


def undefined_decisions(program: Program) -> list[DecidedBy]:
    """The decisions of a program that may be by an UNDEF value."""
    kinds = _Kinds(program)
    return [d for d in program.decisions if kinds.of(d.value) & UNKNOWN]


def _kind(value: Value | str) -> int:
    if isinstance(value, int):
        return NUMBER
    if isinstance(value, Ptr):
        return ROOTED if value.base.endswith(ROOT) else ADDRESS
    if isinstance(value, Entry):
        return CONTENT
    return 0 if isinstance(value, str) else UNKNOWN if value == UNDEF else MARK


class _Kinds:
    """The kinds of values that slots and cells may have in some run."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.known: dict[Expr, int] = {}
        filled = {a.slot for e in program.events for a in e.accesses}
        self.slots = [0 if s in filled else NUMBER for s in range(program.slots)]
        self.cells = {p: _kind(c.init) | (c.kind == "pte") * ADDRESS for p, c in program.cells.items()}
        self.pages = [p for p in program.cells if p.base.endswith(".data")]
        while self._round():
            self.known.clear()
        self.known.clear()

    def _round(self) -> bool:
        """One step of propagation; False if nothing changed."""
        changed = False
        for event in self.program.events:
            for access in event.accesses:
                changed = self._read(event, access) or changed
                changed = self._write(event, access) or changed
        return changed

    def _where(self, event: Event, access: Access) -> list[Ptr]:
        """The cells that an access may touch."""
        if event.virtual:
            return self.pages
        if isinstance(access.addr, Const):
            cell = access.addr.value
            return [cell] if isinstance(cell, Ptr) and cell in self.cells else []
        return list(self.cells)

    def _read(self, event: Event, access: Access) -> bool:
        if access.slot is None:
            return False
        found = self.slots[access.slot] | (event.virtual and MARK)
        if event.op == "T":
            found |= ADDRESS
        else:
            for cell in self._where(event, access):
                found |= self.cells[cell]
        changed = found != self.slots[access.slot]
        self.slots[access.slot] = found
        return changed

    def _write(self, event: Event, access: Access) -> bool:
        kinds = 0 if access.value is None else self.of(access.value)
        new = [cell for cell in self._where(event, access) if kinds & ~self.cells[cell]] if kinds else []
        for cell in new:
            self.cells[cell] |= kinds
        return bool(new)

    def of(self, expr: Expr) -> int:
        """The kinds of values that an expression may have."""
        if isinstance(expr, Const):
            return _kind(expr.value)
        if isinstance(expr, Ref):
            return self.slots[expr.slot]
        if not isinstance(expr, Apply):
            return ANYTHING
        known = self.known.get(expr)
        if known is None:
            for part in large_parts(expr, self.known):
                self.known[part] = _applied(part, [self.of(a) for a in part.args])
            known = self.known[expr] = _applied(expr, [self.of(a) for a in expr.args])
        return known


_TRUTHS = frozenset({"eq", "ne", "not", "bool", "and", "or", "pte_matches"})
_ON_NUMBERS = frozenset({"lt", "le", "gt", "ge", "mul", "neg", "inv"})  # they give numbers
_BITWISE = frozenset({"bitand", "va_and", "bitor", "bitxor"})
_MOST = {"div": 1 << 64, "mod": 1 << 64, "shl": 128, "shr": 128}  # their right side is from 0 to below this
_WRAPPED = frozenset(f"{sign}{bits}" for sign in "us" for bits in (8, 16, 32, 64))


def _applied(expr: Apply, kinds: list[int]) -> int:
    """The kinds of an application's values, from those of its arguments."""
    function, first = expr.function, kinds[0] if kinds else 0
    unknown = UNKNOWN if any(k & UNKNOWN for k in kinds) else 0
    if function in ("holds", "undefined"):
        return NUMBER
    if function in _TRUTHS:
        return NUMBER | unknown
    if function == "ite":
        return kinds[1] | kinds[2] | first & UNKNOWN
    if function in INTEGER_TYPES or function == "va_page":
        return first
    if function in _WRAPPED:
        return first if function.endswith("64") else _only(NUMBER | MARK, first)
    if function in ("add", "sub"):
        return _moved(function, *kinds)
    if function in _MOST:
        right = _number(expr.args[1])
        fits = right is not None and int(function in ("div", "mod")) <= right < _MOST[function]
        return NUMBER | (0 if fits and not first & ~NUMBER else UNKNOWN)
    if function in _ON_NUMBERS or (function in _BITWISE and not any(k & ~NUMBER for k in kinds)):
        return NUMBER | (UNKNOWN if any(k & ~NUMBER for k in kinds) else 0)
    if function == "va_and":
        masks = [b for b in map(_number, expr.args) if b is not None]
        page = any(b >> PAGE_BITS in (-1, 0, (1 << 64 - PAGE_BITS) - 1) for b in masks)
        return NUMBER | ADDRESS if page and not (kinds[0] | kinds[1]) & ~(NUMBER | ADDRESS) else ANYTHING
    return _of_handle(expr, kinds)


def _only(allowed: int, kinds: int) -> int:
    """Values of these kinds stay, all others are UNDEF."""
    return kinds & allowed | (UNKNOWN if kinds & ~allowed else 0)


def _number(expr: Expr) -> int | None:
    return expr.value if isinstance(expr, Const) and isinstance(expr.value, int) else None


def _moved(function: str, a: int, b: int) -> int:
    """A sum or a difference."""
    found = NUMBER if a & b & NUMBER else 0
    if (a & ADDRESS and b & NUMBER) or (function == "add" and a & NUMBER and b & ADDRESS):
        found |= ADDRESS
    if function == "sub" and b & (ADDRESS | ROOTED):
        return found | NUMBER | UNKNOWN
    others = (a | b) & ~(NUMBER | ADDRESS) or a & b & ADDRESS
    return found | (UNKNOWN | (a | b) & ROOTED if others else 0)


def _of_handle(expr: Apply, kinds: list[int]) -> int:
    """The kinds of what is made of an address or of an entry."""
    function, first = expr.function, kinds[0] if kinds else 0
    unknown = 0 if not first & ~ADDRESS else UNKNOWN
    bits = _number(expr.args[-1]) if expr.args else None
    if function in ("field", "mm_cpumask", "va_base"):
        return ADDRESS | unknown
    if function in ("percpu", "pte"):
        return (
            ADDRESS | unknown | (UNKNOWN if kinds[1] & ~(NUMBER if function == "percpu" else ADDRESS) else 0)
        )
    if function == "container":
        return ADDRESS | (unknown and NUMBER | UNKNOWN)
    if function == "page_data":
        return ADDRESS | _only(ADDRESS | MARK, first)
    if function == "mk_pte" and bits is not None:
        absent = bits & NOT_PRESENT
        return ADDRESS | CONTENT | (UNKNOWN if absent & (absent - 1) else unknown)
    if function == "pte_has" and bits is not None:
        return NUMBER | first & UNKNOWN
    if function == "pte_without" or (function == "pte_with" and bits is not None and not bits & NOT_PRESENT):
        return first | (ADDRESS | CONTENT if first & (ADDRESS | CONTENT) else 0)
    return ANYTHING
