"""Claims that tests decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import UsageError
from verifier.reports.claims import own, read_claims
from verifier.reports.rulebook import marked

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "litmus" / "linux" / "switch_mm-vs-flush.litmus"


def test_our_own_claims() -> None:
    found = own()
    assert len(found.claims) == 73 and len(found.seeds) == 5
    assert found.of(str(FILE), "F") == ["0a", "0b", "0c", "0e", "0f"]
    assert found.of(str(FILE), "V9") == [] and found.of(str(FILE), None) == []
    assert all(Path(file).is_file() for claim in found.claims for file, _ in claim.by)


def test_the_file_of_our_own_claims_says_where_its_tests_are() -> None:
    assert read_claims(str(ROOT / "docs" / "seeds.toml")).claims == own().claims


GOOD = '[[claim]]\nnumber = "1a"\nanswer = "holds"\nsays = "so"\nby = ["a.litmus"]\n'


def test_paths_are_meant_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for name in ("a.litmus", "t/a.litmus"):
        (tmp_path / name).touch()
    (tmp_path / "c.toml").write_text(GOOD)
    found = read_claims(str(tmp_path / "c.toml"))
    assert found.of(str(tmp_path / "a.litmus"), "F") == ["1a"] == found.of(str(tmp_path / "a.litmus"), None)
    assert found.claims[0].seed == "1"
    (tmp_path / "c.toml").write_text(f'below = "t"\n{GOOD}')
    assert read_claims(str(tmp_path / "c.toml")).of(str(tmp_path / "t" / "a.litmus"), "F") == ["1a"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[claim", "c.toml: "),
        ("[[claims]]", "there are no claims"),
        (GOOD, r"there is no .*a\.litmus; paths are meant from"),
        (f"{GOOD}whi = 1", "has a key 'whi'; a claim has number, seed,"),
        ("claim = 1", "claim must be a list of tables"),
        (GOOD.replace("by =", "why ="), r"\[\[claim\]\] 1 needs by ="),
        (GOOD.replace("says =", "why ="), "needs says ="),
        (GOOD.replace('"1a"', "1"), "needs number ="),
        (GOOD.replace("1a", "1 a"), "'1 a' is no number of a claim"),
        (GOOD + GOOD, "two claims '1a'"),
        ('[[seed]]\nnumber = "1"\n' + GOOD, "a seed needs title ="),
    ],
)
def test_what_is_wrong_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_claims(str(tmp_path / "c.toml"))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"gone\.toml: No such file"):
        read_claims("gone.toml")


def test_marks_of_markdown() -> None:
    assert marked("`a<b` *c* [d](#e) 2 * 3 * 4") == "<code>a&lt;b</code> <em>c</em> d 2 * 3 * 4"
