"""The table of invalidations, and the tables of both judges, which say what each one removes."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args
from unittest import mock

import pytest

from verifier import explore, solve
from verifier.errors import InternalError
from verifier.explore.caches import REMOVES
from verifier.lower.build import build
from verifier.lower.code import Emit, Lowered
from verifier.lower.unroll import unroll
from verifier.model.cover import COVERS
from verifier.program.answer import Answer
from verifier.program.events import Program, World
from verifier.program.expressions import TRUE, Const
from verifier.program.invalidations import INVALIDATING, INVALIDATIONS, InvalidationKind
from verifier.program.values import Ptr
from verifier.source import Source
from verifier.syntax import load

Judge = Callable[[Program], Answer]
JUDGES = [pytest.param(solve.decide, id="z3"), pytest.param(explore.decide, id="explorer")]


def flushing() -> Program:
    """A program with one flush, of an address, between two uses."""
    text = "MM t\n{ page A; mm N { v -> A }; } P0 { r0 = *v; invlpg(v); r1 = *v; } exists (0:r0=0)"
    (test,) = load(Source("t", text))
    return build(test)


def test_both_judges_know_the_kinds_of_the_table_and_no_others() -> None:
    kinds = set(get_args(InvalidationKind))
    assert set(INVALIDATIONS) == kinds
    assert set(COVERS) == kinds
    assert set(REMOVES) == kinds


@pytest.mark.parametrize("judge", JUDGES)
def test_a_kind_that_no_table_knows_is_refused(judge: Judge) -> None:
    program = flushing()
    judge(program)
    (flush,) = [e for e in program.events if e.op in INVALIDATING]
    flush.kind = "unheard"
    with pytest.raises(InternalError, match="unheard"):
        judge(program)


@pytest.mark.parametrize("judge", JUDGES)
def test_a_kind_that_the_judges_do_not_know_is_refused_by_each(judge: Judge) -> None:
    program = flushing()
    (flush,) = [e for e in program.events if e.op in INVALIDATING]
    flush.kind = "hypothetical"
    with (
        mock.patch(
            "verifier.program.invalidations.INVALIDATIONS",
            {**INVALIDATIONS, "hypothetical": INVALIDATIONS["invlpg"]},
        ),
        pytest.raises(InternalError, match="what the invalidation 'hypothetical' removes"),
    ):
        judge(program)


def test_each_judge_reads_a_table_of_its_own() -> None:
    program = flushing()
    with mock.patch.dict(COVERS, clear=True):
        explore.decide(program)
        with pytest.raises(InternalError):
            solve.decide(program)
    with mock.patch.dict(REMOVES, clear=True):
        solve.decide(program)
        with pytest.raises(InternalError):
            explore.decide(program)


@pytest.mark.parametrize(
    ("kind", "va", "pcid"),
    [
        ("invlpg", False, False),
        ("invlpg", True, True),
        ("local", True, False),
        ("invpcid0", True, False),
        ("broadcast-va", False, True),
        ("unheard", False, False),
    ],
)
def test_what_is_named_is_what_the_row_says(kind: str, va: bool, pcid: bool) -> None:
    flush = Emit(
        "BINV" if "broadcast" in kind else "INV",
        kind=kind,
        va=Const(Ptr("v")) if va else None,
        pcid=Const(1) if pcid else None,
    )
    with pytest.raises(InternalError, match=kind):
        unroll(Lowered([(flush,)], World(1, {}), [], TRUE, []))
