"""What the syntax files of editors are made from: the vocabulary, and the terminals of the grammar."""

from __future__ import annotations

import re
from itertools import chain

from verifier.editor.keywords import OTHER_WORDS
from verifier.editor.names import VALUES
from verifier.syntax.grammars import text
from verifier.words.loops import LOOPS
from verifier.words.table import WORDS

MADE = "made by 'verifier editor-files' from the vocabulary and the grammar: change those"
QUANTIFIERS = ("exists", "forall", "filter", "locations", "final", "observed")


def terminal(name: str) -> str:
    """The regular expression of a terminal of the grammar of C and MM files."""
    found = re.search(rf"^{name}(?:\.\d+)?: /(.*)/$", text("mm"), re.MULTILINE)
    assert found is not None, name
    return found.group(1)


def alternatives(name: str) -> list[str]:
    """The words of a terminal that is nothing but a list of words."""
    inner = re.fullmatch(r"\((.*)\)(?:\\b|\(\?=.*\))", terminal(name))
    assert inner is not None, name
    return inner.group(1).split("|")


def vocabulary_words() -> list[str]:
    """The words that have a meaning on x86."""
    return sorted({*WORDS, *LOOPS, *OTHER_WORDS})


def value_words() -> list[str]:
    """The names of values."""
    return sorted(VALUES)


def type_words() -> list[str]:
    """The words of types."""
    return sorted({*chain(*map(alternatives, ("TYPEWORD", "STRUCT", "TYPEOF"))), "enum", "typedef", "percpu"})


def expected_words() -> list[str]:
    """The words of expectations."""
    return [*alternatives("EXPECT"), "hangs"]
