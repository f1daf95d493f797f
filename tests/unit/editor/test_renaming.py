"""Renaming changes names and nothing else, and refuses what could come to mean something new."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editing import edited, names_of, pointed
from verifier.editor.files import Files
from verifier.editor.findings import diagnostics
from verifier.editor.names import KnownNames
from verifier.editor.rename import renamable, rename
from verifier.errors import UsageError
from verifier.render.story import text as told
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_checked
from verifier.suite.options import Options

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
SAMPLE = [
    "linux/switch_mm-vs-flush", "classic/SB", "classic/cmpxchg-lock", "c/function-pointers",
    "c/percpu-fields", "mmu/8.1-xapic", "locks/spinlock", "rcu/18.3-callbacks", "linux/smp-csd",
]  # fmt: skip
FILES = [LITMUS / f"{name}.litmus" for name in SAMPLE]


def each_name(names: KnownNames) -> Iterator[tuple[int, str]]:
    """A place of each name that can be renamed, and a name that is free."""
    seen: set[object] = set()
    for one in names.occurrences:
        key = one.name, one.role, one.scopes
        if key in seen or one.role not in ("shared", "local", "variant", "label"):
            continue
        seen.add(key)
        try:
            renamable(names, one.start)
        except UsageError:
            continue
        free = one.role == "local" and names.local(one.name, one.scopes) is None
        yield one.start, "r77" if free else "zz_fresh"


def verdicts(text: str, path: Path) -> list[list[str]]:
    """What the verifier says of all variants: the verdict and all states."""
    out: list[list[str]] = []
    for test in load_checked(Source(str(path), text)):
        said = run(test, Options(states=True, seed=1))
        judged = said.observation, said.as_expected, said.hangs, test.variant
        out.append([*map(str, judged), *map(str, said.states or ())])
    return out


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_verdicts_and_states_stay(path: Path) -> None:
    """A renamed register, object or variant: the same verdicts and states, but for the name."""
    text = path.read_text()
    names = names_of(text, str(path))
    before = verdicts(text, path)
    kinds: dict[str, tuple[int, str, str]] = {}
    for at, new in each_name(names):
        one = names.at(at)
        assert one is not None
        kinds.setdefault(one.role, (at, new, one.name))
    assert kinds
    for at, new, old in kinds.values():
        after = verdicts(edited(text, rename(names, at, new)), path)
        assert [_named(a, new, old) for a in after] == [_named(b, old, old) for b in before]


def _named(said: list[str], new: str, old: str) -> list[str]:
    """A verdict as text, with the old name in the place of the new one."""
    return sorted(re.sub(rf"\b{new}\b", old, part) for part in said)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_renaming_leaves_the_file_right(path: Path) -> None:
    text, files = path.read_text(), Files()
    names = names_of(text, str(path), files)
    before = [(d.severity, d.code) for d in diagnostics(text, str(path), files)]
    for at, new in each_name(names):
        after = edited(text, rename(names, at, new))
        assert [(d.severity, d.code) for d in diagnostics(after, str(path), files)] == before
        assert after != text


TEXT = """MM t

#include "h.inc"

{
    int x; int shared; percpu int mine;
    page A; mm N { v -> A };
    0..1:mine = 1;
}

int look(int *p) { int r0 = READ_ONCE(*p); return r0; }

P0 {                            // r0 and x here stay
    int got = look(&x);
    r0 = got + READ_ONCE(shared);
    [B1] WRITE_ONCE(x, helper(r0));
    goto out;
  out:
    r2 = this_cpu_read(mine);
}

P1 { r0 = READ_ONCE(x); r3 = translate(v); }

variants { F never "F is right"; B1 sometimes "B1 is x"; V : B1 never; }

[F] exists (0:r0 = 1 /\\ x = 1)
[else] exists (1:r0 = 1 /\\ 1:r3 = A)
"""
HELPERS = "int helper(int a) { return a; }\nint used(void) { return READ_ONCE(shared); }\n"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "h.inc").write_text(HELPERS)
    return Files()


def pointed_in(mark: str, tmp_path: Path, files: Files) -> tuple[KnownNames, int]:
    plain = mark.replace("‸", "")
    assert TEXT.count(plain) >= 1
    return pointed(TEXT.replace(plain, mark, 1), str(tmp_path / "t.litmus"), files)


@pytest.mark.parametrize(
    ("mark", "new", "changed"),
    [
        ("‸r0 = got", "r9", ["r9 = got +", "helper(r9)", "0:r9 = 1"]),
        ("‸r0 = READ_ONCE(x)", "r9", ["P1 { r9 =", "1:r9 = 1"]),
        ("int ‸r0 =", "value", ["int value =", "return value;"]),
        ("int ‸got", "seen", ["int seen =", "r0 = seen +"]),
        ("int ‸x;", "y", ["int y;", "look(&y)", "WRITE_ONCE(y,", "READ_ONCE(y); r3", "/\\ y = 1"]),
        ("‸v -> A", "w", ["{ w -> A", "translate(w)"]),
        ("page ‸A", "B", ["page B", "v -> B", "1:r3 = B"]),
        ("[‸B1]", "B7", ["[B7] WRITE", "B7 sometimes", "V : B7 never"]),
        ("‸F never", "G", ['G never "F is right"', "[G] exists"]),
        ("int ‸look", "peek", ["int peek(", "= peek(&x)"]),
        ("int ‸mine", "own", ["int own;", "0..1:own = 1", "this_cpu_read(own)"]),
        ("goto ‸out", "done", ["goto done;", "  done:"]),
        ("int *‸p)", "q", ["int *q)", "READ_ONCE(*q)"]),
    ],
)
def test_what_changes(mark: str, new: str, changed: list[str], tmp_path: Path, files: Files) -> None:
    names, at = pointed_in(mark, tmp_path, files)
    edits = rename(names, at, new)
    after = edited(names.litmus.text, edits)
    assert all(part in after for part in changed), after
    assert len(edits) == len(changed)
    assert "// r0 and x here stay" in after and '"B1 is x"' in after


@pytest.mark.parametrize(
    ("mark", "new", "said"),
    [
        ("‸r0 = got", "got", "must be r and a number"),
        ("‸r0 = got", "r2", "stands in line 19 already"),
        ("int ‸got", "r0", "stands in line 15 already"),
        ("int ‸got", "x", "stands in line 14 already"),
        ("int ‸got", "mine", "stands in line 19 already"),
        ("int ‸got", "helper", "stands in line 16 already"),
        ("int ‸got", "v", "is declared in line 7"),
        ("int ‸got", "smp_mb", "is a word of the vocabulary"),
        ("int ‸got", "foo_t", "reads as a type"),
        ("int ‸got", "P3", "reads as a program"),
        ("int ‸got", "while", "is a word of the language"),
        ("int ‸got", "1x", "is not a name"),
        ("int ‸x;", "got", "stands in line 14 already"),
        ("int ‸x;", "r9", "reads as a register"),
        ("int ‸x;", "used", "is declared in line 2 of"),
        ("int ‸shared", "y", "uses shared in line 2"),
        ("= h‸elper", "y", "is declared in line 1 of"),
        ("helper(r0)‸)", "y", "there is no name here"),
        ("[‸B1]", "F", "stands in line"),
        ("[‸B1]", "never", "is a word of the language"),
        ("REA‸D_ONCE(x)", "y", "is a word of the language or of the vocabulary"),
        ("P‸0 {", "P3", "is a word of the language or of the vocabulary"),
    ],
)
def test_what_is_refused(mark: str, new: str, said: str, tmp_path: Path, files: Files) -> None:
    if mark == "= h‸elper":
        mark = "h‸elper(r0)"
    names, at = pointed_in(mark, tmp_path, files)
    with pytest.raises(UsageError, match=re.escape(said)):
        rename(names, at, new)


def test_a_condition_about_several_programs_is_refused() -> None:
    text = "MM t\n{ int x; }\nP0 { ‸r0 = x; }\nP1 { r0 = x; }\nexists (some c in 0..1: c:r0 = 1)\n"
    names, at = pointed(text)
    with pytest.raises(UsageError, match="line 5 may mean r0 of P0 and of P1"):
        rename(names, at, "r5")


def test_a_family_has_one_register() -> None:
    head = "MM t\nenum { n = 2 };\n{ int x; }\n"
    text = f"{head}P0..n {{ ‸r0 = x; }}\nexists (all c in 0..n: c:r0 = 1 /\\ 2:r0 = 1)\n"
    names, at = pointed(text)
    after = edited(names.litmus.text, rename(names, at, "r5"))
    assert "r0" not in after and after.count("r5") == 3


def test_a_local_that_hides_an_object_is_refused() -> None:
    names, at = pointed(
        "MM t\n{ int ‸x; }\nP0 { int x = 1; }\nP1 { r0 = READ_ONCE(x); }\nexists (1:r0 = 1)\n"
    )
    with pytest.raises(UsageError, match="a local of one program and a shared name, too"):
        rename(names, at, "y")


def test_the_kernels_text_may_use_a_name() -> None:
    names, at = pointed('MM t\n#kernel "a.c" { f }\n{ int ‸x; }\nP0 { f(); }\n')
    with pytest.raises(UsageError, match="the kernel's text"):
        rename(names, at, "y")


def test_herd_files_share_parameters() -> None:
    text = "C t\n{ x=0; }\nP0(int *‸x) { int r0; r0 = READ_ONCE(*x); }\nexists (0:r0=1 /\\ x=1)\n"
    names, at = pointed(text)
    after = edited(names.litmus.text, rename(names, at, "z"))
    assert "{ z=0; }" in after and "int *z)" in after and "*z)" in after and "z=1" in after


def test_assembly_renames_objects_and_labels() -> None:
    text = "X86 t\n{ x=0; }\n P0 ;\n L1: MOV EAX,[‸x] ;\n JMP L1 ;\nexists (0:EAX=1 /\\ x=1)\n"
    names, at = pointed(text)
    assert "[z]" in (after := edited(names.litmus.text, rename(names, at, "z"))) and "z=1" in after
    label = names.litmus.text.index("L1")
    assert edited(names.litmus.text, rename(names, label, "L9")).count("L9") == 2
    with pytest.raises(UsageError, match="EAX is a register of the machine"):
        rename(names, names.litmus.text.index("EAX"), "EBX")
    with pytest.raises(UsageError, match="ebx is a register of the machine"):
        rename(names, at, "ebx")


def test_the_story_has_the_new_name() -> None:
    text = (LITMUS / "classic/SB.litmus").read_text()
    names = names_of(text)
    at = names.litmus.text.index("[x]") + 1
    (test,) = load_checked(Source("t.litmus", edited(text, rename(names, at, "fresh"))))
    assert "fresh" in told(run(test, Options()))


def test_a_member_that_is_called_as_an_object_is_a_field() -> None:
    text = (
        "MM t\nstruct foo { struct bar f; };\n{ struct foo a; int f; int n; }\nP0 {\n    struct foo *p;\n"
        "    p = container_of(&a.f.n, struct foo, f.n);\n    list_for_each_entry(p, a.f, f.n) r1 = f;\n}\n"
    )
    code = text.index("P0")
    found = [(o.name, o.role) for o in names_of(text).occurrences if o.start > code and o.name in "fn"]
    assert [role for _, role in found] == ["field"] * 7 + ["shared"]
    assert found[-1] == ("f", "shared")
