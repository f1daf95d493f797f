"""Code: what a front end makes of one CPU's program or one handler.

A body is a flat tuple of instructions with labels and jumps, over named locals (``Reg``).
``unroll`` turns it into guarded events.  A front end that can lower its syntax to this has a
model, two judges, stories and all the rest for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Union

from verifier.program.events import Observable, World
from verifier.program.expressions import TRUE, Expr
from verifier.program.ops import Kind, Op
from verifier.program.waits import WaitKind
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Span


class SetRegister(NamedTuple):
    """``reg = value``, nothing any other CPU can see."""

    reg: str
    value: Expr
    span: Span | None = None


class Label(NamedTuple):
    """A place to jump to; names are unique in a body.

    ``span``: of the loop that begins here, if one does; ``what``: the words for how it ends, ``until x is
    true``, if its condition says it.
    """

    name: str
    span: Span | None = None
    what: str = ""


class Jump(NamedTuple):
    """``goto target``; backwards it makes a loop, which ``unroll`` cuts at its bound."""

    target: str
    span: Span | None = None


class Branch(NamedTuple):
    """``if (condition) goto target``."""

    condition: Expr
    target: str
    span: Span | None = None


class Decide(NamedTuple):
    """The value of this condition decides between values: a conditional expression whose arms do nothing.
    ``limit``: the limit of the test's own model that is reached where it is undefined."""

    condition: Expr
    span: Span | None = None
    limit: str = ""


class Assume(NamedTuple):
    """Only runs in which the condition holds here go on and end: a spin's exit, ``assume(c)``.

    ``kind`` and ``what`` as in ``waits.Wait``; ``reads``: the instructions by which it looks.
    """

    condition: Expr
    span: Span | None = None
    kind: WaitKind = ""
    what: str = ""
    reads: tuple[Emit, ...] = ()


class Warn(NamedTuple):
    """``1:warn`` becomes true if this is reached with the condition true (``WARN_ON``). ``text``: what
    it says, if the source does."""

    condition: Expr
    span: Span | None = None
    text: str = ""


class Touch(NamedTuple):
    """One cell that an instruction reads, writes, or both, at its one instant.

    ``addr``   the cell's address (``Emit.virtual``: a virtual address, translated first);
    ``into``   local that receives the value read, None if nothing is read;
    ``value``  what is written, None if nothing is; may mention ``into``, the value just read;
    ``when``   it is written only if this holds; may mention ``into`` (a failed cmpxchg);
    ``seen``   what ``into`` has then, over the value just read; None: this value.
    """

    addr: Expr
    into: str | None = None
    value: Expr | None = None
    when: Expr = TRUE
    seen: Expr | None = None


class Target(NamedTuple):
    """A CPU an IPI may go to.

    ``guard``  over the sender's locals: is this CPU sent one;
    ``code``   the handler's body on that CPU (without entry and return, which ``unroll`` adds);
    ``locals`` the handler's initial locals, evaluated by the sender (``info``);
    ``nmi``    it comes as an NMI;
    ``awaited`` of a callback: does ``rcu_barrier`` wait for it?
    ``key``    what tells this handler from others, if it may be sent from within; None: it is not;
    ``again``  it is the handler of that key, within which this stands; it has no ``code`` then.
    """

    cpu: int
    guard: Expr
    code: tuple[Instruction, ...]
    locals: tuple[tuple[str, Expr], ...] = ()
    name: str = ""
    nmi: bool = False
    awaited: bool = True
    key: Hashable = None
    again: bool = False


class PendingHandler(NamedTuple):
    """A handler that is pending when the test begins: its CPU, its name and its code, and its initial
    locals. ``span``: where the initial state says so. ``key`` as in ``Target``."""

    cpu: int
    name: str
    code: tuple[Instruction, ...]
    locals: tuple[tuple[str, Expr], ...]
    span: Span
    key: Hashable = None


class Emit(NamedTuple):
    """A machine instruction, or a part of one; ``op`` and ``kind`` as in ``program.ops``.

    ``touches`` of an RCU, GP or SEND: the ``srcu_struct`` that it is about, if it is about one; ``into``:
                the local that receives the index of a section, ``value``: the index of the one that ends;
    ``text``    how the source writes it;
    ``anywhere`` of what ends a section: it may have begun on another CPU;
    ``part``    of what begins an SRCU section: the local that is 1 if the section is there; empty: it is;
    ``joined``  it and the next ``Emit`` are one instruction (MMR 8.9), or STI and CLI (8.11): no interrupt
                comes between them.
    """

    op: Op
    touches: tuple[Touch, ...] = ()
    virtual: bool = False
    kind: Kind = ""
    va: Expr | None = None
    pcid: Expr | None = None
    waited: Expr | None = None
    serializing: bool = False
    group: str = ""  # of SEND and WAIT
    targets: tuple[Target, ...] = ()
    span: Span | None = None
    text: str = ""
    joined: bool = False
    anywhere: bool = False
    part: str = ""


Instruction = Union[SetRegister, Label, Jump, Branch, Decide, Assume, Warn, Emit]


@dataclass(slots=True, eq=False)
class Lowered:
    """What a front end hands to ``unroll``: a whole test before unrolling.

    ``threads``   one body a CPU, P0 first; a CPU without a program has an empty one;
    ``observables, condition, shown, filter`` as in ``events.Program``, except that a ``reg``
                  observable's ``expr`` is over the final locals of its CPU (``Reg``); the local
                  ``%warn`` is 1 if a WARN was hit there; a local never written is 0;
    ``world``     what they run in; the local ``KERNEL`` stands for one of its ``versions``;
    ``nmis``      (CPU, body) of each NMI that may strike;
    ``pending``   the handlers that are pending from the start;
    ``options``   locals that every body knows, each with its value; None: any of 0 and 1 (``optional``);
    ``unreached`` instructions that no run executes, by their ``id``: paths that lead there are left out.
    """

    threads: list[tuple[Instruction, ...]]
    world: World
    observables: list[Observable]
    condition: Expr
    shown: list[int]
    filter: Expr | None = None
    nmis: list[tuple[int, tuple[Instruction, ...]]] = field(default_factory=list)
    pending: list[PendingHandler] = field(default_factory=list)
    options: dict[str, int | None] = field(default_factory=dict)
    unreached: Mapping[int, Emit] = field(default_factory=dict)


def changed(code: Sequence[Instruction], of: Callable[[Instruction], Instruction]) -> list[Instruction]:
    """Code with other instructions, each in the place of one, which are told in another way alone."""
    made: dict[int, Emit] = {}
    out: list[Instruction] = []
    for x in code:
        y = of(x)
        if isinstance(x, Emit) and isinstance(y, Emit):
            made[id(x)] = y
        if isinstance(y, Assume):  # it knows the instructions by which it looks
            y = y._replace(reads=tuple(made.get(id(read), read) for read in y.reads))
        out.append(y)
    return out
