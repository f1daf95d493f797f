"""Makes the TextMate grammar, which VS Code and others read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from verifier.editor.keywords import CPU_STATES, STATEMENT_WORDS
from verifier.editor.terms import MADE, QUANTIFIERS, terminal, type_words, value_words, vocabulary_words
from verifier.lower.x86.table import KNOWN, REGISTER_NAMES


def textmate() -> str:
    """The grammar, as JSON."""
    return json.dumps(_tree(), indent=2, ensure_ascii=False) + "\n"


def _any(words: Iterable[str]) -> str:
    return f"\\b(?:{'|'.join(map(re.escape, words))})\\b"


def _match(name: str, expression: str) -> dict[str, object]:
    return {"name": f"{name}.litmus", "match": expression}


def _tree() -> Mapping[str, object]:
    """The grammar for editors that read TextMate's: VS Code, and others."""
    common = ["comments", "strings", "conditions", "numbers"]  # 1:cr3 is no number
    repository: dict[str, list[dict[str, object]]] = {
        "comments": [
            _match("comment.line.double-slash", "//.*$"),
            {"name": "comment.block.litmus", "begin": "/\\*", "end": "\\*/"},
            {"name": "comment.block.litmus", "begin": "\\(\\*(?=\\s)", "end": "\\*\\)"},
        ],
        "strings": [{"name": "string.quoted.double.litmus", "begin": '"', "end": '"'}],
        "numbers": [_match("constant.numeric", "\\b(?:0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*\\b")],
        "conditions": [
            _match("keyword.control.condition", f"~\\s*exists\\b|{_any(QUANTIFIERS)}"),
            _match("keyword.control.condition", "\\b(?:ever|fault)(?=\\s*\\()"),
            {
                "match": f"\\b(P?[0-9]+)\\s*:\\s*({_any(CPU_STATES)})",
                "captures": {
                    "1": {"name": "constant.numeric.litmus"},
                    "2": {"name": "support.variable.state.litmus"},
                },
            },
        ],
        "directives": [
            _match("keyword.control.directive", "^\\s*#\\s*(?:include|kernel|config|without)\\b"),
            {"match": "^([A-Z][A-Za-z-]*)=(.*)$", "captures": {"1": {"name": "keyword.other.meta.litmus"}}},
        ],
        "guards": [
            _match("entity.name.tag.guard", "(?<=^|[;{}])\\s*(?:\\[[A-Za-z_0-9 !&|()]+\\]\\s*)+(?!=)")
        ],
        "code": [
            _match("entity.name.function.program", "\\b(?:nmi\\s+)?P[0-9]+\\b"),
            _match("keyword.control", _any(STATEMENT_WORDS)),
            _match("keyword.other", _any(("variants", "expect", "unroll"))),
            _match("constant.language.expected", f"{terminal('EXPECT')}|{terminal('HANGS')}"),
            _match("storage.type", _any(type_words())),
            _match("storage.type", f"\\b{terminal('TYPENAME')}"),
            _match("storage.type", f"\\b{terminal('HANDLE')}"),
            _match("support.function.word", _any(vocabulary_words())),
            _match("support.function.word", f"\\b(?:{terminal('LIST_EACH')}|{terminal('FOR_EACH')})"),
            _match("constant.language", _any(value_words())),
            _match("variable.other.register", "\\br[0-9]+\\b"),
        ],
        "assembly": [
            _match("entity.name.function.program", "\\bP[0-9]+\\b"),
            _match("variable.language.register", f"(?i)%?{_any(sorted(REGISTER_NAMES))}"),
            _match("support.function.word", f"(?i)\\b(?:lock|(?:{'|'.join(sorted(KNOWN))})[bwlq]?)\\b"),
        ],
    }
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "Litmus",
        "scopeName": "source.litmus",
        "fileTypes": ["litmus"],
        "comment": MADE,
        "patterns": [
            {
                "begin": "\\A\\s*(X86(?:_64)?)\\b", "end": "(?!)", "name": "meta.assembly.litmus",
                "beginCaptures": {"1": {"name": "keyword.other.header.litmus"}},
                "patterns": [{"include": f"#{name}"} for name in (*common, "directives", "assembly")],
            },
            {"match": "\\A\\s*(C|MM)\\b", "captures": {"1": {"name": "keyword.other.header.litmus"}}},
            *({"include": f"#{name}"} for name in (*common, "directives", "guards", "code")),
        ],
        "repository": {name: {"patterns": patterns} for name, patterns in repository.items()},
    }  # fmt: skip
