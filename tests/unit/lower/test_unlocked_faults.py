"""A translated operation that is one instruction without LOCK asks for the right to write, and stores nothing
where it faults."""

from __future__ import annotations

import pytest

from tests.judges import states

TEXT = """MM t
{ page A = 0; ENTRY; 1:cr3 = N; }
P0 { set_pte(pte(N, v), A); }
P1 { r0 = WORD; }
exists (1:r0 = 0)
"""


@pytest.mark.parametrize("entry", ["mm N { v -> mk_pte(A, ro) }", "mm N { }; mm M { v -> A }"])
@pytest.mark.parametrize("word", ["cmpxchg_local(v, 0, 1)", "cmpxchg(v, 0, 1)"])
def test_it_faults_as_the_locked_one_does(word: str, entry: str) -> None:
    """Where an entry is written meanwhile, its load does not fault and its store does, nor the other way."""
    text = (
        TEXT.replace("ENTRY", entry).replace("WORD", word).replace("(1:r0 = 0)", "(1:r0 = 0 /\\ A.data = 1)")
    )
    assert states(text) == ["1:r0=0; A.data=1;", "1:r0=fault; A.data=0;"]
