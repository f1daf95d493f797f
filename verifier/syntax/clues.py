"""Finds the cause of a syntax error that shows in another place: a missing brace or quote."""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import replace
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import causes, layout
from verifier.syntax.trouble import nearest
from verifier.syntax.typenames import INTEGERS, SHORT_TYPES

_TOP = pattern(r"\s*(variants|expect|unroll|enum|nmi|~?\s*exists|forall|filter|locations|P\d+)\b")
_FUNCTION = pattern(
    r"[ \t]*(?!(else|return|do|case|goto)\b)[A-Za-z_]\w*[ \t*]+(\w+[ \t*]+)*\w+\s*\([^()]*\)\s*\{"
)
_QUOTES = pattern("[“”„‟«»‘’]")
_WORD = pattern(r"([A-Za-z_]\w*)\s*$")
_GUARD = pattern(r"\[[\w\s!&|()]+\]")
_LISTED = pattern(r"(?<![\w\]])\[\s*!?\s*[A-Za-z]\w*\s*$")  # a guard that is a list
_BASE = pattern(r"\bvariants\s*\{([^{}]*;)?\s*\w+\s*:\s*\w+\s*$")  # of the last variant so far
_GUARDED_ELSE = pattern(r"\[[\w\s!&|()]+\]\s*else\s*$")
_DEFINED = pattern(r"#\s*define\s+(\w+)([ \t]+([(~-]*\d[^\n\"]*)|\()?")  # its value, if that is a number
_DIRECTIVE = pattern(r"#\s*(define|undef|if|ifdef|ifndef|elif|else|endif)\b")
_DEFINITION = pattern(r"\b(struct|union|enum)\s*\w*\s*$")
# What stands before a type: in a block, and in the list of parameters of a function.
_BEGINS = r"(?:^|[{};]|\bfor\s*\(|\b(?:percpu|const|static|volatile)[ \t])\s*"
_PARAMETER = r"(?:^|[(,{};]|\b(?:const|static|volatile)[ \t])\s*"
_NAMED = pattern(r"[A-Za-z_]\w*[ \t]+\**[A-Za-z_]")  # a type, and what is declared with it
_NO_TYPES = frozenset(
    {
        "return", "else", "goto", "case", "do", "if", "while", "for", "switch", "default", "break",
        "continue",
        "exists", "forall", "filter", "locations", "variants", "expect", "unroll", "nmi", "struct", "union",
        "enum", "typedef", "never", "sometimes", "always", "deadlock", "hangs", "percpu", "const", "static",
    }
)  # fmt: skip
_TYPES = (
    "int",
    "long",
    "short",
    "char",
    "bool",
    "void",
    "unsigned",
    *(f"{s}{n}" for s in "us" for n in (8, 16, 32, 64)),
)
HANDLES_AT_FIRST = ("page", "mm", "table", "cpumask", "code")  # what the initial state declares besides
EXPECTATIONS = ("never", "sometimes", "always", "deadlock", "hangs")


def check_quotes(source: Source, text: str) -> None:
    """Raise ``InputError`` for typographic quotation marks; ``text`` is the source without comments."""
    if text.count('"') % 2:
        return  # we cannot tell which quotes are inside strings
    bare = re.sub(r'"[^"]*"', lambda s: layout.blank(s.group()), text)
    lines = {source.position(m.start())[0]: m.start() for m in reversed(list(_QUOTES.finditer(bare)))}
    if lines:
        raise InputError(
            Diagnostic(
                "quote",
                f"{source.text[at]} is not a quotation mark here",
                Span(source, at, at + 1),
                'write "…"',
            )
            for at in lines.values()
        )


# The atomics of C11's <stdatomic.h>. The kernel has neither these names nor these memory orders.
_C11 = pattern(
    r"\b(_Atomic|memory_order(_\w+)?|atomic_(u?(int|long|llong|short|char)|bool|flag)"
    r"|atomic_\w+_explicit|atomic_(load|store|exchange|init|compare_exchange_(weak|strong)|(thread|signal)_fence))\b"
)


def check_c11(source: Source, text: str) -> None:
    """Raise ``InputError`` for the first C11 atomic; ``text`` is the source without comments.

    A function of such a name that the file itself defines is allowed.
    """
    bare = re.sub(r'"[^"]*"', lambda s: layout.blank(s.group()), text)
    for found in _C11.finditer(bare):
        word = found.group()
        if not re.search(rf"\b{word}\s*\([^()]*\)\s*{{", bare):
            hint = "write READ_ONCE, WRITE_ONCE, smp_load_acquire, smp_store_release, atomic_read, xchg, …"
            text = f"{word} is from C11; tests use the kernel's C"
            raise InputError([Diagnostic("c11", text, Span(source, found.start(), found.end()), hint)])


def explained(source: Source, error: Diagnostic) -> Diagnostic:
    """The error at its cause, or with a hint, if the text around it shows what happened."""
    if error.span is None:
        return error
    text, at, found = layout.uncomment(source, herd=False).text, error.span.start, error.span.text
    if source.text[at:].strip() == "" or "ends in the middle" in error.message:
        at, found = len(text), ""
    cause = _lost_quote(source, text, at)
    if cause is not None:
        return cause
    bare = re.sub(r'"[^"]*"', lambda s: layout.blank(s.group()), text)
    still_open = _open(bare[:at])
    cause = _lost_brace(source, bare, at, still_open)
    if cause is not None:
        return cause
    cause = _misplaced(source, bare, at, found, still_open)
    if cause is not None:
        return cause
    quoted = re.sub(r'"[^"]*"', lambda s: f'"{layout.blank(s.group()[1:-1])}"', text)
    cause = causes.cause(causes.Unexpected(source, quoted, at, found, bool(still_open), error.hint))
    if cause is not None:
        return cause
    hint = _hint(bare, at, found, still_open)
    if hint:
        return replace(error, hint=hint)
    cause = _no_type(source, bare, at, found, inside=bool(still_open))
    if cause is not None:
        return cause
    return _misspelt(source, text, error)


def _lost_quote(source: Source, text: str, at: int) -> Diagnostic | None:
    """The error about a string without an end: it swallows the text up to the next quote."""
    quotes = [m.start() for m in re.finditer('"', text)]
    odd = len(quotes) % 2 == 1
    for first, last in zip(quotes[::2], quotes[1::2], strict=False):
        rest = text[first:last].partition("\n")[2]
        opens = text[last - 1 : last].isspace() and last + 1 == at  # this quote should begin another string
        if rest and (opens or (odd and last < at and re.search(r"[;{}]", rest))):
            return _no_end(source, first, f"the next '\"' is in line {source.position(last)[0]}")
    return _no_end(source, quotes[-1], "close it with '\"'") if odd and quotes[-1] <= at else None


def _no_end(source: Source, start: int, hint: str) -> Diagnostic:
    end = source.text.find("\n", start)
    span = Span(source, start, end if end >= 0 else len(source.text))
    return Diagnostic("string", "this string does not end on its line", span, hint)


def _open(text: str) -> list[int]:
    """The offsets of the braces that are still open at the end of a text."""
    found: list[int] = []
    for m in re.finditer("[{}]", text):
        if m.group() == "{":
            found.append(m.start())
        elif found:
            found.pop()
    return found


def _lost_brace(source: Source, bare: str, at: int, still_open: list[int]) -> Diagnostic | None:
    """The error about an open block, if the text at ``at`` begins a part that cannot stand inside a block."""
    line = bare.rfind("\n", 0, at) + 1
    begins = at >= len(bare) or _TOP.match(bare, line) or _FUNCTION.match(bare, line)
    if not still_open or still_open[0] >= line or not begins:
        return None
    start = still_open[0]
    named = next(_headings(bare, start), start)
    after = "the file ends" if at >= len(bare) else f"line {source.position(at)[0]} begins another part"
    hint = f"{after}, and its '}}' is still missing"
    return Diagnostic("unclosed", "this block is not closed", Span(source, named, start + 1), hint)


def _headings(bare: str, brace: int) -> Iterator[int]:
    """The start of the text before a brace on its line, if there is any: the name of the block."""
    line = bare.rfind("\n", 0, brace) + 1
    text = bare[line:brace]
    if text.strip():
        yield line + len(text) - len(text.lstrip())


def _misplaced(source: Source, bare: str, at: int, found: str, still_open: list[int]) -> Diagnostic | None:
    """The error about what may not stand where it does, though it is read as something else at first."""
    guarded = _GUARDED_ELSE.search(bare[:at])
    if guarded is not None:
        hint = "write [F] if (…) … else …, or else { [F] … }"
        return Diagnostic("guard", "no guard can stand before else", Span(source, guarded.start(), at), hint)
    defined = _DEFINITION.search(bare[:at]) if found == "{" and len(still_open) == 1 else None
    if defined is not None and not _headed(bare, still_open[0]):
        word = defined.group(1)
        text = f"{'an' if word == 'enum' else 'a'} {word} cannot be defined in the initial state"
        return Diagnostic("syntax", text, Span(source, defined.start(), at), "define it before the '{'")
    directive = _DIRECTIVE.match(bare, at) if found == "#" else None
    if directive is None:
        return None
    hint = "a guard says in which variants something is: [B1] x = 1;"
    macro = _DEFINED.match(bare, at)
    if macro is not None:
        value = (macro.group(3) or "").strip()
        hint = f"write enum {{ {macro.group(1)} = {value} }};" if value else "write out what it stands for"
        hint = "write a function" if macro.group(2) == "(" else hint
    text = f"there is no preprocessor here: #{directive.group(1)}"
    return Diagnostic("syntax", text, Span(source, at, directive.end()), hint)


def _headed(bare: str, brace: int) -> bool:
    """Does something stand before a brace, which makes it that of a program or a function?"""
    return bool(re.search(r"(\)|\bP\d+)\s*\Z|\w[ \t]*\Z", bare[:brace]))


def _hint(bare: str, at: int, found: str, still_open: list[int]) -> str:
    """A hint that the line of the error itself gives."""
    if found == "#":
        return "write a comment as // … or /* … */"
    if found == "}" and not still_open:
        return "no block is open here; is there one '}' too many before it?"
    if found == "[" and still_open and _GUARD.match(bare, at):
        whole = _DEFINITION.search(bare[: still_open[-1]])
        if whole is not None:
            word = whole.group(1)
            article = "an" if word == "enum" else "a"
            return f"a guard stands before all of {article} {word}: [B1] {word} … [else] {word} …"
        return "put the guard before the statement or the line, not inside it"
    if found == "," and _BASE.search(bare[:at]):
        return "a variant has one base; in place of a second one, guard its lines for both: [B1 | IL]"
    if found == "," and _LISTED.search(bare[:at]):
        return "write [A | B]: the guard holds in each of these variants"
    if found == "{" and len(still_open) == 1 and re.search(r"\[[^\[\]\n]*\]\s*$", bare[:at]):
        return "guard each line, or write another block of initial values: [B1] { int y; }"
    return ""


def _no_type(source: Source, bare: str, at: int, found: str, inside: bool) -> Diagnostic | None:
    """The error about a name that stands where a declaration begins, and is no type: ``u23 x;``. ``inside``:
    it is in a block."""
    begins, text = _BEGINS if inside else _PARAMETER, bare[:at]
    before = re.search(begins + r"([A-Za-z_]\w*)[ \t]+\**\Z", text)
    if before is not None and found.isidentifier() and before.group(1) not in _NO_TYPES:
        start, name = before.start(1), before.group(1)
    elif re.search(begins + r"\Z", text) and _NAMED.match(bare, at):
        start, name = at, found
    else:
        return None
    if name not in SHORT_TYPES and nearest(name, _NO_TYPES):
        return None
    near = nearest(name, [*_TYPES, *INTEGERS, *(HANDLES_AT_FIRST if inside else ())])
    hint = (
        f"write {SHORT_TYPES[name]}"
        if name in SHORT_TYPES
        else near or "write int, u64, struct … or another type of C"
    )
    span = Span(source, start, start + len(name))
    return Diagnostic("unknown-type", f"there is no type {name!r}", span, hint)


def _misspelt(source: Source, text: str, error: Diagnostic) -> Diagnostic:
    """The error about a misspelt expectation: in ``F nevr "…";`` the parser takes ``nevr`` for a profile."""
    assert error.span is not None
    before = _WORD.search(text[: error.span.start])
    near = nearest(before.group(1), EXPECTATIONS) if before and "'never'" in error.hint else ""
    if before is None or not near or before.group(1) in EXPECTATIONS:
        return error
    span = Span(source, before.start(1), before.end(1))
    return Diagnostic("expect", f"there is no expectation {span.text!r}", span, near)
