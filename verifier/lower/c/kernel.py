"""Closes the kernel's text that a test takes: features decided, macros expanded, types and constants found.

What a test takes by name is judged as it stands. What that needs besides comes from the same files if it is a
type, a constant or a macro; a function has to be named. What cannot be found is reported all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from verifier.errors import InputError
from verifier.kernel.dropped import Evaluates, dropped
from verifier.kernel.scan import Definition, Scanned
from verifier.kernel.tree import version_code
from verifier.lower.c import types as t
from verifier.lower.c.kernel_guards import SCOPE, attempt_of, guard_of, kept_names, renamed
from verifier.lower.c.kernel_macros import Expanding
from verifier.lower.c.kernel_notes import Account, Resolved
from verifier.lower.c.kernel_questions import QUESTIONS, Questions, uncalled
from verifier.lower.c.kernel_trees import (
    acts,
    addresses,
    declared,
    either,
    leaves,
    own_fields,
    truth,
    truth_of,
    unchecked,
    without_casts,
)
from verifier.lower.c.kernel_types import typed
from verifier.lower.c.macros import BITS, as_macro, bits
from verifier.lower.c.presence import Presence
from verifier.patterns import pattern
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.idle import PERCPU_NAMES
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes
from verifier.syntax.numbers import COMPARED
from verifier.syntax.rebuilt import rebuilt, substituted
from verifier.syntax.statics import hoisted
from verifier.syntax.trouble import Trouble
from verifier.words.entries import ENTRY_LOOPS
from verifier.words.guards import EMPTY_MASK, GUARDED, GUARDS
from verifier.words.table import (
    CONSTANT_MASKS,
    CPU_COUNTS,
    INITIALIZERS,
    NAMED_VALUES,
    ROOTS,
    WORDS,
)

_ACTION = pattern(r"\w\s*\(|(?<![=!<>])=(?!=)|\+\+|--")  # a macro may do something: call, assign
EXPRESSIONS = get_args(ast.CExpr)


def resolved(unit: ast.Unit) -> Resolved:
    """A unit with the kernel's text that it takes. Raises ``InputError`` with all that is missing."""
    if unit.kernel is None or not isinstance(unit.cutter, Cutter):
        return Resolved(unit)
    return _Closure(unit, unit.kernel, unit.cutter).close()


class _Closure(Expanding):
    def __init__(self, unit: ast.Unit, asked: ast.KernelText, cutter: Cutter) -> None:
        self.unit, self.asked = unit, asked
        self.enums = dict(unit.enums)
        self.omitted = {o.name: o for o in asked.without}
        self.used: set[str] = set()  # of #without
        self.objects = {x.name for x in unit.initial if isinstance(x, ast.Object)}
        self.objects |= addresses(unit)
        super().__init__(cutter, Account(cutter, unit.functions, self.objects))
        self.reading: list[Definition] = []  # enums
        # Macros that the test names go before words of their names.
        self.named = {name.name for one in asked.files for name in one.names}
        self.in_word = False  # is this an argument of a word?
        self.values: dict[tuple[str, int], Mapping[str, int]] = {}  # of enums
        self.presence = Presence(unit, asked, cutter)
        self.questions = Questions(cutter, self.account, self.presence, own_fields(unit))

    def close(self) -> Resolved:
        functions = {name: self._function(f) for name, f in self.unit.functions.items()}
        self.ours = True
        threads = {
            cpu: replace(t, body=self._body(t.body, {p.name for p in t.parameters}))
            for cpu, t in self.unit.threads.items()
        }
        nmis = tuple(replace(t, body=self._body(t.body, set())) for t in self.unit.nmis)
        self.scopes = [set()]
        initial = tuple(self._any(x) for x in self._standing())
        unit = replace(self.unit, functions=functions, threads=threads, nmis=nmis, initial=initial)
        unit = hoisted(unit)  # what macros declare static
        unit = typed(unit, self.meanings, self.account, self.named, self._mapped_struct)
        unit = replace(unit, enums=self.enums)
        warnings = uncalled(unit, self.asked, self.used, self.account)
        self.questions.unused(self.asked, self.enums)
        if self.account.troubles:
            raise InputError(list(self.account.troubles.values()))
        version, headers = self.cutter.tree.version, self.account.headers
        return Resolved(unit, self.account.notes, warnings, version, headers.of_struct)

    def _standing(self) -> Iterator[ast.Initial]:
        """The initial state, without optional fields that this tree does not have."""
        for item in self.unit.initial:
            try:
                made, said = self.presence.initial(item)
            except Trouble as trouble:
                self.account.said(trouble)
                continue
            for name, span, there in said:
                reason = "" if there else "this tree has no such field"
                self.account.note("set" if there else "not set", name, reason, span)
            if made is not None:
                yield made

    # -- names ------------------------------------------------------------------------------------

    def _wins(self, name: str) -> bool:
        """Does a macro of this name go before a word?"""
        return name not in WORDS or name in self.named

    def _ident(self, e: ast.Ident, *, alone: bool = False) -> Any:
        name = e.name
        if self._bound(name) or name in self.objects or name in self.unit.functions:
            return e
        if name.startswith(("GFP_", "__GFP_")):  # what allocations take, which a word may
            return e if self.in_word else ast.Num(0, e.span)
        if name == "VAL" and self.in_word:  # of smp_cond_load_acquire() and its kin
            return e
        if name == "LINUX_VERSION_CODE":
            return self.questions.version(e)
        given = self.cutter.config.constant(name)
        if given is not None:  # a constant that the test overrides
            return ast.Num(given, e.span)
        if name in CPU_COUNTS and name not in self.named:
            return e
        if name == EMPTY_MASK or name in self.unit.enums or name in NAMED_VALUES or name in CONSTANT_MASKS:
            return e
        found = self._macro(name, e.span)
        if found is not None:
            return self._expanded(*found, None, e.span, alone=alone)
        if name in self.meanings.constants:
            return self._enumerator(e)
        if name in self.cutter.config.values:  # a question that stands where a value does
            return ast.Num(self.cutter.config.value(name) or 0, e.span)
        if not self.ours and not self._means(name):
            self.account.unknown(name, e.span)
        return e

    def _enumerator(self, e: ast.Ident) -> ast.CExpr:
        """A constant of an enum of the files; the others of its enum come along."""
        try:
            found = self.meanings.constant(
                e.name, self._place(e.span), lambda f, d: self._values(f, d).get(e.name), e.span
            )
            if found is None or found[1] in self.reading:
                return e
            made = self._values(*found)
        except Trouble as trouble:
            self.account.said(trouble)
            return ast.Num(0, e.span)
        self.enums |= {k: v for k, v in made.items() if k not in self.enums}
        value = made.get(e.name)
        return e if value in (None, self.enums.get(e.name)) else ast.Num(value, e.span)

    def _values(self, file: Scanned, definition: Definition) -> Mapping[str, int]:
        """The constants of an enum of the files. Raises ``Trouble``."""
        key = (file.source.name, definition.start)
        if key in self.values:
            return self.values[key]

        def meaning(x: ast.CExpr) -> ast.CExpr:
            found: ast.CExpr = without_casts(self._any(x), self._number)
            names = {i.name for i in nodes(found) if isinstance(i, ast.Ident)}
            known = {n: ast.Num(v, x.span) for n, v in self.enums.items() if n in names}
            made: ast.CExpr = substituted(found, known)
            return made

        outer, self.place = self.place, None
        self.reading.append(definition)
        try:
            self.values[key] = self.cutter.enum(file, definition, meaning)
        finally:
            self.reading.pop()
            self.place = outer
        return self.values[key]

    def _number(self, kind: ast.CType) -> t.Type | None:
        """The type of numbers that a cast names, perhaps by a typedef of the files; None of others."""
        for _ in self.cutter.types:
            found = self.meanings.struct(("alias", kind.base), "", frozenset())
            if t.of(kind).kind == "int" or found is None:
                break
            kind = self.cutter.alias(*found) or kind
        return t.of(kind) if t.of(kind).kind == "int" else None

    def _means(self, name: str) -> bool:
        """Does a name mean something here without a declaration? ``current`` stands for an object."""
        return name in CPU_COUNTS or name in ROOTS or PERCPU_NAMES.get(name) in self.objects

    # -- calls ------------------------------------------------------------------------------------

    def _call(self, e: ast.CallExpr, *, alone: bool = False) -> Any:
        """A call; ``alone``: its value is not used."""
        name, e = e.name, replace(e, arguments=self._arguments(e.arguments))
        if name == "KERNEL_VERSION" and len(e.arguments) == 3:
            numbers = [a.value for a in e.arguments if isinstance(a, ast.Num)]
            if len(numbers) == 3:
                return ast.Num(version_code(*numbers), e.span)
        if name in BITS and e.arguments and name not in self.unit.functions:
            return bits(name, tuple(self._any(a) for a in e.arguments[: BITS[name]]), e.span)
        if self.ours:
            if name == "defined" and name not in self.unit.functions:
                return self.questions.defined(e)
            if self._wins(name) and name not in self.unit.functions and (found := self._macro(name, e.span)):
                return self._expanded(*found, e.arguments, e.span, alone=alone)
            return self._mapped(e)
        omitted = self.omitted.get(name)
        if omitted is not None:
            return self._omit(e, omitted, alone)
        if name in self.unit.functions or self._bound(name):
            return self._mapped(e)
        if name in QUESTIONS:
            return self.questions.feature(e)
        found = self._macro(name, e.span) if self._wins(name) else None
        if found is not None:
            return self._expanded(*found, e.arguments, e.span, alone=alone)
        nothing = dropped(name)
        if nothing is not None and not (nothing.unless and self.cutter.config.value(nothing.unless)):
            self.account.note("dropped", name, nothing.reason, e.span)
            return self._evaluated(e.name, e.arguments, nothing.evaluates, e.span, alone)
        e = replace(e, name=unchecked(name))
        if name in INITIALIZERS and len(e.arguments) == 1:
            return self._any(e.arguments[0]) if INITIALIZERS[name] else ast.Num(0, e.span)
        if name == "BUG" and not e.arguments:
            e = ast.CallExpr("BUG_ON", (ast.Num(1, e.span),), e.span)
        if name in WORDS and WORDS[name].formats:  # what follows the format is for the message alone
            own = len(WORDS[name].parameters)
            self._evaluated(name, e.arguments[own:], "sometimes", e.span, True)
            e = replace(e, arguments=e.arguments[:own])
        if e.name in WORDS:
            outer, self.in_word = self.in_word, True
            made = self._mapped(e)
            self.in_word = outer
            return made
        self.account.missing(name, e.span)
        return ast.Empty(e.span) if alone else ast.Num(0, e.span)

    def _evaluated(
        self, name: str, arguments: tuple[ast.CExpr, ...], when: Evaluates, span: Span, alone: bool
    ) -> ast.CExpr | ast.Stmt:
        """What the arguments of a word that is dropped do: nothing, if they only read objects."""
        done: list[ast.CExpr] = []
        for argument in arguments:
            if when == "never" or not self._acts(argument):
                continue
            made = self._any(ast.ExprStmt(argument, argument.span))
            if isinstance(made, ast.ExprStmt) and acts(made):
                done.append(made.expr)
        if done and when == "sometimes":
            text = f"{name}() evaluates this in some runs alone, and is dropped here"
            hint = f"write #without {name} if that does not matter"
            self.account.trouble("dropped", text, done[0].span, hint)
            done = []
        if alone:
            return ast.Block(tuple(ast.ExprStmt(x, x.span) for x in done), span) if done else ast.Empty(span)
        value: ast.CExpr = ast.Num(0, span)
        for x in reversed(done):
            value = ast.Comma(x, value, span)
        return value

    def _acts(self, e: ast.CExpr) -> bool:
        """May an expression do anything, or a macro in it?"""
        names = {x.name: x.span for x in nodes(e) if isinstance(x, ast.Ident) and not self._bound(x.name)}
        macros = [found for name, span in names.items() if (found := self._macro(name, span))]
        return acts(e) or any(_ACTION.search(file.body(macro)) for file, macro in macros)

    def _omit(self, e: ast.CallExpr, omitted: ast.Omitted, alone: bool) -> ast.CExpr | ast.Stmt:
        self.used.add(e.name)
        self.account.note("omitted", e.name, "the test says so", e.span)
        if alone:
            return ast.Empty(e.span)
        if omitted.value is not None:
            outer, self.scopes = self.scopes, []  # its names are no locals of the kernel's function
            value: ast.CExpr = self._any(omitted.value)
            self.scopes = outer
            return value
        hint = f"say what it gives: #without {e.name} = 0"
        self.account.trouble("without", f"the value of {e.name}() is used", e.span, hint)
        return ast.Num(0, e.span)

    # -- trees ------------------------------------------------------------------------------------

    def _function(self, f: ast.Function) -> ast.Function:
        self.ours = not f.kernel
        if f.kernel:
            self.account.note("taken", f.name, "", f.span)
        return replace(f, body=self._body(f.body, {p.name for p in f.parameters}))

    def _body(self, body: ast.Block, bound: set[str]) -> ast.Block:
        self.scopes = [bound | declared(body)]
        made = self._any(body)
        assert isinstance(made, ast.Block)
        return made

    def _mapped(self, x: Any) -> Any:
        """A node with its parts mapped."""
        return rebuilt(x, self._any)

    def _any(self, x: Any) -> Any:
        """A node of the kernel's text as the test has it."""
        if isinstance(x, ast.Ident):
            return self._ident(x)
        if isinstance(x, ast.CallExpr):
            return self._call(x)
        if isinstance(x, ast.ExprStmt) and isinstance(x.expr, ast.CallExpr):
            made = self._call(x.expr, alone=True)
            return ast.ExprStmt(made, x.span) if isinstance(made, EXPRESSIONS) else made
        if isinstance(x, ast.ExprStmt) and isinstance(x.expr, ast.Ident):
            made = self._ident(x.expr, alone=True)
            return ast.ExprStmt(made, x.span) if isinstance(made, EXPRESSIONS) else made
        if isinstance(x, ast.ExprStmt) and isinstance(x.expr, ast.StatementExpr):
            return replace(x, expr=self._mapped(x.expr))
        if isinstance(x, ast.StatementExpr):
            return self._statement_expr(x)
        if isinstance(x, ast.If):
            return self._if(x)
        if isinstance(x, ast.MacroLoop):
            return self._loop(x)
        if isinstance(x, ast.ForEachEntry) and x.word not in ENTRY_LOOPS and self._macro(x.word, x.head):
            return self._loop(as_macro(x))
        if isinstance(x, ast.Guard) and x.name not in GUARDS:
            return self._guard(x)
        if isinstance(x, ast.Block):
            x = self._with_variables(x)
            return ast.Block(tuple(map(self._any, x.body) if self.ours else self._reached(x.body)), x.span)
        if isinstance(x, ast.Conditional):
            test = self._any(x.condition)
            known = truth_of(test)
            dead = x.other if known else x.then
            if known is None or all(
                isinstance(part, ast.Num | ast.Unary | ast.Binary) for part in nodes(dead)
            ):
                test = test if known is None else ast.Num(int(known), test.span)  # a number has a type
                return ast.Conditional(test, self._any(x.then), self._any(x.other), x.span)
            return self._any(x.then if known else x.other)
        if isinstance(x, ast.OrElse) and (known := truth_of(value := self._any(x.value))) is not None:
            return value if known else self._any(x.other)
        if isinstance(x, ast.Binary) and x.op in ("&&", "||"):
            return self._logic(x)
        if isinstance(x, ast.Binary) and x.op in COMPARED:
            left, right = self._any(x.left), self._any(x.right)
            if isinstance(left, ast.Num) and isinstance(right, ast.Num):
                return ast.Num(int(COMPARED[x.op](left.value, right.value)), x.span)
            return ast.Binary(x.op, left, right, x.span)
        if isinstance(x, ast.Unary) and x.op == "!":
            inner = self._any(x.operand)
            known = truth_of(inner)
            return ast.Unary("!", inner, x.span) if known is None else ast.Num(int(not known), x.span)
        if isinstance(x, ast.FieldExpr):
            return self._mapped(self._member(x))
        if isinstance(x, ast.FieldInit):
            return replace(x, value=self._any(x.value))
        return self._mapped(x)

    def _guard(self, x: ast.Guard) -> ast.Stmt:
        """A guard that the tree may define. What it calls is the kernel's text."""
        try:
            if x.fails is not None:
                return self._attempt(x)
            found = guard_of(self.cutter, x)
        except Trouble as trouble:
            self.account.said(trouble)
            return ast.Empty(x.span)
        if found is None:
            plain: ast.Stmt = self._mapped(x)
            return plain
        scopes, names = self.scopes, kept_names(found)
        self.scopes = [*scopes, set(names.values())]
        body = renamed(x.body, SCOPE, found.keeps, names)
        made: ast.Guard = self._mapped(replace(x, body=body))
        begin, end = self._of_tree(found.begin), self._of_tree(found.end)
        self.scopes = scopes
        return replace(made, own=replace(found, begin=begin, end=end))

    def _with_variables(self, x: ast.Block) -> ast.Block:
        """A block in which what ``CLASS(name, variable)(…);`` keeps has the names that it has as locals."""
        body = list(x.body)
        for at, s in enumerate(body):
            if not isinstance(s, ast.Guard) or not s.variable:
                continue
            try:
                found = guard_of(self.cutter, s)
            except Trouble:  # which is said where the guard itself is read
                continue
            if found is not None:
                names = kept_names(found)
                self.scopes[-1].update(names.values())
                body[at + 1 :] = renamed(tuple(body[at + 1 :]), s.variable, found.keeps, names)
        return x if all(a is b for a, b in zip(body, x.body, strict=True)) else replace(x, body=tuple(body))

    def _of_tree(self, x: Any) -> Any:
        """A part of what defines a guard."""
        scopes, ours = self.scopes, self.ours
        self.scopes, self.ours = [*scopes, {GUARDED}], False
        made = self._any(x)
        self.scopes, self.ours = scopes, ours
        return made

    def _attempt(self, x: ast.Guard) -> ast.Stmt:
        """``scoped_cond_guard()``: an ``if`` around a guard that has its lock already. Raises ``Trouble``."""
        found = attempt_of(self.cutter, x)
        made: ast.Guard = self._mapped(x)
        if found is None and guard_of(self.cutter, x) is not None:
            raise Trouble(
                "guard", f"the guard {x.name} never fails", x.named, f"write scoped_guard({x.name}, …)"
            )
        if found is None:
            return made
        of, takes = found
        guard = GUARDS.get(of) or guard_of(self.cutter, replace(x, name=of, fails=None))
        if guard is None or guard.keeps:
            text = f"the guard {of}, which may fail here, keeps more than its lock"
            hint = "leave out the function that has it, or write a function of that name in the test"
            raise Trouble("kernel", text, x.named, hint)
        if len(made.arguments) != 1 or acts(made.arguments):
            raise Trouble("kernel", "this takes the address of one lock, and does nothing else", x.span)
        given = {GUARDED: made.arguments[0]}
        end = guard.end
        if isinstance(end, str):  # a word of the vocabulary
            end = ast.ExprStmt(ast.CallExpr(end, (ast.Ident(GUARDED, x.span),), x.span), x.span)
        own = ast.GuardText(ast.Empty(x.span), self._of_tree(end), 1)
        inside = replace(made, own=own, fails=None)
        return ast.If(substituted(self._of_tree(takes), given), inside, made.fails, x.span)

    def _statement_expr(self, x: ast.StatementExpr) -> ast.StatementExpr:
        """``({ … })``, whose last statement is its value."""
        *body, last = x.body.body or (ast.Empty(x.span),)
        made = list(self._reached(tuple(body)))
        made.append(
            replace(last, expr=self._any(last.expr)) if isinstance(last, ast.ExprStmt) else self._any(last)
        )
        return replace(x, body=replace(x.body, body=tuple(made)))

    def _reached(self, body: tuple[ast.Stmt, ...]) -> Iterator[ast.Stmt]:
        """The statements of a block that are reached: none after a jump, up to a label."""
        reached = True
        for statement in body:
            reached = reached or any(isinstance(x, ast.LabelStmt | ast.Case) for x in nodes(statement))
            if reached:
                made = self._any(statement)
                yield made
                reached = not leaves(made)

    def _if(self, x: ast.If) -> ast.Stmt:
        test = self._any(either(x.condition))
        known = truth_of(test)
        if known is None:
            other = None if x.other is None else self._any(x.other)
            return ast.If(test, self._any(x.then), other, x.span)
        if known:
            return self._any(x.then)  # type: ignore[no-any-return]
        return ast.Empty(x.span) if x.other is None else self._any(x.other)

    def _logic(self, x: ast.Binary) -> ast.CExpr:
        left = self._any(x.left)
        known = truth_of(left)
        if known is not None:
            if known != (x.op == "&&"):
                return ast.Num(int(x.op == "||"), x.span)
            right = self._any(x.right)
            known = truth_of(right)
            return truth(right) if known is None else ast.Num(int(known), x.span)
        right = self._any(x.right)
        known = truth_of(right)
        if known is not None and known == (x.op == "&&"):
            return truth(left)
        return ast.Binary(x.op, left, right, x.span)

    # -- types ------------------------------------------------------------------------------------

    def _mapped_struct(self, made: ast.StructDef) -> ast.StructDef:
        """The sizes of its arrays and bitfields are constants of the tree."""
        self.scopes, ours = [set()], self.ours
        self.ours = False
        made = replace(made, fields=tuple(self._mapped(f) for f in made.fields))
        self.ours = ours
        return made
