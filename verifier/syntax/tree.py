"""Turns Lark's trees of declarations and initial values into the classes of ``ast``, for one variant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verifier.source import Source, Span
from verifier.syntax import ast, numbers
from verifier.syntax.code import POINTS_TO_CODE, Code, is_constant
from verifier.syntax.grammars import Node, is_tree
from verifier.syntax.trouble import the_first
from verifier.syntax.variants import Guards

MAX_CPUS = 64


class Builder(Code):
    """Builds the parts of a file for ``variant`` (None: a file without variants)."""

    def __init__(
        self, source: Source, guards: Guards, variant: str | None, *, included: bool = False
    ) -> None:
        super().__init__(source, guards, variant, included=included)
        self.constants: dict[str, Span] = {}  # of enums: where they stand
        self.meaning: Callable[[ast.CExpr], ast.CExpr] = _itself  # of an expression in an enum

    # -- constants and types --------------------------------------------------------------------------

    def enum(self, tree: Node, enums: dict[str, int], defines: Mapping[str, int]) -> None:
        """Add the constants of an ``enum``."""
        value = -1
        for item in tree.children:
            if not is_tree(item):
                continue
            name = str(item.children[0])
            value = self.constant(item.children[1], enums) if len(item.children) > 1 else value + 1
            if not -(1 << 63) <= value < 1 << 64:
                self.guards.trouble("number", f"{name} is too large", self.span(item), "numbers have 64 bits")
                value = 0
            if name in enums and name not in defines and not self.included:
                hint = (
                    the_first(self.constants[name])
                    if name in self.constants
                    else "an included file declares it"
                )
                self.guards.trouble("duplicate", f"{name} is declared twice", self.span(item), hint)
            self.constants.setdefault(name, self.span(item))
            value = defines.get(name, value)
            enums[name] = value

    def constant(self, tree: Node, enums: dict[str, int]) -> int:
        """The value of a constant expression; errors are noted and count as 0."""
        value = constant(self.meaning(self.expr(tree)), enums)
        if value is None:
            self.guards.trouble(
                "constant", "this is not a constant", self.span(tree), "use numbers and enum constants"
            )
            return 0
        return value

    def struct(self, tree: Node) -> ast.StructDef:
        """``struct foo { … };`` and ``struct foo;``, which has no fields."""
        word, name, *members = tree.children
        return ast.StructDef(str(name), tuple(self._fields(word, members)), self.span(name))

    def _fields(
        self, word: Node, members: list[Node], around: tuple[tuple[int, int], ...] = ()
    ) -> list[ast.StructField]:
        """The fields of a ``struct`` or ``union``; those of nameless ones inside are its own."""
        out: list[ast.StructField] = []
        for at, member in enumerate(members):
            parts = member.children
            arms = (*around, (word.start_pos, at)) if str(word) == "union" else around
            if member.data == "fields":
                out += [self._field(parts[0], one, arms) for one in parts[1:]]
            elif member.data == "function_field":
                out.append(ast.StructField(str(parts[3]), POINTS_TO_CODE, self.span(parts[3]), arms=arms))
            else:
                out += self._fields(parts[0], [p for p in parts if is_tree(p)], arms)
                names = [p for p in parts[1:] if not is_tree(p)]
                if names:
                    hint = "define it separately, and add a field of its type"
                    self.guards.trouble(
                        "struct", "a struct with a name is inside another", self.span(names[0]), hint
                    )
        return out

    def _field(self, base: Node, one: Node, arms: tuple[tuple[int, int], ...]) -> ast.StructField:
        """One declarator of a field. A bit-field without a name is padding; one of width 0 begins a unit."""
        if one.data == "padding":
            (bits,) = one.children
            kind, span = self.ctype(base, None), self.span(bits)
            return ast.StructField("", kind, span, bits=self.expr(bits.children[0]), arms=arms)
        stars, name, *rest = one.children
        width = next((self.expr(r.children[0]) for r in rest if r.data == "bits"), None)
        size, columns = self.sizes(rest)
        kind = self.ctype(base, stars)
        if rest and rest[0].data == "array" and size is None:
            kind = ast.CType(kind.base, kind.pointers + 1)
        return ast.StructField(str(name), kind, self.span(name), size, bits=width, columns=columns, arms=arms)

    def typedef(self, tree: Node) -> ast.StructDef:
        """``typedef struct { … } foo;`` is ``struct foo``, which may also be called ``foo``."""
        _, word, *rest = tree.children
        name = rest.pop()
        members = [m for m in rest if is_tree(m)]
        return ast.StructDef(str(name), tuple(self._fields(word, members)), self.span(name), typedef=True)

    # -- a kernel's text --------------------------------------------------------------------------------

    def kernel(self, tree: Node) -> ast.KernelFile:
        """``#kernel "file" { names }``."""
        _, path, *rest = tree.children
        names = [n for n in rest if is_tree(n)]
        taken = tuple(self.taken(n) for n in names)
        return ast.KernelFile(str(path)[1:-1], taken, self.span(tree), optional=len(rest) > len(names))

    def taken(self, tree: Node) -> ast.Taken:
        """``name``, ``struct name``; with ``?`` if it may be missing."""
        words = {x.type: str(x) for x in tree.children}
        kind = words.get("STRUCT", words.get("ENUM", ""))
        return ast.Taken(kind, words["NAME"], self.span(tree), optional="QMARK" in words)

    def config(self, tree: Node, enums: dict[str, int]) -> list[ast.Configured]:
        """``#config NAME, !NAME, NAME = value``."""
        out: list[ast.Configured] = []
        for item in tree.children[1:]:
            value = 0 if item.data == "refused" else 1
            constant = len(item.children) > 1
            if constant:
                value = self.constant(item.children[1], enums)
            out.append(ast.Configured(str(item.children[0]), value, self.span(item), constant))
        return out

    def without(self, tree: Node) -> list[ast.Omitted]:
        """``#without name, name = value``."""
        return [
            ast.Omitted(
                str(item.children[0]),
                self.expr(item.children[-1]) if is_tree(item.children[-1]) else None,
                self.span(item),
                optional=any(getattr(x, "type", "") == "QMARK" for x in item.children),
            )
            for item in tree.children[1:]
        ]

    # -- functions ------------------------------------------------------------------------------------

    def function(self, tree: Node, included: bool) -> ast.Function:
        """A function."""
        base, stars, name, params, body = tree.children
        return ast.Function(
            result=self.ctype(base, stars),
            name=str(name),
            parameters=self.params(params),
            body=self.block(body),
            span=self.span(name),
            included=included,
            early="__init" in map(str, base.children),
        )

    def thread(self, tree: Node, enums: dict[str, int]) -> list[ast.Thread]:
        """A thread; a family becomes one for each CPU."""
        first, *rest = tree.children
        low = high = self.number(first.update(value=str(first)[1:]), octal=False)
        if rest[0].data in ("num", "ident"):
            high = self.constant(rest.pop(0), enums)
        params = self.params(rest[0]) if rest[0].data == "params" else ()
        body = self.block(rest[-1])
        span = self.span(first)
        if high < low or high >= MAX_CPUS:
            hint = f"CPUs are 0 to {MAX_CPUS - 1}"
            self.guards.trouble("family", f"{low}..{high} is not a range of CPUs", span, hint)
            high = min(low, MAX_CPUS - 1)
        return [ast.Thread(cpu, params, body, span) for cpu in range(low, high + 1)]

    def nmi(self, tree: Node) -> ast.Thread:
        """``nmi P1 { … }``."""
        first, body = tree.children
        cpu = self.number(first.update(value=str(first)[1:]), octal=False)
        return ast.Thread(cpu, (), self.block(body), self.span(first))

    def params(self, tree: Node) -> tuple[ast.Parameter, ...]:
        """Parameters; ``(void)`` has none."""
        out: list[ast.Parameter] = []
        for param in tree.children:
            base, stars, *rest = param.children
            if param.data == "function_param":
                out.append(ast.Parameter(POINTS_TO_CODE, str(rest[1]), self.span(param)))
                continue
            name = next((str(r) for r in rest if not is_tree(r)), "")
            kind = self.ctype(base, stars)
            if any(is_tree(r) for r in rest):
                kind = ast.CType(kind.base, kind.pointers + 1)
            if name or kind != ast.CType("void"):
                fixed = is_constant(base, stars) and not any(is_tree(r) for r in rest)
                out.append(ast.Parameter(kind, name, self.span(param), fixed))
        return tuple(out)

    # -- initial state --------------------------------------------------------------------------------

    def initial(self, tree: Node) -> list[ast.Initial]:
        """One block of initial values."""
        self.herd = True
        out = self._initial(tree)
        self.herd = False
        return out

    def _initial(self, tree: Node) -> list[ast.Initial]:
        out: list[ast.Initial] = []
        for item in self.chosen(tree.children, "initial_item"):
            span = self.span(item)
            parts = list(item.children)
            if item.data in ("object", "function_object"):
                percpu = not is_tree(parts[0])
                if percpu:
                    parts.pop(0)
                function = item.data == "function_object"
                kind = POINTS_TO_CODE if function else self.ctype(parts[0], parts[1])
                name, rest = parts[3 if function else 2], parts[4 if function else 3 :]
                size, columns = self.sizes(rest)
                given = [r for r in rest if r.data not in ("array", "params")]
                if size is None and rest and rest[0].data == "array" and given and given[0].data == "braced":
                    size = ast.Num(len(given[0].children), span)
                out.append(
                    ast.Object(
                        type=kind,
                        name=str(name),
                        value=self.value(given[0]) if given else None,
                        span=self.span(name),
                        size=size,
                        percpu=percpu,
                        columns=columns,
                    )
                )
            elif item.data == "typed_setting":
                value = self.value(parts[4]) if len(parts) > 4 else ast.Num(0, span)
                out.append(ast.Setting(self.expr(parts[3]), value, span, self.range(parts[2])))
            else:
                cpus = self.range(parts.pop(0)) if parts[0].data == "cpus" else None
                made = self.expr(parts[0]), self.value(parts[-1])
                out.append(ast.Setting(*made, span, cpus, optional=len(parts) > 2))
        return out

    def range(self, tree: Node) -> ast.Range:
        """``1`` or ``1..n``."""
        word = tree.children[0]
        value = self.number(word.update(value=str(word).lstrip("P")), octal=False)
        low = ast.Num(value, self.span(word))
        high = self.expr(tree.children[1]) if len(tree.children) > 1 else low
        return ast.Range(low, high, self.span(tree))

    def value(self, tree: Node) -> ast.InitValue:
        """A value, or braces."""
        if tree.data != "braced":
            return self.expr(tree)
        return ast.Braced(tuple(self.part(p) for p in self.chosen(tree.children, "element")), self.span(tree))

    def part(self, tree: Node) -> ast.InitItem:
        """An item in braces."""
        span, parts = self.span(tree), tree.children
        if tree.data == "mapping":
            return ast.Mapping(self.expr(parts[0]), self.value(parts[1]), span)
        if tree.data == "mapping_at":
            return ast.Mapping(
                self.expr(parts[0]), self.value(parts[2]), span, self.number(parts[1], octal=False)
            )
        if tree.data == "field_value":
            return ast.FieldInit(str(parts[0]), self.value(parts[-1]), span, len(parts) > 2)
        if tree.data == "range":
            return self.range(tree)
        return self.value(tree)


def _itself(expr: ast.CExpr) -> ast.CExpr:
    return expr


def constant(expr: ast.CExpr, enums: dict[str, int], evaluated: bool = True) -> int | None:
    """The value of a constant expression; None if it is none. What is not ``evaluated``, as the other side of
    ``?:``, may divide by 0."""
    if isinstance(expr, ast.Num):
        return expr.value
    if isinstance(expr, ast.Ident):
        return enums.get(expr.name)
    if isinstance(expr, ast.Cast) and expr.type == ast.CType("unsigned long"):
        value = constant(expr.operand, enums, evaluated)
        return None if value is None else value % (1 << 64)
    if isinstance(expr, ast.Unary):
        value = constant(expr.operand, enums, evaluated)
        if value is None or expr.op not in "-~!+":
            return None
        return {"-": -value, "~": ~value, "!": int(not value), "+": value}[expr.op]
    if isinstance(expr, ast.Binary):
        a = constant(expr.left, enums, evaluated)
        ends = expr.op in ("&&", "||") and bool(a) == (expr.op == "||")
        b = constant(expr.right, enums, evaluated and not ends)
        if a is None or b is None:
            return None
        if expr.op in ("&&", "||"):
            return int(bool(a) if ends else bool(b))
        if expr.op in numbers.COMPARED:
            return int(numbers.COMPARED[expr.op](a, b))
        if expr.op in ("/", "%"):
            return _divided(expr.op, a, b) if b else None if evaluated else 0
        simple = {"+": a + b, "-": a - b, "*": a * b, "|": a | b, "&": a & b, "^": a ^ b}
        if expr.op in ("<<", ">>") and 0 <= b < 64:
            return a << b if expr.op == "<<" else a >> b
        return simple.get(expr.op)
    if isinstance(expr, ast.Conditional):
        which = constant(expr.condition, enums, evaluated)
        then = constant(expr.then, enums, evaluated and bool(which))
        other = constant(expr.other, enums, evaluated and not which)
        return None if None in (which, then, other) else then if which else other
    if isinstance(expr, ast.OrElse):
        value = constant(expr.value, enums, evaluated)
        other = constant(expr.other, enums, evaluated and not value)
        return None if None in (value, other) else value or other
    return None


def _divided(op: str, a: int, b: int) -> int:
    """C's division, which rounds towards 0."""
    quotient = abs(a) // abs(b) if (a < 0) == (b < 0) else -(abs(a) // abs(b))
    return quotient if op == "/" else a - b * quotient
