"""Turns Lark's trees of code into the classes of ``ast``: types, statements, expressions, guards."""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import InputError
from verifier.kernel.characters import character
from verifier.records import replace
from verifier.source import Source, Span
from verifier.syntax import ast, members, numbers
from verifier.syntax.declarers import declared
from verifier.syntax.grammars import Node, is_tree
from verifier.syntax.trouble import nesting
from verifier.syntax.typenames import INTEGERS, STRUCTS
from verifier.syntax.variants import Guards

_QUALIFIERS = frozenset(
    {"const", "volatile", "static", "inline", "extern", "__rcu", "__percpu", "__user", "__iomem"}
)
MAX_NESTED = 100
MAX_DIMENSIONS = 2
POINTS_TO_CODE = ast.CType("function", 1)  # a pointer to one


def is_constant(base: Node, stars: Node) -> bool:
    """Is what is declared ``const`` itself: ``const int x``, ``int *const p``, and not ``const int *p``?"""
    words = [str(x) for x in stars.children]
    if "*" in words:
        return "const" in words[len(words) - words[::-1].index("*") :]
    return "const" in map(str, base.children)


class Code:
    """Builds the code of ``variant`` (None: a file without variants)."""

    def __init__(
        self, source: Source, guards: Guards, variant: str | None, *, included: bool = False
    ) -> None:
        self.source, self.guards, self.variant, self.included = source, guards, variant, included
        self.herd = False  # are we in the initial state, whose numbers are herd7's?
        self.depth = 0  # of what can nest without brackets: ``if``, ``else``, ``!``, ``+``

    def deeper(self, tree: Node) -> None:
        """Raise ``InputError`` for what nests deeper than anyone means."""
        self.depth += 1
        if self.depth > MAX_NESTED:
            raise InputError([nesting(self.span(tree), MAX_NESTED)])

    def span(self, item: Node) -> Span:
        """The span of a tree or a token."""
        meta = getattr(item, "meta", item)
        start = getattr(meta, "start_pos", None) or 0
        return Span(self.source, start, getattr(meta, "end_pos", None) or start)

    # -- guards ---------------------------------------------------------------------------------------

    def head(self, parts: list[Node]) -> Span:
        """What stands before the body of a statement: from its word to the bracket that closes its head."""
        end = self.source.text.rindex(")", 0, self.span(parts[-1]).start) + 1
        return Span(self.source, self.span(parts[0]).start, end)

    def chosen(self, items: list[Node], kind: str) -> list[Node]:
        """The items that stand; ``kind`` is the tree of a guarded one."""
        out: list[Node | None] = []
        run: list[frozenset[str] | None] = []
        for item in items:
            guards, inner = _unguarded(item, kind)
            if not guards:
                run = []
                out.append(inner)
                continue
            span = self.span(guards[0]).to(self.span(guards[-1]))
            where: frozenset[str] | None = None
            if self.included:
                self.guards.trouble(
                    "guard", "an included file cannot have guards", span, "put the guard in the test"
                )
            else:
                where = self.guards.together([g.children[0] for g in guards], run, span)
            if self.guards.stands(where, self.variant, self.span(item)):
                out.append(inner)
        return [i for i in out if i is not None]

    # -- types ----------------------------------------------------------------------------------------

    def ctype(self, base: Node, stars: Node | None, *, code: bool = False) -> ast.CType:
        """A type without qualifiers. In ``code`` it may be that of an expression."""
        pointers = sum(str(s) == "*" for s in stars.children) if stars is not None else 0
        for word in base.children:
            if is_tree(word) and word.data == "typeof":
                if not code and len(word.children) == 2:
                    hint = "write the type itself"
                    self.guards.trouble("not-yet", "typeof stands outside of code", self.span(word), hint)
                return self.typeof(word, pointers)
        if base.data == "handle":
            words = [str(base.children[0])]
        else:
            words = [" ".join(map(str, w.children)) if is_tree(w) else str(w) for w in base.children]
        kept = [w for w in words if w not in _QUALIFIERS]
        return ast.CType(" ".join(kept) or "int", pointers)

    def typeof(self, tree: Node, pointers: int) -> ast.CType:
        """``typeof(type)``, ``typeof(expression)``."""
        _, of, *stars = tree.children
        if stars:
            named = self.ctype(of, stars[0], code=True)
            return replace(named, pointers=named.pointers + pointers)
        return ast.CType("typeof", pointers, self.expr(of))

    def sizes(self, parts: list[Node]) -> tuple[ast.CExpr | None, ast.CExpr | None]:
        """The sizes of an array, of which the first may be left out."""
        arrays = [r for r in parts if is_tree(r) and r.data == "array"]
        if len(arrays) > MAX_DIMENSIONS:
            text = f"an array has at most {MAX_DIMENSIONS} dimensions here"
            self.guards.trouble("size", text, self.span(arrays[2]), "number the elements yourself")
        sizes = [self.expr(r.children[0]) if r.children else None for r in arrays[:MAX_DIMENSIONS]]
        if len(sizes) > 1 and sizes[1] is None:
            self.guards.trouble("size", "the second size is needed", self.span(arrays[1]), "write [2][3]")
        return (sizes[0] if sizes else None), (sizes[1] if len(sizes) > 1 else None)

    # -- statements -----------------------------------------------------------------------------------

    def block(self, tree: Node) -> ast.Block:
        """``{ … }``."""
        return ast.Block(tuple(self.statements(tree.children)), self.span(tree))

    def statements(self, items: list[Node]) -> list[ast.Stmt]:
        """The statements that stand."""
        out: list[ast.Stmt] = []
        for item in self.chosen(items, "guarded"):
            if item.data == "declaration":
                out += self.declaration(item)
            else:
                out += declared(self.statement(item))
        return out

    def declaration(self, tree: Node) -> list[ast.Stmt]:
        """``int a = 1, *b;``"""
        base, *declarators = tree.children
        words = set(map(str, base.children))
        static = "static" in words and "const" not in words
        out: list[ast.Stmt] = []
        for d in declarators:
            stars, *rest = d.children
            function = d.data == "function_declarator"
            cleanup = next((str(r.children[-1]) for r in rest if is_tree(r) and r.data == "free"), "")
            rest = [r for r in rest if not (is_tree(r) and r.data == "free")]
            name = rest.pop(1 if function else 0)
            size, columns = self.sizes(rest)
            given = [r for r in rest if is_tree(r) and r.data not in ("array", "params")]
            unsized = size is None and not function and bool(rest) and rest[0].data == "array"
            if unsized and given and given[0].data == "local_braced":
                size = ast.Num(len(given[0].children), self.span(rest[0]))
            init = self.local_value(given[0]) if given else None
            span = self.span(name).to(self.span(d))  # without the stars, as if it were assigned
            kind = POINTS_TO_CODE if function else self.ctype(base, stars, code=True)
            fixed = not function and is_constant(base, stars)
            made = ast.Declare(kind, str(name), init, span, size=size, columns=columns, constant=fixed)
            out.append(replace(made, free=cleanup, static=static) if cleanup or static else made)
        return out

    def local_value(self, tree: Node) -> ast.CExpr | ast.Braced:
        """What a local starts with."""
        if tree.data != "local_braced":
            return self.expr(tree)
        parts: list[ast.FieldInit | ast.CExpr | ast.Braced] = []
        within = False  # does the last one name a field inside a field?
        for p in tree.children:
            if p.data != "field_value":
                parts.append(self.local_value(p))
                within = False
                continue
            made, before = self.local_field(p), parts[-1] if parts else None
            inner = len(p.children) > 2
            if inner and within and isinstance(before, ast.FieldInit) and before.name == made.name:
                parts[-1] = joined(before, made)
            else:
                parts.append(made)
            within = inner
        return ast.Braced(tuple(parts), self.span(tree))

    def local_field(self, tree: Node) -> ast.FieldInit:
        """``.name = value`` in the braces of a local; ``.a.b = 1`` is ``.a = { .b = 1 }``."""
        *names, value = tree.children
        span = self.span(tree)
        made = ast.FieldInit(str(names[-1]), self.local_value(value), span)
        for name in reversed(names[:-1]):
            made = ast.FieldInit(str(name), ast.Braced((made,), span), span)
        return made

    def one(self, tree: Node) -> ast.Stmt:
        """A statement that is a body: guarded away, it is empty."""
        found = self.statements([tree])
        return found[0] if len(found) == 1 else ast.Block(tuple(found), self.span(tree))

    def statement(self, tree: Node) -> ast.Stmt:
        """One statement."""
        self.deeper(tree)
        statement = self._statement(tree)
        self.depth -= 1
        return statement

    def _statement(self, tree: Node) -> ast.Stmt:
        span, parts, kind = self.span(tree), tree.children, tree.data
        if kind == "block":
            return self.block(tree)
        if kind == "expression":
            return ast.ExprStmt(self.expr(parts[0]), span)
        if kind == "if_":
            other = self.one(parts[2]) if len(parts) > 2 else None
            return ast.If(self.expr(parts[0]), self.one(parts[1]), other, span)
        if kind == "while_":
            return ast.While(self.expr(parts[0]), self.one(parts[1]), span)
        if kind == "do_":
            return ast.DoWhile(self.one(parts[0]), self.expr(parts[1]), span)
        if kind == "for_":
            first, test, step, body = parts
            init: list[ast.Stmt] = []
            for item in first.children:
                if item.data == "declaration":
                    init += self.declaration(item)
                else:
                    init += [ast.ExprStmt(self.expr(e), self.span(e)) for e in item.children]
            for x in init:
                if isinstance(x, ast.Declare) and x.free:
                    hint = "declare it before the loop"
                    self.guards.trouble("guard", "a loop's counter is given back by nobody", x.span, hint)
            cond = self.expr(test.children[0]) if test.children else None
            return ast.For(tuple(init), cond, tuple(map(self.expr, step.children)), self.one(body), span=span)
        if kind == "for_each":
            masks = tuple(map(self.expr, parts[2:-1]))
            word, name = str(parts[0]), parts[1]
            return ast.ForEachCpu(
                word=word,
                variable=str(name),
                masks=masks,
                body=self.one(parts[-1]),
                span=span,
                counter=self.span(name),
            )
        if kind == "guard_":
            arguments = tuple(map(self.expr, parts[2].children))
            return ast.Guard(str(parts[1]), arguments, None, span, self.span(parts[1]))
        if kind == "class_":
            arguments = tuple(map(self.expr, parts[3].children))
            named = self.span(parts[1])
            return ast.Guard(str(parts[1]), arguments, None, span, named, variable=str(parts[2]))
        if kind == "scoped_cond_guard":
            arguments = tuple(map(self.expr, parts[3:-1]))
            named, fails, head = self.span(parts[1]), self.one(parts[2]), self.head(parts)
            return ast.Guard(str(parts[1]), arguments, self.one(parts[-1]), head, named, fails=fails)
        if kind == "scoped_guard":
            arguments = tuple(map(self.expr, parts[2:-1]))
            head = self.head(parts)
            return ast.Guard(str(parts[1]), arguments, self.one(parts[-1]), head, self.span(parts[1]))
        if kind == "list_each":
            given = tuple(map(self.expr, parts[2:-1]))
            member = members.within(given[-1], ast.Num(0, given[-1].span)) if given else None
            return ast.ForEachEntry(
                word=str(parts[0]),
                variable=str(parts[1]),
                arguments=given if member is None else given[:-1],
                member=member,
                body=self.one(parts[-1]),
                span=span,
                head=self.head(parts),
            )
        if kind == "macro_loop":
            arguments = tuple(map(self.expr, parts[1].children))
            end = self.source.text.rfind(")", span.start, self.span(parts[2]).start) + 1
            head = Span(self.source, span.start, max(end, self.span(parts[0]).end))
            return ast.MacroLoop(str(parts[0]), arguments, self.one(parts[2]), head)
        if kind == "switch":
            return ast.Switch(self.expr(parts[0]), self.one(parts[1]), span)
        simple: dict[str, Callable[[], ast.Stmt]] = {
            "empty": lambda: ast.Empty(span),
            "case": lambda: ast.Case(
                self.expr(parts[0]), span, self.expr(parts[1]) if len(parts) > 1 else None
            ),
            "default": lambda: ast.Case(None, span),
            "label": lambda: ast.LabelStmt(str(parts[0]), span),
            "goto": lambda: ast.Goto(str(parts[0]), span),
            "return_": lambda: ast.Return(self.expr(parts[0]) if parts else None, span),
            "break_": lambda: ast.Break(span),
            "continue_": lambda: ast.Continue(span),
        }
        return simple[kind]()

    # -- expressions ----------------------------------------------------------------------------------

    def expr(self, tree: Node) -> ast.CExpr:
        """An expression, in code or in the initial state."""
        self.deeper(tree)
        expr = self._expr(tree)
        self.depth -= 1
        return expr

    def _expr(self, tree: Node) -> ast.CExpr:
        span, parts, kind = self.span(tree), tree.children, tree.data
        if kind == "num":
            return ast.Num(self.number(parts[0], octal=not self.herd), span)
        if kind == "ident":
            return ast.Ident(str(parts[-1]), span)
        if kind == "cell":  # [x]
            return ast.Ident(str(parts[0])[1:-1].strip(), span)
        if kind == "deref":
            return ast.Ident(str(parts[-1]), span)
        if kind == "text":
            for name in (p for p in parts if p.type == "NAME"):
                if not self.included:
                    hint = "write the text itself; a string is for a message alone"
                    self.guards.trouble("not-yet", "a name stands beside a string", self.span(name), hint)
            return ast.Text("".join(str(p)[1:-1] for p in parts if p.type == "STRING"), span)
        if kind == "character":
            return ast.Num(character(str(parts[0])), span)
        if kind == "statement_expr":
            return ast.StatementExpr(self.block(parts[0]), span)
        if kind == "comma":
            return ast.Comma(self.expr(parts[0]), self.expr(parts[1]), span)
        if kind == "sizeof":
            return ast.SizeOf(self.typeof(tree, 0), span)
        if kind == "literal":
            init = self.local_value(parts[2])
            assert isinstance(init, ast.Braced)
            return ast.Literal(self.ctype(parts[0], parts[1], code=True), init, span)
        if kind == "call":
            return self.call(parts[0], parts[1].children, span)
        if kind == "type_argument":
            return ast.TypeArgument(self.ctype(parts[0], parts[1], code=True), span)
        if kind == "offset":
            text = f"{parts[0]} counts bytes, and objects here are cells, which have no offsets"
            hint = "name the field, as in &p->x; container_of(p, struct foo, x) leads back"
            self.guards.trouble("not-yet", text, span, hint)
            return ast.Num(0, span)
        if kind in ("call_dot", "call_index", "call_of"):
            callee = self.expr(parts[0])
            if kind == "call_dot":
                callee = ast.FieldExpr(callee, str(parts[1]), self.span(parts[0]).to(self.span(parts[1])))
            elif kind == "call_index":
                at = self.span(parts[0]).to(self.span(parts[1]))
                callee = ast.IndexExpr(callee, self.expr(parts[1]), Span(self.source, at.start, at.end + 1))
            return ast.PointerCall(callee, tuple(map(self.expr, parts[-1].children)), span)
        if kind == "binary":
            return ast.Binary(str(parts[1]), self.expr(parts[0]), self.expr(parts[2]), span)
        if kind == "unary_":
            return ast.Unary(str(parts[0]), self.expr(parts[1]), span)
        if kind == "addr":
            return ast.Unary("&", self.expr(parts[0]), span)
        if kind == "conditional":
            return ast.Conditional(*map(self.expr, parts), span)  # type: ignore[arg-type,call-arg]
        if kind == "or_else":
            return ast.OrElse(self.expr(parts[0]), self.expr(parts[1]), span)
        if kind in ("dot", "arrow"):
            return ast.FieldExpr(self.expr(parts[0]), str(parts[1]), span, kind == "arrow")
        if kind == "index":
            return ast.IndexExpr(self.expr(parts[0]), self.expr(parts[1]), span)
        if kind == "cast":
            return ast.Cast(self.ctype(parts[0], parts[1], code=True), self.expr(parts[2]), span)
        if kind == "assign":
            op = str(parts[1])[:-1]
            return ast.Assign(self.expr(parts[0]), op, self.expr(parts[2]), span)
        one = ast.Num(1, span)
        if kind == "prefix":
            return ast.Assign(self.expr(parts[1]), str(parts[0])[0], one, span)
        return ast.Assign(self.expr(parts[0]), str(parts[1])[0], one, span, post=True)

    def call(self, name: Node, given: list[Node], span: Span) -> ast.CExpr:
        """``f(x)``; ``container_of(p, struct foo, x)``, and others that find the struct around a member."""
        arguments = tuple(map(self.expr, given))
        if len(given) == 3 and isinstance(arguments[1], ast.TypeArgument):
            member = members.within(arguments[2], ast.Num(0, span))
            of = arguments[1].type
            if member is not None:
                of = replace(of, pointers=of.pointers + 1)
                return ast.ContainerOf(str(name), arguments[0], of, member=member, span=span)
        return ast.CallExpr(str(name), tuple(_named(a) for a in arguments), span)

    def number(self, token: Node, *, octal: bool = True) -> int:
        """The value of a number token; ``octal``: as in C code, 010 is eight. Errors count as 0."""
        try:
            return numbers.number(str(token), octal=octal)
        except numbers.NumberError as error:
            found = error.at(self.span(token))
            self.guards.trouble(found.code, found.message, self.span(token), found.hint)
            return 0


def joined(one: ast.FieldInit, other: ast.FieldInit) -> ast.FieldInit:
    """``.a.b = 1, .a.c = 2`` as ``.a = { .b = 1, .c = 2 }``."""
    assert isinstance(one.value, ast.Braced) and isinstance(other.value, ast.Braced)
    return replace(one, value=replace(one.value, items=(*one.value.items, *other.value.items)))


def _named(argument: ast.CExpr) -> ast.CExpr:
    """An argument that is a name: one that ends in ``_t`` may be of an object, unless it is a type of the
    kernel's."""
    if not isinstance(argument, ast.TypeArgument):
        return argument
    kind = argument.type
    known = not kind.base.endswith("_t") or kind.base in INTEGERS or kind.base in STRUCTS
    if known or kind.pointers or kind.of is not None or " " in kind.base:
        return argument
    return ast.Ident(kind.base, argument.span)


def _unguarded(item: Node, kind: str) -> tuple[list[Node], Node | None]:
    """The guards of an item, and the item without them; both hold where there are two in a row."""
    guards: list[Node] = []
    while getattr(item, "data", None) == kind:
        guards += [c for c in item.children if getattr(c, "data", None) == "guard"]
        if not item.children or item.children[-1] in guards:
            return guards, None
        item = item.children[-1]
    return guards, item
