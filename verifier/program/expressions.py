"""Expressions over the values that a program reads: building and evaluating them.

An expression is a ``Const``, a ``Reg`` (a local of a body, before unrolling), a ``Ref`` (the value that a
read has returned), an ``Obs`` (an observable, only in conditions) or an ``Apply``.  Equal applications are
one object. So an expression may be small in memory but large when it is written out (``Apply.large``); code
that walks such an expression has to look at each part only once.

``UNDEF`` is a value of which nothing is known: any number or address. What an operation gives for it is what
it gives for all of these, if that is one value, and ``UNDEF`` otherwise. As far as this is looked for:

=================  ===========================================================================
``and``            0 if an argument is 0, otherwise UNDEF
``or``             1 if an argument is defined and not 0, otherwise UNDEF
``ite``            with an UNDEF condition, the value that both arms have, otherwise UNDEF
``bitand, va_and`` 0 if the other argument is 0, otherwise UNDEF
all others         UNDEF, ``not``, ``eq`` and the other comparisons among them
=================  ===========================================================================

Only ``known``, ``holds`` and ``undefined`` tell UNDEF from other values. A slot that was not read counts as
UNDEF beside an argument that is UNDEF. In a condition, an observable that is UNDEF equals nothing, not even
another one (``NO_NUMBER``). All that follows, folding in ``call`` as well as evaluation, agrees with the
table ``functions.FUNCTIONS``. A run that decides by a value that is UNDEF is wrong: see ``undefined``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from sys import getrefcount
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, Union

from verifier.errors import LimitError
from verifier.program.functions import apply
from verifier.program.values import NO_NUMBER, UNDEF, Value, truth

_SPARE = 20_000  # so many objects of a table may be without use, and half of it


class _Leaf:
    """What has no parts, but one field. Equal ones are one object, as for ``Apply``: a class has a table of
    its objects, ``known``, by their fields."""

    __slots__ = ()
    field: ClassVar[str]
    known: ClassVar[dict[Any, Any]]
    look_at: ClassVar[int]  # how large the table may become before it is looked through

    def __init_subclass__(cls) -> None:
        (cls.field,) = vars(cls)["__slots__"]
        cls.known, cls.look_at = {}, _SPARE

    def __new__(cls, given: Any) -> Self:
        known = cls.known.get(given)
        if known is None:
            made = object.__new__(cls)
            setattr(made, cls.field, int(given) if type(given) is bool else given)
            known = cls.known.setdefault(given, made)
            if len(cls.known) > cls.look_at:
                cls.look_at = 2 * _without_unused(cls.known, object.__new__(cls)) + _SPARE
        return known  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[type[Self], tuple[object]]:
        return type(self), (getattr(self, self.field),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.field}={getattr(self, self.field)!r})"


class Const(_Leaf):
    """A fixed value; a plain ``str`` only as a static argument of a function (a field's name)."""

    __slots__ = ("value",)
    value: Value | str

    if TYPE_CHECKING:

        def __init__(self, value: Value | str) -> None: ...


class Reg(_Leaf):
    """A local of a body, before unrolling."""

    __slots__ = ("name",)
    name: str

    if TYPE_CHECKING:

        def __init__(self, name: str) -> None: ...


class Ref(_Leaf):
    """The value in slot ``slot``, which a read has filled; see ``events.Access.slot``."""

    __slots__ = ("slot",)
    slot: int

    if TYPE_CHECKING:

        def __init__(self, slot: int) -> None: ...


class Obs(_Leaf):
    """Observable ``index`` of the program, in conditions."""

    __slots__ = ("index",)
    index: int

    if TYPE_CHECKING:

        def __init__(self, index: int) -> None: ...


KERNEL = Reg("%kernel")  # which kernel this is, where words differ between versions


MAX_APPLICATIONS = 2000  # of applications in one another
_LARGE = 64


class Apply:
    """``function(*args)``; ``function`` is a key of ``FUNCTIONS``. Equal ones are one object.

    ``slots``     the read slots that it mentions, as bits;
    ``observes``  does it mention an observable?
    ``open``      does it mention a local?
    ``large``     is it long when written out? Code that walks a large one has to look at each part once,
                  and to avoid recursion, as ``large_parts`` does;
    ``depth``     how many applications are in one another.

    Raises ``LimitError`` if applications nest too deeply.
    """

    __slots__ = ("_size", "args", "depth", "function", "large", "observes", "open", "slots")

    function: str
    args: tuple[Expr, ...]
    slots: int
    observes: bool
    open: bool
    large: bool
    depth: int
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
                depth = max(depth, a.depth)  # type: ignore[union-attr]
                observes = observes or a.observes  # type: ignore[union-attr]
                is_open = is_open or a.open  # type: ignore[union-attr]
            elif kind is Ref:
                slots |= 1 << a.slot  # type: ignore[union-attr]
            elif kind is Obs:
                observes = True
            elif kind is Reg:
                is_open = True
        if depth >= MAX_APPLICATIONS:
            raise LimitError(f"an expression nests operations more than {MAX_APPLICATIONS} deep")
        made.depth, made._size, made.large = depth + 1, min(size, _LARGE + 1), size > _LARGE
        made.slots, made.observes, made.open = slots, observes, is_open
        _APPLICATIONS[function, args] = made
        if len(_APPLICATIONS) > _look_at:
            _forget()
        return made

    @property
    def size(self) -> int:
        """How many applications it is when written out; no more than one above what is not yet large."""
        return self._size

    def __reduce__(self) -> tuple[Callable[[_Rows], Apply], tuple[_Rows]]:
        """Pickle parts before wholes, and a part as a number, so that pickling needs little recursion."""
        above = (self.depth - 1) // _PICKLED * _PICKLED  # parts of this depth pickle their own parts
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
                pending += [(a, False) for a in part.args if isinstance(a, Apply) and a.depth > above]
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


# The applications in use, and some that nobody uses any more. Like a table of interned strings, it saves
# memory and changes no answer. Weak references would tell at once what nobody uses, but each costs time.
_APPLICATIONS: dict[tuple[str, tuple[Expr, ...]], Apply] = {}
_look_at = _SPARE  # how large the table may become before it is looked through


def _forget() -> None:
    """Take out of the table what nobody uses. An application is younger than its parts: once it is gone, they
    may be without use."""
    global _look_at
    _look_at = 2 * _without_unused(_APPLICATIONS, object.__new__(Apply)) + _SPARE


def _without_unused(table: dict[Any, Any], unused: object) -> int:
    """Take out of a table what nobody else refers to, the youngest first; how many are left. ``unused``: an
    object of their class to which nothing refers."""
    table["unused", ()] = unused
    del unused
    keys, least = list(table), 0
    while keys:
        key = keys.pop()
        known = table[key]
        references = getrefcount(known)
        least = least or references  # of the youngest one, given: those of the table and of this loop
        if references == least:
            del table[key]
    return len(table)


Expr = Union[Const, Reg, Ref, Obs, Apply]

TRUE = Const(1)
FALSE = Const(0)


Part = TypeVar("Part")
Slots = Union[Mapping[int, Value], Sequence["Value | None"]]


def evaluate(expr: Expr, slots: Slots, observed: Mapping[int, Value] | None = None) -> Value:
    """The value of a closed expression.

    ``slots`` maps read slots to values, ``observed`` observables to values. ``ite``, ``and`` and ``or`` are
    evaluated from the left, and only as far as needed. Raises ``KeyError`` if the evaluation needs a slot
    that was not read.
    """
    kind = type(expr)
    if kind is Const:
        return expr.value  # type: ignore[union-attr,return-value]
    if kind is Ref:
        return slots[expr.slot]  # type: ignore[union-attr,return-value]
    if kind is Obs and observed is not None:
        value = observed[expr.index]  # type: ignore[union-attr]
        return NO_NUMBER if value == UNDEF else value
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
            found = value(a)
            if found == UNDEF:
                return apply_lazily(function, args, value)
            if truth(found) == decided:
                return int(decided)
        return int(not decided)
    if function == "ite":
        chosen = value(args[0])
        if chosen == UNDEF:
            return apply_lazily(function, args, value)
        return value(args[1 if truth(chosen) else 2])
    return apply(function, tuple([value(a) for a in args]))


def apply_lazily(function: str, args: Sequence[Part], value: Callable[[Part], Value]) -> Value:
    """The value of an application one of whose arguments is UNDEF, so that others may not have been read:
    ``value`` raises ``KeyError`` for these."""
    values: list[Value] = []
    for a in args:
        try:
            values.append(value(a))
        except KeyError:
            values.append(UNDEF)
    return apply(function, tuple(values))


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


def call(function: str, *args: Expr) -> Expr:
    """Build an application; constants and the trivial cases of logic are folded.

    What has no value for constants is left as it is: the parts tell why (``undefined``).
    """
    if function in ("and", "or") and len(args) > 8:
        args = tuple(dict.fromkeys(args))  # below, each is looked for among all before it
    if function == "and":
        kept: list[Expr] = []
        for a in args:
            if isinstance(a, Const) and a.value != UNDEF:
                if not truth(a.value):
                    return FALSE
            elif len(args) > 8 or a not in kept:
                kept.append(a)
        return TRUE if not kept else _as_bool(kept[0]) if len(kept) == 1 else Apply("and", tuple(kept))
    if function == "or":
        kept = []
        for a in args:
            if isinstance(a, Const) and a.value != UNDEF:
                if truth(a.value):
                    return TRUE
            elif len(args) > 8 or a not in kept:
                kept.append(a)
        return FALSE if not kept else _as_bool(kept[0]) if len(kept) == 1 else Apply("or", tuple(kept))
    if function == "ite":
        chosen, then, other = args
        if then == other:
            return then
        if isinstance(chosen, Const) and chosen.value != UNDEF:
            return then if truth(chosen.value) else other
    elif function == "bool":
        if not isinstance(args[0], Const):
            return _as_bool(args[0])
    elif function == "not" and isinstance(args[0], Apply):
        if args[0].function == "not":
            return _as_bool(args[0].args[0])
        if args[0].function == "bool":
            args = args[0].args
    for a in args:
        if type(a) is not Const:
            return Apply(function, args)
    value = apply(function, tuple([a.value for a in args]))  # type: ignore[misc,union-attr]
    return Apply(function, args) if value == UNDEF else Const(value)


_BOOLEAN = frozenset({"not", "and", "or", "eq", "ne", "lt", "le", "gt", "ge", "bool", "holds", "undefined"})


def _as_bool(expr: Expr) -> Expr:
    return expr if isinstance(expr, Apply) and expr.function in _BOOLEAN else Apply("bool", (expr,))


def has(slot: int, value: Value) -> Expr:
    """The condition that a slot has a value. It holds of UNDEF, too, which equals nothing."""
    return call("undefined", Ref(slot)) if value == UNDEF else call("eq", Ref(slot), Const(value))


def mask(expr: Expr | None) -> int:
    """The read slots that an expression depends on, as bits."""
    if isinstance(expr, Apply):
        return expr.slots
    return 1 << expr.slot if isinstance(expr, Ref) else 0


def refs(expr: Expr) -> Iterator[int]:
    """The read slots that an expression depends on, in ascending order."""
    return bits_in(mask(expr))


def bits_in(row: int) -> Iterator[int]:
    """The numbers of the bits that are set in a row, in ascending order."""
    while row:
        low = row & -row
        yield low.bit_length() - 1
        row ^= low


def large_parts(expr: Expr, known: Container[Expr] = ()) -> list[Apply]:
    """The large applications in an expression, parts before wholes. Applications in ``known`` are left out,
    with the parts that only these have."""
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
