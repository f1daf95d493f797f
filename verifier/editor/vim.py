"""Makes vim's syntax file."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from verifier.editor.keywords import CPU_STATES, STATEMENT_WORDS
from verifier.editor.terms import (
    MADE,
    QUANTIFIERS,
    alternatives,
    expected_words,
    type_words,
    value_words,
    vocabulary_words,
)
from verifier.lower.x86.table import KNOWN, REGISTER_NAMES
from verifier.syntax import HEADERS


def _vim_keywords(group: str, words: Iterable[str]) -> list[str]:
    return [
        f"syn keyword {group} {line}"
        for line in wrap(" ".join(words), 100, break_long_words=False, break_on_hyphens=False)
    ]


def vim() -> str:
    """vim's syntax file."""
    lines = [
        f'" Litmus tests; {MADE}',
        'if exists("b:current_syntax")',
        "  finish",
        "endif",
        "let s:assembly = getline(1) =~# '^\\s*X86\\(_64\\)\\=\\>'",
        "",
        "syn match litmusNumber /\\<\\(0[xX]\\x\\+\\|\\d\\+\\)[uUlL]*\\>/",
        "syn match litmusRegister /\\<r\\d\\+\\>/",
        "syn match litmusProgram /\\<P\\d\\+\\>/",
        "syn match litmusState /\\(\\<P\\=\\d\\+\\s*:\\s*\\)\\@<=" + _vim_any(CPU_STATES) + "/",
        "syn match litmusQuantifier /\\~\\s*exists\\>/",
        *_vim_keywords("litmusQuantifier", QUANTIFIERS),
        "syn match litmusQuantifier /\\<" + _vim_any(["ever", "fault"]) + "\\ze\\s*(/",
        "syn match litmusHeader /\\%1l^\\s*" + _vim_any(HEADERS) + "/",
        "syn match litmusMeta /^[A-Z][A-Za-z-]*\\ze=/",
        "",
        "if s:assembly",
        "  syn case ignore",
        *[f"  {line}" for line in _vim_keywords("litmusRegister", sorted(REGISTER_NAMES))],
        *[f"  {line}" for line in _vim_keywords("litmusWord", _vim_opcodes())],
        "  syn keyword litmusWord lock",
        "  syn case match",
        "else",
        *[f"  {line}" for line in _vim_keywords("litmusWord", vocabulary_words())],
        "  syn match litmusWord /\\<for_each_\\(\\w\\+_\\)\\=cpu\\(_\\w\\+\\)\\=\\>/",
        "  syn match litmusWord /\\<\\l*list_for_each_entry\\w*\\>/",
        *[f"  {line}" for line in _vim_keywords("litmusConstant", value_words())],
        *[f"  {line}" for line in _vim_keywords("litmusStatement", STATEMENT_WORDS)],
        *[f"  {line}" for line in _vim_keywords("litmusType", type_words())],
        "  syn match litmusType /\\<\\w\\+_t\\>\\(\\s*[(=]\\)\\@!/",
        "  syn match litmusType /\\<_\\{0,2}[us]\\(8\\|16\\|32\\|64\\|128\\)\\>\\(\\s*[(=]\\)\\@!/",
        "  syn match litmusType /\\<" + _vim_any(alternatives("HANDLE")) + "\\>\\ze\\s\\+\\h/",
        *[f"  {line}" for line in _vim_keywords("litmusKeyword", ("variants", "expect", "unroll", "nmi"))],
        *[f"  {line}" for line in _vim_keywords("litmusExpected", expected_words())],
        "  syn match litmusGuard /\\(^\\|[;{}]\\)\\s*\\zs\\(\\[[A-Za-z_0-9 !&|()]\\+\\]\\s*\\)\\+=\\@!/",
        "  syn match litmusDirective /^\\s*#\\s*\\(include\\|kernel\\|config\\|without\\)\\>/",
        "endif",
        "",
        'syn region litmusString start=/"/ end=/"/',
        "syn keyword litmusTodo TODO FIXME XXX contained",
        'syn match litmusComment "//.*$" contains=litmusTodo',
        'syn region litmusComment start="/\\*" end="\\*/" contains=litmusTodo',
        'syn region litmusComment start="(\\*\\s" end="\\*)" contains=litmusTodo',
        "",
    ]
    lines += [f"hi def link {group} {link}" for group, link in _LINKS.items()]
    return "\n".join([*lines, 'let b:current_syntax = "litmus"', ""])


_LINKS = {
    "litmusNumber": "Number",
    "litmusRegister": "Identifier",
    "litmusProgram": "Function",
    "litmusState": "Special",
    "litmusQuantifier": "Keyword",
    "litmusHeader": "PreProc",
    "litmusMeta": "PreProc",
    "litmusWord": "Function",
    "litmusConstant": "Constant",
    "litmusStatement": "Statement",
    "litmusType": "Type",
    "litmusKeyword": "Keyword",
    "litmusExpected": "Boolean",
    "litmusGuard": "Label",
    "litmusDirective": "Include",
    "litmusString": "String",
    "litmusComment": "Comment",
    "litmusTodo": "Todo",
}


def _vim_any(words: Iterable[str]) -> str:
    return "\\(" + "\\|".join(words) + "\\)"


def _vim_opcodes() -> list[str]:
    """The instructions, with the suffixes that say how wide they are."""
    return sorted({name + suffix for name in KNOWN for suffix in ("", "b", "w", "l", "q")})
