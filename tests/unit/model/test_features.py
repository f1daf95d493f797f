"""A rule that is left out, since the program lacks what it needs, would say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.lower.build import build
from verifier.model import model
from verifier.model.axioms import Rule
from verifier.model.candidate import FEATURES
from verifier.program.profiles import Switches, switches
from verifier.solve.encode import candidates
from verifier.solve.symbolic import SymbolicRelation
from verifier.syntax import load, read

pytestmark = pytest.mark.slow  # it reads a few hundred tests

LITMUS = Path(__file__).parents[3] / "litmus"
FOLDERS = ("classic", "mmu", "hangs", "rcu")
FILES = [path for folder in FOLDERS for path in LITMUS.glob(f"{folder}/**/*.litmus")]
PROFILES = {
    "amd": switches("amd"),
    "forwarding": switches("intel", {"walk_forward": "forward_always"}),
    "memory": switches("generic", {"walk_forward": "memory_only"}),
}


def rules(s: Switches) -> list[Rule]:
    return list({r.name: r for axiom in model(s).axioms for r in axiom.rules}.values())


def ends(relation: SymbolicRelation) -> set[int]:
    return {b for pairs in relation.successors().values() for b, _ in pairs}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_rule_that_is_left_out_says_nothing(profile: str) -> None:
    machine = model(PROFILES[profile])
    asked = [r for r in rules(machine.switches) if r.needs is not None]
    there, left_out = set[str](), set[str]()
    for path in FILES:
        for test in load(read(path))[:1]:
            encoding, x = candidates(build(test), machine)
            there |= x.has
            after_init = False
            for rule in asked:
                if rule.needs not in x.has:
                    left_out.add(str(rule.needs))
                    found = rule.equation(x).successors()
                    assert found.keys() <= {encoding.init}, (test.name, rule.name)
                    after_init |= bool(found)
            if after_init:
                before = [r.name for r in rules(machine.switches) if encoding.init in ends(r.equation(x))]
                assert not before, (test.name, before)
    assert there == left_out == FEATURES
