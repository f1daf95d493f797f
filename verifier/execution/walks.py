"""The re-check of page walks: each reads the entries that it names, from the root down."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.execution.run import Execution, Walk, combined
from verifier.program.events import Event
from verifier.program.expressions import evaluate
from verifier.program.functions import apply
from verifier.program.leaves import first_leaf
from verifier.program.rights import needs
from verifier.program.values import CLEAN, GLOBAL, RO, UNACCESSED, Ptr, Value, flags, target


def pcid_asked(x: Execution, walk: Walk) -> Value | None:
    """The PCID under which a condition asks."""
    assert walk.observable is not None
    o = x.program.observables[walk.observable]
    if o.pcid is not None:
        return o.pcid
    cell = Ptr(f"{walk.cpu}:pcid")
    if cell not in x.program.cells:
        return 0
    return x.final(cell) if o.at is None else x.register(walk.cpu, "pcid", x.snapshots[o.at])


def check_walks(x: Execution) -> list[str]:
    """Everything that is wrong with the translations of an execution."""
    wrong = [f"walk for {w.use}: {text}" for w in x.walks for text in _levels(x, w)]
    for event in x.program.events:
        if event.virtual and event.id in x.executed:
            mine = [w for w in x.walks if w.event == event.id]
            if len(mine) != 1:
                wrong.append(f"event {event.id} is not translated once")
            else:
                wrong += [f"event {event.id}: {text}" for text in _access(x, event, mine[0])]
        elif event.id in x.faults:
            wrong.append(f"event {event.id} cannot fault")
    for w in x.walks:
        if w.observable is not None:
            o = x.program.observables[w.observable]
            if (w.cpu, w.va) != (o.cpu, o.va) or not apply("pte_matches", (w.content, o.page or 0)):
                wrong.append(f"a walk shows nothing of {o.label}")
            if w.tag != pcid_asked(x, w) and not flags(w.content) & GLOBAL:
                wrong.append(f"{o.label} rests on an entry of another PCID")
    return wrong


def _levels(x: Execution, w: Walk) -> Iterator[str]:
    """One entry leads to the next; all are read under one PCID."""
    program = x.program
    if w.kind == "initial":
        if (w.cpu, w.tag, w.va, w.content) not in program.tlb:
            yield "no such initial entry"
        return
    if not w.levels:
        yield "it reads nothing"
        return
    handle = x.register(w.cpu, "cr3", w.levels[0][0])
    unusable = UNACCESSED if x.model.switches.spontaneous else 0
    for k, (node, cell, content) in enumerate(w.levels):
        if program.entries.get((handle, w.va)) != cell:  # type: ignore[arg-type]
            yield f"{cell} is not where it goes on"
        if x.found(node, cell) != content:
            yield f"it does not read {content} at {cell}"
        if x.register(w.cpu, "pcid", node) != w.tag:
            yield f"PCID {w.tag} is not in force when it reads {cell}"
        if k < len(w.levels) - 1:
            handle = target(content)
            if handle not in program.tables or flags(content) & unusable:
                yield f"{cell} leads no further"
    yield from _by_loads(x, w)
    last = w.levels[-1][2]
    if w.kind == "accessed":
        if target(last) is None or not flags(last) & UNACCESSED:
            yield "it sets A where it cannot"
    elif w.kind == "use" and (
        target(last) is None or target(last) in program.tables or flags(last) & unusable
    ):
        yield "it ends at no page"
    if w.kind in ("use", "fault") and w.content != combined(w.levels):
        yield "it says more than it reads"


def _by_loads(x: Execution, w: Walk) -> Iterator[str]:
    """Where a walk is one by loads, all of them are the same access's: the last one is at its own instant,
    those above right before it (MMR 3.3, 3.4, 6.3)."""
    s, last = x.model.switches, w.levels[-1][0]
    if not (s.faults_by_loads if w.kind == "fault" else w.kind == "use" and not s.spontaneous):
        return
    walking = [e.id for e in x.program.events if e.virtual and e.cpu == w.cpu and e.id in x.executed]
    user = next((e for e in walking if x.issues.get(e, e) == last), None)
    if user is None or (w.kind == "fault" and last != w.use):
        yield f"no access loads {w.levels[-1][1]}"
    loads = () if user is None else x.loads.get(user, ())
    yield from (f"it does not load {cell}" for node, cell, _ in w.levels[:-1] if node not in loads)


def _access(x: Execution, event: Event, w: Walk) -> Iterator[str]:
    """The walk is one for this access, and permits it or explains its fault."""
    if evaluate(event.accesses[0].addr, x.slots) != w.va or w.cpu != event.cpu:
        yield "the walk is for another address"
    forbidden = bool(flags(w.content) & needs(event))
    now = x.register(w.cpu, "pcid", w.use)
    if w.kind in ("use", "initial") and w.tag != now and not flags(w.content) & GLOBAL:
        yield "the entry is of another PCID"
    if event.id in x.faults:
        if w.kind != "fault" and not (forbidden and x.model.switches.spurious_prot_fault):
            yield "it has no reason to fault"
        if w.kind == "fault" and target(w.content) is not None and not forbidden:
            yield "it faults on an entry that permits the access"
        return
    if w.kind not in ("use", "initial") or forbidden:
        yield "it is not permitted"
    if needs(event) & RO and flags(w.content) & CLEAN and x.model.switches.spontaneous:
        yield from _dirty(x, event, w)
    slot = event.accesses[0].slot
    if event.op == "T" and slot is not None and x.slots.get(slot) != target(w.content):
        yield "it returned another page than its translation's"


def _dirty(x: Execution, event: Event, w: Walk) -> Iterator[str]:
    """A write through a clean entry has set D in that entry."""
    node = x.dirty.get(event.id)
    found = [r for r in x.reads if r.read == node]
    if node is None or len(found) != 1:
        yield "D is not set"
        return
    content, cell = found[0].value, found[0].cell
    if target(content) != target(w.content) or not flags(content) & CLEAN:
        yield "D is set in an entry that changed"
    if flags(content) & RO and not x.model.switches.d_on_ro:
        yield "D is set in a read-only entry"
    mode, aged = x.model.switches.d_sets_a, node not in x.unaged
    if flags(content) & UNACCESSED and mode != "either" and aged != (mode == "always"):
        yield f"A is {'set' if aged else 'left clear'} where D is set"
    if cell != (w.levels[-1][1] if w.levels else first_leaf(x.program, w.cpu, w.va)):
        yield "D is set in another entry"
