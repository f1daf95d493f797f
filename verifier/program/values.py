"""Values, and the functions that programs apply to them.

A value is an ``int``, a ``Ptr`` (the address of a cell, or the name of a handle: an mm, a table, a
page, a virtual address), an ``Entry`` (the content of a page-table entry with attributes), or one of
the two marks ``FAULT`` (an access that faulted) and ``UNDEF`` (a function applied where it means
nothing, such as a pointer times three).

Expressions are made of ``Const``, ``Reg`` (a local of a body, before unrolling), ``Ref`` (what a
read of an event returned), ``Obs`` (an observable, in conditions only) and ``Apply``.  What repeats
is shared: equal applications are one object, and whoever walks an expression that is large when it
is written out (``Apply.large``) looks at each part once.  Both judges evaluate expressions by the same
table ``FUNCTIONS``; nothing else in the machine's semantics is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Union
from weakref import WeakValueDictionary

from verifier.errors import LimitError


class Ptr(NamedTuple):
    """The address of a cell, or a handle. ``off`` counts cells in C and MM, bytes in X86."""

    base: str
    off: int = 0

    def __str__(self) -> str:
        return self.base if not self.off else f"{self.base}+{self.off}"


# Attributes of a paging-structure entry, as departures from: present, writable, user, executable,
# not global, dirty, accessed.  The last three are contents whose P is clear: the processor ignores all
# else in them (MMR 4.6), the kernel does not.
RO, NX, GLOBAL, SUPERVISOR, CLEAN, UNACCESSED, PROTNONE, SWAP, MIGRATION = (1 << i for i in range(9))
ATTRIBUTES: Mapping[str, int] = MappingProxyType(
    {
        "ro": RO, "nx": NX, "global": GLOBAL, "supervisor": SUPERVISOR, "clean": CLEAN, "old": UNACCESSED,
        "protnone": PROTNONE, "swap": SWAP, "migration": MIGRATION,
    }
)  # fmt: skip
COMBINED = RO | NX | SUPERVISOR  # rights: of a whole walk, each level may take them away (MMR 4.2)
NOT_PRESENT = PROTNONE | SWAP | MIGRATION


class Entry(NamedTuple):
    """The content of an entry with attributes; one without any is its ``target`` alone.

    ``target`` is a page or a table, ``flags`` some of ``ATTRIBUTES``, never 0, and of ``NOT_PRESENT``
    one at most.
    """

    target: Ptr
    flags: int

    def __str__(self) -> str:
        names = [name for name, bit in ATTRIBUTES.items() if self.flags & bit]
        return f"mk_pte({self.target}, {' | '.join(names)})"


class Mark(NamedTuple):
    """A value that is no number and no address."""

    name: str

    def __str__(self) -> str:
        return self.name


FAULT = Mark("fault")
UNDEF = Mark("undef")
NO_NUMBER = Mark("no number")  # what a condition calculates of something that is none

Value = Union[int, Ptr, Entry, Mark]


def target(value: Value) -> Ptr | None:
    """Where an entry with this content leads a walk, to a page or a table; None if it is not present."""
    kind = type(value)
    if kind is Ptr:
        return value  # type: ignore[return-value]
    return value.target if kind is Entry and not value.flags & NOT_PRESENT else None  # type: ignore[union-attr]


def flags(value: Value) -> int:
    """The attributes of an entry's content as a walk sees them: 0 if it is not present."""
    return value.flags if isinstance(value, Entry) and not value.flags & NOT_PRESENT else 0


def held(value: Value) -> Ptr | None:
    """The page or table that an entry's content names, present or not; None if it names none."""
    return value if isinstance(value, Ptr) else value.target if isinstance(value, Entry) else None


def attributes(value: Value) -> int:
    """The attributes of an entry's content as the kernel sees them, present or not."""
    return value.flags if isinstance(value, Entry) else 0


def make_entry(to: Value, attributes: int) -> Value:
    """An entry's content; UNDEF for what is neither page nor table, or not present in two ways."""
    absent = attributes & NOT_PRESENT
    if not isinstance(to, Ptr) or absent & (absent - 1):
        return UNDEF
    return Entry(to, attributes) if attributes else to


def matches(content: Value, wanted: Value) -> bool:
    """Does an entry lead where ``wanted`` does, with at least the attributes that it names? An entry
    that is not present is like another one that is not, in the same way."""
    if held(wanted) is None:
        return content == wanted
    here, there = attributes(content), attributes(wanted)
    return held(content) == held(wanted) and not there & ~here and not (here ^ there) & NOT_PRESENT


@dataclass(frozen=True, slots=True)
class Const:
    """A fixed value; a plain ``str`` only as a static argument of a function (a field's name)."""

    value: Value | str


@dataclass(frozen=True, slots=True)
class Reg:
    """A local of a body, before unrolling."""

    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """What read slot ``slot`` of the program returned; see ``events.Access.slot``."""

    slot: int


@dataclass(frozen=True, slots=True)
class Obs:
    """Observable ``index`` of the program, in conditions."""

    index: int


MAX_DEPTH = 2000  # of applications in one another
MAX_BITS = 4096  # of an integer
_LARGE = 64


class Apply:
    """``function(*args)``; ``function`` is a key of ``FUNCTIONS``. Equal ones are one object.

    ``slots``     the read slots that it mentions, as bits;
    ``observes``  it mentions an observable;
    ``open``      it mentions a local;
    ``large``     written out it is long: whoever walks it looks at each part once, and does not call
                  itself, see ``large_parts``.

    Raises ``LimitError`` for too many applications in one another.
    """

    __slots__ = ("__weakref__", "_depth", "_size", "args", "function", "large", "observes", "open", "slots")

    function: str
    args: tuple[Expr, ...]
    slots: int
    observes: bool
    open: bool
    large: bool
    _depth: int
    _size: int

    def __new__(cls, function: str, args: tuple[Expr, ...]) -> Apply:
        known = _APPLICATIONS.get((function, args))
        if known is not None:
            return known
        made = object.__new__(cls)
        made.function, made.args = function, args
        slots, size, depth, observes, is_open = 0, 1, 0, False, False
        for a in args:
            kind = type(a)
            if kind is Apply:
                slots |= a.slots  # type: ignore[union-attr]
                size += a._size  # type: ignore[union-attr]
                depth = max(depth, a._depth)  # type: ignore[union-attr]
                observes = observes or a.observes  # type: ignore[union-attr]
                is_open = is_open or a.open  # type: ignore[union-attr]
            elif kind is Ref:
                slots |= 1 << a.slot  # type: ignore[union-attr]
            elif kind is Obs:
                observes = True
            elif kind is Reg:
                is_open = True
        if depth >= MAX_DEPTH:
            raise LimitError(f"an expression with more than {MAX_DEPTH} operations in one another")
        made._depth, made._size, made.large = depth + 1, min(size, _LARGE + 1), size > _LARGE
        made.slots, made.observes, made.open = slots, observes, is_open
        _APPLICATIONS[function, args] = made
        return made

    def __reduce__(self) -> tuple[Callable[[_Rows], Apply], tuple[_Rows]]:
        """Pickled are parts before wholes, a part as its number, so that pickling goes no deeper."""
        above = (self._depth - 1) // _PICKLED * _PICKLED  # parts down to here are pickled for themselves
        numbers: dict[Expr, int] = {}
        rows: list[tuple[str, tuple[Expr | int, ...]]] = []
        pending: list[tuple[Apply, bool]] = [(self, False)]
        while pending:
            part, done = pending.pop()
            if part in numbers:
                continue
            if done:
                numbers[part] = len(rows)
                rows.append((part.function, tuple([numbers.get(a, a) for a in part.args])))
            else:
                pending.append((part, True))
                pending += [(a, False) for a in part.args if isinstance(a, Apply) and a._depth > above]
        return _unpickled, (tuple(rows),)

    def __repr__(self) -> str:
        return f"Apply({self.function!r}, {self.args!r})"


_PICKLED = 32
_Rows = tuple[tuple[str, tuple["Expr | int", ...]], ...]


def _unpickled(rows: _Rows) -> Apply:
    made: list[Apply] = []
    for function, args in rows:
        made.append(Apply(function, tuple([made[a] if isinstance(a, int) else a for a in args])))
    return made[-1]


# Those in use, and no others: a table, as of interned strings, that no answer depends on.
_APPLICATIONS: WeakValueDictionary[tuple[str, tuple[Expr, ...]], Apply] = WeakValueDictionary()

Expr = Union[Const, Reg, Ref, Obs, Apply]

TRUE = Const(1)
FALSE = Const(0)


def truth(value: Value | str) -> bool:
    """C's idea of truth: not zero. A pointer is true."""
    return value != 0


def _wrap(bits: int, signed: bool, whole: bool = False) -> Callable[[Value], Value]:
    span, top = 1 << bits, 1 << (bits - 1)

    def cut(a: Value) -> Value:
        if not isinstance(a, int):
            return a if bits == 64 or whole or isinstance(a, Mark) else UNDEF
        a &= span - 1
        return a - span if signed and a >= top else a

    return cut


def _integers(f: Callable[..., Value]) -> Callable[..., Value]:
    def on_integers(*args: Value) -> Value:
        for a in args:
            if not isinstance(a, int):
                return UNDEF
        return f(*args)

    return on_integers


def _add(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, Ptr) and isinstance(b, int):
        return Ptr(a.base, a.off + b)
    if isinstance(b, Ptr) and isinstance(a, int):
        return Ptr(b.base, b.off + a)
    return UNDEF


def _sub(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if isinstance(a, Ptr) and isinstance(b, int):
        return Ptr(a.base, a.off - b)
    if isinstance(a, Ptr) and isinstance(b, Ptr) and a.base == b.base:
        return a.off - b.off
    return UNDEF


def _and(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a & b
    if a == 0 or b == 0:
        return 0
    return a if a == b else UNDEF


def _xor(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a ^ b
    if a == b:
        return 0
    return a if b == 0 else b if a == 0 else UNDEF


def _or(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a | b
    if a == b:
        return a
    return a if b == 0 else b if a == 0 else UNDEF


def _order(compare: Callable[[int, int], bool]) -> Callable[[Value, Value], Value]:
    def ordered(a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            return int(compare(a, b))
        if isinstance(a, Ptr) and isinstance(b, Ptr) and a.base == b.base:
            return int(compare(a.off, b.off))
        return UNDEF

    return ordered


def _divide(a: int, b: int) -> Value:
    if b == 0:
        return UNDEF
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _modulo(a: int, b: int) -> Value:
    if b == 0:
        return UNDEF
    quotient = _divide(a, b)
    return a - b * quotient if isinstance(quotient, int) else UNDEF


def _shift(left: bool) -> Callable[[int, int], Value]:
    def shift(a: int, b: int) -> Value:
        if not 0 <= b < 64:
            return UNDEF
        return _bounded(a, b) << b if left else a >> b

    return shift


def _bounded(a: int, more: int) -> int:
    """A number that grows by some bits."""
    if a.bit_length() + more > MAX_BITS:
        raise LimitError(f"a number of more than {MAX_BITS} bits")
    return a


def _handle(a: Value, pattern: str, *more: object) -> Value:
    """A handle derived from another one: its field, its entry, its mask."""
    return Ptr(pattern.format(a, *more)) if isinstance(a, Ptr) else UNDEF


def _percpu(a: Value, cpu: Value) -> Value:
    return Ptr(f"{cpu}:{a.base}", a.off) if isinstance(a, Ptr) and isinstance(cpu, int) else UNDEF


def _ite(c: Value, a: Value, b: Value) -> Value:
    return UNDEF if c == UNDEF else a if c != 0 else b


def _attributes(e: Value, bits: int) -> Value:
    to = held(e)
    return e if to is None else make_entry(to, bits)


def _page(e: Value) -> Value:
    """The page or table of an entry; a swap entry's number of a page means no page."""
    return 0 if e == 0 else UNDEF if attributes(e) & (SWAP | MIGRATION) else held(e) or UNDEF


FUNCTIONS: dict[str, Callable[..., Value]] = {
    # Arithmetic is exact; a front end wraps what its types say (the next rows).
    "add": _add,
    "sub": _sub,
    "mul": _integers(lambda a, b: _bounded(a, b.bit_length()) * b),
    "div": _integers(_divide),
    "mod": _integers(_modulo),
    "neg": _integers(lambda a: -a),
    "inv": _integers(lambda a: ~a),
    "bitand": _and,
    "bitor": _or,
    "bitxor": _xor,
    "shl": _integers(_shift(True)),
    "shr": _integers(_shift(False)),
    **{
        f"{'s' if signed else 'u'}{bits}": _wrap(bits, signed)
        for bits in (8, 16, 32, 64)
        for signed in (True, False)
    },
    # The same of C's integer types, which in litmus tests may hold an address: it stays whole.
    **{
        f"int{bits}" if signed else f"uint{bits}": _wrap(bits, signed, whole=True)
        for bits in (8, 16, 32, 64)
        for signed in (True, False)
    },
    # Truth and comparison. Any two values can be compared for equality.
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "lt": _order(lambda a, b: a < b),
    "le": _order(lambda a, b: a <= b),
    "gt": _order(lambda a, b: a > b),
    "ge": _order(lambda a, b: a >= b),
    "not": lambda a: int(a == 0),
    "and": lambda *a: int(all(x != 0 for x in a)),
    "or": lambda *a: int(any(x != 0 for x in a)),
    "bool": lambda a: int(a != 0),
    "ite": _ite,
    # In conditions: what cannot be calculated equals nothing, and what cannot be compared does not hold.
    "known": lambda a: NO_NUMBER if a == UNDEF else a,
    "holds": lambda a: int(a not in (UNDEF, NO_NUMBER, 0)),
    # Handles.
    "field": lambda a, name: _handle(a, "{}.{}", name),
    "percpu": _percpu,
    "pte": lambda mm, va: _handle(mm, "pte({}, {})", va) if isinstance(va, Ptr) else UNDEF,
    "mm_cpumask": lambda mm: _handle(mm, "mm_cpumask({})"),
    "page_data": lambda page: page if page == FAULT else _handle(page, "{}.data"),
    # Contents of entries.
    "mk_pte": lambda page, bits: make_entry(page, bits) if isinstance(bits, int) else UNDEF,
    "pte_target": _page,
    "pte_held": lambda e: held(e) or UNDEF,
    "pte_has": lambda e, bits: int(attributes(e) & bits == bits) if isinstance(bits, int) else UNDEF,
    "pte_with": lambda e, bits: _attributes(e, attributes(e) | bits),
    "pte_without": lambda e, bits: _attributes(e, attributes(e) & ~bits),
    "pte_matches": lambda e, wanted: int(matches(e, wanted)),
}

# Functions that mean something of an UNDEF argument.
_LENIENT = frozenset(
    {"and", "or", "ite", "known", "holds", "field", "percpu", "pte", "mm_cpumask", "page_data"}
)


def apply(function: str, args: tuple[Value, ...]) -> Value:
    """Apply a function of the table; UNDEF in, UNDEF out (``ite`` looks at its branch only)."""
    if UNDEF in args and function not in _LENIENT:
        return UNDEF
    return FUNCTIONS[function](*args)


Slots = Union[Mapping[int, Value], Sequence["Value | None"]]


def evaluate(expr: Expr, slots: Slots, observed: Mapping[int, Value] | None = None) -> Value:
    """The value of a closed expression.

    ``slots`` maps read slots to values, ``observed`` observables to values. Raises ``KeyError``
    for a slot that was not read, except behind the branch of an ``ite``, ``and`` or ``or`` that
    does not matter: these are evaluated from the left and only as far as needed.
    """
    kind = type(expr)
    if kind is Const:
        return expr.value  # type: ignore[union-attr,return-value]
    if kind is Ref:
        return slots[expr.slot]  # type: ignore[union-attr,return-value]
    if kind is Obs and observed is not None:
        return observed[expr.index]  # type: ignore[union-attr]
    if not isinstance(expr, Apply):
        raise TypeError(f"not a closed expression: {expr}")
    if expr.large:
        return _evaluate_large(expr, slots, observed)
    return _applied(expr, lambda a: evaluate(a, slots, observed))


def _applied(expr: Apply, value: Callable[[Expr], Value]) -> Value:
    """The value of an application from those of its arguments that matter."""
    function, args = expr.function, expr.args
    if function == "and" or function == "or":
        decided = function == "or"
        for a in args:
            if truth(value(a)) == decided:
                return int(decided)
        return int(not decided)
    if function == "ite":
        chosen = value(args[0])
        return UNDEF if chosen == UNDEF else value(args[1 if truth(chosen) else 2])
    return apply(function, tuple([value(a) for a in args]))


class _Missing(Exception):
    """The value of a part is needed first."""


def _evaluate_large(expr: Apply, slots: Slots, observed: Mapping[int, Value] | None) -> Value:
    """``evaluate``, each part once, and without calling itself for large parts."""
    known: dict[Expr, Value] = {}
    pending = [expr]

    def value(a: Expr) -> Value:
        if a not in known:
            if isinstance(a, Apply) and a.large:
                pending.append(a)
                raise _Missing
            known[a] = evaluate(a, slots, observed)
        return known[a]

    while pending:
        part = pending[-1]
        try:
            known[part] = _applied(part, value)
            pending.pop()
        except _Missing:
            pass
    return known[expr]


def evaluate_all(expr: Expr, slots: Mapping[int, Value], known: dict[Expr, Value] | None = None) -> Value:
    """The value of an expression over slots that are all known, logic not cut short.

    ``known`` are parts that have been evaluated; more are added.
    """
    kind = type(expr)
    if kind is Const:
        return expr.value  # type: ignore[union-attr,return-value]
    if kind is Ref:
        return slots[expr.slot]  # type: ignore[union-attr]
    assert isinstance(expr, Apply)
    if not expr.large:
        return apply(expr.function, tuple([evaluate_all(a, slots) for a in expr.args]))
    if known is None:
        known = {}
    for part in large_parts(expr, known):
        for a in part.args:
            if a not in known:
                known[a] = evaluate_all(a, slots)
        known[part] = apply(part.function, tuple([known[a] for a in part.args]))
    return known[expr]


def call(function: str, *args: Expr) -> Expr:
    """Build an application, folding what is constant and the trivial cases of logic."""
    if function in ("and", "or") and len(args) > 8:
        args = tuple(dict.fromkeys(args))  # below, each is looked for among all before it
    if function == "and":
        kept: list[Expr] = []
        for a in args:
            if isinstance(a, Const):
                if not truth(a.value):
                    return FALSE
            elif len(args) > 8 or a not in kept:
                kept.append(a)
        return TRUE if not kept else _as_bool(kept[0]) if len(kept) == 1 else Apply("and", tuple(kept))
    if function == "or":
        kept = []
        for a in args:
            if isinstance(a, Const):
                if truth(a.value):
                    return TRUE
            elif len(args) > 8 or a not in kept:
                kept.append(a)
        return FALSE if not kept else _as_bool(kept[0]) if len(kept) == 1 else Apply("or", tuple(kept))
    if function == "ite":
        chosen, then, other = args
        if isinstance(chosen, Const):
            return then if truth(chosen.value) else other
        if then == other:
            return then
    elif function == "bool":
        if not isinstance(args[0], Const):
            return _as_bool(args[0])
    elif function == "not" and isinstance(args[0], Apply):
        if args[0].function == "not":
            return _as_bool(args[0].args[0])
        if args[0].function == "bool":
            args = args[0].args
    if all(isinstance(a, Const) for a in args):
        return Const(apply(function, tuple(a.value for a in args)))  # type: ignore[misc,union-attr]
    return Apply(function, args)


_BOOLEAN = frozenset({"not", "and", "or", "eq", "ne", "lt", "le", "gt", "ge", "bool", "holds"})


def _as_bool(expr: Expr) -> Expr:
    return expr if isinstance(expr, Apply) and expr.function in _BOOLEAN else Apply("bool", (expr,))


def mask(expr: Expr | None) -> int:
    """The read slots that an expression depends on, as bits."""
    if isinstance(expr, Apply):
        return expr.slots
    return 1 << expr.slot if isinstance(expr, Ref) else 0


def refs(expr: Expr) -> Iterator[int]:
    """The read slots that an expression depends on, in ascending order."""
    rest = mask(expr)
    while rest:
        low = rest & -rest
        yield low.bit_length() - 1
        rest ^= low


def large_parts(expr: Expr, known: Container[Expr] = ()) -> list[Apply]:
    """The large applications in an expression, parts before wholes, but for those in ``known`` and what
    only they have."""
    found: list[Apply] = []
    seen: set[Expr] = set()
    pending: list[tuple[Expr, bool]] = [(expr, False)]
    while pending:
        part, done = pending.pop()
        if not isinstance(part, Apply) or not part.large:
            continue
        if done:
            found.append(part)
        elif part not in seen and part not in known:
            seen.add(part)
            pending.append((part, True))
            pending += [(a, False) for a in part.args]
    return found


def parts(expr: Expr) -> Iterator[Expr]:
    """An expression and all its parts, each of them once."""
    seen: set[Expr] = {expr}
    pending = [expr]
    while pending:
        part = pending.pop()
        yield part
        if isinstance(part, Apply):
            new = [a for a in part.args if a not in seen]
            seen.update(new)
            pending += reversed(new)
