"""docs/seeds.md: printed from its data, its verdicts computed, nothing forgotten."""

from __future__ import annotations

import re

import pytest

import verifier
from tests.seeds import (
    ANSWERS,
    CORPUS,
    PAGE,
    ROOT,
    answer_to,
    data,
    deciders,
    entries,
    expectations,
    page,
    pending_for,
    variants,
)

CLAIMS = data()["claim"]
RUNS = [r["test"] for r in data()["slip"]["run"]] + [r for q in data()["question"] for r in q["runs"]]
NAMED = sorted({d for c in CLAIMS for d in deciders(c.get("by", []))} | set(deciders(RUNS)))
DESIGN = ROOT.parent / "shared" / "design" / "corpus.md"


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
def test_a_claim_is_decided_or_says_what_it_waits_for(claim: dict[str, str]) -> None:
    assert claim.get("by") or pending_for(claim["number"])
    assert claim["says"] and claim["why"]
    assert answer_to(claim) in ANSWERS
    assert claim["says"].count('"') % 2 == 0


def test_claims_are_numbered_once() -> None:
    numbers = [c["number"] for c in CLAIMS]
    assert len(set(numbers)) == len(numbers)
    assert {n for p in data()["pending"] for n in p["claims"]} <= set(numbers)
    assert {n for q in data()["question"] for n in q["claims"]} <= set(numbers)


def test_open_claims_have_a_question() -> None:
    asked = {n for q in data()["question"] for n in q["claims"]}
    assert {c["number"] for c in CLAIMS if answer_to(c) == "open"} <= asked


@pytest.mark.parametrize("record", data()["pending"], ids=lambda p: str(p["id"]))
def test_what_is_pending_is_not_there_yet(record: dict[str, list[str]]) -> None:
    there = {v for entry, file in entries() if entry == record["id"] for v in variants(file)}
    arrived = sorted(there & set(record["variants"]))
    assert not arrived, (
        f"{record['id']} {', '.join(arrived)} has arrived: name it in `by` of claims {record['claims']}, "
        "and take the record out of docs/seeds.toml"
    )


def test_every_entry_is_in_the_index() -> None:
    listed = {entry for entry, _ in entries()} | {p["id"] for p in data()["pending"]}
    assert set(data()["entry"]) <= listed, "no file has this Id"
    assert {e for e in listed if e[0] in "SK"} <= set(data()["entry"]), "docs/seeds.toml has no title for it"
    for entry in listed:
        assert f"\n| {entry} |" in page()


def test_links_within_the_page_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page())) <= anchors


@pytest.mark.skipif(not DESIGN.exists(), reason="the list of claims is not beside this checkout")
def test_no_claim_and_no_entry_of_the_list_is_missing() -> None:
    text = DESIGN.read_text()
    numbers = set(re.findall(r"^\| (\d[a-z]) \|", text, re.MULTILINE))
    assert numbers and numbers <= {c["number"] for c in CLAIMS}
    ids = set(re.findall(r"^\| ([SK]\d+(?:-\d+\w?)?) \|", text, re.MULTILINE))
    assert ids and ids <= set(data()["entry"])
