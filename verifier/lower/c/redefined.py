"""Words of the vocabulary that a test defines itself: its calls mean that function, and not the word."""

from __future__ import annotations

from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.words.table import WORDS


def redefined(unit: ast.Unit) -> list[Diagnostic]:
    """Warnings about functions of a test that have the names of words.

    An include may define such words, and a test one of an include anew. Beside the kernel's own text a
    function stands for the word that this text calls.
    """
    if unit.kernel is not None:
        return []
    mine = (f for f in unit.functions.values() if not f.included and not f.overrides)
    return [_warning(f) for f in mine if f.name in WORDS]


def _warning(function: ast.Function) -> Diagnostic:
    name = function.name
    text = f"calls of {name} mean this function, and not the word {WORDS[name].signature}"
    hint = "give it another name, unless it is to stand for the word"
    return Diagnostic("redefined", text, function.span, hint, severity="warning")
