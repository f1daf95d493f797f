"""The names of ops and kinds are closed sets, and the table lists the kinds of each op."""

from __future__ import annotations

from typing import get_args

import pytest

from verifier.errors import InternalError
from verifier.lower.code import Emit, Lowered
from verifier.lower.unroll import unroll
from verifier.program.events import World
from verifier.program.expressions import TRUE
from verifier.program.ops import KINDS, Kind, Op


def test_every_op_and_every_kind_is_in_the_table() -> None:
    assert set(KINDS) == set(get_args(Op))
    assert frozenset().union(*KINDS.values()) | {"fault"} == set(get_args(Kind))


@pytest.mark.parametrize(
    ("op", "kind"), [("R", "nt"), ("X", "user"), ("SER", ""), ("F", "cr3"), ("DLV", "rcu")]
)
def test_an_event_of_another_kind_is_refused(op: Op, kind: Kind) -> None:
    with pytest.raises(InternalError, match=f"no event {op} '{kind}'"):
        unroll(Lowered([(Emit(op, kind=kind),)], World(1, {}), [], TRUE, []))
