"""Locks with a line: who waits stands in it, and the lock is as taken to others (MMR 19.4)."""

from __future__ import annotations

from verifier.lower.c.parts import MemoryPlace
from verifier.lower.c.word_call import WordCall
from verifier.lower.c.word_values import ask_kernel, result_of, taken
from verifier.lower.code import Branch, Label, Touch
from verifier.lower.paths import substitute
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import softirqs_off
from verifier.records import NamedTuple
from verifier.words.rows import OLD, Locked


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
