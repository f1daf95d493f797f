"""Histories of small repositories that the tests make: rows, verdicts, and which commits are named."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

import verifier
from verifier.cli import main
from verifier.errors import ExitCode, InputError, UsageError
from verifier.revisions.commits import RevisionRange
from verifier.revisions.follow import follow
from verifier.revisions.found import History
from verifier.revisions.takings import Reader
from verifier.source import Source
from verifier.suite.options import Options

pytestmark = pytest.mark.slow  # together, these take many seconds

ROOT = Path(__file__).parents[3]
FILE = "kernel/flag.c"
TEST = f"""MM flags

#kernel "{FILE}" {{ raise_flag }}
#kernel "include/flag.h"
#config !CONFIG_SLOW
[B] #without smp_mb

{{ struct flag a; struct flag b; }}
P0 {{ raise_flag(&a); r0 = READ_ONCE(b.up); }}
P1 {{ raise_flag(&b); r0 = READ_ONCE(a.up); }}
variants {{ F never; B sometimes; }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
HEADER = """
struct flag { int up; u64 unused; };

/* These lines keep changes apart. */

#define UP 1
"""
FENCED = """
void raise_flag(struct flag *f)
{
	WRITE_ONCE(f->up, UP);
	smp_mb();
}
"""
BARE = FENCED.replace("\tsmp_mb();\n", "")
OTHER = "\nint other(int x) { return x + 1; }\n"


class Tree:
    """A repository. Its commits have fixed dates, one day after the other."""

    def __init__(self, path: Path) -> None:
        self.path, self.day = path, 0
        self.git("init", "-q", "-b", "main")
        self.commit("the header", {"include/flag.h": HEADER, FILE: "\n"})

    def git(self, *words: str) -> str:
        date = f"2020-{1 + self.day // 28:02}-{1 + self.day % 28:02}T00:00:00Z"
        name, mail = "A U Thor", "author@example.org"
        done = subprocess.run(
            ["git", "-C", str(self.path), "-c", "commit.gpgsign=false", *words],
            check=True, capture_output=True, text=True,
            env={
                "PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": name, "GIT_COMMITTER_NAME": name,
                "GIT_AUTHOR_EMAIL": mail, "GIT_COMMITTER_EMAIL": mail, "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_DATE": date, "HOME": str(self.path),
            },
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def commit(self, subject: str, files: dict[str, str] | str) -> str:
        """A commit of files, or of a new text of ``FILE``. Returns its id."""
        self.day += 1
        self.write({FILE: files} if isinstance(files, str) else files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def history(
        self, span: str, text: str = TEST, *, every: bool = False, first_parent: bool = False, jobs: int = 1
    ) -> History:
        return follow(
            Source("flags.litmus", text), RevisionRange(str(self.path), span), Options(witnesses=False),
            every=every, first_parent=first_parent, jobs=jobs,
        )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    place = tmp_path / "tree"
    place.mkdir()
    return Tree(place)


def rows(found: History) -> list[tuple[str, ...]]:
    """Subjects of rows, and the verdicts of all variants."""
    return [(r.commit.subject, *(j.word for j in r.verdicts.values())) for r in found.rows]


def turns(found: History) -> list[tuple[str, str, str, str]]:
    return [(t.variant, t.before, t.after, t.commit.subject) for t in found.turns]


@pytest.fixture
def lost_and_found(tree: Tree) -> Tree:
    """A barrier disappears in one commit and comes back in another one."""
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    tree.commit("comments", "/* A comment. */\n" + FENCED.replace("UP);", "UP); // up"))
    tree.commit("another function", FENCED + OTHER)
    tree.commit("another file", {"README": "nothing"})
    tree.commit("a trace", (FENCED + OTHER).replace("\tsmp_mb", "\ttrace_up(f);\n\tsmp_mb"))
    tree.commit("drop the barrier", BARE + OTHER)
    tree.commit("rename the function", (BARE + OTHER).replace("raise_flag", "lift_flag"))
    tree.commit("a comment in between", ("/* A */" + BARE + OTHER).replace("raise_flag", "lift_flag"))
    tree.commit("an unknown word", OTHER + BARE.replace("UP);\n", "UP);\n\twobble(f);\n\twabble();\n"))
    tree.commit("a known one", OTHER + BARE)
    tree.commit("the barrier is back", OTHER + FENCED)
    tree.commit(
        "not compiled", OTHER + FENCED.replace("\tsmp", "#ifdef CONFIG_SLOW\n\tslow();\n#endif\n\tsmp")
    )
    return tree


@pytest.mark.long
def test_each_row_is_judged(lost_and_found: Tree) -> None:
    found = lost_and_found.history("start..HEAD", every=True)
    assert rows(found) == [
        ("fenced", "never", "sometimes"),
        ("a trace", "never", "sometimes"),
        ("drop the barrier", "sometimes", "sometimes"),
        ("rename the function", "error", "error"),
        ("an unknown word", "error", "error"),
        ("a known one", "sometimes", "sometimes"),
        ("the barrier is back", "never", "sometimes"),
    ]
    assert turns(found) == [
        ("F", "never", "sometimes", "drop the barrier"),
        ("F", "sometimes", "never", "the barrier is back"),
    ]
    assert found.complete and found.visited == 10
    assert [r.kind for r in found.rows] == ["start"] + ["commit"] * 6
    assert {str(c) for t in found.turns for c in t.changes} == {f"{FILE} raise_flag() changed"}
    assert found.rows[2].commit.date == "2020-01-08"
    assert found.exit_code == ExitCode.DIFFERS


@pytest.mark.long
def test_what_has_one_meaning_is_judged_once(lost_and_found: Tree) -> None:
    found = lost_and_found.history("start..HEAD", every=True)
    spent = {j.seconds for r in found.rows for v, j in r.verdicts.items() if v == "F" and not j.errors}
    assert len(spent) == 2  # with the barrier and without it


@pytest.mark.long
def test_rows_that_cannot_be_judged_say_why(lost_and_found: Tree) -> None:
    said = str(lost_and_found.history("start..HEAD"))
    assert f"flags.litmus:3: {FILE} defines no 'raise_flag'" in said
    assert f"{FILE}:7: there is no function 'wobble'; 1 more error" in said


@pytest.mark.long
def test_a_variant_without_effect_says_so(lost_and_found: Tree) -> None:
    found = lost_and_found.history("start..HEAD", every=True)
    without = [bool(r.verdicts["B"].warnings) for r in found.rows if not r.verdicts["B"].errors]
    assert without == [False, False, True, True, False]


def numbered(tree: Tree, bare: range) -> None:
    """A line of 20 different functions, some of them without the barrier."""
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    for number in range(1, 21):
        text = BARE if number in bare else FENCED
        tree.commit(f"commit {number}", text.replace("UP)", f"UP + {number})"))


@pytest.mark.long
def test_bisection_judges_what_it_needs(tree: Tree) -> None:
    numbered(tree, range(9, 21))
    told: list[str] = []
    span = RevisionRange(str(tree.path), "start..HEAD")
    found = follow(
        Source("t", TEST), span, Options(), variants=["F"], progress=lambda text, *_: told.append(text)
    )
    assert turns(found) == [("F", "never", "sometimes", "commit 9")]
    judged = [line for line in told if "/21)" in line]
    assert len(found.rows) == 21 and len(judged) == 7 and not found.complete
    assert sum(j.observation is not None for r in found.rows for j in r.verdicts.values()) == 7


@pytest.mark.long
def test_a_bisection_says_what_it_does_not_know(tree: Tree) -> None:
    numbered(tree, range(5, 16))
    found = tree.history("start..HEAD")
    assert found.turns == () and not found.complete
    assert "not judged, and verdicts may change there and back; --all" in str(found)
    every = tree.history("start..HEAD", every=True)
    assert turns(every) == [
        ("F", "never", "sometimes", "commit 5"), ("F", "sometimes", "never", "commit 16"),
    ]  # fmt: skip
    assert every.complete


@pytest.mark.long
def test_a_few_rows_are_all_judged(lost_and_found: Tree) -> None:
    found = lost_and_found.history("start..HEAD")
    assert found.complete and len(found.turns) == 2


@pytest.mark.long
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("rows_differ", [False, True])
def test_several_processes_say_the_same(tree: Tree, every: bool, rows_differ: bool) -> None:
    if rows_differ:
        numbered(tree, range(9, 21))
    else:
        tree.commit("fenced", FENCED)
        tree.git("tag", "start")
        tree.commit("drop the barrier", BARE)
        tree.commit("an unknown word", BARE.replace("UP);\n", "UP);\n\twobble(f);\n"))
        tree.commit("the barrier is back", FENCED)
    alone, together = (tree.history("start..HEAD", every=every, jobs=jobs) for jobs in (1, 3))
    assert str(together) == str(alone) and alone.turns
    judged = [[j.word for r in found.rows for j in r.verdicts.values()] for found in (alone, together)]
    assert judged[0] == judged[1] and together.exit_code == alone.exit_code


@pytest.mark.long
def test_what_lies_between_cannot_be_judged(tree: Tree) -> None:
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    tree.commit("gone", OTHER)
    tree.commit("bare", BARE)
    for every in (False, True):
        (turn,) = tree.history("start..HEAD", every=every).turns
        assert turn.since is not None and turn.since.subject == "fenced"
        assert "between" in str(turn) and f"{FILE} raise_flag() changed" in str(turn)


def branched(tree: Tree, *, side: bool) -> None:
    """Two branches, of which one (``side``: the one that is merged) drops the barrier; then a merge."""
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    texts = {"side": BARE if side else FENCED, "main": FENCED if side else BARE}
    tree.git("checkout", "-q", "-b", "side")
    tree.commit("on the side", {FILE: texts["side"]})
    tree.commit("the side's header", {"include/flag.h": HEADER.replace("unused", "idle")})
    tree.git("checkout", "-q", "main")
    tree.commit("on main", {FILE: texts["main"], "README": "main"})
    tree.commit("main's macro", {"include/flag.h": HEADER.replace("UP 1", "UP 2")})
    tree.git("merge", "-q", "--no-edit", "-m", "the merge", "side")


@pytest.mark.long
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize(("side", "guilty"), [(True, "on the side"), (False, "on main")])
def test_a_merge(tree: Tree, side: bool, guilty: str, every: bool) -> None:
    branched(tree, side=side)
    found = tree.history("start..HEAD", every=every)
    assert turns(found) == [("F", "never", "sometimes", guilty)]
    assert {r.commit.subject for r in found.rows} >= {"fenced", guilty, "main's macro"}
    assert "the side's header" not in {r.commit.subject for r in found.rows}


@pytest.mark.long
@pytest.mark.parametrize(("side", "guilty"), [(True, "the merge"), (False, "on main")])
def test_first_parents_alone(tree: Tree, side: bool, guilty: str) -> None:
    branched(tree, side=side)
    found = tree.history("start..HEAD", first_parent=True, every=True)
    assert turns(found) == [("F", "never", "sometimes", guilty)]
    assert "on the side" not in {r.commit.subject for r in found.rows}


@pytest.mark.long
def test_a_change_that_is_picked_twice(tree: Tree) -> None:
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    tree.git("checkout", "-q", "-b", "side")
    tree.commit("drop it", BARE)
    tree.git("checkout", "-q", "main")
    tree.commit("something else", {"README": "x"})
    tree.git("cherry-pick", "side")
    tree.git("merge", "-q", "-m", "the merge", "side")
    found = tree.history("start..HEAD", every=True)
    assert turns(found) == [("F", "never", "sometimes", "drop it")] * 2
    assert len({t.commit.id for t in found.turns}) == 2
    assert found.rows[-1].verdicts["F"].word == "sometimes"


@pytest.mark.long
def test_the_last_revision_has_a_row(tree: Tree) -> None:
    """The row before it may be on a branch of which the merge took nothing."""
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    tree.git("checkout", "-q", "-b", "side")
    tree.commit("drop it", BARE)
    tree.git("checkout", "-q", "main")
    tree.commit("something else", {"README": "x"})
    tree.git("merge", "-q", "-s", "ours", "-m", "the merge", "side")
    found = tree.history("start..HEAD", every=True)
    assert found.rows[-1].kind == "end"
    assert rows(found)[1:] == [("drop it", "sometimes", "sometimes"), ("the merge", "never", "sometimes")]


def test_a_file_with_another_name(tree: Tree) -> None:
    tree.commit("fenced", {FILE: "", "kernel/old.c": FENCED + OTHER * 3})
    (tree.path / FILE).unlink()
    tree.commit("no such file", {})
    tree.git("tag", "start")
    tree.git("mv", "kernel/old.c", FILE)
    tree.commit("move it", {})
    found = tree.history("start..HEAD")
    assert rows(found) == [("no such file", "error", "error"), ("move it", "never", "sometimes")]
    (note,) = found.rows[1].notes
    assert note.startswith(f"{FILE} was kernel/old.c until")
    assert "there is no such file at" in str(found)


@pytest.mark.long
def test_a_field_and_a_constant(tree: Tree) -> None:
    """A struct counts by the fields that are used, a macro if anything uses it."""
    tree.commit("fenced", FENCED)
    tree.git("tag", "start")
    tree.commit("an unused field", {"include/flag.h": HEADER.replace("unused;", "unused; int more;")})
    tree.commit("an unused macro", {"include/flag.h": HEADER + "#define DOWN 0\n"})
    tree.commit("a wider field", {"include/flag.h": HEADER.replace("int up", "u64 up")})
    tree.commit("a macro", {"include/flag.h": HEADER.replace("UP 1", "UP 2")})
    found = tree.history("start..HEAD")
    assert [r.commit.subject for r in found.rows] == ["fenced", "a wider field", "a macro"]
    assert [str(c) for c in found.rows[1].changes] == ["include/flag.h struct flag changed"]
    assert [str(c) for c in found.rows[2].changes] == [
        "include/flag.h macro UP changed", "include/flag.h struct flag changed",
    ]  # fmt: skip


@pytest.mark.long
def test_what_is_told_without_parsing_is_right(tree: Tree) -> None:
    """What a reader knows from earlier commits is what a new one finds."""
    options = {
        "an option": "#ifdef CONFIG_A\nint b;\n#endif\n", "none": "", "a macro": "#define smp_wmb() f()\n",
        "a word": "#define smp_mb() smp_wmb()\n", "a value": "#define UP 3\n", "a type": "typedef u8 a_t;\n",
        "a constant": "enum { LOW, UP = 4 };\n", "another": "enum { LOW, HIGH };\n", "a name": "int a;\n",
        "a function": "void raise_flag(struct flag *f) { f->up = 2; }\n",
    }  # fmt: skip
    commits = [tree.commit("fenced", FENCED)]
    for subject, text in options.items():
        commits.append(tree.commit(f"{subject} beside it", {FILE: FENCED + text}))
        commits.append(
            tree.commit(f"{subject} in the header", {FILE: FENCED, "include/flag.h": text + HEADER})
        )
        commits.append(tree.commit(f"{subject} goes", {FILE: FENCED + "\n", "include/flag.h": HEADER}))
        inside = {"include/flag.h": HEADER.replace("int up;", f"\n{text} int up;")}
        commits.append(tree.commit(f"{subject} in the struct", inside))
    source, repository = Source("flags.litmus", TEST), RevisionRange(str(tree.path), "HEAD~..HEAD").repository
    known = Reader(source, repository, ["F", "B"], {})
    keys = [known.at(commit).key for commit in commits]
    assert keys == [Reader(source, repository, ["F", "B"], {}).at(commit).key for commit in commits]
    assert 3 < len(set(keys)) < len(keys)


@pytest.mark.long
def test_a_range_in_which_nothing_changes(tree: Tree) -> None:
    tree.commit("fenced", FENCED)
    tree.git("tag", "-a", "-m", "a tag", "v1")
    same = tree.history("v1..v1")
    assert rows(same) == [("fenced", "never", "sometimes")]
    assert "The range is empty" in str(same) and same.exit_code == ExitCode.EXPECTED
    tree.commit("another file", {"README": "x"})
    nothing = tree.history("v1..")
    assert rows(nothing) == rows(same)
    assert "Nothing that the test takes changes" in str(nothing)


def test_changes_that_are_not_committed(tree: Tree) -> None:
    tree.commit("fenced", FENCED)
    tree.write({FILE: BARE})
    found = tree.history("HEAD~1..HEAD")
    assert rows(found)[-1] == ("fenced", "never", "sometimes")
    assert f"Changes that are not committed are not looked at: {FILE}." in str(found)


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ("HEAD..HEAD~1", r"HEAD~1 is older than HEAD; write HEAD~1\.\.HEAD"),
        ("nowhere..HEAD", "there is no revision 'nowhere'"),
        ("HEAD..--all", "there is no revision '--all'"),
        ("..HEAD", "the revision before '..' is missing"),
        ("HEAD~1...HEAD", "is no range"),
        ("a..b..c", "is no range"),
        ("HEAD", "is no range"),
        ("elsewhere..HEAD", "elsewhere does not come before HEAD; their lines part at [0-9a-f]{12}: write"),
        ("alone..HEAD", "alone and HEAD have no commit in common"),
    ],
)
def test_what_is_no_range(tree: Tree, span: str, why: str) -> None:
    tree.commit("fenced", FENCED)
    tree.git("checkout", "-q", "-b", "elsewhere", "HEAD~1")
    tree.commit("elsewhere", BARE)
    tree.git("checkout", "-q", "--orphan", "alone")
    tree.commit("alone", BARE)
    tree.git("checkout", "-q", "main")
    with pytest.raises(UsageError, match=why):
        RevisionRange(str(tree.path), span)


@pytest.mark.long
def test_a_shallow_clone(tree: Tree, tmp_path: Path) -> None:
    first = tree.commit("fenced", FENCED)
    tree.commit("drop it", BARE)
    tree.commit("comment", "/* c */" + BARE)
    clone = tmp_path / "clone"
    tree.git("clone", "-q", "--depth", "2", f"file://{tree.path}", str(clone))
    with pytest.raises(UsageError, match=r"it is a shallow clone: 'git fetch --unshallow' brings the rest"):
        RevisionRange(str(clone), f"{first}..HEAD")
    found = follow(Source("t", TEST), RevisionRange(str(clone), "HEAD~1..HEAD"), Options(), every=True)
    assert rows(found) == [("drop it", "sometimes", "sometimes")]


@pytest.mark.parametrize("place", ["{}/none", "{}@HEAD", "{}/kernel/flag.c"])
def test_what_is_no_repository(tree: Tree, place: str) -> None:
    with pytest.raises(UsageError, match="--kernel"):
        RevisionRange(place.format(tree.path), "HEAD~1..HEAD")


def test_a_directory_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no git repository"):
        RevisionRange(str(tmp_path), "HEAD~1..HEAD")


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n", UsageError, "takes no text of a kernel"),
        (TEST.replace("P0 {", "P0 {{"), InputError, "flags.litmus"),
        (TEST.replace("[B]", "[C]"), InputError, "there is no variant 'C'"),
    ],
)
def test_a_test_that_is_wrong_whatever_the_tree_is(
    tree: Tree, text: str, error: type[Exception], why: str
) -> None:
    tree.commit("fenced", FENCED)
    with pytest.raises(error, match=why):
        tree.history("HEAD~1..HEAD", text)


@pytest.mark.long
def test_from_python(lost_and_found: Tree, tmp_path: Path) -> None:
    path = tmp_path / "flags.litmus"
    path.write_text(TEST)
    for _ in range(2):
        found = verifier.history(path, lost_and_found.path, "start..HEAD", variants=["F"], every=True)
        assert isinstance(found, verifier.History)
        assert turns(found)[0] == ("F", "never", "sometimes", "drop the barrier")
    with pytest.raises(UsageError, match="no variant 'C'"):
        verifier.history(path, lost_and_found.path, "start..HEAD", variants=["C"])


# -- the command -------------------------------------------------------------------------------------


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["history", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "flags.litmus").write_text(TEST)
    return str(tmp_path / "flags.litmus")


@pytest.mark.long
def test_the_command(lost_and_found: Tree, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, f"{file}::F", "--kernel", str(lost_and_found.path), "start..HEAD", "--all")
    assert (code, err) == (ExitCode.DIFFERS, "")
    lines = out.splitlines()
    assert lines[0].endswith("10 commits touch 2 files, 6 change what the test takes")
    assert lines[1].split() == ["date", "commit", "F", "subject"]
    assert [line.split()[2] for line in lines[2:] if line.startswith("2020")] == [
        "never", "never", "sometimes*", "error", "error", "sometimes*", "never",
    ]  # fmt: skip
    named = [line for line in lines if line.startswith("The verdict")]
    assert len(named) == 2
    assert named[0].startswith("The verdict of F changes from never to sometimes at ")
    assert named[0].endswith(f" (drop the barrier): {FILE} raise_flag() changed.")


@pytest.mark.long
def test_several_processes_print_the_same(
    lost_and_found: Tree, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [file, "--kernel", str(lost_and_found.path), "start..HEAD"]
    alone = call(capsys, *words)
    assert "The verdict of F changes" in alone[1]
    assert call(capsys, *words, "-j", "2") == alone
    assert call(capsys, *words, "-j", "0")[0] == ExitCode.WRONG


@pytest.mark.long
def test_quiet(lost_and_found: Tree, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "-q", "--all", "--kernel", str(lost_and_found.path), f"{file}::F", "start..HEAD")
    assert [line.split()[0] for line in out.splitlines()] == ["flags:", "The", "The"]


@pytest.mark.long
def test_json(lost_and_found: Tree, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(lost_and_found.path)
    code, out, _ = call(
        capsys, file, "none.litmus", "--kernel", place, "--format", "json", "start..HEAD", "--all"
    )
    document = json.loads(out)
    jsonschema.validate(document, json.loads((ROOT / "docs" / "history.schema.json").read_text()))
    assert code == ExitCode.WRONG and [e["file"] for e in document["errors"]] == ["none.litmus"]
    (found,) = document["results"]
    assert [t["subject"] for t in found["turns"]] == ["drop the barrier", "the barrier is back"]
    assert {v["status"] for r in found["rows"] for v in r["verdicts"]} == {"judged", "error"}


@pytest.mark.parametrize("words", [["{}"], ["start..HEAD"], ["start..HEAD", "{}"], ["{}", "HEAD", "--all"]])
def test_calls_without_a_range(
    lost_and_found: Tree, file: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "--kernel", str(lost_and_found.path), *(w.format(file) for w in words))
    assert code == ExitCode.WRONG and "FILE… A..B" in err


def test_no_revision_can_be_judged(tree: Tree, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    tree.commit("gone", OTHER)
    code, out, _ = call(capsys, file, "--kernel", str(tree.path), "HEAD~1..HEAD")
    assert code == ExitCode.WRONG and "Nothing could be judged." in out


def test_a_timeout(tree: Tree, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    tree.commit("fenced", FENCED)
    code, out, _ = call(capsys, file, "--kernel", str(tree.path), "HEAD~0..HEAD", "--timeout", "0.000001")
    assert code == ExitCode.UNKNOWN and "timeout" in out
