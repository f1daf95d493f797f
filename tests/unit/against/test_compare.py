"""The rows of the vocabulary against a small tree of kernel-like C: what agrees, what differs, what is
missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from verifier.against.compare import ComparedWord, Comparison
from verifier.cli import main
from verifier.kernel.tree import KernelTree
from verifier.solve.queries import decide
from verifier.words.table import WORDS

pytestmark = pytest.mark.slow  # together, these take many seconds

SMALL = str(Path(__file__).parents[2] / "trees" / "words")


@pytest.fixture(scope="module")
def found() -> dict[str, ComparedWord]:
    return {c.word: c for c in Comparison(KernelTree(SMALL)).words()}


@pytest.mark.long
@pytest.mark.parametrize(
    ("word", "status", "instructions"),
    [
        ("atomic_add", "agrees", ("lock addl %1,%0",)),
        ("atomic_inc", "agrees", ("lock addl %1,%0",)),
        ("atomic_add_return", "agrees", ("lock xaddl %[was], %[at]",)),
        ("atomic_add_unless", "agrees", ("lock cmpxchgq %[new], %[at]", "lock cmpxchgl %[new], %[at]")),
        ("atomic_fetch_and", "instruction", ("lock cmpxchgq %[new], %[at]", "lock cmpxchgl %[new], %[at]")),
        ("atomic_dec_and_test", "agrees", ("lock decl %0",)),
    ],
)
def test_words_that_agree(
    found: dict[str, ComparedWord], word: str, status: str, instructions: tuple[str, ...]
) -> None:
    assert (found[word].status, found[word].instructions) == (status, instructions)
    assert found[word].tests > 8


@pytest.mark.long
def test_every_word_has_a_line(found: dict[str, ComparedWord]) -> None:
    assert set(found) == set(WORDS)
    reasons = {c.reason for c in found.values() if c.status == "not compared"}
    assert all(reasons) and "no test calls it yet" not in reasons


@pytest.mark.long
def test_a_barrier_that_is_missing_is_a_difference(found: dict[str, ComparedWord]) -> None:
    (weak,) = [d for d in found["virt_store_mb"].differences if "between a store and a load" in d.test]
    assert found["virt_store_mb"].status == "differs" and not weak.only_row
    assert weak.only_tree == ("cell=7; 0:r0=0; 0:r1=0; 0:r2=0; 1:r0=0; 1:r1=0; 1:r2=0",)


@pytest.mark.long
def test_a_lock_that_is_missing_is_a_difference(found: dict[str, ComparedWord]) -> None:
    lost = {d.test: d for d in found["atomic_sub"].differences}
    assert found["atomic_sub"].status == "differs" and found["atomic_sub"].instructions == ("subl %1, %0",)
    assert not any(d.only_row for d in lost.values())
    assert "atomic_sub(1, &cell) with 0 in the cell, against an interrupt" not in lost
    twice = lost["atomic_sub(1, &cell) with 0 in the cell, against itself"]
    assert [state.split(";")[0] for state in twice.only_tree] == ["cell=4294967295"], (
        "one of two changes is lost"
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("atomic_sub_and_test", "it calls outside(), which these files do not define"),
        ("atomic_inc_and_test", "the instruction frobl %0 is not in the table"),
        ("synchronize_rcu", "a grace period is one event here, and an algorithm in the kernel"),
    ],
)
def test_what_cannot_be_compared_says_why(found: dict[str, ComparedWord], word: str, reason: str) -> None:
    assert (found[word].status, found[word].reason) == ("not compared", reason)


@pytest.mark.long
def test_a_word_that_the_tree_does_not_have_is_missing(found: dict[str, ComparedWord]) -> None:
    assert found["atomic_xchg"].status == "missing"


@pytest.mark.long
def test_z3_says_the_same(found: dict[str, ComparedWord]) -> None:
    words = ["atomic_add", "atomic_add_unless", "virt_store_mb"]
    by_z3 = Comparison(KernelTree(SMALL), decide=decide).words(words)
    assert list(by_z3) == [found[name] for name in words]


@pytest.mark.long
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--words", "--kernel", SMALL, "atomic_add", "atomic_xchg"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"atomic_add +agrees +in \d+ tests; a macro; lock addl %1,%0", lines[0])
    assert lines[1].split() == ["atomic_xchg", "missing"]
    assert lines[2].endswith("2 words: 1 agree, 1 not in this tree")
    assert main(["kernel", "--words", "--kernel", SMALL, "virt_store_mb"]) == 1
    assert "only the tree: cell=7; 0:r0=0" in capsys.readouterr().out


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "--words", "--format", "json", "--kernel", SMALL, "virt_store_mb"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["words"]
    assert (
        row["word"] == "virt_store_mb" and row["status"] == "differs" and row["differences"][0]["only_tree"]
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--words", "--kernel", "/nonexistent"], "there is no directory '/nonexistent'"),
        (["--words"], "say with which tree to compare"),
        (["--words", "--kernel", SMALL, "some/file.litmus"], "there is no word 'some/file.litmus'"),
        (["--kernel", SMALL], "'verifier kernel' takes files, or --words"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    assert main(["kernel", *arguments]) == 2
    assert text in capsys.readouterr().err


def test_a_directory_that_is_no_tree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["kernel", "--words", "--kernel", str(tmp_path)]) == 2
    assert "is no kernel tree" in capsys.readouterr().err
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    assert main(["kernel", "--words", "--kernel", str(tmp_path)]) == 2
    assert "it has none of the files in which words are defined" in capsys.readouterr().err
