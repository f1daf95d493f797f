"""Parses herd7's assembly litmus format: ``X86`` and ``X86_64`` files become trees of instructions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import condition, layout, numbers, printed
from verifier.syntax.condition import Final
from verifier.syntax.grammars import Node, Unparsed, is_tree, tree_of
from verifier.syntax.test import Test
from verifier.syntax.trouble import syntax_error


class Immediate(NamedTuple):
    """``$1``."""

    value: int


class Named(NamedTuple):
    """A register, or the label of a jump."""

    name: str


class Memory(NamedTuple):
    """``[x]``, ``(x)``, ``8(%rax)``, ``[rax+rbx*8-4]``, ``x(%rip)``: a sum of scaled names and a number.

    ``terms`` are names of registers or objects, each with its factor. ``size`` is in bits; 0: not given.
    """

    terms: tuple[tuple[str, int], ...]
    displacement: int = 0
    size: int = 0


class Address(NamedTuple):
    """``$x``: the address of an object."""

    name: str


Operand = Immediate | Named | Memory | Address


class TableCell(NamedTuple):
    """One cell of a column: labels, then at most one instruction, whose ``text`` has single spaces. Equal
    texts share one object."""

    labels: tuple[str, ...]
    text: str = ""
    locked: bool = False
    opcode: str = ""
    operands: tuple[Operand, ...] = ()
    att: bool = False  # source before destination


class Placed(NamedTuple):
    """A cell with its place."""

    cell: TableCell
    span: Span


class Initial(NamedTuple):
    """``x = 1``, ``0:rax = x``, ``int t[2] = {1, 2}``. ``size``: of an array; ``type``: as it is written."""

    name: str
    span: Span
    cpu: int | None = None
    size: int | None = None
    type: str = ""
    value: int | str | tuple[int | str, ...] | None = None


class Tree(NamedTuple):
    """A whole file."""

    columns: tuple[tuple[Placed, ...], ...]
    init: tuple[Initial, ...]
    final: Final


_TAIL = pattern(r"(?:~\s*exists|exists|forall|locations|filter|final|observed|Observed)\b")


def parse(source: Source, *, defines: Mapping[str, int] | None = None) -> list[Test]:
    """The one test of a file. Raises ``InputError`` with all errors."""
    bare = layout.uncomment(source, herd=True)
    text = layout.without_configuration(bare.text)
    head = layout.head(source, text)
    opening = text.find("{", head.start)
    if opening < 0:
        raise InputError(
            [_at(source, head.start, "the initial state is missing", "write '{ }' if everything starts as 0")]
        )
    start, end = _program(source, text, head.start)
    closing = start - 1
    troubles = [
        _at(
            source,
            0,
            f"there is no constant {name!r} to define",
            "assembly files have no constants",
            code="define",
        )
        for name in defines or ()
    ]
    tree = Tree(
        tuple(_columns(source, text, start, end, troubles=troubles)),
        tuple(_initial(source, text, opening + 1, closing, troubles=troubles)),
        _final(source, text, end, troubles),
    )
    if troubles:
        raise InputError(troubles)
    final = tree.final
    result = layout.result(source, bare)
    asked = final.proposition or condition.always(Span(source, 0, 0))
    # Registers of X86_64 are printed in lower case, those of X86 in upper case.
    case = str.lower if head.arch == "X86_64" else str.upper
    return [
        Test(
            source=source,
            name=head.name,
            arch=head.arch,
            quantifier=final.quantifier or "forall",
            condition=printed.as_herd(asked, case),
            tree=tree,
            doc=head.doc,
            meta=head.meta,
            expected=result.word,
            span=final.span,
            asks=bool(final.quantifier),
            warnings=(*head.warnings, *final.warnings, *result.warnings),
        )
    ]


def _at(source: Source, offset: int, message: str, hint: str = "", code: str = "syntax") -> Diagnostic:
    return Diagnostic(code, message, Span(source, offset, offset + 1), hint)


def _matching(source: Source, text: str, opening: int) -> int:
    depth = 0
    for found in re.finditer(r"[{}]", text[opening:]):
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return opening + found.start()
    raise InputError([_at(source, opening, "this brace is not closed", "close the initial state with '}'")])


def _final(source: Source, text: str, start: int, troubles: list[Diagnostic]) -> Final:
    try:
        return condition.parse_final(source, " " * start + text[start:])
    except InputError as error:
        troubles += error.diagnostics
        return Final()


class ProgramRows(NamedTuple):
    """Where the program of a file is. ``rows``: from where to where each cell of a row goes, without the
    bars; ``start`` and ``end``: of the first row and behind the last one."""

    rows: list[list[tuple[int, int]]]
    start: int
    end: int


def table(source: Source) -> ProgramRows:
    """Where the program of a file is that ``parse`` can read."""
    text = layout.without_configuration(layout.uncomment(source, herd=True).text)
    start, stop = _program(source, text, layout.head(source, text).start)
    rows, end = _rows(text, start, stop)
    return ProgramRows(rows, rows[0][0][0], end)


def _program(source: Source, text: str, start: int) -> tuple[int, int]:
    """From where to where the program goes: it is between the initial state and the condition."""
    closing = _matching(source, text, text.find("{", start))
    for tail in _TAIL.finditer(text, closing):
        before = text[tail.start() - 1]
        if not (before.isalnum() or before in "_~"):
            return closing + 1, tail.start()
    return closing + 1, len(text)


def _rows(text: str, start: int, end: int) -> tuple[list[list[tuple[int, int]]], int]:
    """The cells of each row, and where the last row ends."""
    rows: list[list[tuple[int, int]]] = []
    empty = re.compile(r"\s*;").match(text, start, end)  # after the initial state
    at = empty.end() if empty else start
    while True:
        stop = text.find(";", at, end)
        if stop < 0:
            break
        # `lock;` before an instruction is a prefix; its `;` does not end a row.
        while text[at:stop].rstrip().lower().endswith("lock"):
            stop = text.find(";", stop + 1, end)
            if stop < 0:
                break
        if stop < 0:
            break
        row: list[tuple[int, int]] = []
        for piece in text[at:stop].split("|"):
            row.append((at, at + len(piece)))
            at += len(piece) + 1
        rows.append(row)
        at = stop + 1
    return rows, at


def _columns(
    source: Source, text: str, start: int, end: int, troubles: list[Diagnostic]
) -> list[tuple[Placed, ...]]:
    """The program, column by column. The first row names the CPUs."""
    rows, at = _rows(text, start, end)
    rest = text[at:end].strip()
    if rest:
        where = at + len(text[at:end]) - len(text[at:end].lstrip())
        troubles.append(_at(source, where, "this row of the program does not end", "end each row with ';'"))
    if not rows:
        troubles.append(
            _at(source, start, "the program is missing", "begin it with a row of CPUs: ' P0 | P1 ;'")
        )
        return []
    for number, (a, b) in enumerate(rows[0]):
        if text[a:b].split(":")[0].strip() != f"P{number}":
            troubles.append(
                _at(source, a, f"expected P{number} here", "the first row names the CPUs in order")
            )
            return []
    columns: list[list[Placed]] = [[] for _ in rows[0]]
    for row in rows[1:]:
        if len(row) != len(columns):
            many = f"{len(row)} column{'s' if len(row) > 1 else ''}"
            hint = "separate columns by '|'; a column without an instruction is empty"
            first = row[min(len(row), len(columns)) - 1][0]
            at = first + len(text[first:end]) - len(text[first:end].lstrip())
            troubles.append(_at(source, at, f"this row has {many}, not {len(columns)}", hint))
        for column, (a, b) in zip(columns, row, strict=False):
            piece = text[a:b]
            word = piece.strip()
            if word:
                start = a + piece.index(word)
                span = Span(source, start, start + len(word))
                try:
                    column.append(Placed(_parse_cell(word), span))
                except (numbers.NumberError, Unparsed) as error:
                    _wrong_cell(word, span, error, troubles)
    return [tuple(c) for c in columns]


def _wrong_cell(
    word: str, span: Span, error: numbers.NumberError | Unparsed, troubles: list[Diagnostic]
) -> None:
    """Add the error of a cell, at its place."""
    if isinstance(error, numbers.NumberError):
        troubles.append(error.at(span))
        return
    try:
        tree_of(" " * span.start + word, "x86", start="cell")
    except Unparsed as again:
        troubles.append(syntax_error(span.source, again.error, "this instruction", span.end))


@lru_cache(maxsize=20_000)
def _parse_cell(word: str) -> TableCell:
    tree = tree_of(word, "x86", start="cell")
    labels = tuple(str(c.children[0]) for c in tree.children if c.data == "label")
    for child in tree.children:
        if child.data == "instruction":
            first, *rest = child.children
            locked = first.type == "LOCK"
            if locked:
                first, *rest = rest
            # A percent sign or a bracket of AT&T's addresses tells its order from Intel's.
            att = "%" in word or "(" in word
            text = " ".join(word.split(":", len(labels))[-1].split())
            return TableCell(labels, text, locked, str(first).lower(), tuple(map(_operand, rest)), att=att)
    return TableCell(labels)


def number(word: Node | str) -> int:
    """The value of a number token. Raises ``NumberError``."""
    return numbers.number(str(word))


def _operand(tree: Node) -> Operand:
    parts = tree.children
    if tree.data == "immediate":
        return Immediate(number(parts[0]))
    if tree.data == "address":
        return Address(str(parts[0]))
    if tree.data == "named":
        return Named(str(parts[0]))
    if tree.data == "segmented":  # all segments start at 0
        return _operand(parts[1])
    return _memory(parts)


_SIZES = {"b": 8, "w": 16, "d": 32, "q": 64}


def _memory(parts: list[Node]) -> Memory:
    terms: list[tuple[str, int]] = []
    displacement, size, sign = 0, 0, 1
    for part in parts:
        kind = part.data if is_tree(part) else part.type
        if kind == "SIZE":
            size = _SIZES[str(part)[0].lower()]
        elif kind == "SIGN":
            sign = -1 if str(part) == "-" else 1
        elif kind == "NUMBER":  # the factor of an index, which stands before it
            terms[-1] = terms[-1][0], number(part)
        elif kind == "number":
            displacement += sign * number(part.children[0])
            sign = 1
        elif kind == "scaled":
            words = {t.type: t for t in part.children}
            terms.append((str(words["NAME"]), sign * (number(words["NUMBER"]) if "NUMBER" in words else 1)))
            sign = 1
        elif kind == "displacement":
            first, *rest = part.children
            if first.type == "NAME":
                terms.append((str(first), 1))
            else:
                displacement += number(first)
            if rest:
                displacement += -number(rest[1]) if str(rest[0]) == "-" else number(rest[1])
        else:
            terms.append((str(part.children[0]), 1))
    return Memory(tuple(terms), displacement, size)


def _initial(source: Source, text: str, start: int, end: int, troubles: list[Diagnostic]) -> list[Initial]:
    if not text[start:end].strip():
        return []
    try:
        tree = tree_of(" " * start + text[start:end], "x86", start="init")
    except Unparsed as error:
        troubles.append(syntax_error(source, error.error, "the initial state", end))
        return []
    out: list[Initial] = []
    for item in tree.children:
        try:
            out.append(_item(source, item))
        except numbers.NumberError as wrong:
            troubles.append(wrong.at(Span(source, item.meta.start_pos, item.meta.end_pos)))
    return out


def _item(source: Source, item: Node) -> Initial:
    """One ``x = 1``."""
    parts = list(item.children)
    written = "" if is_tree(parts[0]) else str(parts.pop(0))
    place = parts.pop(0)
    value = _value(parts[0]) if parts else None
    span = Span(source, place.meta.start_pos, place.meta.end_pos)
    words = [str(w) for w in place.children]
    if place.data == "init_register":
        return Initial(words[1], span, cpu=number(words[0].lstrip("P")), type=written, value=value)
    if place.data == "init_array":
        return Initial(words[0], span, size=number(words[1]), type=written, value=value)
    return Initial(words[0], span, type=written, value=value)


def _value(tree: Node) -> int | str | tuple[int | str, ...]:
    if tree.data == "number":
        return number(tree.children[0])
    if tree.data == "list":
        return tuple(v for v in map(_value, tree.children) if not isinstance(v, tuple))
    name, *index = map(str, tree.children)
    return f"{name}[{number(index[0])}]" if index else name
