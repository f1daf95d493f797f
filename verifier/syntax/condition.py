"""Conditions: ``exists (1:r0 = 1 /\\ x = 2)``, ``locations [x; 0:r1]``, ``filter (…)``.

The syntax is the same for all kinds of tests (``grammar/condition.lark``). ``verifier.lower.observe`` finds
out what the names mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import numbers
from verifier.syntax.grammars import Node, Unparsed, is_tree, made_tree, tree_of
from verifier.syntax.operations import COMPARISONS, CONDITION_FUNCTIONS, Operation, grouped, with_units
from verifier.syntax.trouble import nesting


class Number(NamedTuple):
    """A constant."""

    value: int
    span: Span


class Name(NamedTuple):
    """An object, a constant or a handle. ``brackets``: it is written ``[x]`` or ``*x``."""

    name: str
    span: Span
    brackets: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """``base[index]``: an element of an array, a bit of a mask."""

    base: Place
    index: Number | Name
    span: Span


class Field(NamedTuple):
    """``base.name``."""

    base: Place
    name: str
    span: Span


class Call(NamedTuple):
    """``pte(N, v)``, ``mm_cpumask(N)``, ``mk_pte(A, ro)``. An argument is a list, joined by ``|``."""

    name: str
    arguments: tuple[tuple[Operand, ...], ...]
    span: Span


class Register(NamedTuple):
    """``1:x``: the register or per-CPU object ``x`` of CPU ``cpu``."""

    cpu: Number | Name
    place: Place
    span: Span


Place = Name | Member | Field | Call | Register


class Arith(NamedTuple):
    """``x & 8``, ``-x``: ``op`` is a function of ``values`` (``bitand``, ``neg``), on whole numbers."""

    op: str
    parts: tuple[Operand, ...]
    span: Span


class AddressOf(NamedTuple):
    """``&x``, ``&s.x``."""

    place: Place
    span: Span


Operand = Place | Number | Arith | AddressOf


class Compare(NamedTuple):
    """``left op right``; ``op`` is one of ``eq ne lt le gt ge``."""

    op: str
    left: Operand
    right: Operand
    span: Span


class Truth(NamedTuple):
    """An operand alone (``1:warn``, ``mask[1]``): true unless it is 0."""

    operand: Operand
    span: Span


class Tlb(NamedTuple):
    """``1:tlb[v -> A]``."""

    cpu: Number | Name
    va: Name
    pcid: int | None
    page: Operand
    span: Span


class Fault(NamedTuple):
    """``fault(1:r1)``: the access that should fill ``1:r1`` faulted."""

    place: Place
    span: Span


class Logic(NamedTuple):
    """``not``, ``and``, ``or`` or ``implies``, applied to parts."""

    op: str
    parts: tuple[Proposition, ...]
    span: Span


class Ranged(NamedTuple):
    """``some c in low..high: body`` or ``all …``."""

    kind: str
    variable: str
    low: Number | Name
    high: Number | Name
    body: Proposition
    span: Span


class Ever(NamedTuple):
    """``ever (body)``: at one instant of the run."""

    body: Proposition
    span: Span


Proposition = Compare | Truth | Tlb | Fault | Logic | Ranged | Ever


class Final(NamedTuple):
    """All that a file asks about final states. ``quantifier`` is "" without a condition."""

    quantifier: str = ""
    proposition: Proposition | None = None
    span: Span | None = None  # of the proposition
    locations: tuple[Place, ...] = ()
    filters: tuple[Proposition, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


CONTAINER = "container_of"  # takes an address, which is written &x
_ITEM = pattern(r"(?:(\d+):|(\[\s*))?([A-Za-z_]\w*)\s*\]?\s*==?\s*(-?\d+)")
_PLACE = pattern(r"(?:(\d+):)?([A-Za-z_]\w*)")
# What most assembly tests ask, as one text. The grammar would read it in the same way.
_ITEMS = r"I(?:\s*(?:/\\|&&)\s*I)*".replace(
    "I", r"(?:\d+:[A-Za-z_]\w*|\[\s*[A-Za-z_]\w*\s*\]|[A-Za-z_]\w*)\s*==?\s*-?\d+\b"
)
_COMMON = pattern(
    r"\s*(?:locations\s*(\[\s*P(?:;\s*P)*;?\s*\])\s*)?".replace("P", r"(?:\d+:)?[A-Za-z_]\w*\s*")
    + rf"(~?exists|forall)\b\s*((\(\s*)?({_ITEMS})(?(4)\s*\)))\s*"
)


class Builder:
    """Turns Lark's trees into the classes above: ``Builder(source).final(tree)``."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.depth = 0  # of the operators that nest without brackets: ``~``, ``=>``, ``*``, ``.``

    def deeper(self, tree: Node) -> None:
        """Raise ``InputError`` for what nests deeper than anyone means."""
        self.depth += 1
        if self.depth > 2 * MAX_DEPTH:
            raise InputError([nesting(self.span(tree), 2 * MAX_DEPTH)])

    def span(self, item: Node) -> Span:
        """The span of a tree or token."""
        meta = getattr(item, "meta", item)
        start = getattr(meta, "start_pos", 0)
        return Span(self.source, start, getattr(meta, "end_pos", start))

    def final(self, tree: Node) -> Final:
        """A ``final`` tree."""
        quantifier, proposition, span = "", None, None
        locations: list[Place] = []
        filters: list[Proposition] = []
        warnings: list[Diagnostic] = []
        for part in tree.children:
            if part.data in ("quantified", "observed"):
                if quantifier:
                    raise self.error("condition", "this is a second condition", part, "a test has one")
                quantifier, proposition, span = self.quantified(part)
            elif part.data == "kinds":
                text, hint = (
                    "this 'with' is for herd7's models and has no effect here",
                    "write 'Result: …' in a comment",
                )
                warnings.append(Diagnostic("with", text, self.span(part), hint, severity="warning"))
            elif part.data == "filter":
                filters.append(self.proposition(part.children[0]))
            elif part.data == "places":
                listed = part.children[0]
                locations += self.places(str(listed), listed.start_pos or 0)
            else:
                locations += [self.location(c) for c in part.children]
        return Final(
            quantifier=quantifier,
            proposition=proposition,
            span=span,
            locations=tuple(locations),
            filters=tuple(filters),
            warnings=tuple(warnings),
        )

    def quantified(self, part: Node) -> tuple[str, Proposition, Span]:
        """A condition: ``exists p``, herd7's old ``final p`` and ``observed a; b; and c;``, which is one of
        several states, each an equation a semicolon."""
        word, *rest = part.children
        if part.data == "quantified":
            quantifier = "".join(str(word).split()).replace("final", "exists")
            return quantifier, self.proposition(rest[0]), self.span(rest[0])
        span = self.span(rest[0]).to(self.span(rest[-1]))
        states = [Logic("and", tuple(map(self.proposition, a.children)), self.span(a)) for a in rest]
        return "exists", Logic("or", tuple(states), span), span

    def location(self, tree: Node) -> Place:
        """An item of ``locations``, with its type before or after it."""
        return self.place(next(c for c in tree.children if is_tree(c)))

    def error(self, code: str, message: str, tree: Node, hint: str = "") -> InputError:
        """An error about a part of the condition."""
        return InputError([Diagnostic(code, message, self.span(tree), hint)])

    def places(self, text: str, start: int) -> Iterator[Place]:
        """``[x; y; 0:r1]``: a whole list in one text, which starts at ``start``."""
        for found in _PLACE.finditer(text):
            span = Span(self.source, start + found.start(), start + found.end())
            name = Name(found[2], Span(self.source, start + found.start(2), span.end))
            cpu = found[1]
            if cpu is None:
                yield name
            else:
                number = self.number(cpu, span.start)
                yield Register(number, name, span)

    def proposition(self, tree: Node) -> Proposition:
        """A proposition of any kind."""
        kind = tree.data
        if kind == "simple":
            token = tree.children[0]
            return self.simple(str(token), token.start_pos or 0)
        self.deeper(tree)
        proposition = self._proposition(tree)
        self.depth -= 1
        return proposition

    def _proposition(self, tree: Node) -> Proposition:
        span, kind = self.span(tree), tree.data
        if kind in ("disjunction", "conjunction"):
            parts = tuple(self.proposition(c) for c in tree.children if is_tree(c))
            return Logic("or" if kind == "disjunction" else "and", parts, span)
        if kind == "implies":
            left, _, right = tree.children
            return Logic("implies", (self.proposition(left), self.proposition(right)), span)
        if kind == "negation":
            return Logic("not", (self.proposition(tree.children[-1]),), span)
        if kind == "operation":
            return self.logical(self.grouped(tree))
        if kind == "group":
            return self.proposition(tree.children[0])
        if kind == "ever":
            return Ever(self.proposition(tree.children[0]), span)
        if kind == "fault":
            return Fault(self.place(tree.children[0]), span)
        if kind == "tlb":
            cpu, va, *pcid, page = tree.children
            number = self.number(str(pcid[0]), pcid[0].start_pos).value if pcid else None
            return Tlb(self.atom(cpu), Name(str(va), self.span(va)), number, self.operand(page), span=span)
        if kind == "ranged":
            word, variable, low, high, body = tree.children
            return Ranged(
                str(word),
                str(variable),
                self.atom(low),
                self.atom(high),
                body=self.proposition(body),
                span=span,
            )
        if kind == "name" and str(tree.children[0]) in ("true", "false"):
            return Logic("and" if str(tree.children[0]) == "true" else "or", (), span)
        return Truth(self.operand(tree), span)

    def simple(self, text: str, start: int) -> Proposition:
        """``1:r0 = 1 /\\ [x] = 2 /\\ y = -1``: a whole conjunction in one text, which starts at ``start``."""
        parts = [self.item(found, start) for found in _ITEM.finditer(text)]
        if len(parts) == 1:
            return parts[0]
        return Logic("and", tuple(parts), Span(self.source, start, start + len(text)))

    def common(self, text: str) -> Final | None:
        """A ``final`` of the most common form; None if it has another form."""
        found = _COMMON.fullmatch(text)
        if found is None:
            return None
        listed = found[1]
        return Final(
            found[2],
            self.simple(found[5], found.start(5)),
            Span(self.source, *found.span(3)),
            tuple(self.places(listed, found.start(1))) if listed else (),
        )

    def item(self, found: re.Match[str], start: int) -> Compare:
        """One comparison of such a token, which starts at ``start``."""
        source, (name_at, end) = self.source, found.span(3)
        cpu, bracket, name, value = found.groups()
        first = start + found.start()
        left: Place
        if cpu is not None:
            number = self.number(cpu, first)
            span = Span(source, first, start + end)
            left = Register(number, Name(name, Span(source, start + name_at, start + end)), span)
        else:
            left = Name(name, Span(source, start + name_at, start + end), bracket is not None)
        last = start + found.end()
        right = self.number(value, start + found.start(4))
        return Compare("eq", left, right, Span(source, first, last))

    # -- operations -------------------------------------------------------------------------------

    def grouped(self, tree: Node) -> Node | Operation:
        """An operation, read flat, as C's precedence groups it."""
        return grouped(with_units(tree.children))

    def logical(self, tree: Node | Operation) -> Proposition:
        """An operation, or a term, that is true or false."""
        if not isinstance(tree, Operation):
            return self.proposition(tree) if tree.data != "operation" else self.logical(self.grouped(tree))
        if str(tree.sign) not in COMPARISONS:
            return Truth(self.operand(tree), self.ends(tree))
        left, right = self.operand(tree.left), self.operand(tree.right)
        return Compare(COMPARISONS[str(tree.sign)], left, right, self.ends(tree))

    def ends(self, tree: Node | Operation) -> Span:
        """The span of an operation or a tree."""
        if isinstance(tree, Operation):
            return self.ends(tree.left).to(self.ends(tree.right))
        return self.span(tree)

    def operand(self, tree: Node | Operation) -> Operand:
        """A number, a place, or a calculation."""
        if isinstance(tree, Operation):
            if str(tree.sign) in COMPARISONS:
                raise self.misgrouped(tree)
            left, right = self.operand(tree.left), self.operand(tree.right)
            return Arith(CONDITION_FUNCTIONS[str(tree.sign)], (left, right), self.ends(tree))
        kind = tree.data
        if kind == "number":
            return self.number(str(tree.children[0]), self.span(tree).start)
        if kind == "negated":
            return Arith("neg", (Name(str(tree.children[-1]), self.span(tree)),), self.span(tree))
        if kind == "address":
            return AddressOf(self.place(tree.children[-1]), self.span(tree))
        if kind in ("group", "negation", "operation", "minus", "complement"):
            self.deeper(tree)
            found = self._calculation(tree)
            self.depth -= 1
            return found
        if kind in ("name", "brackets", "register", "element", "field", "call"):
            return self.place(tree)
        raise self.error(
            "type", "this is true or false, not a value", tree, "join conditions with /\\ and \\/"
        )

    def _calculation(self, tree: Node) -> Operand:
        kind, inner = tree.data, tree.children[-1]
        if kind == "group":
            return self.operand(inner)
        if kind == "operation":
            return self.operand(self.grouped(tree))
        if kind == "negation":  # inside brackets that hold a value, `~` is C's
            if not str(tree.children[0]).startswith("~"):
                raise self.error(
                    "type", "this is true or false, not a value", tree, "write ~ for the complement"
                )
            first, *rest = inner.children if inner.data == "operation" else [inner]
            return self.operand(grouped([_complement(tree.children[0], first), *rest]))
        return Arith("neg" if kind == "minus" else "inv", (self.operand(inner),), self.span(tree))

    def misgrouped(self, tree: Operation) -> InputError:
        """The error about a comparison where a value is needed: often C's precedence."""
        text = self.ends(tree).text
        hint = "write (x & 8) = 8: as in C, = binds tighter than &" if tree.inside else ""
        hint = f"{hint}; conditions are joined by /\\ and \\/" if hint else hint
        return InputError(
            [Diagnostic("type", f"{text} is true or false, not a value", self.ends(tree), hint)]
        )

    def number(self, word: str, start: int) -> Number:
        """A number token that stands at ``start``. Raises ``InputError`` if it is too large."""
        span = Span(self.source, start, start + len(word))
        return Number(numbers.at(word, span), span)

    def atom(self, tree: Node) -> Number | Name:
        """A number or a name."""
        word = str(tree.children[0])
        if tree.data == "number":
            return self.number(word, self.span(tree).start)
        if tree.data == "processor":  # P1 is 1
            return self.number(word[1:], self.span(tree).start + 1)
        return Name(word, self.span(tree))

    def place(self, tree: Node) -> Place:
        """Something that has a value."""
        if tree.data == "name":
            return Name(str(tree.children[0]), self.span(tree))
        self.deeper(tree)
        place = self._place(tree)
        self.depth -= 1
        return place

    def _place(self, tree: Node) -> Place:
        span, kind = self.span(tree), tree.data
        if kind == "brackets":
            inner = self.place(tree.children[-1])
            return Name(inner.name, span, True) if isinstance(inner, Name) else inner
        if kind == "register":
            return Register(self.atom(tree.children[0]), self.place(tree.children[-1]), span)
        if kind == "element":
            return Member(self.place(tree.children[0]), self.atom(tree.children[1]), span)
        if kind == "field":
            return Field(self.place(tree.children[0]), str(tree.children[1]), span)
        arguments = tuple(tuple(self.operand(f) for f in a.children if is_tree(f)) for a in tree.children[1:])
        if str(tree.children[0]) != CONTAINER:  # &N is N
            arguments = tuple(tuple(map(_handle, flags)) for flags in arguments)
        return Call(str(tree.children[0]), arguments, span)


def _handle(operand: Operand) -> Operand:
    is_name = isinstance(operand, AddressOf) and isinstance(operand.place, Name)
    return operand.place._replace(span=operand.span) if is_name else operand  # type: ignore[union-attr]


def _complement(sign: Node, tree: Node) -> Node:
    """The tree of ``~`` and what it is written before."""
    return made_tree("complement", [sign, tree], sign.start_pos, tree.meta.end_pos)


def always(span: Span) -> Proposition:
    """The proposition that every state satisfies."""
    return Logic("and", (), span)


MAX_DEPTH = 60
_BRACKET = pattern(r"[(){}\[\]]")


def too_deep(source: Source, text: str, start: int = 0) -> None:
    """Raise ``InputError`` if brackets nest too deeply."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        if bracket.group() in "({[":
            depth += 1
            if depth > MAX_DEPTH:
                at = start + bracket.start()
                raise InputError([nesting(Span(source, at, at + 1), MAX_DEPTH)])
        else:
            depth = max(0, depth - 1)


def explained(source: Source, text: str, error: Diagnostic) -> Diagnostic:
    """The error at its cause, if the text around it shows that."""
    from verifier.syntax.causes import Unexpected, cause_in_condition

    if error.span is None:
        return error
    at = Unexpected(source, text, error.span.start, error.span.text, True, error.hint)
    return cause_in_condition(at) or error


def parse_final(source: Source, text: str) -> Final:
    """Parse conditions; ``text`` is the source's text with everything else blanked out."""
    from verifier.syntax.trouble import syntax_error

    builder = Builder(source)
    found = builder.common(text)
    if found is not None:
        return found
    too_deep(source, text)
    try:
        tree = tree_of(text, "condition", start="final")
        return builder.final(tree)
    except Unparsed as error:
        raise InputError(
            [explained(source, text, syntax_error(source, error.error, "the condition"))]
        ) from None
    except RecursionError:  # from Lark, whose tree builder is recursive
        start = len(text) - len(text.lstrip())
        raise InputError([nesting(Span(source, start, len(text.rstrip())), MAX_DEPTH)]) from None
