"""The causes of syntax errors that the text around an unexpected word shows: what is missing, or not C."""

from __future__ import annotations

import re
from collections.abc import Callable

from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Source, Span
from verifier.syntax.trouble import nearest

PARTS = ("exists", "forall", "filter", "locations", "variants", "expect", "unroll", "enum", "struct", "nmi")
_GUARDS = r"(?:\[[\w\s!&|()]+\]\s*)*"
_NEXT_LINE = pattern(r"\n\s*" + _GUARDS + r"\Z")  # what may stand between a statement and the next one
_ENDED = pattern(r"[\w\])\"]\Z")  # by what needs a ';'
_STATEMENT = pattern(r"[A-Za-z_{]")
_ELSE = pattern(r"\belse\s*\Z")
_ASM = pattern(r"\b(asm|__asm|__asm__)\b[^;{}]*\Z")
_ASM_WORD = pattern(r"(asm|__asm|__asm__)\b")
_TYPEDEF = pattern(r"\btypedef\s+[^;{}]*\Z")
_BINARY = pattern(r"\b0\Z")
_DIGITS = pattern(r"\b\d\w*\Z")
_POINT = pattern(r"\b\d+\.\Z")
_IN_GUARD = pattern(r"(?<![\w\])])\s*\[[\s\w!()]*\Z")
_NEGATED = pattern(r"(not|!)\s*(exists|forall)\b")
_OBJECT = pattern(r"(?:^|\n|;)[ \t]*(?!expect\b|unroll\b)(?:[A-Za-z_]\w*[ \t*]+)+[A-Za-z_]\w*[ \t]*\Z")
_HANDLE = pattern(r"(percpu|page|mm|table|cpumask|code)[ \t]+\w+([ \t]+\w+)?")
_TLB = pattern(r"(?<![:\w])tlb\s*\[[^\]]*\Z")
_EVER = pattern(r"\bever\s+\Z")
_JOINED = {"and": "/\\", "or": "\\/", "implies": "=>"}


class Unexpected(NamedTuple):
    """Where a text does not go on as its grammar wants it.

    ``text``      of the test, without comments, and without what is in strings;
    ``at``        where the unexpected word begins, and ``found``, which it is;
    ``inside``    is it in braces?
    ``expected``  the hint that names what may stand there; empty if that is too much.
    """

    source: Source
    text: str
    at: int
    found: str
    inside: bool
    expected: str

    @property
    def before(self) -> str:
        """The text in front of it."""
        return self.text[: self.at]

    def error(
        self, message: str, hint: str, start: int = -1, end: int = -1, code: str = "syntax"
    ) -> Diagnostic:
        """An error about it, or about what goes from ``start`` to ``end``."""
        start = self.at if start < 0 else start
        end = max(start + 1, self.at + len(self.found)) if end < 0 else end
        return Diagnostic(code, message, Span(self.source, start, end), hint)


def cause(at: Unexpected) -> Diagnostic | None:
    """The error at its cause, if one of those that are known here."""
    return next((found for look in _CAUSES if (found := look(at)) is not None), None)


def cause_in_condition(at: Unexpected) -> Diagnostic | None:
    """The same in a condition."""
    looks = (_letters, _joined, _ever, _no_cpu)
    return next((found for look in looks if (found := look(at)) is not None), None)


def _letters(at: Unexpected) -> Diagnostic | None:
    """A letter that no name has."""
    if at.found[:1] != "$" and (at.found[:1].isascii() or not at.found[:1].isalpha()):
        return None
    return at.error(f"{at.found[:1]!r} cannot be in a name", "names are letters (a to z), digits and _")


def _number(at: Unexpected) -> Diagnostic | None:
    """A number that is not one here."""
    hint = "numbers are whole, as 10, 0xa and 012"
    point = _POINT.search(at.before)
    if point is not None:
        return at.error("there are no fractions here", hint, start=point.start())
    digits = _DIGITS.search(at.before)
    if digits is None or not at.found[:1].isalpha():
        return None
    if _BINARY.search(at.before) and re.fullmatch(r"[bB][01]+", at.found):
        return at.error(
            "there are no binary numbers here", f"write {int(at.found[1:], 2):#x}", digits.start()
        )
    return at.error("this is no number", hint, start=digits.start())


def _assembly(at: Unexpected) -> Diagnostic | None:
    """``asm volatile("mfence");``"""
    begun = _ASM.search(at.before) or _ASM_WORD.match(at.text, at.at)
    if begun is None:
        return None
    hint = "write the word for the instruction, as mfence(); docs/vocabulary.md lists them"
    return at.error("there is no inline assembly here", hint, start=begun.start(), end=begun.end(1))


def _type_name(at: Unexpected) -> Diagnostic | None:
    """``typedef int t;``"""
    begun = _TYPEDEF.search(at.before) or re.compile(r"typedef\b").match(at.text, at.at)
    if begun is None or re.search(r"typedef\s+(struct|union)\b", begun.group()):
        return None
    hint = "write the type itself where it is used"
    return at.error("only a struct can have a typedef here", hint, start=begun.start(), end=begun.start() + 7)


def _lone_else(at: Unexpected) -> Diagnostic | None:
    """``else`` behind what is no body of an ``if``."""
    own = at.found == "else" and at.before.rstrip()[-1:] in (";", "}")
    begun = re.compile("else").match(at.text, at.at) if own else _ELSE.search(at.before)
    if begun is None or not _STATEMENT.match(at.found):
        return None
    hint = "put braces around several statements of an if"
    return at.error("this else has no if right before it", hint, start=begun.start(), end=begun.start() + 4)


def _no_body(at: Unexpected) -> Diagnostic | None:
    """``while (c) }``, ``else }``."""
    if at.found != "}":
        return None
    text = at.before.rstrip()
    start = _opening(text) if text.endswith(")") else len(text)
    word = re.search(r"\b(while|if|for|switch|else|do)\s*\Z", text[:start])
    if word is None:
        return None
    named = word.group(1)
    return at.error(
        f"this {named} has no body", "write ; or {} for none", start=word.start(), end=word.end(1)
    )


def _opening(text: str) -> int:
    """Where the bracket opens that the last one closes."""
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] == ")") - (text[i] == "(")
        if depth == 0:
            return i
    return 0


def _guard(at: Unexpected) -> Diagnostic | None:
    """C's operators in a guard."""
    if at.found[:1] not in ("|", "&", "~") or not _IN_GUARD.search(at.before.rstrip("|&")):
        return None
    return at.error(
        "a guard has other operators", "write [A | B] for or, [A & B] for and, [!A] for not", code="guard"
    )


def _negated(at: Unexpected) -> Diagnostic | None:
    """``not exists``."""
    found = _NEGATED.match(at.text, at.at)
    if at.inside or found is None:
        return None
    return at.error(f"there is no {found.group()!r}", f"write ~{found.group(2)}", end=found.end())


def _semicolon(at: Unexpected) -> Diagnostic | None:
    """A ``;`` that is missing at the end of a line, or before a ``}``."""
    gap = _NEXT_LINE.search(at.before)
    text = at.before[: gap.start()].rstrip() if gap is not None else at.before.rstrip()
    wanted = "';'" in at.expected or not at.expected
    if at.expected == "expected ';'" and gap is not None:
        return at.error("';' is missing", "write it here", start=len(text), end=len(text) + 1)
    starts = at.found in ("}", "else") or (gap is not None and re.match(r"[\w*]", at.found))
    if not (wanted and starts and _ENDED.search(text)) or re.search(r"\b(else|do|return|goto)\Z", text):
        return None
    if not at.inside and "';'" not in at.expected:
        return None
    return at.error("';' is missing", "write it here", start=len(text), end=len(text) + 1)


def _needless(at: Unexpected) -> Diagnostic | None:
    """``P0 { … };``, ``{ int x; };``."""
    if at.inside or at.found != ";" or not at.before.rstrip().endswith("}"):
        return None
    return at.error("no ';' stands here", "leave it out: this '}' ends the block")


def _outside(at: Unexpected) -> Diagnostic | None:
    """An object that is declared outside of the initial state, perhaps because that does not begin."""
    found = None if at.inside or at.found not in (";", "=", ",", "[") else _OBJECT.search(at.before)
    handle = None if at.inside else _HANDLE.match(at.text, at.at)
    if found is not None:
        start, end = found.end() - len(found.group().lstrip("\n; \t")), at.at
    elif handle is not None:
        start, end = handle.span()
    else:
        return None
    if at.text.count("}") > at.text.count("{"):
        return at.error("the initial state stands in { }", "its '{' is missing", start=start, end=end)
    text = "objects are declared in the initial state"
    return at.error(text, f"write {{ {at.text[start:end].strip()}; }}", start=start, end=end)


def _part(at: Unexpected) -> Diagnostic | None:
    """A misspelt part of a file: ``exist (…)``, ``p1 { … }``."""
    line = at.before.rpartition("\n")[2]
    if at.inside or line.strip() or not at.found.isidentifier():
        return None
    hint = nearest(at.found, PARTS)
    if re.fullmatch(r"p\d+", at.found):
        hint = f"did you mean {at.found.upper()!r}?"
    return at.error(f"there is no part {at.found!r} of a test", hint) if hint else None


def _joined(at: Unexpected) -> Diagnostic | None:
    """``x = 1 and y = 1``."""
    sign = _JOINED.get(at.found.lower())
    return at.error(f"{at.found!r} does not join conditions", f"write {sign}") if sign else None


def _ever(at: Unexpected) -> Diagnostic | None:
    """``ever x = 1``."""
    found = _EVER.search(at.before)
    return at.error("what ever asks stands in brackets", "write ever (…)", found.start()) if found else None


def _no_cpu(at: Unexpected) -> Diagnostic | None:
    """``tlb[v -> A]``."""
    found = _TLB.search(at.before) if at.found == "->" else None
    return at.error("this is the TLB of no CPU", "say whose: 0:tlb[…]", found.start()) if found else None


_CAUSES: tuple[Callable[[Unexpected], Diagnostic | None], ...] = (
    _letters, _number, _assembly, _type_name, _lone_else, _no_body, _guard, _negated, _semicolon, _needless,
    _outside, _part,
)  # fmt: skip
