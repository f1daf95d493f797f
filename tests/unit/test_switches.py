"""docs/switches.md, its picture and its witnesses: all from one data file, and true."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.hasse import REASONS, Told, page, picture
from benchmarks.switches import (
    DATA,
    PAGE,
    PICTURE,
    ROOT,
    holds_by_both,
    of_file,
    program_of,
    settings,
    vector,
)
from verifier.model.rules import rules

pytestmark = pytest.mark.slow  # together, these take many seconds

TOLD = Told(json.loads(DATA.read_text(encoding="utf-8")))


def test_the_page_and_the_picture_are_of_the_data() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(TOLD)
    assert PICTURE.read_text(encoding="utf-8") == picture(TOLD)


def test_the_data_have_all_settings() -> None:
    assert TOLD.names == list(settings())


def test_each_pair_has_a_witness_if_one_is_not_within_the_other() -> None:
    for one in TOLD.names:
        for other in TOLD.names:
            assert TOLD.within(one, other) == (TOLD.witness(one, other) is None), (one, other)


def test_the_picture_joins_what_is_within() -> None:
    """A line, or several in one direction, from one node to another: the second is within the first."""
    below = {node: {node} for node in range(len(TOLD.nodes))}
    for node in sorted(below, key=lambda n: -TOLD.layers()[n]):
        for above, other in TOLD.covers():
            if above == node:
                below[node] |= below[other]
    for node, found in below.items():
        name = TOLD.nodes[node][0]
        assert found == {i for i, (other, *_) in enumerate(TOLD.nodes) if TOLD.within(other, name)}


def test_the_reasons_name_rules() -> None:
    known = set(rules())
    assert all(rule in known for rule, _ in REASONS.values() if rule)
    assert {name for whole in TOLD.names for name in whole.split(" = ")} >= set(REASONS)


@pytest.mark.parametrize("number", range(len(TOLD.witnesses)))
def test_a_witness_holds_where_the_data_say(number: int) -> None:
    """By both judges."""
    witness = TOLD.witnesses[number]
    if "test" in witness:
        file = ROOT / witness["test"].partition("::")[0]
        program = next(drawn.program for drawn in of_file(file) if drawn.test == witness["test"])
    else:
        found = program_of(re.sub(r"^MM \S+", "MM t", witness["text"]))
        assert found is not None
        program = found
    assert [name for name, s in settings().items() if holds_by_both(program, s)] == witness["holds"]


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("mmu/5.6-switch", "sc = store_buffer=false"),  # no word differs between kernels
        ("words/19.2-trylocks", "kernel=v5.16"),
        ("mmu/8.12-own-call", "kernel=v4.19"),
    ],
)
def test_states_are_found_under_each_setting(path: str, setting: str) -> None:
    for drawn in of_file(ROOT / "litmus" / f"{path}.litmus"):
        found = vector(drawn.program, settings())
        assert found is not None and list(found) == list(settings())
        assert found[setting] <= found["generic"]
