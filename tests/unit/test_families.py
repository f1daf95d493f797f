"""The families of the corpus: as expected for any number of CPUs, by Z3; for two by both judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier import check, load

pytestmark = pytest.mark.slow

LINUX = Path(__file__).resolve().parents[2] / "litmus" / "linux"
FAMILIES = ("switch_mm-vs-flush-n", "gup-fast/table-free-n", "hugetlb/unshare-gup-n")


@pytest.mark.parametrize("n", (2, 3, 5, 8))
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_decided(name: str, n: int) -> None:
    tests = load(LINUX / f"{name}.litmus", defines={"n": n})
    assert len(tests) > 2
    for test in tests:
        verdict = check(test, judge="both" if n < 3 else "z3")
        assert verdict.as_expected is True, (test.id, n, verdict.observation)
        assert verdict.program is not None and verdict.program.cpus > n


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_grows_by_no_factorial(name: str) -> None:
    """What is encoded: events, and from them clauses, at most as n squared."""
    from verifier.lower.build import build
    from verifier.model import model
    from verifier.program.profiles import GENERIC
    from verifier.solve.encode import encode

    sizes = []
    for n in (4, 8):
        program = build(load(LINUX / f"{name}.litmus", defines={"n": n})[0])
        sizes.append(len(encode(program, model(GENERIC)).clauses.rows))
    assert sizes[1] < 5 * sizes[0]
