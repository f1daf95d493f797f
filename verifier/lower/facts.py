"""What is known on a path, from the conditions that it is under: as far as logic says so at once.

A condition may be made where paths meet: ``a && b`` is "``b`` where ``a`` holds, else ``a``", and so is a
local that one of two paths sets. So a choice (``ite``) is looked into: what decides it, and what each side of
it would say of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, call, mask
from verifier.program.functions import INTEGER_TYPES
from verifier.program.values import UNDEF

_COMPARES = ("eq", "lt")  # all comparisons are told by these
_OF_NUMBERS = frozenset((*_COMPARES, *INTEGER_TYPES))
_NEED = frozenset(("bitand", *INTEGER_TYPES))  # what is 0 where an argument is
_DEEP = 8  # how far choices in an expression are looked for
_MANY = 20_000  # answers about expressions alone that are kept


class Facts(dict[Expr, bool]):
    """What holds and what does not. Many have the same one: nobody changes it once it is made. It keeps what
    it was asked, as paths ask the same again at each branch."""

    __slots__ = ("_said", "_settled", "_under", "slots")

    def __init__(self, found: dict[Expr, bool], slots: int) -> None:
        """``slots``: the read slots that they are about; all of them, if one is about none."""
        super().__init__(found)
        self._said: dict[Expr, bool | None] = {}
        self._settled: dict[tuple[Expr, int], Expr] = {}
        self._under: dict[tuple[Expr, bool], Facts] = {}
        self.slots = slots

    def about(self, expr: Apply) -> Facts:
        """Those of the facts that may say something of an expression: these, or none."""
        apart = not (expr.slots & self.slots or expr.open or expr.observes)
        return _NOTHING if apart else self

    def under(self, condition: Expr, holds: bool) -> Facts:
        """These facts, and that a condition holds or does not."""
        known = self._under.get((condition, holds))
        if known is None:
            known = self._under[condition, holds] = _spread([(condition, holds)], self)
        return known

    def say(self, expr: Expr) -> bool | None:
        """``decided``."""
        if isinstance(expr, Const):
            return None if expr.value == UNDEF else expr.value != 0
        said = self._said
        if expr not in said:
            part, holds = _plain(expr)
            facts = self.about(part) if isinstance(part, Apply) else self
            found = _decided(part, self) if facts is self else facts.say(part)
            said[expr] = None if found is None else found == holds
        return said[expr]

    def inside(self, expr: Expr, depth: int) -> Expr:
        """``_settled_inside``."""
        if not isinstance(expr, Apply):
            return expr
        facts = self.about(expr)
        known = facts._settled.get((expr, depth))
        if known is None:
            known = facts._settled[expr, depth] = _settled_inside(expr, facts, depth)
        return known


_NOTHING = Facts({}, 0)


@lru_cache(maxsize=_MANY)
def _plain(expr: Expr, holds: bool = True) -> tuple[Expr, bool]:
    """A truth without the words around it, and whether it holds: ``not``, ``bool``, ``== 0``, ``!= 0``;
    ``a != b`` as that ``a == b`` does not hold."""
    while isinstance(expr, Apply):
        function, args = expr.function, expr.args
        if function in ("not", "bool"):
            expr = args[0]
        elif function in ("eq", "ne") and FALSE in args:
            expr = args[0] if args[1] == FALSE else args[1]
        else:
            break
        holds = holds == (function in ("bool", "ne"))
    if not isinstance(expr, Apply) or expr.function not in _AS:
        return expr, holds
    function, turned, same = _AS[expr.function]
    return Apply(function, expr.args[::-1] if turned else expr.args), holds == same


# Comparisons by others: the function, whether its arguments change places, whether it is not negated.
_AS = {
    "ne": ("eq", False, False),
    "ge": ("lt", False, False),
    "gt": ("lt", True, True),
    "le": ("lt", True, False),
}


def known(guard: Iterable[Expr]) -> Facts:
    """What holds, and what does not, where a guard holds, as far as logic says so at once."""
    return _known(tuple(guard))


@lru_cache(maxsize=1_000)
def _known(guard: tuple[Expr, ...]) -> Facts:
    found = _spread(((part, True) for part in guard), _NOTHING)
    looked = 0
    while looked < len(found):  # what follows from choices may decide others
        looked = len(found)
        implied = [new for part, holds in found.items() for new in _implied(part, holds, found)]
        found = _spread(implied, found)
    return found


def _spread(more: Iterable[tuple[Expr, bool]], facts: Facts) -> Facts:
    """Facts, and more that hold or do not, with what these say of their parts."""
    found, pending, slots = dict(facts), list(more), facts.slots
    while pending:
        part, holds = _plain(*pending.pop())
        if part not in found:
            found[part] = holds
            slots |= (mask(part) or -1) if not isinstance(part, Const) else 0
            if isinstance(part, Apply) and part.function == "eq":
                found.setdefault(Apply("eq", part.args[::-1]), holds)
            if isinstance(part, Apply) and part.function == ("and" if holds else "or"):
                pending += [(a, holds) for a in part.args]
            elif isinstance(part, Apply) and part.function in _COMPARES:
                pending += [(x, True) for x in _no_zero(part, holds)]
    return Facts(found, slots)


@lru_cache(maxsize=_MANY)
def _no_zero(part: Apply, holds: bool) -> tuple[Expr, ...]:
    """What is compared with a number, if the comparison says that it is not 0."""
    some: list[Expr] = []
    for at, x in enumerate(part.args):
        if isinstance(part.args[1 - at], Const) and not isinstance(x, Const):
            found = call(part.function, *(FALSE if a is x else a for a in part.args))
            if isinstance(found, Const) and (found != FALSE) != holds:
                some.append(x)
    return tuple(some)


def _implied(part: Expr, holds: bool, facts: Facts) -> Iterator[tuple[Expr, bool]]:
    """What follows from the choice in a fact: the fact for the side that is chosen; or which side is, if the
    other one says the opposite. From "one of these holds", the last one that is left."""
    if isinstance(part, Apply) and part.function == ("or" if holds else "and"):
        left = [x for x in part.args if decided(x, facts) is not (not holds)]
        if len(left) == 1:
            yield left[0], holds
        return
    condition, sides = _choice(part)
    if condition is None:
        return
    chosen = decided(condition, facts)
    if chosen is not None:
        yield sides[not chosen], holds
        return
    for side, which in zip(sides, (True, False), strict=True):
        if decided(side, facts.under(condition, which)) is (not holds):
            yield condition, not which


@lru_cache(maxsize=_MANY)
def _choice(part: Expr) -> tuple[Expr | None, tuple[Expr, ...]]:
    """The condition of a choice that a truth is, or that it compares, and the truth for either side; no
    condition if it has no choice, or is large."""
    if not isinstance(part, Apply) or part.large:
        return None, ()
    function, args = part.function, part.args
    if function == "ite":
        return args[0], args[1:]
    for at, x in enumerate(args if function in _OF_NUMBERS else ()):
        condition, sides = _choice(x)
        if condition is not None:
            return condition, tuple(call(function, *args[:at], side, *args[at + 1 :]) for side in sides)
    return None, ()


def decided(expr: Expr, facts: Facts) -> bool | None:
    """Whether a truth holds where facts do; None if they do not say."""
    return facts.say(expr)


def _decided(part: Expr, facts: Facts) -> bool | None:
    """Likewise of a truth without the words around it."""
    if isinstance(part, Const):
        return None if part.value == UNDEF else part.value != 0
    if part in facts:
        return facts[part]
    if not isinstance(part, Apply):
        return None
    if part.function in ("and", "or", "bitor"):
        deciding, open_ = part.function != "and", False
        for a in part.args:
            said = facts.say(a)
            if said is deciding:
                return deciding
            open_ = open_ or said is None
        return None if open_ else not deciding
    if part.large:
        return None
    if part.function in _NEED and any(decided(a, facts) is False for a in part.args):
        return False
    if part.function == "ite":
        return _decided_choice(part, facts)
    inside = facts.inside(part, _DEEP)
    if isinstance(inside, Apply) and inside.function in _COMPARES:
        inside = call(inside.function, *(_number(a, facts) for a in inside.args))
    return None if inside == part else decided(inside, facts)


def _decided_choice(part: Apply, facts: Facts) -> bool | None:
    """Whether the side of a choice that is chosen holds; or both, if it is not known which is."""
    condition, *sides = part.args
    chosen = decided(condition, facts)
    if chosen is not None:
        return decided(sides[not chosen], facts)
    said = {
        decided(side, facts.under(condition, which)) for side, which in zip(sides, (True, False), strict=True)
    }
    return said.pop() if len(said) == 1 else None


def settled(expr: Expr, facts: Facts) -> Expr:
    """An expression without the choices at its top that facts decide."""
    while isinstance(expr, Apply) and expr.function == "ite":
        chosen = decided(expr.args[0], facts)
        if chosen is None:
            break
        expr = expr.args[1] if chosen else expr.args[2]
    return expr


def _settled_inside(expr: Expr, facts: Facts, depth: int) -> Expr:
    """Likewise of the choices inside, down to some depth."""
    expr = settled(expr, facts)
    if not isinstance(expr, Apply) or not depth:
        return expr
    args = [facts.inside(a, depth - 1) for a in expr.args]
    same = all(x is y for x, y in zip(args, expr.args, strict=True))
    return expr if same else call(expr.function, *args)


def _number(expr: Expr, facts: Facts) -> Expr:
    """The number that an expression is, if a fact says it; else the expression."""
    if isinstance(expr, Const):
        return expr
    part, holds = _plain(expr)
    found = facts.get(part)
    if found is None:
        return expr
    if found != holds:
        return FALSE
    if call("bool", expr) == expr:
        return TRUE
    equal = (x for x, true in facts.items() if true and isinstance(x, Apply) and x.function == "eq")
    return next((x.args[1] for x in equal if x.args[0] == expr and isinstance(x.args[1], Const)), expr)


def where(facts: Facts, guard: Expr) -> Facts:
    """What is known where a guard holds as well."""
    found = known((*_as_guard(facts), guard))
    more = [found.inside(fact, _DEEP) for fact in found]
    return known((*_as_guard(found), *_as_guard(dict(zip(more, found.values(), strict=True)))))


def _as_guard(facts: dict[Expr, bool]) -> Iterator[Expr]:
    for fact, holds in facts.items():
        yield fact if holds else call("not", fact)
