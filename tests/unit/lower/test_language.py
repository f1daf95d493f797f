"""The tables of functions that lower C have exactly the entries of the tree and the vocabulary."""

from __future__ import annotations

from typing import get_args

from verifier.lower.c.effects import EFFECTS
from verifier.lower.c.language import LANGUAGE
from verifier.syntax import ast
from verifier.words import rows
from verifier.words.rows import Special, SpecialName, flat
from verifier.words.table import WORDS


def test_every_expression_has_its_function() -> None:
    assert {*LANGUAGE.expressions, ast.Text} == set(get_args(ast.CExpr)), "a string is no value"


def test_every_statement_has_its_function() -> None:
    assert set(LANGUAGE.statements) == set(get_args(ast.Stmt))


def test_every_effect_has_its_function() -> None:
    assert {*EFFECTS, Special} == set(get_args(rows.Effect))


def test_every_special_word_has_its_function() -> None:
    used = {x.name for word in WORDS.values() for x in flat(word.effects) if isinstance(x, Special)}
    assert set(LANGUAGE.words) == set(get_args(SpecialName)) == used
