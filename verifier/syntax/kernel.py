"""Cuts definitions out of the files of a kernel tree, and parses them by the grammar of tests.

What is no part of a definition becomes blanks, so that every span is that of the kernel's own file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from verifier.kernel.conditions import Config, undecided
from verifier.kernel.joined import joined
from verifier.kernel.scan import LOCK, LOCKS, SYSCALL, Definition, Kind, Macro, Scanned, blanked, scanned
from verifier.kernel.tree import KernelTree, Unreadable
from verifier.patterns import pattern
from verifier.records import NamedTuple, replace
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import ast
from verifier.syntax.grammars import Node, Unparsed, tree_of
from verifier.syntax.stand_ins import QUOTED, Signed
from verifier.syntax.tree import Builder
from verifier.syntax.trouble import Trouble, nearest, syntax_error
from verifier.syntax.typenames import SHORT_TYPES
from verifier.syntax.variants import Guards

_STORAGE = pattern(r"^\s*(?:static|extern|typedef)\b")
NOT_READ = "this C is not read here: define what it stands for in the test, or leave it out by #without"
UNREADABLE = "kernel"  # of a file of the tree that cannot be taken

# Words of the compiler that say nothing about what code does.
_ATTRIBUTES = pattern(
    r"\b((?:__maybe_unused|__always_unused|__init_or_module|__user|__percpu|__rcu|__iomem|__force|__must_check|__read_mostly"
    r"|__ro_after_init|__initdata|__private|__randomize_layout|_{2,4}cacheline\w*|__aligned_largest"
    r"|__packed|__used|__refdata)\b"
    r"|__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|__(?:aligned|counted_by|section)\s*\([^()]*\)"
    r"|fallthrough\s*;)"
)
# What no test can take, and what to say of it.
_REFUSED = (
    (
        pattern(r"\b(?:asm|__asm__)\b"),
        "inline assembly",
        "write a function of words of that name in the test",
    ),
)
_TYPE = pattern(
    r"\b(?:struct|union|enum)\s+\w+|\b(?:unsigned|signed|long|int|char|short|void|bool|_Bool|const|volatile)\b"
    r"|\b(?:\w+_t|_{0,2}[us](?:8|16|32|64|128))\b|\*"
)

_TO_FUNCTION = pattern(
    r"(\s*\w[\w\s*]*?)\s?\(\s*\*\s*(?:\w+\s+)?(\w+)\s*(\[[^\]]*\]\s*)?\)\s*\((?=.*\)\s*;$)", re.DOTALL
)
_TAG = pattern(r"\b(struct|union|enum)\b(?:\s+(\w+))?")

# An array at the end of a struct, as long as the memory that is there; and how many elements it has here.
_FLEXIBLE = pattern(r"(\w+)\s*\[\s*0?\s*\]\s*;")
FLEXIBLE = 4
_BITMAP = pattern(r"\bDECLARE_BITMAP\(\s*(\w+)\s*,\s*([^;]*?)\s*\)(?=\s*;)")
_QUALIFIED = pattern(r"\b(?:const|volatile)\b")


class Excerpt(NamedTuple):
    """A definition of a kernel's file: ``function``, ``struct`` (and typedefs), ``object``, ``enum`` or
    ``macro``."""

    file: str
    kind: str
    name: str


class Cutter:
    """Takes definitions from a tree, under what ``#config`` says. Errors are raised as ``Trouble``."""

    def __init__(self, tree: KernelTree, asked: ast.KernelText, troubles: list[Diagnostic]) -> None:
        self.tree, self.asked = tree, asked
        constants = frozenset(c.name for c in asked.config if c.constant)
        self.config = Config({c.name: c.value for c in asked.config}, constants)
        self.files: dict[str, Scanned] = {}
        self.taken: dict[Excerpt, str] = {}
        self._types: frozenset[str] | None = None
        for one in asked.files:
            if one.path in self.files:
                continue
            try:
                self.files[one.path] = scanned(tree.source(one.path), self.config)
            except Unreadable as error:
                if one.optional:
                    continue
                text = f"{one.path} cannot be taken from {tree.place}: {error}"
                troubles.append(Diagnostic(UNREADABLE, text, one.span, error.hint))
        self.files = joined(self.files, self.config)

    def note(self, file: Scanned, kind: str, name: str, text: str) -> None:
        """Remember what was taken, as it is parsed."""
        self.taken[Excerpt(file.source.name, kind, name)] = text

    def decided(self, file: Scanned, start: int, end: int) -> None:
        """Raise ``Trouble`` if a condition that matters to ``start`` .. ``end`` is open."""
        for x in file.around(start, end):
            found = undecided(x.names, file.source.text[x.start : x.end], Span(file.source, x.start, x.end))
            raise Trouble(found.code, found.message, found.span, found.hint)

    def function(self, file: Scanned, found: Definition) -> ast.Function:
        """A function, as the file has it."""
        self.decided(file, found.start, found.end)
        text = _head(file.active, found, self.standing)
        text += _with_locks(_plain(file.active[found.body : found.end]))
        self.note(file, "function", found.name, text)
        builder = self.builder(file.source)
        made = builder.function(self.parsed(file, text, found.start, "function"), included=True)
        self.noted(builder)
        return ast.Function(
            made.result,
            made.name,
            made.parameters,
            made.body,
            made.span,
            included=True,
            kernel=file.source.name,
        )

    def struct(self, file: Scanned, found: Definition, fields: frozenset[str]) -> ast.StructDef:
        """A struct with those of its fields that anyone names."""
        close = file.active.rindex("}", found.body, found.end)
        inside = self.members(file, found.body + 1, close, fields)
        tail = file.active[close : found.end]
        if found.kind == "typedef":
            name = re.search(rf"\b{re.escape(found.name)}\b", tail)
            assert name is not None
            tail = "}" + " " * (name.start() - 1) + found.name + blanked(tail[name.end() : -1]) + ";"
        else:
            tail = "}" + blanked(tail[1:-1]) + ";"
        head = _plain(file.active[found.start : found.body + 1])
        if found.kind != "typedef":  # it may be declared with an object, which may be static, or a typedef
            head = _STORAGE.sub(lambda m: " " * len(m.group()), head)
        text = head + inside + tail
        self.note(file, "struct", found.name, text)
        tree = self.parsed(file, text, found.start, "struct_def")
        builder = self.builder(file.source)
        made = builder.typedef(tree) if tree.data == "typedef" else builder.struct(tree)
        self.noted(builder)
        open_ended = set(_FLEXIBLE.findall(inside))
        bitmaps = {m[1] for m in _BITMAP.finditer(file.active, found.body, close)}
        return replace(
            made,
            fields=tuple(
                _sized(f) if f.name in open_ended else _of_bits(f) if f.name in bitmaps else f
                for f in made.fields
            ),
            begins=tuple(beginning(file.active, found.start, found.body, close)),
            beside=tuple(beginnings(file.active, found.start, found.body, close)),
        )

    def alias(self, file: Scanned, found: Definition) -> ast.CType | None:
        """The type that a typedef is another name of; None of a struct that has no other name."""
        if found.kind == "typedef":
            word, tag = _TAG.search(file.active[found.start : found.body]).groups()  # type: ignore[union-attr]
            close = file.active.rindex("}", found.body, found.end)
            stars = file.active[close : found.end].split(found.name)[0].count("*")
            if tag is None and word != "enum":
                return ast.CType(f"struct {found.name}", stars) if stars else None
            return ast.CType(f"{'enum' if word == 'enum' else 'struct'} {tag or found.name}", stars)
        self.decided(file, found.start, found.end)
        text = _plain(file.active[found.start : found.end])
        self.note(file, "struct", found.name, text)
        if "(" in text:
            return ast.CType("function", int("*" in text[: text.rindex(found.name)].split("(")[-1]))
        at = text.rindex(found.name)
        before = _STORAGE.sub(lambda m: blanked(m.group()), text[:at])
        before = _types_of(before, self.standing) + "x" * len(found.name)  # which is no type itself
        tree = self.parsed(file, before + text[at + len(found.name) :], found.start, "stmt")
        builder = self.builder(file.source)
        (made,) = builder.statements([tree])[:1]
        self.noted(builder)
        if not isinstance(made, ast.Declare) or made.size is not None:
            hint = "declare what has this type as an array in a struct of the test"
            span = Span(file.source, found.start, found.end)
            raise Trouble("kernel", f"{found.name} is the type of an array, which is not read", span, hint)
        return made.type

    @property
    def types(self) -> frozenset[str]:
        """The typedefs of the files."""
        if self._types is None:
            kinds = ("typedef", "alias")
            self._types = frozenset(
                n for file in self.files.values() for kind, n in file.definitions if kind in kinds
            )
        return self._types

    @property
    def standing(self) -> frozenset[str]:
        """Names of types that the grammar would not take for types."""
        return frozenset(n for n in self.types if not n.endswith("_t")) | SHORT_TYPES.keys()

    def members(self, file: Scanned, start: int, end: int, fields: frozenset[str]) -> str:
        """The members whose names someone uses; the rest is blank."""
        out: list[str] = []
        for low, high, brace in _members(file.active, start, end):
            text = _plain(file.active[low:high])
            if brace is not None:
                close = text.rindex("}")
                inner = self.members(file, brace + 1, low + close, fields)
                kept = inner.strip() != ""
                name = re.search(
                    r"\w+", re.sub(r"\b__\w+", lambda m: " " * len(m.group()), text[close + 1 :])
                )
                if name is not None and name.group() in fields:
                    kept = True
                if kept:
                    rest = re.sub(r"\b__\w+", lambda m: " " * len(m.group()), text[close:])
                    head = _QUALIFIED.sub(lambda m: blanked(m.group()), text[: brace - low + 1])
                    text = head + inner + rest
            elif pointer := _TO_FUNCTION.match(text):
                kept = pointer.group(2) in fields
                text = text if pointer.group(3) else _function_pointer(text, pointer)
            else:
                kept = any(
                    n in fields for n in re.findall(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?::\s*\w+\s*)?[,;)]", text)
                )
                if kept:
                    self.decided(file, low + len(text) - len(text.lstrip()), high)
            text = _BITMAP.sub(_declared, text)
            out.append(text if kept else blanked(text))
        return "".join(out)

    def object(self, file: Scanned, found: Definition) -> ast.Object:
        """An object; what it starts with is what the file says, or 0."""
        self.decided(file, found.start, found.end)
        text = _plain(file.active[found.start : found.end])
        percpu = re.search(r"\b(?:DEFINE|DECLARE)_PER_CPU\w*\s*\(", text)
        if percpu:
            text = blanked(text[: percpu.end()]) + text[percpu.end() :]
            close = text.index(")", text.index(found.name))
            comma = text.rindex(",", 0, text.rindex(found.name, 0, close))
            text = f"{text[:comma]} {text[comma + 1 : close]} {text[close + 1 :]}"
        text = _with_locks(text)
        text = re.sub(r"\b(static|extern)\b", lambda m: blanked(m.group()), text)
        self.note(file, "object", found.name, text)
        tree = self.parsed(file, text, found.start, "stmt")
        builder = self.builder(file.source)
        (made,) = builder.statements([tree])[:1]
        self.noted(builder)
        if not isinstance(made, ast.Declare):
            raise Trouble("kernel", f"{found.name} is no object", Span(file.source, found.start, found.end))
        return ast.Object(
            type=made.type,
            name=made.name,
            value=made.init,
            span=made.span,
            size=made.size,
            percpu=percpu is not None,
            columns=made.columns,
        )

    def enum(
        self, file: Scanned, found: Definition, meaning: Callable[[ast.CExpr], ast.CExpr]
    ) -> dict[str, int]:
        """The constants of an enum; ``meaning``: of an expression that may name constants of elsewhere."""
        self.decided(file, found.start, found.end)
        close = file.active.rindex("}", found.body, found.end)
        head = _STORAGE.sub(lambda m: blanked(m.group()), file.active[found.start : found.body])
        text = head + _plain(file.active[found.body : close + 1])
        text += blanked(file.active[close + 1 : found.end - 1]) + ";"
        first = re.search(r"\{\s*(\w*)", text)
        self.note(file, "enum", first.group(1) if first and found.name[0] == "@" else found.name, text)
        builder = self.builder(file.source)
        builder.meaning = meaning
        made: dict[str, int] = {}
        builder.enum(self.parsed(file, text, found.start, "enum"), made, {})
        self.noted(builder)
        return made

    def macro(
        self, file: Scanned, found: Macro, start: str, types: frozenset[str] = frozenset()
    ) -> ast.CExpr | ast.Stmt:
        """The body of a macro; ``start`` is ``expr`` or ``stmt``; ``types``: its parameters that are given
        types."""
        self.decided(file, found.at, found.end)
        text = _plain(file.body(found))
        self.note_macro(file, found)
        if start == "stmt" and not text.rstrip().endswith(("}", ";")):
            text += ";"
        tree = self.parsed(file, text, found.start, start, types)
        builder = self.builder(file.source)
        made = builder.expr(tree) if start == "expr" else builder.one(tree)
        self.noted(builder)
        return made

    def loop(self, file: Scanned, found: Macro, types: frozenset[str]) -> ast.Stmt:
        """The body of a macro that stands in front of a statement: in its place is an ``Empty`` at the end of
        the macro."""
        self.decided(file, found.at, found.end)
        self.note_macro(file, found)
        text = f"{_plain(file.body(found))};"
        builder = self.builder(file.source)
        made = builder.one(self.parsed(file, text, found.start, "stmt", types, ends=True))
        self.noted(builder)
        return made

    def statement(self, file: Scanned, start: int, end: int, *, block: bool = False) -> ast.Stmt:
        """What stands at ``start`` .. ``end`` as a statement, to which the ``;`` is added. ``block``: as
        several ones in braces."""
        text = _plain(file.active[start:end]).replace("\\\n", " \n")
        builder = self.builder(file.source)
        text, at = (f"{{{text};}}", start - 1) if block else (f"{text};", start)
        made = builder.one(self.parsed(file, text, at, "stmt"))
        self.noted(builder)
        return made

    def note_macro(self, file: Scanned, found: Macro) -> None:
        """Remember a macro."""
        head = "" if found.parameters is None else f"({', '.join(found.parameters)})"
        self.note(file, "macro", found.name, f"{head} {file.body(found)}")

    def builder(self, source: Source) -> Builder:
        return Builder(source, Guards([], []), None, included=True)

    def noted(self, builder: Builder) -> None:
        """Raise the first error that a builder has noted."""
        for found in builder.guards.troubles:
            raise Trouble(found.code, found.message, found.span, found.hint)

    def parsed(
        self,
        file: Scanned,
        text: str,
        at: int,
        start: str,
        types: frozenset[str] = frozenset(),
        *,
        ends: bool = False,
    ) -> Node:
        """A definition as a tree; ``types``: names of types besides; ``ends``: as ``Signed.loops`` takes
        it. Raises ``Trouble`` for what the grammar does not know."""
        for form, what, hint in _REFUSED:
            found = form.search(QUOTED.sub(lambda s: blanked(s.group()), text))
            if found is not None:
                span = Span(file.source, at + found.start(), at + found.end())
                raise Trouble("kernel", f"{what} is not read", span, hint)
        standing = Signed(text)
        standing.types(self.standing | types)
        standing.loops(ends=ends)
        try:
            return standing.named(tree_of(" " * at + standing.text, "mm", start=start), at)
        except Unparsed as error:
            said = syntax_error(file.source, error.error, "this definition", at + len(text))
            raise Trouble("kernel", said.message, said.span, NOT_READ) from None
        except RecursionError:
            raise Trouble("nesting", "nested too deeply", Span(file.source, at, at + 1)) from None

    def find(self, taken: ast.Taken, file: Scanned) -> Definition | Macro:
        """What has a name in a file. Raises ``Trouble`` if nothing has."""
        every: tuple[Kind, ...] = ("function", "typedef", "alias", "object", "struct", "enum")
        kinds = [k for k in every if taken.kind in ("", k)]
        for kind in kinds:
            found = file.definitions.get((kind, taken.name))
            if found is not None:
                return found
        if taken.name in file.macros and not taken.kind:
            return file.macros[taken.name]
        hidden = file.elsewhere(taken.name)
        for x in file.open:
            if any(x.start <= at < x.upto for at in hidden):
                self.decided(file, x.start, x.upto)
        hint = nearest(taken.name, [name for _, name in file.definitions] + list(file.macros))
        if hidden:
            line = Span(file.source, hidden[0], hidden[0]).line
            hint = f"#config leaves out what line {line} has"
        raise Trouble("missing", f"{file.source.name} defines no {taken.name!r}", taken.span, hint)


def _sized(field: ast.StructField) -> ast.StructField:
    """A flexible array as one of ``FLEXIBLE`` elements. ``[]`` has been read as a pointer, ``[0]`` not."""
    kind = field.type if field.size is not None else ast.CType(field.type.base, field.type.pointers - 1)
    return replace(field, type=kind, size=ast.Num(FLEXIBLE, field.span))


def _declared(bitmap: re.Match[str]) -> str:
    """A bitmap as an array of as many words as it has bits, which ``_of_bits`` mends; of the same length."""
    name, bits = bitmap.groups()
    return f"unsigned long {name.ljust(len(bitmap[0]) - 16 - len(bits))}[{bits}]"


def _of_bits(field: ast.StructField) -> ast.StructField:
    """A bitmap, the size of which is read as a number of bits: BITS_TO_LONGS() of it (linux/bitops.h)."""
    assert field.size is not None
    last = ast.Num(63, field.span)
    bits = ast.Binary("+", field.size, last, field.span)
    return replace(field, size=ast.Binary("/", bits, ast.Num(64, field.span), field.span))


def _head(active: str, found: Definition, types: Collection[str]) -> str:
    """The head of a function: its type, its name and its parameters."""
    head = _as_function(active[found.start : found.body], found.name)
    name = list(re.finditer(rf"\b{re.escape(found.name)}\b(?=\s*\()", head))[-1]
    depth, close = 0, len(head)
    for at in range(name.end(), len(head)):
        depth += (head[at] == "(") - (head[at] == ")")
        if depth == 0 and head[at] == ")":
            close = at + 1
            break
    before = _types_of(head[: name.start()], types)
    return before + _plain(head[name.start() : close]) + blanked(head[close:])


def _as_function(head: str, name: str) -> str:
    """A head in which what defines a system call is a function with its parameters, of the same length:
    ``SYSCALL_DEFINE1(name, int, x)`` as ``long sys_name(int x)``."""
    call = SYSCALL.match(head)
    if call is None:
        return head
    bare = f"{'long ':<{len(call[0]) - len(name) - 1}}{name}("
    types = True  # is the next comma between a type and its name?
    rest = list(head[call.end() :])
    for at, char in enumerate(rest):
        if char == ",":
            rest[at] = " " if types else char
            types = not types
    return bare + "".join(rest)


def _types_of(text: str, types: Collection[str]) -> str:
    """The words of a declaration that are its type; ``types``: names that are types besides."""
    kept = list(blanked(text))
    for word in re.finditer(r"\w+", text) if types else ():
        if word.group() in types:
            kept[word.start() : word.end()] = word.group()
    for word in _TYPE.finditer(text):
        kept[word.start() : word.end()] = word.group()
    return "".join(kept)


def _with_locks(text: str) -> str:
    """A text in which what defines a lock declares it."""
    return LOCK.sub(lambda m: f"{LOCKS[m[1]]} {m[2]}".rjust(len(m[0])), text)


def _plain(text: str) -> str:
    """A text without attributes."""
    return _ATTRIBUTES.sub(lambda m: blanked(m.group()), text)


def _function_pointer(text: str, found: re.Match[str]) -> str:
    """A member that is a pointer to a function, without what the function takes and gives: nothing asks for
    that."""
    before = found.end(1) - len("int")
    name = text[found.end(1) : found.end()]
    return f"{blanked(text[:before])}int{name}{blanked(text[found.end() : -2])});"


def _members(active: str, start: int, end: int) -> Iterable[tuple[int, int, int | None]]:
    """The members of a struct: where each lies, and where its braces open if it has some."""
    low, depth, brace = start, 0, None
    for found in re.finditer(r"[{};]", active[start:end]):
        at = start + found.start()
        if found.group() == "{":
            if depth == 0:
                brace = at
            depth += 1
        elif found.group() == "}":
            depth -= 1
        elif depth == 0:
            yield low, at + 1, brace
            low, brace = at + 1, None


_UNION = pattern(r"\bunion\b")
_LAST_WORD = pattern(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?::\s*\w+\s*)?[,;)]")  # of a declarator


def beginning(active: str, start: int, opening: int, end: int) -> Iterable[str]:
    """The members that have the address of what ``start`` begins and ``opening`` opens: the first one, and in
    a union each of them."""
    union = _UNION.search(active, start, opening) is not None
    for low, high, brace in _members(active, opening + 1, end):
        text = _plain(active[low:high])
        close = 0 if brace is None else text.rindex("}")
        name = _LAST_WORD.search(text, close)
        if name is not None:
            yield name.group(1)
        elif brace is not None:
            yield from beginning(active, low, brace, low + close)
        if not union:
            return


def beginnings(active: str, start: int, opening: int, end: int) -> Iterable[tuple[str, ...]]:
    """Of each union in what ``start`` begins and ``opening`` opens, the members that have its address."""
    if _UNION.search(active, start, opening) is not None:
        yield tuple(beginning(active, start, opening, end))
    for low, high, brace in _members(active, opening + 1, end):
        text = _plain(active[low:high])
        close = 0 if brace is None else text.rindex("}")
        if brace is not None and _LAST_WORD.search(text, close) is None:
            yield from beginnings(active, low, brace, low + close)
