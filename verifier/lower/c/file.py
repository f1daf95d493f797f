"""C and MM tests to code: ``lower(test)``.

The objects are laid out first (``memory``), then every CPU's program becomes code (``expressions``,
``calls``, ``statements``), and last the condition is resolved against both.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.budget import Budget
from verifier.errors import InputError
from verifier.lower.c import types as t
from verifier.lower.c.beside import lonely, unanswered
from verifier.lower.c.bodies import handler, nmi_of, program_of
from verifier.lower.c.body import BodyCode
from verifier.lower.c.cell_names import address_names
from verifier.lower.c.flavours import missed
from verifier.lower.c.initial import unmet
from verifier.lower.c.kernel import resolved
from verifier.lower.c.known_types import unknown_types
from verifier.lower.c.language import LANGUAGE
from verifier.lower.c.lock_kinds import mistaken
from verifier.lower.c.memory import TestMemory
from verifier.lower.c.parts import Shared, Val
from verifier.lower.c.redefined import redefined
from verifier.lower.c.scope import Pcids, Scope
from verifier.lower.c.sleeping import CodeOf, atomic_sleeps
from verifier.lower.c.unpaired import unpaired
from verifier.lower.c.unset import unset
from verifier.lower.code import Instruction, Lowered, PendingHandler
from verifier.lower.observe import Observed, observe
from verifier.lower.overlaps import asked
from verifier.program.events import World
from verifier.program.expressions import FALSE, Apply, Expr, Obs
from verifier.program.profiles import kernel_of
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.syntax.test import Test
from verifier.syntax.trouble import Trouble
from verifier.words.rows import since


def lower(test: Test, budget: Budget | None = None) -> Lowered:
    """A C or MM test as code.

    Raises ``InputError`` with everything that is wrong with it, ``LimitError`` for what grows too large.
    """
    assert isinstance(test.tree, ast.Unit)
    text = resolved(test.tree)
    unit = text.unit
    theirs = {f.path for f in unit.kernel.files} if unit.kernel else set()  # what nobody here has written
    about_locks = mistaken(unit)
    troubles = [d for d in about_locks if d.severity == "error"]
    untyped = unknown_types(unit, theirs)
    if untyped:  # what else is wrong follows from it
        raise InputError([*troubles, *untyped])
    memory = TestMemory(unit, troubles)
    memory.header = text.header
    if not unit.threads and not unit.nmis:
        troubles.append(Diagnostic("no-threads", "there is no program", test.span, "write P0 { }"))
    shared = Shared(
        unit,
        memory,
        troubles,
        warnings=memory.warnings,
        budget=budget or Budget(),
    )
    bodies = [BodyCode(shared, cpu, LANGUAGE) for cpu in range(memory.cpus)]
    threads: list[tuple[Instruction, ...]] = []
    for cpu, body in enumerate(bodies):
        thread = unit.threads.get(cpu)
        threads.append(program_of(body, thread) if thread is not None else ())
    nmis = [(nmi.cpu, nmi_of(bodies[nmi.cpu], nmi)) for nmi in unit.nmis]
    waiting = pending(bodies, memory, troubles)
    pcids = Pcids(memory, shared.pcids)
    observed = None
    try:
        observed = observe(unit.final, Scope(memory, bodies, unit, pcids))
    except InputError as error:
        troubles += error.diagnostics
    if troubles or observed is None:
        raise InputError(troubles)
    shared.warnings += observed.warnings
    keeps_pages = shared.keeps_pages or any(
        isinstance(cell.init, Ptr) for ptr, cell in memory.cells.items() if ptr.base.endswith(".data")
    )
    # Calls that are waited for overtake others (MMR 17.7); idle CPUs find calls by themselves (MMR 8.12).
    if None in shared.waits or len(shared.waits) > 1 or (shared.waits and shared.fetches):
        shared.ask_version(since("v5.8"))
    shared.warnings = [w for w in shared.warnings if w.span is None or w.span.source.name not in theirs]
    shared.warnings += memory.overlays()
    shared.warnings += [*text.warnings, *about_locks, *unset(unit), *unmet(unit, memory), *redefined(unit)]
    started = [*enumerate(threads), *nmis, *((key.cpu, code) for key, code in shared.handlers.items())]
    shared.warnings += unpaired(threads, memory.values)
    shared.warnings += lonely(code for _, code in started)
    expects_hang = test.hangs or test.expected == "deadlock"
    expects_hang |= test.expected in ("sometimes", "always") and _needs_hang(observed.condition, observed)
    slept = [] if expects_hang else atomic_sleeps(_places(memory, shared, threads, nmis))
    shared.warnings += [w for w in slept if w.span is None or w.span.source.name not in theirs]
    if test.expected in (None, "never") and any(
        o.kind == "tlb" for o in observed.observables if o.at is None
    ):
        shared.warnings += unanswered(started)
    return Lowered(
        threads=[*threads, *((),) * len(memory.workers)],
        world=replace(
            _world(unit, memory, shared, [] if keeps_pages else shared.suspects, test.source.name),
            overlaid=memory.overlaid(asked(observed.observables, observed.condition, observed.filter)),
            tree=None if text.version is None else kernel_of(text.version >> 16, text.version >> 8 & 255),
        ),
        observables=observed.observables,
        condition=observed.condition,
        shown=observed.shown,
        filter=observed.filter,
        nmis=nmis,
        pending=waiting,
    )


def _needs_hang(e: Expr, observed: Observed) -> bool:
    """Does a proposition hold of runs alone that hang?"""
    if isinstance(e, Obs):
        return observed.observables[e.index].kind == "hang"
    if not isinstance(e, Apply) or e.function not in ("and", "or", "bool"):
        return False
    return (all if e.function == "or" else any)(_needs_hang(a, observed) for a in e.args)


def _places(
    memory: TestMemory,
    shared: Shared,
    threads: list[tuple[Instruction, ...]],
    nmis: list[tuple[int, tuple[Instruction, ...]]],
) -> Iterator[CodeOf]:
    """All code, with why it may not sleep. A callback that a workqueue runs may."""
    for cpu, code in enumerate(threads):
        flag = memory.cells.get(Ptr(f"{cpu}:irq"))
        yield CodeOf(code, off=flag is not None and flag.init == 0)
    yield from (CodeOf(code, "this is an NMI") for _, code in nmis)
    for key, code in shared.handlers.items():
        yield CodeOf(code, f"{key.function}() runs in an interrupt" if key.cpu < memory.cpus else "")


def pending(bodies: list[BodyCode], memory: TestMemory, troubles: list[Diagnostic]) -> list[PendingHandler]:
    """The handlers that are pending from the start; their argument is NULL."""
    found: list[PendingHandler] = []
    for cpu, function, span in memory.pending:
        try:
            made = handler(bodies[cpu], function, cpu, Val(FALSE, t.ANY), span=span)
        except Trouble as trouble:
            troubles.append(trouble.diagnostic)
            continue
        found.append(PendingHandler(cpu, function, made.code, made.locals, span, made.key))
    return found


def _world(
    unit: ast.Unit, memory: TestMemory, shared: Shared, suspects: list[Diagnostic], file: str
) -> World:
    """What the programs run in."""
    return World(
        cpus=memory.cpus + len(memory.workers),
        cells=memory.cells,
        tlb=memory.tlb,
        vas=memory.vas,
        tables=memory.tables.tables,
        entries=memory.tables.entries,
        depth=memory.tables.depth,
        versions=frozenset(shared.versions),
        names=address_names(memory.cells.values()),
        constants=_only_names(unit.enums),
        poisons=frozenset(memory.poisons),
        errors=memory.errors,
        warnings=[*shared.warnings, *suspects],
        flavours=missed(unit),
        file=file,
    )


def _only_names(enums: dict[str, int]) -> dict[int, str]:
    """The constants whose value no other one has; 0 is a null pointer whatever else it is."""
    values = list(enums.values())
    return {value: name for name, value in enums.items() if value and values.count(value) == 1}
