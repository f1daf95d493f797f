"""Warnings about locals and functions without a value: C leaves it open, and here it is 0."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.bodies import assigned_names
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes, parts
from verifier.words.table import WORDS

_VALUES = frozenset({"int", "pointer", "pte", "pmd", "entry", "upper"})  # kinds of locals with one value
_WRITTEN = frozenset({"local", "place", "percpu"})  # kinds of parameters by which a word may set a local
_ELSEWHERE = ast.Return | ast.Goto | ast.Break | ast.Continue | ast.Switch | ast.LabelStmt | ast.Case
_LOOPS = ast.While | ast.DoWhile | ast.For | ast.ForEachCpu | ast.ForEachEntry


def unset(unit: ast.Unit) -> list[Diagnostic]:
    """Warnings about the code of a test itself. A local that some earlier line may have set has a value."""
    own = [f for f in unit.functions.values() if not f.included and not f.kernel]
    bodies: list[ast.Function | ast.Thread] = [*own, *unit.threads.values(), *unit.nmis]
    found: dict[Span, Diagnostic] = {}
    for code in bodies:
        every = list(nodes(code))
        if any(isinstance(x, ast.LabelStmt) for x in every):
            continue  # a jump may lead from a later line to an earlier one
        if any(_begins(x) for x in every):
            for x in _Body(unit).read(code.body):
                text = f"{x.name} has no value here, so that C leaves open what it is; it counts as 0"
                hint = "give it one where it is declared"
                found[x.span] = Diagnostic("unset", text, x.span, hint, severity="warning")
    gives = [f for f in own if f.result.base != "void" or f.result.pointers]
    return [*found.values(), *_unreturned(unit, [f for f in gives if _ends(f.body)])]


def _unreturned(unit: ast.Unit, functions: list[ast.Function]) -> Iterator[Diagnostic]:
    """Those of some functions, which may end without a value, whose value somebody uses."""
    if not functions:
        return
    every = list(nodes((unit.functions, unit.threads, unit.nmis)))
    alone = {id(x.expr) for x in every if isinstance(x, ast.ExprStmt)}
    used = {x.name for x in every if isinstance(x, ast.CallExpr) and id(x) not in alone}
    for f in functions:
        if f.name in used:
            text = f"{f.name}() may end without a value, so that C leaves open what it is; it counts as 0"
            span = Span(f.span.source, f.body.span.end - 1, f.body.span.end)
            yield Diagnostic("unset", text, span, "return one", severity="warning")


def _ends(s: ast.Stmt | None) -> bool:
    """May control come to the end of a statement? Not where that is hard to say."""
    if isinstance(s, ast.Block):
        return all(_ends(x) for x in s.body)
    if isinstance(s, ast.If):
        return _ends(s.then) or s.other is None or _ends(s.other)
    if isinstance(s, ast.While | ast.For):
        forever = s.condition is None or _true(s.condition)
        return not forever or any(isinstance(x, ast.Break) for x in nodes(s.body))
    if isinstance(s, ast.ExprStmt) and isinstance(s.expr, ast.CallExpr) and s.expr.name == "BUG_ON":
        return not all(_true(x) for x in s.expr.arguments)
    return not isinstance(
        s, ast.Return | ast.Goto | ast.Break | ast.Continue | ast.Switch | ast.LabelStmt | ast.Case
    )


def _begins(x: object) -> bool:
    """Does a local begin here without a value?"""
    if not isinstance(x, ast.Declare) or x.init is not None or x.size is not None:
        return False
    return t.of(x.type).kind in _VALUES and not t.in_memory(x.type)


def _true(e: ast.CExpr) -> bool:
    """Is this a number other than 0?"""
    return isinstance(e, ast.Num) and e.value != 0


class _Body:
    """Reads a body as it stands there, line by line."""

    def __init__(self, unit: ast.Unit) -> None:
        self.functions = unit.functions
        self.unset: set[str] = set()

    def read(self, x: object) -> Iterator[ast.Ident]:
        """Where locals without a value are read, each once."""
        if isinstance(x, ast.Ident):
            if x.name in self.unset:
                self.unset.discard(x.name)
                yield x
        elif isinstance(x, ast.Declare):
            yield from self.read(x.init)
            self.unset.discard(x.name)
            if _begins(x):
                self.unset.add(x.name)
        elif isinstance(x, ast.Assign):
            yield from self.read(x.value)
            if x.op or not isinstance(x.target, ast.Ident):
                yield from self.read(x.target)
            else:
                self.unset.discard(x.target.name)
        elif isinstance(x, ast.Unary) and x.op == "&" and isinstance(x.operand, ast.Ident):
            self.unset.discard(x.operand.name)
        elif isinstance(x, ast.CallExpr):
            yield from self._call(x)
        elif not isinstance(x, ast.SizeOf):
            if isinstance(x, _LOOPS):
                self.unset -= assigned_names(x)
            if isinstance(x, ast.ForEachCpu | ast.ForEachEntry):
                self.unset.discard(x.variable)
            for part in parts(x):
                yield from self.read(part)

    def _call(self, x: ast.CallExpr) -> Iterator[ast.Ident]:
        word = WORDS.get(x.name) if x.name not in self.functions else None
        kinds = [p.kind for p in word.parameters] if word is not None else []
        for number, argument in enumerate(x.arguments):
            kind = kinds[number] if number < len(kinds) else ""
            if isinstance(argument, ast.Ident) and (
                kind in _WRITTEN or not (kind or x.name in self.functions)
            ):
                self.unset.discard(argument.name)
            else:
                yield from self.read(argument)
