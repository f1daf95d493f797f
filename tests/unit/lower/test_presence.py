"""Tests for what a tree has: ``defined(name)`` in a test's own code, fields that ``?`` sets if they exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.lower.c.kernel import resolved
from verifier.lower.c.kernel_notes import Note
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

OLD = """struct inner { int flag; };
struct state { int shared; int old; struct inner inner; struct inner pair[2]; };
typedef struct { int counter; } count_t;
int f(struct state *s)
{
	return s->shared;
}
int old_call(struct state *s)
{
	return 1;
}
"""
NEW = """#define LIMIT 5
struct inner { int flag; int fresh; };
struct state { int shared; int fresh; struct inner inner; struct inner pair[2]; };
typedef struct { int counter; int top; } count_t;
struct added { int x; };
int f(struct state *s)
{
	return s->shared;
}
int new_call(struct state *s, int extra)
{
	return 2 + extra;
}
"""
TAKE = '#kernel "f.c" { f, old_call?, new_call?, LIMIT? }\n#kernel "none.c"? { nowhere }\n'


def judged(initial: str, code: str, text: str, tmp_path: Path) -> tuple[str, list[Note]]:
    """The final state of CPU 0's r0 or the first error, and the notes."""
    (tmp_path / "f.c").write_text(text)
    source = f"MM t\n{TAKE}{{ struct state s; {initial} }}\nP0 {{ {code} }}\nlocations [0:r0;]\n"
    try:
        (test,) = load_all(Source("t.litmus", source), tree=KernelTree(str(tmp_path)))
        notes = resolved(test.tree).notes
        (state,) = run(test, Options(states=True, witnesses=False)).states or ()
        return str(state), notes
    except InputError as error:
        return error.diagnostics[0].message, []


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("if (defined(new_call)) r0 = new_call(&s, 7); else r0 = old_call(&s);", "(1,)", "(9,)"),
        ("if (!defined(old_call)) r0 = new_call(&s, 7); else r0 = old_call(&s);", "(1,)", "(9,)"),
        ("r0 = defined(new_call) ? new_call(&s, 7) : old_call(&s);", "(1,)", "(9,)"),
        ("r0 = defined(new_call) && new_call(&s, 7) == 9;", "(0,)", "(1,)"),
        ("r0 = defined(LIMIT) ? LIMIT : 3;", "(3,)", "(5,)"),
        ("r0 = defined(nowhere) + 1;", "(1,)", "(1,)"),
        ("if (defined(state.fresh)) s.fresh = 4; else s.old = 4; r0 = 1;", "(1,)", "(1,)"),
        ("if (defined(state.fresh)) r0 = s.fresh + 2; else r0 = s.old;", "(0,)", "(2,)"),
        ("if (defined(inner.fresh)) r0 = s.inner.fresh + 2; else r0 = 1;", "(1,)", "(2,)"),
        ("count_t c; r0 = 1; if (defined(count_t.top)) { c.top = 4; r0 = c.top; }", "(1,)", "(4,)"),
    ],
)
def test_arms_by_what_is_there(code: str, old: str, new: str, tmp_path: Path) -> None:
    assert judged("", code, OLD, tmp_path)[0] == old
    assert judged("", code, NEW, tmp_path)[0] == new


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("r0 = defined(newcall);", "no #kernel of this test names 'newcall'"),
        ("r0 = defined(f);", "f is always there: #kernel takes it"),
        ("r0 = defined(state.frsh);", "nothing else in this test names a field 'frsh'"),
        ("r0 = defined(state.frsh) + defined(inner.frsh);", "nothing else in this test names a field 'frsh'"),
        ("r0 = defined(1);", "defined() asks for a name, or for a field of a struct"),
        ("r0 = defined(new_call, f);", "defined() asks for a name, or for a field of a struct"),
        ("r0 = defined(s.inner.flag);", "defined() asks for a name, or for a field of a struct"),
        ("r0 = new_call(&s, 7);", "there is no function 'new_call'"),
    ],
)
def test_questions_that_ask_nothing(code: str, message: str, tmp_path: Path) -> None:
    assert message in judged("", code, OLD, tmp_path)[0]


@pytest.mark.parametrize(
    ("initial", "code", "old", "new"),
    [
        ("s.fresh? = 4;", "r0 = defined(state.fresh) ? s.fresh : 1;", "(1,)", "(4,)"),
        ("s.shared? = 4;", "r0 = f(&s);", "(4,)", "(4,)"),
        ("struct state t = { .fresh? = 4, .shared = 3 };", "r0 = f(&t);", "(3,)", "(3,)"),
        ("struct state t = { .inner = { .fresh? = 4, .flag? = 3 } };", "r0 = t.inner.flag;", "(3,)", "(3,)"),
        ("s.inner.fresh? = 4;", "r0 = defined(inner.fresh) ? s.inner.fresh : 1;", "(1,)", "(4,)"),
        ("s.pair[1].fresh? = 4;", "r0 = defined(inner.fresh) ? s.pair[1].fresh : 1;", "(1,)", "(4,)"),
        (
            "struct state t = { .pair = { { .flag = 1 }, { .flag = 2, .fresh? = 4 } } };",
            "r0 = defined(inner.fresh) ? t.pair[1].fresh : t.pair[1].flag;", "(2,)", "(4,)",
        ),
        (
            "percpu struct state p; 0:p.fresh? = 4;",
            "r0 = defined(state.fresh) ? this_cpu_read(p.fresh) : 1;", "(1,)", "(4,)",
        ),
        ("mm N = { .fresh? = 4 };", "r0 = f(&s);", "(0,)", "(0,)"),
        ("struct added a; a.x? = 4;", "r0 = defined(added.x) ? a.x : 0;", "(0,)", "(4,)"),
    ],
)  # fmt: skip
def test_fields_that_may_be_missing(initial: str, code: str, old: str, new: str, tmp_path: Path) -> None:
    assert judged(initial, code, OLD, tmp_path)[0] == old
    assert judged(initial, code, NEW, tmp_path)[0] == new


def test_a_field_without_the_mark_is_an_error(tmp_path: Path) -> None:
    assert "fresh" in judged("s.fresh = 4;", "r0 = f(&s);", OLD, tmp_path)[0]


def test_what_became_of_them_is_said(tmp_path: Path) -> None:
    initial, code = "s.fresh? = 4; struct state t = { .old? = 1 };", "r0 = defined(new_call) + 1;"
    for text, expected in (
        (
            OLD,
            {
                ("not set", "s.fresh", "this tree has no such field"),
                ("set", ".old", ""),
                ("decided", "defined(new_call)", "no file that the test names has it"),
            },
        ),
        (
            NEW,
            {
                ("set", "s.fresh", ""),
                ("not set", ".old", "this tree has no such field"),
                ("decided", "defined(new_call)", "f.c:10 has it"),
            },
        ),
    ):
        notes = {(n.outcome, n.name, n.reason) for n in judged(initial, code, text, tmp_path)[1]}
        assert expected <= notes


def test_the_command_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.c").write_text(OLD)
    file = tmp_path / "t.litmus"
    file.write_text(
        f"MM t\n{TAKE}{{ struct state s; s.fresh? = 4; }}\nP0 {{ r0 = f(&s); }}\nexists (0:r0 = 0)\n"
    )
    assert main(["kernel", str(file), "--kernel", str(tmp_path)]) == 0
    assert "not set   s.fresh  this tree has no such field; " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ("0:pcid? = 1;", "'?' is about a field that another version may not have"),
        ("mm_cpumask(init_mm)? = {0};", "'?' is about a field that another version may not have"),
        ("struct state *p = &s; p.fresh? = 1;", "nothing says which struct has 'fresh'"),
        ("page A; table T { v -> A, .fresh? = 1 };", "nothing says which struct has 'fresh'"),
        ("nobody.fresh? = 1;", "'?' is about a field that another version may not have"),
    ],
)
def test_marks_that_are_refused(initial: str, message: str, tmp_path: Path) -> None:
    assert judged(initial, "r0 = f(&s);", OLD, tmp_path)[0] == message


@pytest.mark.parametrize("initial", ["struct state s; s.a? = 1;", "struct state s = { .a? = 1 };"])
def test_a_mark_without_the_kernels_text(initial: str) -> None:
    text = f"struct state {{ int a; }};\n{{ {initial} }}"
    with pytest.raises(InputError) as caught:
        load_all(Source("t.litmus", f"MM t\n{text}\nP0 {{ r0 = s.a; }}\nexists (0:r0 = 1)\n"))
    (found,) = caught.value.diagnostics
    assert found.code == "optional" and "there is no such text" in found.message
