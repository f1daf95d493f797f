"""Code to guarded events: loops are cut at a bound, branches become guards, locals become slots."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.budget import Budget
from verifier.lower import interrupts, overlaps, rests, sections, srcu
from verifier.lower.code import Emit, Instruction, Lowered
from verifier.lower.taken import Locks
from verifier.lower.unroller import STRAIGHT_OPS, Unroller
from verifier.program.events import Program
from verifier.program.expressions import KERNEL, Const, Ref, Reg, call, parts
from verifier.program.values import Ptr


def _with_handlers(code: Iterable[tuple[Instruction, ...]]) -> list[tuple[Instruction, ...]]:
    """This code and the code of all handlers that it starts, each once."""
    found: dict[int, tuple[Instruction, ...]] = {}
    pending = list(code)
    while pending:
        body = pending.pop()
        if id(body) not in found:
            found[id(body)] = body
            pending += [t.code for x in body if isinstance(x, Emit) for t in x.targets]
    return list(found.values())


def _asked(lowered: Lowered) -> list[frozenset[str]]:
    """By CPU, the locals that observables ask for."""
    found: list[set[str]] = [set() for _ in lowered.threads]
    for o in lowered.observables:
        if o.kind == "reg" and o.cpu is not None and o.expr is not None:
            found[o.cpu] |= {part.name for part in parts(o.expr) if isinstance(part, Reg)}
    return [frozenset(names) for names in found]


def unroll(
    lowered: Lowered,
    bound: int = 2,
    budget: Budget | None = None,
    exact: bool = True,
    spontaneous: bool = True,
) -> Program:
    """A lowered test as guarded events, each loop's backward jumps taken at most ``bound`` times.

    ``bound`` counts the backward jumps that one body takes in a run. A loop that is its last turn (MMR 20.4)
    needs no bound, and is unrolled only if ``exact`` is false, or if it walks and walks are not
    ``spontaneous``: the walk of a turn may then have filled what the last turn uses. Raises ``LimitError``
    if the result is too large to be decided, or the time is over.
    """
    budget = budget or Budget()
    locks: Locks | None = Locks()
    while locks is not None:  # each time fewer locks are taken for plain ones
        unroller = _unroller(lowered, bound, budget, exact, spontaneous, locks)
        program = _unrolled(unroller, lowered)
        locks = locks.again(program)
    return program


def _unroller(
    lowered: Lowered, bound: int, budget: Budget, exact: bool, spontaneous: bool, locks: Locks
) -> Unroller:
    """An unroller that has unrolled nothing yet."""
    bodies = _with_handlers(
        [*lowered.threads, *(code for _, code in lowered.nmis), *(p.code for p in lowered.pending)]
    )
    emits = [x for code in bodies for x in code if type(x) is Emit]
    plain = STRAIGHT_OPS.issuperset([x.op for x in emits])
    special = [] if plain else emits
    return Unroller(
        bound,
        budget,
        exact=exact,
        spontaneous=spontaneous,
        locks=locks,
        graced=any(map(sections.waits_for_readers, special)),
        halting=rests.halting(lowered),
        at_end=_asked(lowered),
        judges_hangs=any(o.kind == "hang" for o in lowered.observables),
        registers=lowered.world.cells.keys(),
        overlaid=lowered.world.overlaid,
        begins=sum(x.op == "RCU" and x.kind == "lock" for x in special),
        barriers=any(x.kind == "barrier" for x in special),
        waited=frozenset(x.group for x in special if x.op == "WAIT"),
        unreached=lowered.unreached,
    )


def _unrolled(unroller: Unroller, lowered: Lowered) -> Program:
    """Unroll all bodies."""
    kernel = unroller.slot() if lowered.world.versions else None
    if kernel is not None:
        unroller.given[KERNEL.name] = Ref(kernel)
    options: dict[str, int] = {}
    for name, given in lowered.options.items():
        if given is None:
            options[name] = unroller.slot()
            unroller.optional.append(Ref(options[name]))
        unroller.given[name] = Ref(options[name]) if given is None else Const(given)
    irqs = [lowered.world.cells.get(Ptr(f"{cpu}:irq")) for cpu in range(len(lowered.threads))]
    finals = [
        unroller.thread(cpu, code, irq is not None and irq.init == 0)
        for cpu, (code, irq) in enumerate(zip(lowered.threads, irqs, strict=True))
    ]
    for cpu, code in lowered.nmis:
        interrupts.nmi(unroller, cpu, code)
    for pending in lowered.pending:
        interrupts.pending_handler(unroller, pending)
    carried = sections.hand_over(unroller)
    for cpu, env in enumerate(finals):
        if cpu in unroller.warnings:
            env["%warn"] = call("or", *unroller.warnings[cpu])
    if unroller.indexed:
        srcu.check_asked(lowered, finals, unroller.carriers, carried)
    shared = lowered.world.overlaid
    wanted = overlaps.asked(lowered.observables, lowered.condition, lowered.filter) if shared else []
    return Program(
        world=lowered.world,
        bodies=unroller.bodies,
        events=unroller.events,
        slots=unroller.slots,
        assumes=unroller.assumes,
        cuts=unroller.cuts,
        observables=[rests.observed(unroller, o, finals) for o in lowered.observables],
        condition=lowered.condition,
        shown=lowered.shown,
        filter=lowered.filter,
        kernel=kernel,
        warns=unroller.warns,
        decisions=[*unroller.decisions, *overlaps.decisions(lowered.world, unroller.events, wanted)],
        bound=unroller.bound,
        waits=unroller.waits,
        loops=unroller.loops,
        cuts_after=unroller.cuts_after,
        stops=unroller.stops,
        options=options,
        origin=unroller.origin,
        begun=unroller.begun,
    )
