"""Macros of the kernel's text, expanded as C expands them: expressions, statements, and loops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from verifier.kernel.scan import Macro, Scanned
from verifier.lower.c.kernel_meanings import Meanings, TextPlace
from verifier.lower.c.kernel_notes import Account
from verifier.lower.c.kernel_trees import declared
from verifier.lower.c.macros import check_brackets, filled, is_filled, named, spread, types_in
from verifier.patterns import pattern
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes
from verifier.syntax.rebuilt import substituted
from verifier.syntax.trouble import Trouble

MAX_EXPANDED = 200
_PATH = pattern(r"\s*(\w+(?:\.\w+)+)\s*")  # a member of a member
# How macros begin that are statements.
STATEMENT = pattern(r"\s*(?:\{|(?:do|if|while|for|switch|guard|scoped_guard|goto|return|break|continue)\b)")


def rest_of(macro: Macro, given: Mapping[str, ast.CExpr]) -> list[ast.CExpr]:
    """The names of the arguments that a macro takes besides."""
    return [ast.Ident(name, a.span) for name, a in given.items() if name.startswith(f"{macro.rest}'")]


class Expanding(ABC):
    """What is known while trees of the text are mapped, and what becomes of calls of macros in them."""

    def __init__(self, cutter: Cutter, account: Account) -> None:
        self.cutter, self.account, self.meanings = cutter, account, Meanings(cutter)
        self.scopes: list[set[str]] = []  # parameters and locals
        self.expanding: list[str] = []
        self.passed: dict[str, ast.CExpr] = {}  # what the macro that is being expanded is given
        self.ours = False  # is this the test's own code?
        self.place: TextPlace | None = None  # of what calls the macros that are being expanded

    @abstractmethod
    def _any(self, x: Any) -> Any:
        """A node of the kernel's text as the test has it."""

    @abstractmethod
    def _call(self, e: ast.CallExpr, *, alone: bool = False) -> Any:
        """A call; ``alone``: its value is not used."""

    def _place(self, span: Span) -> TextPlace | None:
        """Where a name is read: in the text that calls the macros that are being expanded."""
        return self.place or self.meanings.place(span)

    def _macro(self, name: str, span: Span) -> tuple[Scanned, Macro] | None:
        if name in self.expanding:
            return None
        try:
            return self.meanings.macro(name, self._place(span), span)
        except Trouble as trouble:
            self.account.said(trouble)
            return None

    def _expanded(
        self,
        file: Scanned,
        macro: Macro,
        arguments: tuple[ast.CExpr, ...] | None,
        span: Span,
        *,
        alone: bool = False,
    ) -> Any:
        """The body of a macro with its arguments in their places, as C has it (C11 6.10.3)."""
        nothing = ast.Num(0, span)
        if macro.parameters is None and arguments is not None:  # it stands for the name of a function
            body = self._body_of(file, macro, "expr", span)
            if isinstance(body, ast.Ident):
                given = {f"{macro.name}'{at}": a for at, a in enumerate(arguments)}
                stand_in = tuple(ast.Ident(name, a.span) for name, a in given.items())
                return self._put((file, macro, span), ast.CallExpr(body.name, stand_in, span), given, alone)
            if body is not None:
                self.account.refused(
                    file, macro, "it stands for a function here, and its body is no name", span
                )
            return nothing
        taken = self._given(macro, arguments or (), span)
        if taken is None:
            return nothing
        names = self._through(taken)
        statement = alone and STATEMENT.match(file.body(macro)) is not None
        body = self._body_of(file, macro, "stmt" if statement else "expr", span, types_in(names))
        if body is None:
            return ast.Empty(span) if alone else nothing
        try:
            check_brackets(file.body(macro), macro.start, body, taken, alone)
            body = named(spread(body, macro.rest, rest_of(macro, taken)), names)
        except Trouble as trouble:
            self.account.refused(file, macro, trouble.diagnostic.message, span)
            return nothing
        return self._put((file, macro, span), body, taken, alone)

    def _member(self, x: ast.FieldExpr) -> ast.FieldExpr:
        """A field; where a macro has its name, as ``#define gate_lock wait.lock``, the place that this is."""
        found = self._macro(x.name, x.span)
        path = _PATH.fullmatch(found[0].body(found[1])) if found and found[1].parameters is None else None
        if path is None:
            return x
        first, *rest = path[1].split(".")
        x = replace(x, name=first)
        for name in rest:
            x = ast.FieldExpr(x, name, x.span)
        return x

    def _through(self, given: Mapping[str, ast.CExpr]) -> dict[str, ast.CExpr]:
        """What names and types stand in a macro, where the macro around it passes on what it is given."""
        return {
            name: self.passed.get(a.name, a) if isinstance(a, ast.Ident) else a for name, a in given.items()
        }

    def _arguments(self, given: tuple[ast.CExpr, ...]) -> tuple[ast.CExpr, ...]:
        """Arguments, of which those are types that are names of types of the files, and of nothing else."""
        types = self.cutter.types
        if not any(isinstance(a, ast.Ident) and a.name in types and not self._bound(a.name) for a in given):
            return given
        return tuple(
            ast.TypeArgument(ast.CType(a.name), a.span)
            if isinstance(a, ast.Ident) and a.name in types and not self._bound(a.name)
            else a
            for a in given
        )

    def _bound(self, name: str) -> bool:
        """Is this a parameter or a local?"""
        return any(name in scope for scope in self.scopes)

    def _given(
        self, macro: Macro, arguments: tuple[ast.CExpr, ...], span: Span
    ) -> dict[str, ast.CExpr] | None:
        """What the parameters of a macro are given; None, and an error, if it cannot be expanded so."""
        names = macro.parameters or ()
        if macro.rest:
            names = (*names[:-1], *(f"{macro.rest}'{at}" for at in range(len(names) - 1, len(arguments))))
        if macro.parameters is not None and len(names) != len(arguments):
            text = f"{macro.name} takes {len(names)} arguments, not {len(arguments)}"
            self.account.trouble("arity", text, span)
            return None
        if len(self.expanding) > MAX_EXPANDED:
            self.account.trouble("macro", f"{macro.name} expands too deeply", span)
            return None
        return dict(zip(names, arguments, strict=False))

    def _loop(self, x: ast.MacroLoop) -> ast.Stmt:
        """A macro in front of a statement, as C has it: its text, and then the statement. What the macro
        declares has its name in the statement, too."""
        found = self._macro(x.name, x.span)
        if found is None:
            self.account.no_loop(x.name, x.span)
            return ast.Empty(x.span)
        file, macro = found
        given = self._given(macro, self._arguments(x.arguments), x.span)
        if given is None:
            return ast.Empty(x.span)
        try:
            names = self._through(given)
            body = self.cutter.loop(file, macro, types_in(names))
            if not any(is_filled(part, file.source, macro.end) for part in nodes(body)):
                raise Trouble("macro", "a statement follows it, and it ends as a statement itself", None)
            check_brackets(file.body(macro), macro.start, body, given, True)
            body = named(spread(body, macro.rest, rest_of(macro, given)), names)
        except Trouble as trouble:
            self.account.refused(file, macro, trouble.diagnostic.message, x.span)
            return ast.Empty(x.span)
        scopes = self.scopes
        self.scopes = [*scopes, declared(body)]
        inside = self._any(x.body)
        self.scopes = scopes
        made: ast.Stmt = filled(
            self._put((file, macro, x.span), body, given, True), file.source, macro.end, inside
        )
        return made

    def _put(
        self, called: tuple[Scanned, Macro, Span], body: Any, given: Mapping[str, ast.CExpr], alone: bool
    ) -> Any:
        """A macro's body, which is the kernel's text wherever it is put, and its arguments, which are
        those of whoever calls it. ``called``: its file, the macro, and the call."""
        file, macro, span = called
        scopes, ours, place, passed = self.scopes, self.ours, self.place, self.passed
        names = declared(body)
        self.expanding.append(macro.name)
        self.scopes, self.ours = [*scopes, set(given) | names], False
        self.place = self._place(span) or TextPlace(file.source.name, len(file.bare))
        self.passed = self._through(given)
        body = self._call(body, alone=alone) if isinstance(body, ast.CallExpr) else self._any(body)
        self.expanding.pop()
        self.scopes, self.ours, self.place, self.passed = [*scopes, names], ours, place, passed
        values = {x.name for x in nodes(body) if isinstance(x, ast.Ident)}
        mapped = {name: self._any(a) for name, a in given.items() if name in values}
        self.scopes = scopes
        return substituted(body, mapped)

    def _body_of(
        self, file: Scanned, macro: Macro, start: str, span: Span, types: frozenset[str] = frozenset()
    ) -> Any:
        text = file.body(macro)
        if not text.strip():
            self.cutter.note_macro(file, macro)
            return None if start == "stmt" else ast.Num(1, span)
        try:
            if "##" in text:
                raise Trouble("macro", f"{macro.name} joins tokens, which is not supported", span)
            return self.cutter.macro(file, macro, start, types)
        except Trouble as trouble:
            self.account.refused(file, macro, f"it is no expression here: {trouble.diagnostic.message}", span)
            return None
