"""Colours for litmus tests and for what the command prints: two lexers of Pygments."""

from __future__ import annotations

import re
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
)
from sphinx.application import Sphinx

KEYWORDS = (
    *("if", "else", "while", "for", "do", "switch", "case", "default", "goto", "return", "break", "continue"),
    *("struct", "union", "enum", "exists", "forall", "ever", "expect", "variants", "unroll", "nmi"),
    *("never", "sometimes", "always", "hangs", "deadlock", "some", "all", "in", "assume"),
)
TYPES = (
    *("int", "void", "unsigned", "long", "bool", "char", "u8", "u16", "u32", "u64", "u128", "s32", "s64"),
    *("atomic_t", "atomic64_t", "atomic_long_t", "refcount_t"),
    *("spinlock_t", "rwlock_t", "cpumask_t", "seqcount_t", "seqlock_t"),
)


class Litmus(RegexLexer):
    """A litmus test: MM, C or assembly."""

    name = "Litmus test"
    aliases: ClassVar = ["litmus"]
    filenames: ClassVar = ["*.litmus", "*.inc"]
    flags = re.MULTILINE
    tokens: ClassVar = {
        "root": [
            (r"\A(MM|C|X86_64|X86)(\s+)(\S+)", bygroups(Keyword.Declaration, Whitespace, Name.Class)),
            (r"//[^\n]*", Comment.Single),
            (r"/\*(.|\n)*?\*/|\(\*(.|\n)*?\*\)", Comment.Multiline),
            (r"#\s*\w+", Comment.Preproc),
            (r"^\w+=.*$", Comment),
            (r'"(\\.|[^"\\])*"', String),
            (r"\b(page|table|mm|code)(?= +\w+ *[={\[])|\bpercpu\b", Keyword.Type),
            (r"\[[!A-Za-z][\w !&|()]*\](?=\s)", Name.Decorator),
            (words(KEYWORDS, prefix=r"\b", suffix=r"\b"), Keyword),
            (words(TYPES, prefix=r"\b", suffix=r"\b"), Keyword.Type),
            (r"\bP\d+\b", Name.Class),
            (r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]*", Number),
            (r"[A-Za-z_]\w*(?=\()", Name.Function),
            (r"[A-Za-z_$%]\w*", Name),
            (r"/\\|\\/|[-+*/%&|^~<>=!?:]+", Operator),
            (r"[{}()\[\];,.@]", Punctuation),
            (r"\s+", Whitespace),
            (r".", Text),
        ],
    }


class Call(RegexLexer):
    """A call of the command, and what it prints."""

    name = "Call of verifier"
    aliases: ClassVar = ["console"]
    tokens: ClassVar = {
        "root": [
            (r"^(\$ )([^\n]*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"[^\n]*\n", Text),
        ],
    }


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("litmus", Litmus)
    app.add_lexer("console", Call)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
