"""Words that are sequences of instructions: their rows to code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.access import as_held, as_kept, check_cpu, decide, seen, storable, store_local
from verifier.lower.c.arguments import argument
from verifier.lower.c.beside import beside
from verifier.lower.c.blocking import asleep
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.system import a_root, system
from verifier.lower.c.types import Type
from verifier.lower.c.word_call import WordCall
from verifier.lower.code import Assume, Branch, Emit, Jump, Label, Touch, Warn
from verifier.lower.paths import substitute
from verifier.program.expressions import FALSE, KERNEL, TRUE, Apply, Const, Expr, Reg, call, parts
from verifier.program.ops import Op
from verifier.program.values import FAULT, Ptr, softirqs_off
from verifier.program.waits import WaitKind
from verifier.records import NamedTuple, replace
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import (
    CPU,
    OLD,
    Effect,
    Load,
    Locked,
    Machine,
    Modify,
    Order,
    Pure,
    Store,
    Warns,
    Where,
)
from verifier.words.table import Word, WordParameter

# What the pointers that a word takes lead to.
_POINTS_TO: Mapping[str, Callable[[Val], MemoryPlace]] = MappingProxyType(
    {
        "entry": lambda given: MemoryPlace(given.expr, t.PTE),
        "upper": lambda given: MemoryPlace(given.expr, t.PMD),
        "va": lambda given: MemoryPlace(given.expr, t.ANY, True),
        "code": lambda given: MemoryPlace(given.expr, t.CODE),
    }
)


def effects(b: BodyCode, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
    """A word that is a sequence of instructions."""
    r = WordCall(b, e, {"this_cpu": Const(b.cpu), "cpus": Const(b.memory.cpus), KERNEL.name: KERNEL})
    for parameter in word.parameters:
        if parameter.name not in arguments:
            r.env[parameter.name] = Const(0)
            continue
        mask = bind(r, word, parameter, arguments[parameter.name])
        if mask is not None:
            return constant_bit(r, word, mask)
    of = {parameter.kind: parameter.name for parameter in word.parameters}
    if "mask" in of and "cpu" in of:
        bit = call("add", r.env[of["mask"]], r.env[of["cpu"]])
        r.env["bit"] = bit
        r.places["bit"] = MemoryPlace(bit, t.INT)
    result: Expr = Const(0)
    with asleep(b, word, e, lambda: at_once(r, word)):
        for x in word.effects:
            result = effect(r, x) or result
    return what_it_gives(r, word, result)


def bind(r: WordCall, word: Word, parameter: WordParameter, node: ast.CExpr) -> tuple[Expr, ...] | None:
    """Evaluate an argument. The bits of a mask that is not in memory, which ends all."""
    b, name, kind = r.b, parameter.name, parameter.kind
    given = argument(b, word, parameter, node)
    if isinstance(given, Local):
        r.locals[name] = given
        return None
    if isinstance(given, MemoryPlace):
        r.point(name, given)
        r.types[name], r.env[name] = given.type, given.addr
        if given.whole and not isinstance(word.effects[0], Pure):
            raise Trouble("type", "a struct cannot be read or written whole", node.span, "name a field")
        return None
    if kind == "value" and r.target is not None:
        given = Val(storable(b, r.target, given, node), given.type)
    if kind == "cpu":
        check_cpu(b, given.expr, node.span)
    if given.bits is not None:
        return given.bits
    r.env[name], r.types[name] = given.expr, given.type
    if kind == "pcid":
        r.pcid = given.expr
    if r.target is not None and kind in ("pte", "pmd", "table"):
        storable(b, r.target, given, node)
    if given.local is not None and kind in t.ENTRIES:
        only_read(word, node)
        r.locals[name] = given.local
    elif kind in _POINTS_TO:
        r.point(name, _POINTS_TO[kind](given))
    return None


def only_read(word: Word, node: ast.CExpr) -> None:
    """Raise ``Trouble`` for a word that changes the copy of an entry which a local is."""
    if not all(isinstance(x, Load) for x in word.effects):
        text = f"{word.name} changes an entry in memory, and this is the address of a local"
        raise Trouble("type", text, node.span, "assign to the local")


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


def effect(r: WordCall, x: Effect) -> Expr | None:
    """Add one instruction; the expression of its result, if it has one."""
    return EFFECTS[type(x)](r, x)


def order(r: WordCall, x: Order) -> None:
    """A fence, or a mark for what stands beside nothing."""
    if x.kind:
        r.b.emit("F", r.e, kind=x.kind)
    if x.beside:
        r.b.code.append(beside(x.beside, r.e.span))


def pure(r: WordCall, x: Pure) -> Expr:
    """No event."""
    if CPU in parts(x.value):
        check_cpu(r.b, Const(r.b.cpu), r.e.span)
    return substitute(x.value, r.env)


def only_if(r: WordCall, x: Where) -> None:
    """Effects under a condition."""
    end, holds = r.b.fresh("if"), substitute(x.condition, r.env)
    if holds == FALSE:
        return
    if holds != TRUE:
        r.b.code.append(Branch(call("not", holds), end, r.e.span))
    for inner in x.effects:
        effect(r, inner)
    r.b.code.append(Label(end))


def warns(r: WordCall, x: Warns) -> None:
    """``WARN_ON``."""
    r.b.code.append(Warn(TRUE, r.e.span))


# -- accesses -------------------------------------------------------------------------------------


def load(r: WordCall, x: Load) -> Expr | None:
    """A load, which may be waited for. A local is read without one."""
    if x.at in r.locals:
        r.env[OLD.name] = Reg(r.locals[x.at].reg)
        return substitute(x.result, r.env)
    place, temp = r.places[x.at], r.b.fresh()
    r.env[OLD.name] = seen(r.b, place, temp)
    r.b.emit("R", r.e, place.touch(temp), virtual=place.virtual, kind=x.kind)
    return finish(r, x, place)


def store(r: WordCall, x: Store) -> None:
    """A plain store."""
    place = changed(r, x.at)
    touch = place.touch(None, fitting(x.value, r.env, place))
    r.b.emit("W", r.e, touch, virtual=place.virtual, kind=x.kind)


def modify(r: WordCall, x: Modify) -> Expr | None:
    """A load and a plain store, by one instruction or by two, perhaps after a load that looks."""
    place = changed(r, x.at)
    if x.locked != FALSE:
        return sometimes_locked(r, x, place)
    if not x.looks:
        r.env[OLD.name] = seen(r.b, place, modified(r, x, place))
        return result_of(r, x.result, place)
    found, end = r.b.fresh(), r.b.fresh("end")
    r.env[OLD.name] = seen(r.b, place, found)
    r.b.emit("R", r.e, place.touch(found), virtual=place.virtual)
    r.b.code.append(Branch(call("not", substitute(x.when, r.env)), end, r.e.span))
    r.b.set(found, Reg(modified(r, x, place)))
    r.b.code.append(Label(end))
    return result_of(r, x.result, place)


def sometimes_locked(r: WordCall, x: Modify, place: MemoryPlace) -> Expr | None:
    """A read-modify-write that is LOCK'd in some kernels."""
    found, bare, end = r.b.fresh(), r.b.fresh("bare"), r.b.fresh("end")
    r.b.shared.ask_version(x.locked)
    r.b.code.append(Branch(call("not", x.locked), bare, r.e.span))
    r.b.set(found, Reg(locked(r, Locked(x.at, x.value, when=x.when), place)))
    r.b.code += [Jump(end, r.e.span), Label(bare)]
    r.b.set(found, Reg(modified(r, x, place)))
    r.b.code.append(Label(end))
    r.env[OLD.name] = seen(r.b, place, found)
    return result_of(r, x.result, place)


def modified(r: WordCall, x: Modify, place: MemoryPlace) -> str:
    """The load and the store themselves; the local that has what was found."""
    temp = r.b.fresh()
    env = r.given(seen(r.b, place, temp))
    r.b.emit("R", r.e, place.touch(temp), virtual=place.virtual, joined=not x.split)
    when = substitute(x.when, env)
    stored = call("ite", when, fitting(x.value, env, place), Reg(temp))
    r.b.emit("W", r.e, place.touch(None, stored), virtual=place.virtual)
    decide(r.b, when, r.e.span)
    return temp


def update(r: WordCall, x: Locked) -> Expr | None:
    """A LOCK'd operation, or, where the kernel looks first, a load alone if that is the end of it."""
    place = changed(r, x.at)
    if has_line(r, x):
        return in_line(r, x, place)
    looks = substitute(x.looks, r.env)
    if looks == FALSE:
        r.env[OLD.name] = seen(r.b, place, locked(r, x, place))
        return finish(r, x, place)
    found, lock, end = r.b.fresh(), r.b.fresh("locked"), r.b.fresh("end")
    r.env[OLD.name] = seen(r.b, place, found)
    ask_kernel(r, looks, lock)
    r.b.emit("R", r.e, place.touch(found), virtual=place.virtual)
    goes = substitute(x.when, r.env)
    if place.virtual:
        goes = call("and", call("ne", Reg(found), Const(FAULT)), goes)
    r.b.code += [Branch(call("not", goes), end, r.e.span), Label(lock)]
    r.b.set(found, Reg(locked(r, x, place)))
    r.b.code.append(Label(end))
    return finish(r, x, place)


def locked(r: WordCall, x: Locked, place: MemoryPlace) -> str:
    """The LOCK'd operation itself; the local that has what it found."""
    temp = r.b.fresh()
    env = r.given(seen(r.b, place, temp))
    touch = place.touch(temp, fitting(x.value, env, place), substitute(x.when, env))
    r.b.emit("X", r.e, touch, virtual=place.virtual)
    return temp


def at_once(r: WordCall, word: Word) -> Expr:
    """A first look of a word that may wait: can it go on? Who waits for a grace period never can."""
    x = next((x for x in word.effects if isinstance(x, Load | Locked) and x.needs != TRUE), None)
    if x is None:
        return FALSE
    seen, place = r.places[x.at].touch(r.b.fresh()), r.places[x.at]
    others: list[Touch] = []
    found: Expr = Reg(seen.into or "")
    if isinstance(x, Locked) and has_line(r, x):
        seen, others, found = whole(r, x, line_of(r, x, place))
        seen = seen._replace(value=None, when=TRUE)
    op: Op = "X" if isinstance(x, Locked) else "R"
    r.b.emit(op, r.e, seen, *others, virtual=place.virtual)
    return substitute(x.needs, r.given(found))


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


# -- locks with a line ----------------------------------------------------------------------------


class _Line(NamedTuple):
    """A lock and those who stand in line for it: where the lock is, and the cells that count the writers and
    the readers; the local that has what the lock looks like, and the label of the end."""

    lock: Expr
    writers: Expr
    readers: Expr | None
    seen: str
    end: str


def has_line(r: WordCall, x: Locked) -> bool:
    """Is there a line in front of the lock that somebody looks at?"""
    return bool(x.line) and (x.line != "joins" or r.b.shared.line_is_seen)


def line_of(r: WordCall, x: Locked, place: MemoryPlace) -> _Line:
    """The lock at a place, and its line."""
    lines = r.b.memory.line
    readers = lines(place.addr, "read") if x.readers else None
    return _Line(place.addr, lines(place.addr, "write"), readers, r.b.fresh(), r.b.fresh("end"))


def in_line(r: WordCall, x: Locked, place: MemoryPlace) -> Expr | None:
    """An operation on a lock that others may wait for in a line which it sees. While somebody stands in
    it, the lock is as taken by a writer to those who do not (MMR 19.4)."""
    at = line_of(r, x, place)
    r.env[OLD.name] = Reg(at.seen)
    if x.line == "gives_way":
        give_way(r, x, at)
        return result_of(r, x.result, place)
    lock, others, found = whole(r, x, at)
    if x.line == "waits":
        env = r.given(in_interrupt(r, Reg(lock.into or ""), found, others))
        when = substitute(x.needs, env)
        r.b.emit("X", r.e, lock._replace(value=substitute(x.value, env), when=when), *others)
        r.b.code.append(taken(r, when))
        return None
    r.b.emit("X", r.e, lock, *others)
    r.b.code.append(Branch(substitute(x.needs, r.given(found)), at.end, r.e.span))
    stand(r, x, at)
    return None


def in_interrupt(r: WordCall, inside: Expr, outside: Expr, others: list[Touch]) -> Expr:
    """One value in an interrupt, another one outside. Who has turned softirqs off is inside to the kernel."""
    off = softirqs_off(r.b.cpu)
    if r.b.interrupting or off not in r.b.memory.cells:
        return inside if r.b.interrupting else outside
    others.append(Touch(Const(off), r.b.fresh()))
    return call("ite", call("gt", Reg(others[-1].into or ""), Const(0)), inside, outside)


def whole(r: WordCall, x: Locked, at: _Line) -> tuple[Touch, list[Touch], Expr]:
    """The lock and its line at one instant; the lock as those see it who give way."""
    lock = r.b.fresh()
    others = [Touch(cell, r.b.fresh()) for cell in (at.writers, at.readers) if cell is not None]
    nobody = call("and", *(call("eq", Reg(touch.into or ""), Const(0)) for touch in others))
    found = call("ite", nobody, Reg(lock), Const(-1))
    env = r.given(found)
    when = substitute(x.when if x.needs == TRUE else x.needs, env)
    return Touch(at.lock, lock, substitute(x.value, env), when), others, found


def give_way(r: WordCall, x: Locked, at: _Line) -> None:
    """A trylock, which fails while somebody stands in line; it may look first."""
    lock = r.b.fresh("locked")
    looks = substitute(x.looks, r.env)
    if looks != FALSE:
        ask_kernel(r, looks, lock)
        held, others, found = whole(r, x, at)
        r.b.emit("R", r.e, held._replace(value=None, when=TRUE), *others)
        r.b.set(at.seen, found)
        r.b.code.append(Branch(call("not", substitute(x.when, r.env)), at.end, r.e.span))
    r.b.code.append(Label(lock))
    held, others, found = whole(r, x, at)
    r.b.emit("X", r.e, held, *others)
    r.b.set(at.seen, found)
    r.b.code.append(Label(at.end))


def stand(r: WordCall, x: Locked, at: _Line) -> None:
    """Stand in line until the lock is free; a reader, until no writer stands there either."""
    before, after, lock, ahead = r.b.fresh(), r.b.fresh(), r.b.fresh(), r.b.fresh()
    follows = x.line == "follows"
    cell = at.readers if follows and at.readers is not None else at.writers
    r.b.emit("X", r.e, Touch(cell, before, call("add", Reg(before), Const(1))))
    env = r.given(Reg(lock))
    free = substitute(x.needs, env)
    writers = [Touch(at.writers, ahead)] if follows else []
    if follows:
        free = call("and", free, call("eq", Reg(ahead), Const(0)))
    takes = Touch(at.lock, lock, substitute(x.value, env), free)
    leaves = Touch(cell, after, call("sub", Reg(after), Const(1)), free)
    r.b.emit("X", r.e, takes, leaves, *writers)
    r.b.code += [taken(r, free), Label(at.end)]


# -- the system's instructions --------------------------------------------------------------------


def machine(r: WordCall, x: Machine) -> Expr | None:
    """An instruction of the system kind."""
    b = r.b
    if x.op == "T":
        temp = b.fresh()
        b.emit("T", r.e, Touch(r.env[x.va], temp), virtual=True)
        return Reg(temp)
    if x.kind == "bh" and softirqs_off(b.cpu) not in b.memory.cells:
        return None  # no callback runs
    touches: tuple[Touch, ...] = ()
    into = None
    if x.register:
        asks = x.value is not None and OLD in parts(x.value)
        into = b.fresh() if x.into or asks else None
        env = r.env if into is None else r.given(Reg(into))
        value = None if x.value is None else substitute(x.value, env)
        if value is not None and x.op == "CR3":
            value = a_root(b, r.e, value)
        touches = (Touch(Const(Ptr(f"{b.cpu}:{x.register}")), into, value),)
    if x.domain:
        return about_domain(r, x)
    system(b, r.e, x, *touches, va=r.env.get(x.va), pcid=r.env.get(x.pcid))
    if into is not None and x.into:
        store_local(b, r.locals[x.into], Val(Reg(into), t.BOOL), r.e)
        r.env[x.into] = Reg(into)  # for what gives it back in the same word
    return None


def about_domain(r: WordCall, x: Machine) -> Expr | None:
    """A part of SRCU: of one ``srcu_struct``. What begins a section gives its index."""
    into = r.b.fresh() if x.kind == "lock" else None
    ends = r.env[x.index] if x.index else None
    r.b.emit(x.op, r.e, Touch(r.env[x.domain], into, ends), kind=x.kind)
    if x.anywhere:
        r.b.code[-1:] = [y._replace(anywhere=True) for y in r.b.code[-1:] if isinstance(y, Emit)]
    return None if into is None else Reg(into)


EFFECTS: Lines[WordCall, Expr | None] = dict(
    (
        line(Load, load),
        line(Store, store),
        line(Locked, update),
        line(Modify, modify),
        line(Order, order),
        line(Pure, pure),
        line(Machine, machine),
        line(Where, only_if),
        line(Warns, warns),
    )
)
