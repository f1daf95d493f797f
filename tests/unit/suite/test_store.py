"""A results store: what is decided is not decided again, and output is the same as without it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import verifier.solve  # loads Z3 here once, and not in each process
from tests.effort import share
from verifier.budget import Budget
from verifier.errors import ExitCode, LimitError
from verifier.results import Verdict
from verifier.suite import kept, keys
from verifier.suite import store as store_module
from verifier.suite.decide import run
from verifier.suite.keys import key_of
from verifier.suite.load import load_all, tree_at
from verifier.suite.options import Options
from verifier.suite.packed import Unpackable, packed, unpacked
from verifier.suite.store import ResultsStore, opened, set_aside
from verifier.syntax import load, read
from verifier.syntax.test import Test

pytestmark = pytest.mark.slow  # together, these take many seconds

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "runs.schema.json").read_text())
assert verifier.solve.decide
SMALL = ROOT / "tests" / "trees" / "small"
MM = """MM {name}
#include "part.inc"
{{ int x; int y; }}
P0 {{ x = 1; [F] smp_mb(); r0 = READ_ONCE(y); }}
P1 {{ y = 1; [F] smp_mb(); r0 = READ_ONCE(x); look(); }}
variants {{ PLAIN sometimes; F never; }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
PART = "void look(void) { r7 = 1; }\n"
LOOP = """MM loop
{ int x; }
P0 { do { r0 = READ_ONCE(x); } while (r0 == 0); }
P1 { x = 1; }
exists (0:r0 = 1)
"""
KERNEL = """MM flag
#kernel "kernel/flag.c" { wait_flag }
#kernel "include/flags.h"
#config !CONFIG_STATISTICS, !CONFIG_FENCES, !CONFIG_SLOW
{ struct board board; }
P0 { r0 = wait_flag(&board); }
expect always;
exists (0:r0 = -1)
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files with an include, in the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.inc").write_text(PART)
    for name in "ab":
        (tmp_path / f"{name}.litmus").write_text(MM.format(name=name))
    return tmp_path


Call = Callable[..., tuple[int, str, str]]


def reused(store: str = "s.db", run: str = "last") -> list[bool]:
    """Which verdicts of a run the store had."""
    with ResultsStore(store) as found:
        (number,) = found.base.execute("SELECT max(number) FROM runs").fetchone()
        asked = "SELECT reused FROM verdicts WHERE run = ? ORDER BY file, test, machine"
        return [bool(x) for (x,) in found.base.execute(asked, (number if run == "last" else int(run),))]


FORMS = [
    ["check"],
    ["check", "-q"],
    ["check", "--judge", "both"],
    ["states"],
    ["compare", "-a", "--profiles", "generic,intel"],
]


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_output_is_the_same(suite: Path, call: Call, form: list[str]) -> None:
    plain = call(*form, ".")
    words = [*form, ".", "--store", "s.db"]
    assert call(*words) == plain and reused() == [False] * len(reused())
    assert call(*words) == plain and reused() == [True] * len(reused()) != []
    assert call(*words, "-j", 2) == plain and all(reused())
    assert call(*words, "--fresh") == plain and not any(reused())


@pytest.mark.long
@pytest.mark.parametrize("form", ["json", "herd"])
def test_times_are_those_of_the_decision(suite: Path, call: Call, form: str) -> None:
    words = ["check", ".", "--format", form, "--store", "s.db"]
    assert call(*words) == call(*words) and all(reused())


@pytest.mark.long
def test_stories_warnings_and_graphs(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with hangs, faults, locks, locks of other files, warnings about the text, equal variants."""
    monkeypatch.chdir(tmp_path)
    twins = "variants { A sometimes; B sometimes; }\nexists (1:r0 = 1)\n"
    text = "MM twins\n{ int x; int y; }\nP0 { x = 1; y = 1; }\nP1 { r0 = READ_ONCE(y); r1 = READ_ONCE(x); }\n"
    Path("twins.litmus").write_text(text + twins)
    hangs = share(sorted((ROOT / "litmus" / "hangs").glob("*.litmus")), 6)
    paths = [*hangs, ROOT / "litmus" / "classic", "twins.litmus"]
    words = ["check", *paths, "--dot", "-", "--skip-other"]
    plain = call(*words)
    assert "are the same test" in plain[2] and "digraph" in plain[1] and "hang" in plain[1]
    assert call(*words, "--store", "s.db") == plain
    assert call(*words, "--store", "s.db") == plain and all(reused())


# -- keys ----------------------------------------------------------------------------------------------


OPTIONS = Options(memory=1024)
ASKED = {
    "model": replace(OPTIONS, model="sc"),
    "profile": replace(OPTIONS, profile="intel"),
    "switch": replace(OPTIONS, settings={"tce": "false"}),
    "judge": replace(OPTIONS, judge="both"),
    "bound": replace(OPTIONS, unroll=3),
    "seed": replace(OPTIONS, seed=1),
    "states": replace(OPTIONS, states=True),
    "witnesses": replace(OPTIONS, witnesses=False),
    "counters": replace(OPTIONS, counters=True),
    "defines": replace(OPTIONS, defines={"n": 3}),
    "no limit of memory": replace(OPTIONS, memory=None),
}


@pytest.mark.parametrize("options", ASKED.values(), ids=ASKED)
def test_what_is_asked_is_in_the_key(suite: Path, options: Options) -> None:
    (test, _) = load(read("a.litmus"))
    assert key_of(test, options) != key_of(test, OPTIONS)


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, timeout=1.0),
        replace(OPTIONS, memory=7),
        replace(OPTIONS, strict=True, skip_other=True, store="x", fresh=True, more=3.0),
    ],
)
def test_what_does_not_change_an_answer_is_not(suite: Path, options: Options) -> None:
    (test, _) = load(read("a.litmus"))
    assert key_of(test, options) == key_of(test, OPTIONS)


def test_every_option_is_thought_of() -> None:
    """A new option has to be in the key, or here, because no answer depends on it."""
    outside = {"timeout", "memory", "strict", "skip_other", "store", "fresh", "dask", "more", "kernel"}
    inside = {
        "model", "judge", "unroll", "seed", "states", "witnesses", "counters", "defines", "profile",
        "settings",
    }  # fmt: skip
    assert set(Options.__dataclass_fields__) == inside | outside


def test_texts_and_names_are_in_the_key(suite: Path) -> None:
    def of(path: str = "a.litmus") -> list[str]:
        return [key_of(test, OPTIONS) for test in load(read(path))]

    seen = [*of(), *of("./a.litmus")]
    Path("part.inc").write_text(PART + "void more(void) { }\n")
    seen += of()
    Path("a.litmus").write_text(MM.format(name="a").replace("x = 1", "x = 2"))
    seen += of()
    assert len(set(seen)) == len(seen) == 8
    Path("part.inc").write_text(PART)
    Path("a.litmus").write_text(MM.format(name="a"))
    assert of() == seen[:2]


def test_an_include_that_is_found_elsewhere_is_in_the_key(suite: Path) -> None:
    """A file of the library is read until one of the same name lies beside the test."""
    Path("lib.litmus").write_text(MM.format(name="lib").replace("part.inc", "sub/part.inc"))
    Path("sub").mkdir()
    Path("sub/part.inc").write_text('#include "inner.inc"\n' + PART)
    Path("sub/inner.inc").write_text("enum { K = 1 };\n")
    (test, _) = load(read("lib.litmus"))
    assert [Path(s.name).name for s in test.includes] == ["inner.inc", "part.inc"]
    before = key_of(test, OPTIONS)
    Path("sub/inner.inc").write_text("enum { K = 2 };\n")
    assert key_of(load(read("lib.litmus"))[0], OPTIONS) != before


def test_the_kernels_text_is_in_the_key(tmp_path: Path) -> None:
    import shutil

    tree = tmp_path / "tree"
    shutil.copytree(SMALL, tree)
    path = tmp_path / "flag.litmus"
    path.write_text(KERNEL)

    def key() -> str:
        tree_at.cache_clear()
        (test,) = load_all(read(path), tree=tree_at(str(tree)))
        return key_of(test, OPTIONS)

    seen = [key()]
    assert key() == seen[0]
    for name, text in (("kernel/flag.c", "\n"), ("include/flags.h", "\n")):
        (tree / name).write_text(text + (tree / name).read_text())
        seen.append(key())
    (tree / "Makefile").write_text("VERSION = 5\nPATCHLEVEL = 1\nSUBLEVEL = 0\n")
    seen.append(key())
    assert len(set(seen)) == 4
    (tree / "kernel" / "other.c").write_text("int unread;\n")
    assert key() == seen[-1]


def test_the_program_is_in_the_key(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (test, _) = load(read("a.litmus"))
    before, code = key_of(test, OPTIONS), keys.tool()
    for what, value in (("_version", lambda _: "9"), ("PACKAGE", ROOT / "tests" / "trees")):
        with monkeypatch.context() as changed:
            changed.setattr(keys, what, value)
            keys.tool.cache_clear()
            assert keys.tool() != code and key_of(test, OPTIONS) != before
    keys.tool.cache_clear()
    assert keys.tool() == code


# -- limits --------------------------------------------------------------------------------------------

RING = (
    """MM ring
{ int a; int b; int c; int d; int e; int f; }
"""
    + "".join(
        f"P{n} {{ {w} = 1; r0 = READ_ONCE({x}); r1 = READ_ONCE({y}); r2 = READ_ONCE({w}); }}\n"
        for n, (w, x, y) in enumerate(zip("abcdef", "bcdefa", "cdefab", strict=True))
    )
    + "exists (0:r0 = 7)\n"
)


@pytest.mark.long
def test_what_came_to_its_limits_counts_under_the_same_limits(suite: Path, call: Call) -> None:
    Path("r.litmus").write_text(RING)
    words = ["check", "-q", "r.litmus", "--judge", "explorer", "--store", "s.db"]
    code, out, _ = call(*words, "--timeout", 0.2)
    assert code == ExitCode.UNKNOWN and "timeout" in out
    assert call(*words, "--timeout", 0.2) == (code, out, "") and reused() == [True]
    for more in (["--timeout", 0.3], ["--timeout", 0.1], ["--timeout", 0.2, "--memory", 2000]):
        call(*words, *more)
        assert reused() == [False], more


def test_what_did_not_counts_under_any(suite: Path, call: Call) -> None:
    words = ["check", ".", "--store", "s.db"]
    first = call(*words)
    assert call(*words, "--timeout", 7, "--memory", 700) == first and all(reused())


def test_a_worker_that_dies_of_its_limits_is_an_answer_and_a_killed_one_is_not(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kept.run_or_die

    def dying(test: Test, options: Options, budget: Budget | None = None) -> Verdict:
        if test.id == "a::F":
            raise MemoryError
        if test.id == "b::PLAIN":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(test, options, budget)

    monkeypatch.setattr(kept, "run_or_die", dying)
    words = ["check", "-q", ".", "--store", "s.db"]
    first = call(*words)
    lines = first[1].splitlines()
    assert lines[1].endswith("expected never (out of memory)") and "killed by SIGKILL" in lines[2]
    assert "2 as expected, 2 unknown" in lines[4] and first[0] == ExitCode.UNKNOWN
    monkeypatch.setattr(kept, "run_or_die", real)
    code, out, _ = call(*words)
    assert out.splitlines()[:2] == lines[:2] and "3 as expected, 1 unknown" in out and code == 3
    assert reused() == [True, True, False, True]
    code, out, _ = call(*words, "--memory", 2000)
    assert code == 0 and reused() == [True, False, True, True]


def test_a_known_answer_stays_where_less_was_allowed(suite: Path, call: Call) -> None:
    """An answer that came to its limits never takes the place of one that did not."""
    with ResultsStore("s.db", create=True) as store:
        (test, _) = load(read("a.litmus"))
        verdict = run(test, OPTIONS)
        for limits in ("", "1 s, 2 MB"):
            store.write([kept.Record({"run": 1, **ROW}, kept.kept("k", verdict, limits))], "t")
        found = store.find("k")
        assert found is not None and found.limits == ""


ROW = {
    "file": 0, "test": 0, "machine": 0, "path": "", "id": "", "observation": "", "hangs": None,
    "expected": "", "as_expected": None, "code": 0, "reason": "", "bound": None, "seconds": 0.0,
    "reused": 0, "key": "k",
}  # fmt: skip


def test_a_budget_feels_what_it_stops() -> None:
    free = Budget(60, 100)
    free.check()
    free.fits(1000)
    free.half().check()
    assert not free.felt and not free.over
    for made in (Budget.again, Budget.half):
        budget = Budget(60, 100)
        with pytest.raises(LimitError):
            made(budget).fits(1 << 40)
        assert budget.felt
    spent = Budget(60, 100)
    assert "memory" in spent.spent and spent.felt
    over = Budget(1e-9)
    assert over.again().over and over.felt


# -- bytes ---------------------------------------------------------------------------------------------


class Harm:
    """What a verdict must not hold: reading it would call something."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        import os

        return os.system, ("touch harm",)


def test_reading_makes_nothing_but_values(suite: Path) -> None:
    (test, _) = load(read("a.litmus"))
    data, texts = packed(replace(run(test, OPTIONS), reason=Harm()))  # type: ignore[arg-type]
    with pytest.raises(Unpackable, match="system is no value of a verdict"):
        unpacked(data, texts.__getitem__)
    assert not Path("harm").exists()
    with pytest.raises(Unpackable):
        unpacked(data[:-5], texts.__getitem__)


def test_a_damaged_answer_is_decided_again(suite: Path, call: Call) -> None:
    first = call("check", ".", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("UPDATE answers SET verdict = substr(verdict, 1, 100) WHERE rowid = 1")
    base.close()
    assert call("check", ".", "--store", "s.db") == first and sorted(reused()) == [False, True, True, True]
    assert call("check", ".", "--store", "s.db") == first and all(reused())


# -- files ---------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_damaged_file_is_set_aside(suite: Path, call: Call) -> None:
    first = call("check", ".", "--store", "s.db")
    data = Path("s.db").read_bytes()
    broken = {
        "no database": b"\0\1\2" + data,
        "malformed": data[:100] + b"\xff" * 8000 + data[8100:],
        "torn": data[: len(data) // 2],
    }
    for number, bad in enumerate(broken.values(), 1):
        Path("s.db").write_bytes(bad)
        code, out, err = call("check", ".", "--store", "s.db")
        assert (code, out) == first[:2]
        assert err.startswith("verifier: s.db is damaged (")
        assert err.endswith(f"it is set aside as s.db.damaged-{number}, and a new one is begun\n")
        assert Path(f"s.db.damaged-{number}").read_bytes()[:100] == bad[:100]
        assert call("check", ".", "--store", "s.db") == first and all(reused())


def test_a_file_that_is_damaged_while_it_is_used(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("check", ".")

    def find(_: ResultsStore, key: str) -> None:
        raise kept.StoreError(f"malformed, says {key[:0]}SQLite", damaged=True)

    monkeypatch.setattr(ResultsStore, "find", find)
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2]
    assert err == (
        "verifier: s.db is damaged (malformed, says SQLite); it is set aside as s.db.damaged-1; "
        "the verdicts of this run are not kept\n"
    )
    assert not Path("s.db").exists() and Path("s.db.damaged-1").exists()


def test_a_worker_does_not_bring_back_a_file_that_is_set_aside(tmp_path: Path) -> None:
    """A worker may come to its first test after another worker's was told to be damaged."""
    path = str(tmp_path / "s.db")
    assert opened(path) == ""
    set_aside(path, "a test says so")
    for ask in (lambda: kept.OnDisk(path).find("k"), lambda: kept.OnDisk(path).write([])):
        with pytest.raises(kept.StoreError, match="No such file or directory"):
            ask()
    assert [p.name for p in tmp_path.iterdir()] == ["s.db.damaged-1"]


def test_a_store_that_cannot_be_written_costs_no_verdict(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("check", ".")

    def write(*_: object) -> None:
        raise kept.StoreError("database or disk is full")

    monkeypatch.setattr(ResultsStore, "write", write)
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2]
    assert err == "verifier: s.db: database or disk is full; not all verdicts are kept\n"


FOREIGN = {
    "a.litmus": "a.litmus is a text file, and no results store",
    "other.db": "other.db is a database of another program, and no results store",
    "marked.db": "marked.db is a database of another program",
    "wal.db": "wal.db is a database of another program",
    "newer.db": "newer.db was made by a newer version of the verifier",
    ".": ".: Is a directory",
    "pipe": "pipe is a pipe or a device",
    "/dev/null": "/dev/null is a pipe or a device",
    "": "the name of the results store is empty",
}


def foreign() -> None:
    """Files that are no stores."""
    for name, more in {
        "other": "", "marked": "PRAGMA application_id = 7", "wal": "PRAGMA journal_mode = WAL",
    }.items():  # fmt: skip
        base = sqlite3.connect(f"{name}.db")
        base.execute("CREATE TABLE mine (x)")
        base.execute(more)
        base.close()
    ResultsStore("newer.db", create=True).close()
    with sqlite3.connect("newer.db") as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    os.mkfifo("pipe")


@pytest.mark.parametrize("words", [["check", "b.litmus"], ["results"]], ids=["check", "results"])
@pytest.mark.parametrize("name", FOREIGN, ids=lambda name: name.strip("/") or "empty")
def test_other_files_are_left_alone(suite: Path, call: Call, name: str, words: list[str]) -> None:
    foreign()

    def every() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in Path().iterdir() if p.is_file()}

    before = every()
    code, out, err = call(*words, "--store", name)
    assert (code, out) == (ExitCode.WRONG, "") and FOREIGN[name] in err
    assert every() == before


def test_a_store_in_no_directory(suite: Path, call: Call) -> None:
    code, _, err = call("check", "b.litmus", "--store", "nowhere/s.db")
    assert code == ExitCode.WRONG and "nowhere/s.db: unable to open database file" in err


def test_tables_of_an_earlier_version_get_what_they_lack(suite: Path, call: Call) -> None:
    call("check", "a.litmus", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("DROP TABLE errors")
        base.execute("ALTER TABLE runs DROP COLUMN unstored")
        base.execute("PRAGMA user_version = 1")
    base.close()
    assert len(call("results", "--store", "s.db")[1].splitlines()) == 2
    assert call("check", "a.litmus", "--store", "s.db")[0] == 0 and all(reused())


# -- no room -------------------------------------------------------------------------------------------


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Asks SQLite for something whenever a store is opened: less room, or a file that cannot be written."""
    real = store_module._connected

    def set_to(pragma: str) -> None:
        def connected(path: str, mode: str) -> sqlite3.Connection:
            base = real(path, mode)
            base.execute(f"PRAGMA {pragma}")
            return base

        monkeypatch.setattr(store_module, "_connected", connected)

    return set_to


CAUSES = {
    "full": ("max_page_count = 1", "database or disk is full"),
    "read-only": ("query_only = 1", "attempt to write a readonly database"),
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("there", [True, False], ids=["a store", "no store"])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_store_that_cannot_be_written_at_first_costs_no_verdict(
    suite: Path, call: Call, ask: Callable[[str], None], cause: str, there: bool, form: str
) -> None:
    pragma, said = CAUSES[cause]
    words = ["check", "-q", "--format", form, "."]
    if there:
        call(*words, "--store", "s.db")
    plain = call(*words)
    ask(pragma)
    long = [f"{'./' * (900 + n)}." for n in range(9)]  # the command that is noted takes more than a page
    code, out, err = call(*words, *long, "--store", "s.db")
    assert code == plain[0] == 0 and TIMES.sub("", out) == TIMES.sub("", plain[1])
    kept_not = "not all verdicts are kept" if there else "the verdicts of this run are not kept"
    assert err == f"verifier: s.db: {said}; {kept_not}\n"


TIMES = re.compile(r'"seconds": .*')


def test_a_store_that_may_only_be_read_is_read(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("check", ".", "--store", "s.db")
    before = sorted(p.name for p in suite.iterdir())
    monkeypatch.setattr(store_module.os, "access", lambda *_: False)
    listed = call("results", "last", "--store", "s.db")
    assert listed[0] == 0 and "4 tests: 4 as expected" in listed[1]

    def decided(*_: object) -> Verdict:
        raise AssertionError("the store has it")

    monkeypatch.setattr(kept, "run_or_die", decided)
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2]
    assert err == "verifier: s.db: attempt to write a readonly database; not all verdicts are kept\n"
    assert sorted(p.name for p in suite.iterdir()) == before


def test_a_run_says_what_of_it_is_not_stored(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("check", ".", "--store", "s.db")
    real = ResultsStore.write

    def write(store: ResultsStore, records: list[kept.Record], tool: str) -> None:
        if records[0].row["id"] != "a::F":
            raise kept.StoreError("database or disk is full", full=True)
        real(store, records, tool)

    monkeypatch.setattr(ResultsStore, "write", write)
    assert "not all verdicts are kept" in call("check", ".", "--store", "s.db")[2]
    lacks = "1 test: 1 as expected, and 3 more that could not be stored"
    for words in (["results"], ["results", "last"]):
        assert lacks in call(*words, "--store", "s.db")[1]
    assert "run 2: 3 verdicts could not be stored\n" in call("diff", 1, 2, "--store", "s.db")[1]
    (found,) = json.loads(call("results", 2, "--store", "s.db", "--format", "json")[1])["results"]
    assert found["tests"] == 1 and found["unstored"] == 3


# -- damage that both commands see ---------------------------------------------------------------------


def test_a_damaged_index_is_damage(suite: Path, call: Call) -> None:
    first = call("check", ".", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("PRAGMA writable_schema = 1")
        base.execute("UPDATE sqlite_master SET sql = 'CREATE INDEX about ON uses (key)' WHERE name = 'about'")
    base.close()
    for words in (["results"], ["results", "last"], ["results", "--keep", 1], ["diff", 1, 1]):
        code, _, err = call(*words, "--store", "s.db")
        assert code == ExitCode.WRONG and err.startswith("verifier: s.db is damaged (")
        assert "'verifier check --store' sets it aside" in err
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2] and "it is set aside as s.db.damaged-1" in err


def test_one_damaged_letter_hides_no_run(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("UPDATE runs SET command = CAST(x'63ff' AS TEXT)")
    base.close()
    code, out, _ = call("results", "--store", "s.db")
    assert code == 0 and out.endswith("c\N{REPLACEMENT CHARACTER}\n")
    assert call("check", ".", "--store", "s.db")[0] == 0 and all(reused())


def test_letters_of_an_answer_that_are_damaged_are_damage(suite: Path, call: Call) -> None:
    first = call("check", ".", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("UPDATE texts SET text = CAST(x'63ff' AS TEXT)")
    base.close()
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2] and "s.db is damaged (Could not decode" in err


@pytest.mark.parametrize("at", ["opened", "begun"])
def test_a_file_that_is_damaged_when_a_run_begins(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    first = call("check", ".", "--store", "s.db")

    def begin(*_: object) -> int:
        raise kept.StoreError("database disk image is malformed", damaged=True)

    monkeypatch.setattr(ResultsStore, "begin" if at == "begun" else "healthy", begin)
    code, out, err = call("check", ".", "--store", "s.db")
    assert (code, out) == first[:2] and "it is set aside as s.db.damaged-1" in err


def test_the_file_is_one_file(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db", "-j", 2)
    assert [p.name for p in Path().glob("s.db*")] == ["s.db"]


@pytest.mark.long
def test_two_suites_write_at_the_same_time(suite: Path, call: Call) -> None:
    for n in range(20):
        Path(f"t{n:02}.litmus").write_text(MM.format(name=f"t{n}"))
    plain = call("check", "-q", ".")[1]
    words = [sys.executable, "-m", "verifier.cli", "check", "-q", ".", "--store", "s.db", "-j", "2"]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in "12"
    ]
    assert [p.communicate()[0] for p in both] == [plain, plain]
    assert len(reused(run="1")) == len(reused(run="2")) == 44
    assert call("check", "-q", ".", "--store", "s.db")[1] == plain and all(reused())


# -- options and settings ------------------------------------------------------------------------------


def test_the_project_can_name_it(suite: Path, call: Call) -> None:
    Path("pyproject.toml").write_text('[tool.verifier]\nstore = "kept.db"\n')
    assert call("check", "a.litmus")[0] == 0 and Path("kept.db").exists()
    assert call("check", "a.litmus")[0] == 0 and all(reused("kept.db"))
    assert call("check", "a.litmus", "--no-store")[0] == 0 and len(call("results")[1].splitlines()) == 3
    assert call("check", "a.litmus", "--store", "s.db")[0] == 0 and not any(reused("s.db"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "a.litmus", "--fresh"], "--fresh is about a results store"),
        (["check", "a.litmus", "--no-store", "--store", "x"], "--no-store says that there is no store"),
        (["results"], "say which results store: --store FILE"),
        (["results", "--store", "none.db"], "none.db: No such file or directory"),
        (["results", "--store", "s.db", "9"], "s.db has no run '9'; it has 1 to 1"),
        (["results", "--store", "s.db", "last~1"], "s.db has no run 'last~1'; it has 1 to 1"),
        (["results", "--store", "s.db", "first"], "name a run by its number"),
        (["results", "--store", "s.db", "--keep", "1", "1"], "--keep is about all runs"),
        (["diff", "1"], "the following arguments are required"),
        (["diff", "1", "2"], "say which store has run '1'"),
    ],
)
def test_wrong_calls(suite: Path, call: Call, words: list[str], said: str) -> None:
    call("check", "b.litmus", "--store", "s.db")
    code, _, err = call(*words)
    assert code == ExitCode.WRONG and said in err


# -- runs ----------------------------------------------------------------------------------------------


def test_errors_of_a_run_are_shown(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    Path("a.litmus").write_text("bad")
    assert call("check", ".", "nowhere", "--store", "s.db")[0] == ExitCode.WRONG
    assert "2 tests: 2 as expected, 2 with errors" in call("results", "--store", "s.db")[1]
    out = call("results", "last", "--store", "s.db")[1]
    assert "nowhere: error: there is no such file or directory\n" in out and "a.litmus: error: " in out
    code, out, _ = call("diff", 1, 2, "--store", "s.db")
    assert code == ExitCode.DIFFERS and "nowhere: error: there is no such file or directory\n" in out
    code, out, _ = call("diff", 2, 1, "--store", "s.db")
    assert code == ExitCode.DIFFERS and "there is no such file or directory (no more)\n" in out
    for words in (["results", 2], ["diff", 1, 2]):
        found = json.loads(call(*words, "--store", "s.db", "--format", "json")[1])
        jsonschema.validate(found, SCHEMA)
    assert sorted(f["file"] for f in found["results"][0]["failed"]) == ["a.litmus", "nowhere"]
    assert call("diff", 2, 2, "--store", "s.db")[0] == 0
    call("results", "--keep", 0, "--store", "s.db")
    with ResultsStore("s.db") as store:
        assert store.base.execute("SELECT count(*) FROM errors").fetchone() == (0,)


def test_runs_are_listed(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    call("check", "a.litmus", "--store", "s.db", "--profile", "intel")
    code, out, _ = call("results", "--store", "s.db")
    assert code == 0
    first, second = out.splitlines()[1:]
    assert first.split()[0] == "1" and "complete" in first and "4 tests: 4 as expected" in first
    assert second.endswith("check a.litmus")
    code, out, _ = call("results", "last", "--store", "s.db")
    assert [line.split()[1:3] for line in out.splitlines()[1:3]] == [
        ["a::PLAIN", "sometimes"],
        ["a::F", "never"],
    ]
    for words in (["results"], ["results", "1", "last"]):
        found = json.loads(call(*words, "--store", "s.db", "--format", "json")[1])
        jsonschema.validate(found, SCHEMA)
        assert [r["run"] for r in found["results"]] == [1, 2]
        assert found["results"][1]["machines"][0]["profile"] == "intel"
        assert [len(r.get("verdicts", [])) for r in found["results"]] == (
            [0, 0] if words[1:] == [] else [4, 2]
        )


def test_differences(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    Path("a.litmus").write_text(MM.format(name="a").replace("[F] smp_mb();", "", 1))
    Path("b.litmus").unlink()
    Path("c.litmus").write_text(MM.format(name="c"))
    call("check", ".", "--store", "s.db", "--unroll", 3)
    code, out, _ = call("diff", 1, 2, "--store", "s.db")
    assert code == ExitCode.DIFFERS
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1:3] == [
        "unroll: None -> 3",
        "a.litmus: a::F never -> sometimes as expected -> DIFFERS: expected never",
    ]
    assert lines[3:7] == [
        "b.litmus: b::PLAIN sometimes only in the first", "b.litmus: b::F never only in the first",
        "c.litmus: c::PLAIN sometimes new", "c.litmus: c::F never new",
    ]  # fmt: skip
    assert lines[7].startswith("1 changed, 1 the same, 2 gone, 2 new; time ")
    found = json.loads(call("diff", "last~1", "s.db:2", "--store", "s.db", "--format", "json")[1])
    jsonschema.validate(found, SCHEMA)
    (diff,) = found["results"]
    assert [p["after"]["id"] for p in diff["pairs"]] == ["a::F"] and diff["same"] == 1
    assert call("diff", 2, 2, "--store", "s.db")[0] == call("diff", "s.db", "s.db")[0] == 0


def test_times_that_changed(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    call("check", ".", "--store", "s.db")
    with sqlite3.connect("s.db") as base:
        base.execute("UPDATE verdicts SET seconds = 5 WHERE run = 2 AND id = 'a::F'")
    base.close()
    code, out, _ = call("diff", 1, 2, "--store", "s.db")
    assert code == 0 and "a.litmus: a::F" in out and "-> 5.00 s" in out


def test_columns_of_compare_are_told_apart(suite: Path, call: Call) -> None:
    call("compare", "a.litmus", "--profiles", "generic,intel", "--store", "s.db")
    out = call("results", "last", "--store", "s.db")[1]
    assert "a::F [generic/x86-tso]" in out and "a::F [intel/x86-tso]" in out


def test_old_runs_are_removed(suite: Path, call: Call) -> None:
    call("check", ".", "--store", "s.db")
    call("check", "a.litmus", "--store", "s.db")
    out = call("results", "--keep", 1, "--store", "s.db")[1]
    assert len(out.splitlines()) == 2 and "check a.litmus" in out
    with ResultsStore("s.db", create=True) as store:
        counts = [
            store.base.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("answers", "verdicts", "texts")
        ]
    assert counts[:2] == [2, 2] and 1 <= counts[2] <= 2
    call("check", ".", "--store", "s.db")
    assert reused() == [True, True, False, False]


def test_errors_of_json_calls_hold_to_the_schema(suite: Path, call: Call) -> None:
    for words in (["results", "--store", "none.db"], ["diff", "1", "2"]):
        code, out, _ = call(*words, "--format", "json")
        found = json.loads(out)
        jsonschema.validate(found, SCHEMA)
        assert code == ExitCode.WRONG and found["errors"]
