"""Words that are sequences of instructions: their rows to code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.access import check_cpu, decide, seen, storable, store_local
from verifier.lower.c.arguments import argument
from verifier.lower.c.beside import beside
from verifier.lower.c.blocking import asleep
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.in_line import has_line, in_line, line_of, whole
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.system import a_root, system
from verifier.lower.c.word_call import WordCall
from verifier.lower.c.word_values import (
    ask_kernel,
    changed,
    constant_bit,
    finish,
    fitting,
    result_of,
    what_it_gives,
)
from verifier.lower.code import Branch, Emit, Jump, Label, Touch, Warn
from verifier.lower.paths import substitute
from verifier.program.expressions import FALSE, KERNEL, TRUE, Const, Expr, Reg, call, parts
from verifier.program.ops import Op
from verifier.program.values import FAULT, Ptr, softirqs_off
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
