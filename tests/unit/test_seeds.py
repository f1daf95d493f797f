"""docs/seeds.md is up to date: it is printed from its data, its verdicts are computed, and it is complete."""

from __future__ import annotations

import re

import pytest

import verifier
from tests.seeds import (
    ANSWERS,
    CORPUS,
    PAGE,
    data,
    deciders,
    entries,
    expectations,
    page,
    variants,
)

pytestmark = pytest.mark.slow  # together, these take many seconds

CLAIMS = data()["claim"]
RUNS = [r["test"] for r in data()["slip"]["run"]] + [r for q in data()["question"] for r in q["runs"]]
NAMED = sorted({d for c in CLAIMS for d in deciders(c["by"])} | set(deciders(RUNS)))


@pytest.mark.long
def test_the_page_is_printed_from_the_data(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), (
        "pytest tests/unit/test_seeds.py --update-golden, and look at the difference"
    )


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: str(part))
def test_the_verdict_on_the_page_is_the_one_that_is_computed(file: str, name: str) -> None:
    assert (CORPUS / file).exists(), f"docs/seeds.toml names {file}, which is not there"
    assert name in variants(file), f"docs/seeds.toml names {file}::{name}, which is not there"
    test = variants(file)[name]
    for e in expectations(test):
        verdict = verifier.check(test, profile=e.profile, settings=dict(e.settings))
        assert verdict.observation == e.word, e.where


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: str(c["number"]))
def test_a_claim_is_decided(claim: dict[str, str]) -> None:
    assert claim["by"] and claim["says"] and claim["why"]
    assert claim["answer"] in ANSWERS
    assert claim["says"].count('"') % 2 == 0


def test_claims_are_numbered_once() -> None:
    numbers = [c["number"] for c in CLAIMS]
    assert len(set(numbers)) == len(numbers)
    assert {n for q in data()["question"] for n in q["claims"]} <= set(numbers)


def test_open_claims_have_a_question() -> None:
    asked = {n for q in data()["question"] for n in q["claims"]}
    assert {c["number"] for c in CLAIMS if c["answer"] == "open"} <= asked


def test_every_entry_is_in_the_index() -> None:
    listed = {entry for entry, _ in entries()}
    assert set(data()["entry"]) <= listed, "no file has this Id"
    assert listed <= set(data()["entry"]), "docs/seeds.toml has no title for it"
    for entry in listed:
        assert f"\n| {entry} |" in page()


def test_links_within_the_page_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page())) <= anchors


def test_no_claim_and_no_entry_is_missing() -> None:
    """Claims are lettered, and the documents' entries numbered, without a gap."""
    for seed in data()["seed"]:
        letters = sorted(c["number"][1:] for c in CLAIMS if c["number"][0] == seed["number"])
        assert letters and letters == [chr(ord("a") + i) for i in range(len(letters))]
        number = f"S{int(seed['number']):03}-"
        places = sorted({int(e[len(number) :][:2]) for e in data()["entry"] if e.startswith(number)})
        assert places and places == list(range(1, len(places) + 1))
