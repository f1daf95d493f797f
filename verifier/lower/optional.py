"""Code whose parts can be left out, to see what rests on them.

A part is what one place of the source does in one way: that it is a barrier, that it is LOCK'd, that it
flushes. Each has a local that is 1 where the part is there (``Lowered.options``). A judge may choose these
locals; where they are given, unrolling leaves nothing of the parts that are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

from verifier.lower.code import Assume, Branch, Emit, Instruction, Jump, Label, Lowered, SetRegister, Target
from verifier.lower.liveness import sets
from verifier.program.expressions import FALSE, Apply, Const, Expr, Reg, call
from verifier.program.ops import Op
from verifier.program.profiles import CALL_QUEUE
from verifier.program.values import Ptr
from verifier.records import NamedTuple, replace
from verifier.source import Span

PartKind = Literal[
    "barrier", "LOCK", "serialization", "flush", "wait", "IPI", "IRQ-off region", "softirq-off region",
    "lock", "grace period", "reader",
]  # fmt: skip
Domain = Ptr | Literal["RCU", "some srcu_struct"]  # whose readers they are, if the source says it
PART_KINDS: tuple[PartKind, ...] = get_args(PartKind)


class OptionalPart(NamedTuple):
    """A part of a test that can be left out.

    ``name``    the local that is 1 where it is there;
    ``kind``    what it does; without it, the rest of its instruction is done as before;
    ``text``    how the source writes it, at ``span``;
    ``cpus``    the CPUs that execute it;
    ``loop``    a jump back may repeat it;
    ``of``      the op and the kind of its instruction: ``F mfence``; empty for what waits for a lock;
    ``beside``  another part of the same word, from another place, is in its line.
    """

    name: str
    kind: PartKind
    text: str
    span: Span
    cpus: frozenset[int]
    loop: bool = False
    of: str = ""
    beside: bool = False

    def is_of(self, op: Op) -> bool:
        """May an event of its instruction, or of what stands for it, have this op?"""
        return self.kind not in _OPS or op in _OPS[self.kind]


# The ops of the instructions that parts of a kind are of; a lock and a reader are of several.
_OPS: Mapping[PartKind, frozenset[Op]] = {
    "barrier": frozenset({"F"}),
    "LOCK": frozenset({"X", "R", "W"}),
    "serialization": frozenset({"SER", "CR3", "INV"}),
    "flush": frozenset({"BINV", "CR3", "INV"}),
    "wait": frozenset({"WAIT", "TLBSYNC"}),
    "IPI": frozenset({"SEND"}),
    "IRQ-off region": frozenset({"IRQ"}),
    "softirq-off region": frozenset({"IRQ"}),
    "grace period": frozenset({"GP"}),
}


# The ops of which nothing is left without the part.
_WHOLE: Mapping[Op, PartKind] = {
    "F": "barrier", "WAIT": "wait", "SEND": "IPI", "BINV": "flush", "TLBSYNC": "wait", "SER": "serialization",
}  # fmt: skip


def optional(lowered: Lowered) -> tuple[Lowered, list[OptionalPart]]:
    """The same test with parts that may be left out, and these parts in the order of the code."""
    maker = _Maker()
    threads = [maker.code(cpu, code) for cpu, code in enumerate(lowered.threads)]
    nmis = [(cpu, maker.code(cpu, code)) for cpu, code in lowered.nmis]
    pending = [p._replace(code=maker.code(p.cpu, p.code)) for p in lowered.pending]
    parts = _beside([part for part in maker.parts.values() if part.kind != "reader" or maker.awaited(part)])
    options: dict[str, int | None] = dict.fromkeys((part.name for part in maker.parts.values()), 1)
    options |= dict.fromkeys(part.name for part in parts)
    made = replace(lowered, threads=threads, nmis=nmis, pending=pending, options=options)
    return (made if maker.calls < 2 else _overtaking(made)), parts


def _beside(parts: Sequence[OptionalPart]) -> list[OptionalPart]:
    """The same parts, which say of themselves whether another one like them is in their line."""
    columns: dict[tuple[str, ...], set[int]] = {}
    alike = [(p.text.partition("(")[0], p.span.source.name, str(p.span.line)) for p in parts]
    for p, key in zip(parts, alike, strict=True):
        columns.setdefault(key, set()).add(p.span.column)
    return [p._replace(beside=len(columns[key]) > 1) for p, key in zip(parts, alike, strict=True)]


def _overtaking(lowered: Lowered) -> Lowered:
    """The same test where a call may overtake one whose wait is left out: kernels differ (MMR 17.7)."""
    world = replace(lowered.world, versions=lowered.world.versions | {CALL_QUEUE})
    return replace(lowered, world=world)


def kept(
    lowered: Lowered, parts: Sequence[OptionalPart], always: Container[OptionalPart]
) -> tuple[Lowered, list[OptionalPart]]:
    """The code in which some parts are always there, and the other parts."""
    options = lowered.options | dict.fromkeys((p.name for p in parts if p in always), 1)
    return replace(lowered, options=options), [p for p in parts if p not in always]


def given(lowered: Lowered, present: Container[str]) -> Lowered:
    """The code in which those of the optional parts are there that ``present`` names."""
    options = {
        name: int(name in present) if known is None else known for name, known in lowered.options.items()
    }
    return replace(lowered, options=dict(options))


class _Maker:
    """Makes parts, and code that asks for them. What several CPUs execute is one part."""

    def __init__(self) -> None:
        self.parts: dict[tuple[PartKind, Span], OptionalPart] = {}
        self.made: dict[tuple[int, int], tuple[Instruction, ...]] = {}
        self.labels = 0
        self.awaiting: set[Domain] = set()  # what grace periods wait for readers of
        self.read: dict[str, set[Domain]] = {}  # by the name of a reader, what it is a reader of
        self.calls = 0  # that are waited for, unless their waits are left out

    def awaited(self, reader: OptionalPart) -> bool:
        """May a grace period wait for a reader?"""
        return any(_may_be(a, b) for a in self.read[reader.name] for b in self.awaiting)

    def code(self, cpu: int, code: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
        """The code of a thread or a handler on a CPU."""
        key = (cpu, id(code))
        if key not in self.made:
            self.made[key] = tuple(_Body(self, cpu, code).instructions())
        return self.made[key]

    def asked(self, kind: PartKind, x: Emit | Assume, cpu: int, text: str, loop: bool = False) -> Reg | None:
        """The local of the part that an instruction is; None if the source does not say where it is."""
        if x.span is None:
            return None
        known = self.parts.get((kind, x.span))
        name = known.name if known is not None else f"%part{len(self.parts)}"
        cpus = known.cpus if known is not None else frozenset[int]()
        loop = loop or (known is not None and known.loop)
        text = text or " ".join(x.span.text.split()).rstrip(";")  # what a story does not tell has none
        of = f"{x.op} {x.kind}".strip() if isinstance(x, Emit) else ""
        self.parts[kind, x.span] = OptionalPart(name, kind, text, x.span, cpus | {cpu}, loop, of)
        return Reg(name)

    def label(self) -> str:
        self.labels += 1
        return f"%option{self.labels}"


class _Body:
    """One body's code with its parts made optional."""

    def __init__(self, maker: _Maker, cpu: int, code: tuple[Instruction, ...]) -> None:
        self.maker, self.cpu, self.source = maker, cpu, code
        self.weak: dict[int, tuple[Emit, ...]] = {}  # by id: what stands for a LOCK'd operation without LOCK
        self.grace: Reg | None = None  # of the grace period that has started
        self.turning = _in_loops(code)
        self.sections = _sections(code, _reads)
        begins = {i: x for i, x in enumerate(code) if isinstance(x, Emit) and _turns_softirqs(x) == "begin"}
        self.windows = _sections(code, _turns_softirqs) or begins
        self.values = _values(code)

    def instructions(self) -> Iterator[Instruction]:
        """The code; what begins halfway in an instruction is never left out alone."""
        halfway = False
        for at, x in enumerate(self.source):
            if isinstance(x, Emit):
                x = x._replace(targets=tuple(self.target(t) for t in x.targets)) if x.targets else x
                yield from [x] if halfway or x.joined else self.emit(at, x)
                halfway = x.joined
            elif isinstance(x, Assume):
                yield self.assume(x)
            else:
                yield x

    def target(self, target: Target) -> Target:
        return target._replace(code=self.maker.code(target.cpu, target.code))

    def part(self, kind: PartKind, x: Emit) -> Reg | None:
        return self.maker.asked(kind, x, self.cpu, x.text)

    def emit(self, at: int, x: Emit) -> Iterator[Instruction]:
        """One instruction."""
        if (x.op == "GP" and x.kind == "start") or x.kind == "rcu":
            self.maker.awaiting.add(self.domain(x))
        if x.op in _WHOLE and x.kind not in ("clflush", "rcu"):
            yield from self.without(self.part(_WHOLE[x.op], x), self.awaited(x))
        elif x.op == "X":
            part = self.maker.asked("LOCK", x, self.cpu, x.text, at in self.turning)
            yield from self.without(part, x, *self.unlocked(x))
        elif x.op in ("CR3", "INV"):
            yield from self.invalidation(x)
        elif x.op == "GP":
            self.grace = self.part("grace period", x) if x.kind != "end" else self.grace
            yield from self.without(self.grace, x)
        elif x.op == "IRQ" and not x.kind and x.touches[0].value == FALSE:
            yield from self.without(self.part("IRQ-off region", x), x, *_left_on(x))
        elif x.kind == "bh" and at in self.windows:
            yield from self.without(self.part("softirq-off region", self.windows[at]), x)
        elif x.op == "RCU" and at in self.sections:
            yield from self.without(self.reader(self.sections[at]), x)
        elif x.op == "RCU" and x.touches and x.kind == "lock":
            part = self.reader(x)
            yield x if part is None else x._replace(part=part.name)
        else:
            yield x

    def awaited(self, x: Emit) -> Emit:
        """A call, which is waited for where its wait is there (MMR 17.7)."""
        if x.op != "SEND" or x.waited is None or x.waited == FALSE:
            return x
        waits = (y for y in self.source if isinstance(y, Emit) and y.op == "WAIT" and y.group == x.group)
        parts = [part for part in map(partial(self.part, "wait"), waits) if part is not None]
        self.maker.calls += bool(parts)
        return x._replace(waited=call("and", x.waited, *dict.fromkeys(parts)))

    def reader(self, x: Emit) -> Reg | None:
        """The part that a section is which begins here."""
        part = self.part("reader", x)
        if part is not None:
            self.maker.read.setdefault(part.name, set()).add(self.domain(x))
        return part

    def domain(self, x: Emit) -> Domain:
        """What a reader or a grace period is about."""
        if not x.touches:
            return "RCU"
        address = x.touches[0].addr
        while isinstance(address, Reg) and address.name in self.values:
            address = self.values[address.name]
        value = address.value if isinstance(address, Const) else None
        return value if isinstance(value, Ptr) else "some srcu_struct"

    def without(self, part: Reg | None, x: Emit, *instead: Emit) -> Iterator[Instruction]:
        """``x`` where the part is there, what stands in its place where it is not."""
        if part is None:
            yield x
            return
        absent, end = self.maker.label(), self.maker.label()
        yield Branch(call("not", part), absent, x.span)
        yield x
        if instead:
            yield Jump(end, x.span)
        yield Label(absent)
        yield from instead
        if instead:
            yield Label(end)

    def unlocked(self, x: Emit) -> tuple[Emit, ...]:
        """The same operation as one instruction without a LOCK prefix: a load and a store."""
        looks = tuple(t._replace(value=None) for t in x.touches if t.into is not None)
        stores = tuple(t._replace(into=None) for t in x.touches if t.value is not None)
        made = []
        if looks:
            made.append(x._replace(op="R", touches=looks, joined=bool(stores)))
        if stores:
            made.append(x._replace(op="W", touches=stores))
        self.weak[id(x)] = tuple(made)
        return tuple(made)

    def invalidation(self, x: Emit) -> Iterator[Instruction]:
        """A flush that serializes, or only one of both."""
        flush = self.part("flush", x) if x.kind != "noflush" else None
        serial = self.part("serialization", x) if x.serializing and "invpcid" not in x.kind else None
        kept = self.maker.label()
        end = self.maker.label()
        relaxed = x._replace(serializing=False)
        if flush is not None:
            yield Branch(flush, kept, x.span)
            if x.op == "CR3":
                yield from self.without(serial, x._replace(kind="noflush"), relaxed._replace(kind="noflush"))
            elif serial is not None:
                stays = Emit("SER", kind="sync_core", span=x.span, text=x.text)
                yield from self.without(serial, stays)
            yield Jump(end, x.span)
            yield Label(kept)
        yield from self.without(serial, x, relaxed)
        yield Label(end)

    def assume(self, x: Assume) -> Assume:
        """What a lock waits for, if the lock is there."""
        reads = tuple(y for read in x.reads for y in (read, *self.weak.get(id(read), ())))
        x = x._replace(reads=reads)
        part = self.maker.asked("lock", x, self.cpu, _text(x)) if x.kind == "lock" else None
        return x if part is None else x._replace(condition=call("or", call("not", part), x.condition))


def _text(x: Assume) -> str:
    return x.reads[0].text if x.reads else x.what


def _left_on(x: Emit) -> tuple[Emit, ...]:
    """What reads the flag, too, still reads it."""
    (touch,) = x.touches
    return () if touch.into is None else (x._replace(touches=(touch._replace(value=Reg(touch.into)),)),)


def _in_loops(code: tuple[Instruction, ...]) -> frozenset[int]:
    """The places of instructions that a jump back repeats."""
    labels = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
    found: set[int] = set()
    for at, x in enumerate(code):
        if isinstance(x, Jump | Branch) and labels[x.target] <= at:
            found |= set(range(labels[x.target], at))
    return frozenset(found)


def _may_be(a: Domain, b: Domain) -> bool:
    """May these be the same one?"""
    return a == b or ("some srcu_struct" in (a, b) and "RCU" not in (a, b))


def _values(code: tuple[Instruction, ...]) -> dict[str, Expr]:
    """The values of the locals that are set once, by an assignment: what a function is given."""
    found: dict[str, Expr] = {}
    twice: set[str] = set()
    for x in code:
        for name in sets(x):
            twice |= {name} & found.keys()
            found[name] = x.value if isinstance(x, SetRegister) else Reg(name)
    return {name: value for name, value in found.items() if name not in twice and value != Reg(name)}


def _sections(code: tuple[Instruction, ...], side: Callable[[Emit], str]) -> dict[int, Emit]:
    """Where sections begin and end, each with what begins it; ``side`` says which it is. Where they do not
    nest in the order of the code, there are none."""
    found: dict[int, Emit] = {}
    open_: list[Emit] = []
    for at, x in enumerate(code):
        if not isinstance(x, Emit) or not side(x):
            continue
        if side(x) == "begin":
            open_.append(x)
            found[at] = x
        elif open_:
            found[at] = open_.pop()
        else:
            return {}
    return {} if open_ else found


def _reads(x: Emit) -> str:
    """Marks of RCU readers. SRCU's sections have indices: unrolling finds their ends."""
    if x.op != "RCU" or x.touches:
        return ""
    return "begin" if x.kind == "lock" else "end"


def _turns_softirqs(x: Emit) -> str:
    """Turns softirqs off and on."""
    if x.kind != "bh":
        return ""
    value = x.touches[0].value
    return "begin" if isinstance(value, Apply) and value.function == "add" else "end"
