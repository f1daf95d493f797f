"""Families of words, and the search in the vocabulary."""

from __future__ import annotations

import json
import re

import pytest

from verifier.cli import main
from verifier.errors import ExitCode
from verifier.words.folding import WordFamily, families
from verifier.words.search import found_words
from verifier.words.table import WORDS, orders, reference

FOLDED = families(list(WORDS.values()))


def members_of(pattern: str) -> list[str]:
    """The names that a name with braces stands for."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [name for choice in found[1].split(",") for name in members_of(f"{before}{choice}{after}")]


@pytest.mark.parametrize("family", FOLDED, ids=lambda f: f.name)
def test_a_family_stands_for_its_members(family: WordFamily) -> None:
    assert sorted(members_of(family.name)) == sorted(word.name for word in family.members)
    first = family.members[0]
    for word in family.members:
        assert (word.events, word.rule, word.group, orders(word)) == (
            first.events, first.rule, first.group, orders(first),
        )  # fmt: skip
        assert word.signature[len(word.name) :] == first.signature[len(first.name) :]
    if len(family.members) == 1:
        assert (family.doc, family.source) == (first.doc, first.source)


def test_every_word_is_in_one_family() -> None:
    assert sorted(w.name for f in FOLDED for w in f.members) == sorted(WORDS)
    atomics = [f for f in FOLDED if f.members[0].group == "Atomic counters"]
    assert sum(len(f.members) for f in atomics) > 240 and len(atomics) < 25


@pytest.mark.slow
def test_the_page_and_the_command_have_the_same_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words"]) == 0
    out, page = capsys.readouterr().out, reference()
    for family in FOLDED:
        assert f"  {family.signature}" in out and f"| `{family.signature}` |" in page.replace(r"\|", "|")


def test_one_word_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "smp_mb()"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("smp_mb()\n\n  on x86     LOCK'd operation\n")
    assert (
        "  orders     all\n  rules      2.1 LOCK'd operations\n  read from  __smp_mb(), asm/barrier.h" in out
    )
    assert main(["words", "atomic_add"]) == 0
    assert "  one of     atomic{,64,_long}_{add,sub,and,or,xor}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "pattern, some, none",
    [
        ("smp_?mb", {"smp_rmb", "smp_wmb"}, {"smp_mb", "smp_mb__before_atomic"}),
        ("Grace  Period", {"synchronize_rcu", "call_rcu"}, {"rcu_read_lock"}),
        ("cpumask", {"cpumask_set_cpu", "mm_cpumask"}, {"set_pte"}),
    ],
)
def test_what_a_pattern_finds(pattern: str, some: set[str], none: set[str]) -> None:
    names = {word.name for word in found_words(pattern)}
    assert some <= names and not none & names


def test_members_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "atomic_fetch_add_*"]) == 0
    assert "atomic_fetch_add{_relaxed,_acquire,_release}(i, &v)" in capsys.readouterr().out
    assert main(["words", "--all", "atomic_fetch_add_*"]) == 0
    assert "  atomic_fetch_add_acquire(i, &v) " in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "--format", "json", "smp_wmb"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["words"]
    assert (found["name"], found["x86"], found["orders"]) == ("smp_wmb", "nothing (compiler only)", "")
    assert found["rules"] == ["1.1"] and found["group"] == "Barriers"


@pytest.mark.parametrize(
    "pattern, said",
    [
        ("smb_mb", "no word is found by 'smb_mb'; the nearest are smp_mb"),
        ("completion", '#include "linux/wait.inc" has init_completion(), reinit_completion(), wait_for'),
        (
            "rcuwait",
            '#include "linux/rcuwait.inc" has rcuwait_wake_up(), prepare_to_rcuwait(), finish_rcuwait()',
        ),
        ("irq_work", '#include "linux/irq_work.inc" has irq_work_queue(), irq_work_queue_on()'),
        ("csd", '#include "linux/csd.inc" has smp_call_function_single_async()'),
        ("kthread", '#include "linux/kthread.inc" has kthread_park(), kthread_unpark()'),
        ("zzz", "no word is found by 'zzz'; 'verifier words' lists all of them"),
        ("READ_ONCE_NOCHECK", "no word is found by 'READ_ONCE_NOCHECK'"),
    ],
)
def test_nothing_is_found(pattern: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", pattern]) == ExitCode.WRONG
    assert said in capsys.readouterr().err
