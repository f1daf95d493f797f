"""The syntax tree of a C or MM test. ``Test.tree`` holds a ``Unit``: one variant, without guards."""

from __future__ import annotations

from typing import Union

from verifier.records import dataclass
from verifier.source import Span
from verifier.syntax.condition import Final

# -- types and expressions ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CType:
    """``base`` is ``int``, ``unsigned long``, ``struct task_struct``, ``mm``, …; ``pointers``: the stars.
    ``of``: it is the type of this expression, which is not evaluated (``typeof``)."""

    base: str
    pointers: int = 0
    of: CExpr | None = None


@dataclass(frozen=True, slots=True)
class Num:
    """An integer literal."""

    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class Ident:
    """A name."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """``op`` is one of ``& * - + ~ !``."""

    op: str
    operand: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` as in C, ``&&`` and ``||`` included."""

    op: str
    left: CExpr
    right: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """``condition ? then : other``."""

    condition: CExpr
    then: CExpr
    other: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class OrElse:
    """``value ?: other``, GNU's conditional without a middle: ``value`` is evaluated once."""

    value: CExpr
    other: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class CallExpr:
    """``name(arguments)``."""

    name: str
    arguments: tuple[CExpr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class PointerCall:
    """``callee(arguments)``, where the function is found in ``callee``: ``ops->flush(mm)``."""

    callee: CExpr
    arguments: tuple[CExpr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ContainerOf:
    """``word(operand, type, member)``: the struct of a type whose member is at an address, as
    ``list_entry(p, struct foo, node)``. ``member``: a place in a struct that begins at 0, see
    ``members.within``."""

    word: str
    operand: CExpr
    type: CType
    member: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class TypeArgument:
    """A type that a call is given, as in ``min_t(unsigned int, x, y)``."""

    type: CType
    span: Span


@dataclass(frozen=True, slots=True)
class Literal:
    """``(struct foo){ .x = 1 }``: a struct without a name."""

    type: CType
    init: Braced
    span: Span


@dataclass(frozen=True, slots=True)
class FieldExpr:
    """``base.name`` or ``base->name``, which mean the same here. ``arrow``: which of the two is written, if
    that is known."""

    base: CExpr
    name: str
    span: Span
    arrow: bool | None = None


@dataclass(frozen=True, slots=True)
class IndexExpr:
    """``base[index]``."""

    base: CExpr
    index: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Cast:
    """``(type) operand``."""

    type: CType
    operand: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Assign:
    """``target = value``, or ``target op= value`` if ``op`` is not empty.

    The value of the expression is the new value of ``target``, with ``post`` the old one: ``x++`` is
    ``Assign(x, "+", 1, post=True)``.
    """

    target: CExpr
    op: str
    value: CExpr
    span: Span
    post: bool = False


@dataclass(frozen=True, slots=True)
class Comma:
    """``first, then``: both are evaluated, in this order; the value is that of ``then``."""

    first: CExpr
    then: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class StatementExpr:
    """``({ statements })``, an extension of GNU C: its value is that of the last statement, if that is an
    expression."""

    body: Block
    span: Span


@dataclass(frozen=True, slots=True)
class SizeOf:
    """``sizeof(type)``, ``sizeof(expression)``."""

    type: CType
    span: Span


CExpr = Union[
    Num, Ident, Text, Unary, Binary, Conditional, OrElse, CallExpr, PointerCall, ContainerOf, FieldExpr,
    IndexExpr, Cast, Assign, Comma, StatementExpr, SizeOf, TypeArgument,
    Literal,
]  # fmt: skip

# -- statements ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """``{ … }``."""

    body: tuple[Stmt, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExprStmt:
    """``expression;``"""

    expr: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Declare:
    """``type name = init;``. Several declarators make several of these. An array has a ``size``, and
    ``columns`` if it is one of arrays. ``free``: what ``__free()`` names, which ends it.

    An ``init`` in braces holds ``FieldInit`` and expressions. ``constant``: it is ``const`` itself, and not
    what it points to. ``static``: all calls share it.
    """

    type: CType
    name: str
    init: CExpr | Braced | None
    span: Span
    size: CExpr | None = None
    columns: CExpr | None = None
    constant: bool = False
    free: str = ""
    static: bool = False


@dataclass(frozen=True, slots=True)
class If:
    """``if (condition) then else other``."""

    condition: CExpr
    then: Stmt
    other: Stmt | None
    span: Span


@dataclass(frozen=True, slots=True)
class While:
    """``while (condition) body``."""

    condition: CExpr
    body: Stmt
    span: Span


@dataclass(frozen=True, slots=True)
class DoWhile:
    """``do body while (condition);``"""

    body: Stmt
    condition: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class For:
    """``for (init; condition; step) body``."""

    init: tuple[Stmt, ...]
    condition: CExpr | None
    step: tuple[CExpr, ...]
    body: Stmt
    span: Span


@dataclass(frozen=True, slots=True)
class ForEachCpu:
    """``for_each_cpu(variable, mask) body``, ``for_each_cpu_and(variable, one, other) body``; without a mask,
    ``for_each_online_cpu(variable)``. ``word`` is the macro's name; ``counter`` is the variable's span."""

    word: str
    variable: str
    masks: tuple[CExpr, ...]
    body: Stmt
    span: Span
    counter: Span


@dataclass(frozen=True, slots=True)
class GuardText:
    """A guard that a kernel tree defines: what it begins and ends with, in which ``_T`` is what it is given;
    ``arguments``: how many it takes; ``keeps``: the locals that it has from its beginning to its end."""

    begin: Stmt
    end: Stmt
    arguments: int
    keeps: tuple[Declare, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """``guard(name)(arguments);``, or ``scoped_guard(name, arguments) body``; ``named``: the name's span;
    ``own``: what a tree's definition of this guard says. ``variable``: of ``CLASS(name, variable)(x);``, such
    a guard. ``fails``: what ``scoped_cond_guard(name, fails, arguments) body`` does where it does not get the
    lock."""

    name: str
    arguments: tuple[CExpr, ...]
    body: Stmt | None
    span: Span
    named: Span
    own: GuardText | None = None
    variable: str = ""
    fails: Stmt | None = None


@dataclass(frozen=True, slots=True)
class ForEachEntry:
    """``list_for_each_entry(variable, head, member) body``; ``word`` is the macro's name, ``arguments`` are
    those between the variable and the member; ``head`` is all before the body. ``member`` as in
    ``ContainerOf``; None if the last argument, which is among ``arguments`` then, is no member."""

    word: str
    variable: str
    arguments: tuple[CExpr, ...]
    member: CExpr | None
    body: Stmt
    span: Span
    head: Span


@dataclass(frozen=True, slots=True)
class MacroLoop:
    """``name(arguments) body``: a macro of a kernel tree in front of the statement that it repeats, or for
    which it does something else; ``span``: all before the body."""

    name: str
    arguments: tuple[CExpr, ...]
    body: Stmt
    span: Span


@dataclass(frozen=True, slots=True)
class Switch:
    """``switch (subject) body``; the body holds ``Case`` statements."""

    subject: CExpr
    body: Stmt
    span: Span


@dataclass(frozen=True, slots=True)
class Case:
    """``case value:``, ``case value ... upto:``; ``default:`` if ``value`` is None."""

    value: CExpr | None
    span: Span
    upto: CExpr | None = None


@dataclass(frozen=True, slots=True)
class LabelStmt:
    """``name:``"""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Goto:
    """``goto name;``"""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Return:
    """``return value;``"""

    value: CExpr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Break:
    """``break;``"""

    span: Span


@dataclass(frozen=True, slots=True)
class Continue:
    """``continue;``"""

    span: Span


@dataclass(frozen=True, slots=True)
class Empty:
    """``;``"""

    span: Span


Stmt = Union[
    Block, ExprStmt, Declare, If, While, DoWhile, For, ForEachCpu, ForEachEntry, Switch, Case, LabelStmt,
    Goto, Return, Break, Continue, Empty, Guard, MacroLoop,
]  # fmt: skip

# -- initial state -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mapping:
    """``va -> target``, ``va@pcid -> target`` in braces."""

    va: CExpr
    target: InitValue
    span: Span
    pcid: int | None = None


@dataclass(frozen=True, slots=True)
class FieldInit:
    """``.name = value`` in braces. ``optional``: ``.name? = value`` in the initial state, if it exists."""

    name: str
    value: InitValue
    span: Span
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """``low..high`` in braces or before a colon. For a single number both ends are equal."""

    low: CExpr
    high: CExpr
    span: Span


@dataclass(frozen=True, slots=True)
class Braced:
    """``{ item, item, … }``."""

    items: tuple[InitItem, ...]
    span: Span


InitValue = Union[CExpr, Braced]
InitItem = Union[Mapping, FieldInit, Range, CExpr, Braced]


@dataclass(frozen=True, slots=True)
class Object:
    """``type name = value;``; ``type.base`` may be ``page``, ``mm``, ``table``, ``cpumask``, ``code``."""

    type: CType
    name: str
    value: InitValue | None
    span: Span
    size: CExpr | None = None
    percpu: bool = False
    columns: CExpr | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """``place = value;`` or ``cpus:place = value;``: ``1..n:cr3 = N``, ``mm_cpumask(N) = {1}``.
    ``optional``: ``place? = value``, where the field exists."""

    place: CExpr
    value: InitValue
    span: Span
    cpus: Range | None = None
    optional: bool = False


Initial = Union[Object, Setting]

# -- files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StructField:
    """``type name;``. An array has a ``size``, and ``columns`` if it is one of arrays; a bit-field has
    ``bits``; a function pointer has the type ``function *``. ``arms`` has a pair for each union around the
    field: the union, and the member of it that holds the field (C11 6.7.2.1)."""

    name: str
    type: CType
    span: Span
    size: CExpr | None = None
    bits: CExpr | None = None
    columns: CExpr | None = None
    arms: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StructDef:
    """``struct name { fields };``, or ``struct name;``, which has no fields. ``typedef``: ``name``
    alone means it, too. ``begins``: if some fields of a kernel's struct are left out, the names of all that
    lie at its beginning, and ``beside`` for each union in it the names of all that lie at its beginning."""

    name: str
    fields: tuple[StructField, ...]
    span: Span
    typedef: bool = False
    begins: tuple[str, ...] | None = None
    beside: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function or thread. ``name`` is empty if the list has only the type. ``constant``: see
    ``Declare``."""

    type: CType
    name: str
    span: Span
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function. ``included``: it comes from an ``#include``. ``early``: it is ``__init``, and looks at the
    initial state before the test. ``overrides``: an included function of that name gives way to it."""

    result: CType
    name: str
    parameters: tuple[Parameter, ...]
    body: Block
    span: Span
    included: bool = False
    early: bool = False
    kernel: str = ""  # the file of the kernel tree that it was taken from
    overrides: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """The program of one CPU. A family ``P1..n`` becomes one of these for each of its CPUs."""

    cpu: int
    parameters: tuple[Parameter, ...]
    body: Block
    span: Span


@dataclass(frozen=True, slots=True)
class Taken:
    """A name in ``#kernel "file" { … }``. ``kind`` is ``struct``, ``enum``, or empty: whatever has it.
    ``optional``: with ``?``, it may be missing from this version of the file."""

    kind: str
    name: str
    span: Span
    optional: bool = False


@dataclass(frozen=True, slots=True)
class KernelFile:
    """``#kernel "file" { names }``: these definitions of a file of the kernel tree, and the types, constants
    and macros of it that they need. ``optional``: with ``?``, the file may be missing."""

    path: str
    names: tuple[Taken, ...]
    span: Span
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """``#config NAME``, ``!NAME`` or ``NAME = value``. ``constant``: the last one."""

    name: str
    value: int
    span: Span
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Omitted:
    """``#without name``: calls of it in the kernel's text do nothing; ``= value``: they give this.
    ``optional``: with ``?``, this version may have no such calls."""

    name: str
    value: CExpr | None
    span: Span
    optional: bool = False


@dataclass(frozen=True, slots=True)
class KernelText:
    """What a test takes of the kernel's own text."""

    files: tuple[KernelFile, ...]
    config: tuple[Configured, ...]
    without: tuple[Omitted, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One variant of a C or MM file. Guards are decided, and includes are merged.

    ``enums``       the constants; ``-D`` is applied;
    ``initial``     the initial state, included files first; a later value overrides an included one;
    ``functions``   by name;
    ``threads``     by CPU. The CPUs are ``0 .. max``; a CPU without a program may be missing;
    ``nmis``        ``nmi P1 { … }``, by CPU;
    ``final``       condition, locations and filters;
    ``structs``     definitions of structs, with the types of their fields;
    ``kernel``      what the test takes of the kernel's own text.
    """

    arch: str
    enums: dict[str, int]
    initial: tuple[Initial, ...]
    functions: dict[str, Function]
    threads: dict[int, Thread]
    nmis: tuple[Thread, ...]
    final: Final
    structs: tuple[StructDef, ...] = ()
    kernel: KernelText | None = None
    cutter: object = None  # what takes the kernel's text; see syntax/kernel.py
    overridable: frozenset[int] = frozenset()  # the indices in ``initial`` of what comes from an include
