"""The code of one body while it is lowered: a CPU's program, a handler or an NMI.

What is in a body is lowered by plain functions over a ``BodyCode``, one for each class of expressions and of
statements and one for each special word. The body carries the tables of them, so that an expression
leads to the function that it calls, and the function to its statements, without anybody knowing all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from verifier.lower.c.memory import TestMemory
from verifier.lower.c.parts import Frame, Local, Shared, Spanned, Started, Val
from verifier.lower.c.types import Type
from verifier.lower.code import Emit, Instruction, SetRegister, Target, Touch
from verifier.patterns import pattern
from verifier.program.expressions import Const, Expr, Reg
from verifier.program.ops import Kind, Op
from verifier.records import dataclass
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Special, SpecialName, Word

UNDECLARED = pattern(r"r[0-9]+")  # a local that needs no declaration
C = TypeVar("C")
N = TypeVar("N")
R = TypeVar("R")


class BodyCode:
    """Its code so far, its locals, and where it is: what functions that add code to it need."""

    def __init__(
        self,
        shared: Shared,
        cpu: int,
        language: Language,
        stack: tuple[str, ...] = (),
        within: tuple[Started, ...] = (),
    ) -> None:
        self.shared, self.language = shared, language
        self.cpu, self.stack, self.within = cpu, stack, within
        self.below = len(stack)  # the functions that have called what is sent, and not this body
        self.code: list[Instruction] = []
        self.frames = [Frame("", "%end")]
        self.fresh_count = 0
        self.spans: dict[int, Span] = {}  # expressions that stand for their whole statement
        self.percpu: Expr | None = None  # the CPU whose instance a per-CPU object's name means
        self.reached = False  # was there such an object?
        self.outside = False  # is this in a function of another file than its call?
        self.context = f"P{cpu}"  # whose stack it is
        self.names: set[str] = set()  # registers in use
        self.written: set[str] = set()
        self.interrupting = False  # is it a handler, a callback or an NMI?
        self.sti = -1  # how long the code is behind a statement that ends with an STI
        self.given: set[str] = set()  # locals of the thread that the initial state gives a value

    @property
    def memory(self) -> TestMemory:
        """The cells of the test."""
        return self.shared.memory

    @property
    def unit(self) -> ast.Unit:
        """The tree of the test."""
        return self.shared.unit

    @property
    def frame(self) -> Frame:
        """The innermost function."""
        return self.frames[-1]

    @property
    def of_kernel(self) -> bool:
        """Is this inside a function of a kernel tree? What its arguments rule out is not looked at."""
        inside = self.unit.functions.get(self.stack[-1]) if self.stack else None
        return inside is not None and inside.kernel != ""

    # -- what has a table -------------------------------------------------------------------------

    def value(self, e: ast.InitItem) -> Val:
        """Evaluate an expression, left to right. Raises ``Trouble`` for a string or a list in braces."""
        lower = self.language.expressions.get(type(e))
        if lower is None:
            raise Trouble("value", "a string is not a value", e.span)
        return lower(self, e)

    def statement(self, s: ast.Stmt) -> None:
        """Add the code of one statement."""
        self.language.statements[type(s)](self, s)

    def special(self, use: SpecialCall) -> Val:
        """Add the code of a word that is more than instructions."""
        return self.language.words[use.special.name](self, use)

    # -- code -------------------------------------------------------------------------------------

    def fresh(self, what: str = "") -> str:
        """A name that nothing has yet."""
        self.fresh_count += 1
        return f"%{what}{self.fresh_count}"

    def span(self, node: Spanned) -> Span:
        """What is shown of an expression or statement: perhaps the statement that it is the value of."""
        return self.spans.get(id(node), node.span)

    def emit(
        self,
        op: Op,
        node: Spanned,
        *touches: Touch,
        virtual: bool = False,
        kind: Kind = "",
        va: Expr | None = None,
        pcid: Expr | None = None,
        waited: Expr | None = None,
        serializing: bool = False,
        group: str = "",
        targets: tuple[Target, ...] = (),
        joined: bool = False,
        told: bool = True,
    ) -> None:
        """Add a machine instruction that stands for the expression or statement ``node``.

        ``told=False``: the source does not write it. It has no text, and a story leaves it out.
        """
        span = self.span(node)
        text = " ".join(span.text.split()).rstrip(";") if told else ""
        self.code.append(
            Emit(
                op,
                touches,
                virtual,
                kind,
                va=va,
                pcid=pcid,
                waited=waited,
                serializing=serializing,
                group=group,
                targets=targets,
                span=span,
                text=text,
                joined=joined,
            )
        )

    def set(self, reg: str, value: Expr, span: Span | None = None) -> None:
        """Add ``reg = value``."""
        self.code.append(SetRegister(reg, value, span))

    def held(self, expr: Expr) -> Expr:
        """The expression's value now, whatever is assigned later."""
        if isinstance(expr, Const) or (isinstance(expr, Reg) and expr.name.startswith("%")):
            return expr
        temp = self.fresh()
        self.set(temp, expr)
        return Reg(temp)

    def captured(self, build: Callable[[], R]) -> tuple[list[Instruction], R]:
        """The code that ``build`` adds, taken out again, and its result."""
        at = len(self.code)
        try:
            result = build()
            return self.code[at:], result
        finally:
            del self.code[at:]

    def warn(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Note what is allowed, but surely not meant."""
        found = Diagnostic(code, message, span=span, hint=hint, severity="warning")
        if found not in self.shared.warnings:
            self.shared.warnings.append(found)

    # -- locals -----------------------------------------------------------------------------------

    def local(self, name: str, create: bool = True) -> Local | None:
        """The local of that name; ``r0 r1 …`` need no declaration."""
        for scope in reversed(self.frame.scopes):
            if name in scope:
                return scope[name]
        if create and UNDECLARED.fullmatch(name) and name not in self.memory.named:
            return self.declare(name, None, self.frame.scopes[0])
        return None

    def declare(self, name: str, kind: Type | None, scope: dict[str, Local] | None = None) -> Local:
        """A new local in the innermost scope."""
        reg = self.frame.prefix + name
        while reg in self.names:
            reg += "'"
        self.names.add(reg)
        local = Local(reg, kind)
        (self.frame.scopes[-1] if scope is None else scope)[name] = local
        return local


def of_kernel(b: BodyCode) -> bool:
    """Is this inside a function of a kernel tree? What its arguments rule out is not looked at."""
    return bool(b.stack) and b.stack[-1] in b.unit.functions and b.unit.functions[b.stack[-1]].kernel != ""


@dataclass(frozen=True, slots=True)
class SpecialCall:
    """A call of a word: its row, where it is called, what is given by the names of the parameters, and
    which of its effects is meant."""

    word: Word
    e: ast.CallExpr
    arguments: dict[str, ast.CExpr]
    special: Special

    def writes(self, argument: ast.CExpr) -> bool:
        """Does the call itself write an argument, and no line ``#without`` or ``#config``?"""
        call, at = self.e.span, argument.span
        return at.source is call.source and call.start <= at.start < call.end


# Functions by the class of what they lower; their first argument is where they add code to.
Lines = Mapping[type[object], Callable[[C, Any], R]]


@dataclass(frozen=True, slots=True)
class Language:
    """How everything is lowered: expressions and statements by their class, special words by name."""

    expressions: Lines[BodyCode, Val]
    statements: Lines[BodyCode, None]
    words: Mapping[SpecialName, Callable[[BodyCode, SpecialCall], Val]]


def line(kind: type[N], lower: Callable[[C, N], R]) -> tuple[type[object], Callable[[C, Any], R]]:
    """A line of a table by classes; that the function takes what it stands for is checked here."""
    return kind, lower
