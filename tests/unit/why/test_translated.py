"""A translated operation without its LOCK prefix asks for the right to write, too, and faults without it."""

from __future__ import annotations

from verifier.budget import Budget
from verifier.model import model
from verifier.program.profiles import GENERIC
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.why.explain import explain

LOGGED = """MM dirty-log
{ page A = 0; mm guest { g -> A }; 1:cr3 = guest; int dirty = 1; }
P0 {
    WRITE_ONCE(dirty, 0);
    ptep_set_wrprotect(pte(guest, g));
}
P1 {
    r0 = xchg(g, 1);
    if (r0 == fault)
        WRITE_ONCE(dirty, 1);
}
exists (1:r0 = fault /\\ dirty = 0)
"""


def test_an_exchange_of_a_read_only_page_faults_with_and_without_lock() -> None:
    """So the order of dirty and the entry is on a cycle, and is not said to follow from the values."""
    (test,) = load(Source("t", LOGGED))
    told = str(explain(run(test, Options()), model(GENERIC), Budget(20)))
    assert "the values alone" not in told
    assert "WRITE_ONCE(dirty, 0)" in told and "ptep_set_wrprotect(pte(guest, g))" in told
