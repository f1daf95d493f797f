"""What words find, store and give: values of the types that memory has, and the ends of waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.access import as_held, as_kept
from verifier.lower.c.parts import MemoryPlace, Val
from verifier.lower.c.types import Type
from verifier.lower.c.word_call import WordCall
from verifier.lower.code import Assume, Branch, Emit
from verifier.lower.paths import substitute
from verifier.program.expressions import TRUE, Apply, Const, Expr, Reg, call
from verifier.program.values import FAULT
from verifier.program.waits import WaitKind
from verifier.records import replace
from verifier.syntax.trouble import Trouble
from verifier.words.rows import OLD, Load, Locked, Pure
from verifier.words.table import Word

_WHOLE = MappingProxyType({"int": t.INT, "uint": t.UINT})


def what_it_gives(r: WordCall, word: Word, result: Expr) -> Val:
    """A word's value, with its type."""
    whole = _WHOLE.get(word.result)
    if whole is not None:
        held = next((p.type for p in r.places.values()), t.ANY)
        if t.plain(held) != whole:  # a field whose type is not known, for instance
            return Val(t.wrapped(result, whole), whole, data=any(p.virtual for p in r.places.values()))
    elif word.result != "same":
        results = {"void": t.VOID, "number": t.INT, "value": t.ANY, "ulong": t.ULONG, "long": t.LONG}
        return Val(result, results.get(word.result) or Type(word.result))
    b, first = r.b, word.parameters[0].name
    kind = next((p.type for p in r.places.values()), r.types.get(first, t.ANY))
    data = any(p.virtual for p in r.places.values())
    if word.effects and isinstance(word.effects[0], Pure) and r.places:
        kind = kind if r.places[first].whole else Type("pointer", to=kind)
    elif kind.percpu:
        kind = replace(kind, percpu=False)
    elif kind.kind == "pointer":
        result, kind = as_held(b, result, kind), t.loaded(kind)
    elif isinstance(result, Apply) and not data:
        result = summed(result, kind)
    return Val(result, kind, data=data)


def constant_bit(r: WordCall, word: Word, bits: tuple[Expr, ...]) -> Val:
    """A bit of a mask that is not in memory, which can only be read."""
    at = word.at("cpu")
    if at is None or not all(isinstance(x, Load) for x in word.effects):
        raise Trouble("type", "this mask cannot be changed", r.e.span)
    cpu = r.env[word.parameters[at].name]
    hits = [call("and", call("eq", cpu, Const(k)), bit) for k, bit in enumerate(bits)]
    return Val(call("or", *hits), t.INT)


def ask_kernel(r: WordCall, looks: Expr, lock: str) -> None:
    """Go on at ``lock`` if this kernel does not look first."""
    if looks != TRUE:
        r.b.shared.ask_version(looks)
        r.b.code.append(Branch(call("not", looks), lock, r.e.span))


def changed(r: WordCall, at: str) -> MemoryPlace:
    """The place that is written. A number, as ``atomic_add()`` takes it, has the counter's type; bits
    have it, too."""
    place = r.places[at]
    if place.type.kind == "int":
        for name, kind in r.types.items():
            counts = kind.kind == "int" or (kind.kind == "any" and place.kept is not None)
            if counts and name not in r.places:
                r.env[name], r.types[name] = t.converted(r.env[name], kind, place.type), place.type
    return place


def fitting(row: Expr, env: Mapping[str, Expr], place: MemoryPlace) -> Expr:
    """What a row stores, as the cell keeps it; an argument by itself is converted already."""
    value = substitute(row, env)
    if not isinstance(row, Reg):
        value = summed(value, place.type)
    return as_kept(place, value)


def summed(value: Expr, kind: Type) -> Expr:
    """What is calculated with what a place holds, as that type; without one, sums are words of 64 bits."""
    if kind.kind == "int":
        return t.wrapped(value, kind)
    sums = isinstance(value, Apply) and value.function in ("add", "sub")
    return t.wrapped(value, t.LONG) if sums and kind is t.ANY else value


def finish(r: WordCall, x: Load | Locked, place: MemoryPlace) -> Expr | None:
    """The end of what reads: it waits, perhaps, and gives something."""
    if x.needs != TRUE:
        again = isinstance(x, Locked) and x.again
        r.b.code.append(taken(r, substitute(x.needs, r.env), "retry" if again else "lock"))
    return result_of(r, x.result, place)


def taken(r: WordCall, free: Expr, kind: WaitKind = "lock") -> Assume:
    """The end of a wait for one place."""
    last = next(x for x in reversed(r.b.code) if isinstance(x, Emit))
    return Assume(free, r.b.span(r.e), kind, reads=(last,))


def result_of(r: WordCall, result: Expr | None, place: MemoryPlace) -> Expr | None:
    """What a word gives that reads a place: ``fault``, if the access faulted."""
    if result is None:
        return None
    given, old = substitute(result, r.env), r.env[OLD.name]
    if not place.virtual or given == old:
        return given
    if place.type.kind == "int":
        given = t.wrapped(given, place.type)
    return call("ite", call("eq", old, Const(FAULT)), Const(FAULT), given)
