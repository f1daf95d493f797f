"""Tests that take text of a kernel tree: what is taken, decided, expanded, left out, and what is missing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.lower.c.kernel import resolved
from verifier.lower.c.kernel_notes import Resolved
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options
from verifier.syntax.ast import CallExpr as Call
from verifier.syntax.nodes import nodes
from verifier.syntax.test import Test

SMALL = KernelTree(str(Path(__file__).parents[2] / "trees" / "small"))
HEAD = '#kernel "include/flags.h"\n#config !fast_key, !CONFIG_SLOW, !CONFIG_STATISTICS\n'
TAKEN = '#kernel "kernel/flag.c" { raise_flag, wait_flag }\n'
CONDITION = "exists (1:r0 = 0)"
BODY = """
{ struct board board; }
P0 { raise_flag(&board, 1); }
P1 { r0 = wait_flag(&board); }
"""


def read_all(text: str, tree: KernelTree | None = SMALL) -> list[Test]:
    return load_all(Source("t.litmus", f"MM t\n{text}"), tree=tree)


def verdicts(text: str, judge: str = "both") -> dict[str | None, str]:
    found = [run(t, Options(judge=judge, witnesses=False)) for t in read_all(text)]
    assert not [v.reason for v in found if v.reason]
    return {v.test.variant: v.observation for v in found}


def taken(text: str) -> Resolved:
    (test,) = read_all(text)
    return resolved(test.tree)


def errors(text: str) -> list[tuple[str, str, str]]:
    """The errors of a test: their codes, messages and hints."""
    with pytest.raises(InputError) as caught:
        for test in read_all(text):
            resolved(test.tree)
    return [(d.code, d.message, d.hint) for d in caught.value.diagnostics]


def calls(found: Resolved, function: str) -> set[str]:
    return {x.name for x in nodes(found.unit.functions[function]) if isinstance(x, Call)}


@pytest.mark.parametrize(("fences", "calls_smp_mb"), [("CONFIG_FENCES", True), ("!CONFIG_FENCES", False)])
def test_conditionals_are_decided_by_config(fences: str, calls_smp_mb: bool) -> None:
    found = taken(f"{HEAD}{TAKEN}#config {fences}\n{BODY}{CONDITION}")
    assert ("smp_mb" in calls(found, "raise_flag")) == calls_smp_mb


def test_the_judges_agree_about_the_text() -> None:
    # x86 keeps stores in order, so that the fence makes no difference to message passing.
    text = f"{HEAD}{TAKEN}#config CONFIG_FENCES\n{BODY}"
    assert verdicts(text + "exists (1:r0 = 0)") == {None: "never"}
    assert verdicts(text + "exists (1:r0 = 1)") == {None: "sometimes"}
    assert verdicts(text + "exists (1:r0 = -1)") == {None: "sometimes"}


def test_what_is_left_out_in_one_variant() -> None:
    store_buffering = f"""{HEAD}#kernel "kernel/flag.c" {{ raise_flag }}
#config CONFIG_FENCES
[B] #without smp_mb
{{ struct board board; struct board other; }}
P0 {{ raise_flag(&board, 1); r0 = READ_ONCE(other.data); }}
P1 {{ raise_flag(&other, 1); r0 = READ_ONCE(board.data); }}
variants {{ F never; B sometimes; }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    assert verdicts(store_buffering) == {"F": "never", "B": "sometimes"}


def test_dead_branches_need_nothing() -> None:
    found = taken(f"{HEAD}{TAKEN}#config CONFIG_FENCES\n{BODY}{CONDITION}")
    assert "fast_raise" not in calls(found, "raise_flag")
    live = HEAD.replace("!fast_key", "fast_key") + TAKEN + "#config CONFIG_FENCES\n"
    ((code, message, hint),) = errors(live + BODY + CONDITION)
    assert (code, message) == ("unresolved", "there is no function 'fast_raise'")
    assert '#kernel "kernel/flag.c" { fast_raise }' in hint and "#without fast_raise" in hint


def test_everything_that_is_missing_is_said_at_once() -> None:
    text = '#kernel "include/flags.h"\n#config fast_key, CONFIG_FENCES, !CONFIG_SLOW\n'
    text += f'#kernel "kernel/flag.c" {{ raise_flag, fast_raise, wait_flag, nothing }}\n{BODY}{CONDITION}'
    found = errors(text.replace(", nothing", ""))
    assert [(c, m) for c, m, _ in found] == [
        ("unresolved", "there is no function 'unknown_helper'"),
        ("config", "nothing decides #ifdef CONFIG_STATISTICS"),
    ][: len(found)]
    assert ("missing", "kernel/flag.c defines no 'nothing'") in [(c, m) for c, m, _ in errors(text)]


def test_macros_and_constants_come_along() -> None:
    text = f"""{HEAD}#kernel "kernel/flag.c" {{ publish, wait_flag }}
{{ struct board board; }}
P0 {{ publish(&board, STEP_THIRD); r1 = STEP_SECOND; r2 = NO_FLAG; }}
P1 {{ r0 = wait_flag(&board); }}
"""
    assert verdicts(text + "exists (1:r0 = 2 /\\ 0:r1 = 4 /\\ 0:r2 = 0xffffffffffffffff)") == {
        None: "sometimes"
    }
    assert verdicts(text + "exists (1:r0 = 1)") == {None: "never"}
    found = taken(text + CONDITION)
    assert calls(found, "publish") == {"WRITE_ONCE", "smp_mb"}


def test_types_are_those_of_the_tree() -> None:
    text = f"""{HEAD}#kernel "kernel/flag.c" {{ read_both }}
{{ struct board board; }}
P0 {{ int d; bool r; read_both(&board, &d, &r); r1 = r; board.narrow = 300; r2 = board.narrow; }}
P1 {{ board.data = 7; board.state.flag = -1; }}
"""
    assert verdicts(text + "exists (0:r1 = 1 /\\ 0:r2 = 44 /\\ 0:d = 7)") == {None: "sometimes"}
    assert verdicts(text + "exists (0:r1 = 2)") == {None: "never"}
    fields = {
        s.name: [f.name for f in s.fields]
        for s in taken(text + CONDITION.replace("1:r0", "0:r1")).unit.structs
    }
    assert fields == {"board": ["data", "state", "narrow"], "state_t": ["flag"]}


def test_a_function_of_two_arms() -> None:
    text = f'{HEAD}#kernel "include/flags.h" {{ next_generation }}\n{{ struct board board; }}\n'
    text += "P0 { r0 = next_generation(&board); r1 = next_generation(&board); }\nexists (0:r1 = 2)"
    assert verdicts(text) == {None: "always"}
    assert verdicts(text.replace("#config", "#config !CONFIG_SMP,")) == {None: "never"}


def test_objects_of_the_tree() -> None:
    text = f'{HEAD}#kernel "kernel/flag.c" {{ boards, limit }}\n{{ 1:boards.data = 5; }}\n'
    text += "P0 { r0 = limit; r1 = per_cpu(boards, 1).data; }\nP1 { }\nexists (0:r0 = 33 /\\ 0:r1 = 5)"
    assert verdicts(text) == {None: "always"}


def test_what_is_dropped_is_said() -> None:
    found = taken(f"{HEAD}{TAKEN}#config CONFIG_FENCES\n{BODY}{CONDITION}")
    said = {(n.outcome, n.name) for n in found.notes}
    assert said == {
        ("taken", "raise_flag"), ("taken", "wait_flag"), ("dropped", "lockdep_assert_irqs_enabled"),
        ("dropped", "trace_flag_raised"), ("decided", "fast_key"),
    }  # fmt: skip


def test_spans_are_those_of_the_kernel() -> None:
    found = taken(f"{HEAD}{TAKEN}#config CONFIG_FENCES\n{BODY}{CONDITION}")
    lines = (Path(SMALL.directory) / "kernel" / "flag.c").read_text().splitlines()
    for name in ("raise_flag", "wait_flag"):
        for x in nodes(found.unit.functions[name]):
            if isinstance(x, Call) and x.span.source.name == "kernel/flag.c":
                assert re.search(rf"\b{x.name}\(", lines[x.span.line - 1])


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ('#kernel "kernel/none.c" { f }\n' + BODY, "kernel", "there is no such file in the tree"),
        ('#kernel "../flag.c" { f }\n' + BODY, "kernel", "a file is named by its path in the tree"),
        ('#kernel "kernel/flag.c" { rise_flag }\n' + BODY, "missing", "defines no 'rise_flag'"),
        ('#kernel "kernel/flag.c" { struct raise_flag }\n' + BODY, "missing", "defines no 'raise_flag'"),
        (TAKEN + BODY, "config", "nothing decides #if defined(CONFIG_FENCES)"),
        (HEAD + '#kernel "kernel/flag.c" { fast_raise }\n#without unknown_helper\n' + BODY, "without",
         "the value of unknown_helper() is used"),
        ("#config CONFIG_A\n" + BODY, "kernel", "of which there is none"),
        ("#without smp_mb\n" + BODY, "kernel", "of which there is none"),
    ],
)  # fmt: skip
def test_bad_input(body: str, code: str, message: str) -> None:
    found = errors(body + CONDITION)
    assert [c for c, m, _ in found if message in m] == [code], found


def test_a_value_for_what_is_left_out() -> None:
    text = f'{HEAD}#kernel "kernel/flag.c" {{ fast_raise }}\n#without unknown_helper = 2\n'
    text += "{ struct board board; }\nP0 { fast_raise(&board); r0 = board.state.flag; }\nexists (0:r0 = 3)"
    assert verdicts(text) == {None: "always"}
    named = text.replace("= 2", "= TWO").replace("#without", "#config TWO = 2\n#without")
    assert verdicts(named) == {None: "always"}


def test_without_a_tree() -> None:
    with pytest.raises(InputError) as caught:
        read_all(HEAD + TAKEN + BODY + CONDITION, tree=None)
    assert [d.code for d in caught.value.diagnostics] == ["no-tree"]


@pytest.mark.parametrize(
    ("wrong", "code", "word"),
    [
        (
            f"{HEAD}{TAKEN}[X] #without smp_mb\n{BODY}variants {{ F never; }}\n{CONDITION}",
            "unknown-variant",
            "[X]",
        ),
        (f"[X] {TAKEN}{HEAD}{BODY}variants {{ F never; }}\n{CONDITION}", "unknown-variant", "[X]"),
        (f"{HEAD}{TAKEN}{BODY}variants {{ F never; F never; }}\n{CONDITION}", "duplicate", "F"),
        (f"{HEAD}{TAKEN}{BODY.replace('1);', '1)')}{CONDITION}", "syntax", " "),
    ],
)
def test_what_is_wrong_whatever_the_tree_is_shows_without_one(wrong: str, code: str, word: str) -> None:
    said: list[set[tuple[str, str]]] = []
    for tree in (None, SMALL):
        with pytest.raises(InputError) as caught:
            read_all(wrong, tree)
        said.append({(d.code, d.span.text if d.span else "") for d in caught.value.diagnostics})
    assert said[0] == {(code, word)} and said[0] <= said[1]


def test_a_wrong_guard_is_no_skipped_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(f"MM t\n{HEAD}{TAKEN}[X] #without smp_mb\n{BODY}variants {{ F never; }}\n{CONDITION}")
    assert main(["check", str(path)]) == 2
    said = capsys.readouterr()
    assert "t.litmus:5:1: error" in said.err and "1 with errors" in said.out
    path.write_text(path.read_text().replace("[X]", "[F]"))
    assert main(["check", str(path)]) == 0
    assert "1 skipped (1 a kernel's own text" in capsys.readouterr().out


def test_what_this_text_does_not_ask_is_no_error() -> None:
    """Another version of the kernel may ask it; of a name that is misspelt the right one stays open."""
    said = "#config CONFIG_FENCES, CONFIG_NOBODY, CONFIG_SLOWW\n#without mb\n"
    found = taken(f"{HEAD}{TAKEN}{said}{BODY}{CONDITION}")
    unused = {n.name for n in found.notes if n.outcome == "unused"}
    assert {"CONFIG_NOBODY", "CONFIG_SLOWW"} <= unused
    assert [(d.message, d.hint) for d in found.warnings] == [
        ("nothing in this text calls mb", "leave it out"),
    ]


def own_code(define: str, code: str, tmp_path: Path, config: str = "") -> str:
    """``read_back`` of a test whose own code uses a macro of the tree; f() returns its argument."""
    body = f"{define}\nint f(int x)\n{{\n\treturn x;\n}}\n"
    return read_back(body, "int x = 3;", code, tmp_path, config)


@pytest.mark.parametrize(
    ("define", "code", "without", "expected"),
    [
        # The body of a macro is the kernel's text wherever it is put; its arguments are the test's.
        ("#define TWICE(a) (2 * g(a))", "TWICE(x)", "g = 5", "(10,)"),
        ("#define TWICE(a) (2 * f(a))", "TWICE(x)", "f = 5", "(10,)"),
        ("#define TWICE(a) (2 * f(a))", "TWICE(f(x))", "f = 5", "(10,)"),
        (
            "#define TWICE(a) (2 * (a))",
            "TWICE(f(x))",
            "f = 5",
            "nothing in this text calls f, but the test's own",
        ),
        ("#define INNER(a) g(a)\n#define TWICE(a) (2 * INNER(a))", "TWICE(x)", "g = 5", "(10,)"),
        ("#define g f", "g(x)", "f = 5", "(5,)"),
        ("#define g f", "g(f(x))", "f = 5", "(5,)"),
        ("#define TWICE(a) (2 * g(a))", "TWICE(x)", "", "there is no function 'g'"),
        ("#define TWICE(a) (2 * (a) + nobody)", "TWICE(x)", "", "there is no 'nobody'"),
        ("#define TWICE(a) (2 * (a) + VM_WARN_ON(a))", "TWICE(x)", "", "(6,)"),
        ("", "f(x)", "f = 5", "nothing in this text calls f, but the test's own code does"),
        ("", "f(x)", "f? = 5", "(3,)"),
    ],
)
def test_macros_in_the_tests_own_code(
    define: str, code: str, without: str, expected: str, tmp_path: Path
) -> None:
    said = own_code(define, code, tmp_path, f"#without {without}" if without else "")
    assert expected in said


def test_what_may_be_missing() -> None:
    text = f'#kernel "kernel/none.c"? {{ f }}\n{HEAD}'
    text += '#kernel "kernel/flag.c" { raise_flag, wait_flag, old_raise? }\n'
    assert verdicts(f"{text}#config CONFIG_FENCES\n{BODY}{CONDITION}") == {None: "never"}


@pytest.mark.parametrize(("version", "called"), [("5.9.3", "wait_flag"), ("5.10.0", "read_both"), (None, "")])
def test_arms_by_version(tmp_path: Path, version: str | None, called: str) -> None:
    """A signature that changes needs another call: the arm that is not for this version needs nothing."""
    tree = with_version(tmp_path, version)
    text = f"""{HEAD}#kernel "kernel/flag.c" {{ wait_flag, read_both }}
{{ struct board board; }}
P0 {{
    int d; bool raised;
    if (LINUX_VERSION_CODE >= KERNEL_VERSION(5, 10, 0)) read_both(&board, &d, &raised);
    else d = wait_flag(&board, 1, 2, 3);
}}
exists (0:d = 0)
"""
    if version == "5.9.3":
        text = text.replace(", 1, 2, 3", "")
    if version is None:
        with pytest.raises(InputError, match="does not say which kernel it is"):
            resolved(read_all(text, tree)[0].tree)
        return
    (test,) = read_all(text, tree)
    assert {x.name for x in nodes(resolved(test.tree).unit.threads) if isinstance(x, Call)} == {called}
    assert run(test, Options(witnesses=False)).reason == ""


def with_version(tmp_path: Path, version: str | None) -> KernelTree:
    """The small tree, of a version."""
    shutil.copytree(SMALL.directory, tmp_path, dirs_exist_ok=True)
    if version is not None:
        words = zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), version.split("."), strict=True)
        (tmp_path / "Makefile").write_text("".join(f"{word} = {n}\n" for word, n in words))
    return KernelTree(str(tmp_path))


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(
    ("version", "settings", "found"),
    [
        ("5.4.0", {}, "never"),
        ("6.12.1", {}, "sometimes"),
        ("7.3.0", {}, "sometimes"),
        ("5.4.0", {"kernel": "v6.1"}, "sometimes"),
        ("6.12.1", {"kernel": "v5.4"}, "never"),
        (None, {}, "sometimes"),
    ],
)
def test_words_are_those_of_the_tree(
    tmp_path: Path, version: str | None, settings: dict[str, str], found: str, judge: str
) -> None:
    """Idle CPUs find calls by themselves from v5.8 on (MMR 8.12, 19.1)."""
    text = f"""{HEAD}#kernel "kernel/flag.c" {{ wait_flag }}
{{ struct board board; code f = 1; int done; }}
void nothing(void *info) {{ }}
P0 {{
    text_poke(&f, 2);
    smp_call_function_single(1, nothing, NULL, 1);
    WRITE_ONCE(done, wait_flag(&board) < 1);
}}
P1 {{ r0 = READ_ONCE(done); r1 = ifetch(&f); }}
exists (1:r0 = 1 /\\ 1:r1 = 1)
"""
    (test,) = read_all(text, with_version(tmp_path, version))
    assert run(test, Options(judge=judge, settings=settings, witnesses=False)).observation == found


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('asm volatile ("" ::: "memory");', "inline assembly"),
        ('asm ("nop");', "inline assembly"),
    ],
)
def test_text_that_cannot_be_taken_is_refused_by_name(body: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text(f"int f(void)\n{{\n\t{body}\n}}\n")
    with pytest.raises(InputError) as caught:
        read_all('#kernel "f.c" { f }\n{ int x; }\nP0 { f(); }\nexists (x = 1)', KernelTree(str(tmp_path)))
    found = next(d for d in caught.value.diagnostics if d.code == "kernel")
    assert found.message == f"{what} is not read" and found.span is not None and found.span.line == 3


TELL = f"""{HEAD}#kernel "kernel/flag.c" {{ tell_others, tell_set, tell_clear, board_mutex }}
{{
    struct board board;
    struct task_struct me = {{ .pid = 9 }};
    percpu struct task_struct *current_task = &me;
}}
"""


@pytest.mark.parametrize(
    ("call", "data"), [("0, -1", 1), ("1, -1", 2), ("0, 1", 1), ("1, 1", 2), ("clear, 1", 2)]
)
def test_functions_in_locals_and_masks_on_the_stack(call: str, data: int) -> None:
    text = f"{TELL}P0 {{ int clear = READ_ONCE(board.narrow) + 1; r0 = tell_others(&board, {call}); }}\n"
    text += "P1 { }\n"
    assert verdicts(f"{text}exists (0:r0 = 9 /\\ board.data = {data})") == {None: "always"}


def test_no_memory_for_a_mask() -> None:
    text = TELL.replace("{\n", "#without zalloc_cpumask_var = 0\n\n{\n", 1)
    text += "P0 { r0 = tell_others(&board, 0, -1); }\nP1 { }\nexists (0:r0 = -1 /\\ board.data = 0)"
    assert verdicts(text) == {None: "always"}


def test_a_guard_of_a_macro_and_what_is_dropped() -> None:
    text = TELL + "P0 { r0 = tell_others(&board, 0, 1); }\nP1 { mutex_lock(&board_mutex); r1 = 1; }\n"
    found = taken(text + "exists (1:r1 = 1)")
    assert {("dropped", "cpus_read_lock"), ("dropped", "cpus_read_unlock")} <= {
        (n.outcome, n.name) for n in found.notes
    }
    # Where CPU 1 keeps the mutex, CPU 0 waits for it for ever.
    assert verdicts(text + "exists (hang)") == {None: "sometimes"}


def test_flexible_arrays_and_addresses_in_conditions() -> None:
    text = f"""{HEAD}#kernel "kernel/flag.c" {{ put_in }}
{{ struct board board; struct bag bag; struct board *room; }}
struct board *new_room(int flags) {{ return READ_ONCE(room); }}
P0 {{ r0 = put_in(&bag, &board); r1 = bag.items[0] == &board; [B] WRITE_ONCE(room, &board);
      r2 = put_in(&bag, &board); r3 = put_in(&bag, &board); }}
variants {{ A always; B always; }}
[A] exists (0:r0 = 1 /\\ 0:r1 = 1 /\\ 0:r2 = 2 /\\ 0:r3 = -1)
[B] exists (0:r0 = 1 /\\ 0:r1 = 1 /\\ 0:r2 = -1 /\\ 0:r3 = -1)
"""
    assert verdicts(text) == {"A": "always", "B": "always"}


def test_a_guard_may_follow_a_value() -> None:
    text = f'{HEAD}#kernel "kernel/flag.c" {{ fast_raise }}\n'
    text += "#without unknown_helper = -1\n[B] #without smp_mb?\n"
    text += "{ struct board board; }\nP0 { [B] smp_mb(); fast_raise(&board); r0 = board.state.flag; }\n"
    text += "variants { A; B; }\nexists (0:r0 = -1)"
    assert set(verdicts(text.replace("A;", "A always;").replace("B;", "B always;")).values()) == {"always"}


def read_back(body: str, initial: str, code: str, tmp_path: Path, config: str = "") -> str:
    """The final state after a file's function f, or the first error."""
    (tmp_path / "f.c").write_text(body)
    text = f'#kernel "f.c" {{ f }}\n{config}\n{{ {initial} }}\nP0 {{ r0 = {code}; }}\nlocations [0:r0;]\n'
    try:
        (test,) = read_all(text, KernelTree(str(tmp_path)))
        (state,) = run(test, Options(states=True, witnesses=False)).states or ()
        return str(state)
    except InputError as error:
        return error.diagnostics[0].message


def of_macro(define: str, code: str, tmp_path: Path) -> str:
    """``read_back`` of code that uses a macro."""
    body = f"struct s {{ int x; int y; }};\n{define}\nint f(struct s *p)\n{{\n\t{code}\n}}\n"
    return read_back(body, "struct s s = { .x = 3, .y = 5 };", "f(&s)", tmp_path, "#config !OFF, ON")


@pytest.mark.parametrize(
    ("define", "code", "expected"),
    [
        # C puts texts together: what is not in brackets may be read in another way.
        ("#define A 1 + 2", "return A * 2;", "its body is not in brackets"),
        ("#define A (1 + 2)", "return A * 2;", "(6,)"),
        ("#define A -1", "return 4 + A;", "(3,)"),
        ("#define TWICE(a) (a * 2)", "return TWICE(1 + 2);", "a is not in brackets there"),
        ("#define TWICE(a) (a * 2)", "return TWICE(3);", "(6,)"),
        ("#define TWICE(a) ((a) * 2)", "return TWICE(1 + 2);", "(6,)"),
        ("#define TWICE(a) \\\n\t((a) * \\\n\t 2)", "return TWICE(1 + 2);", "(6,)"),
        # A parameter may stand for a field or a function, and not for what has its name.
        ("#define GET(p, x) ((p)->x)", "return GET(p, y);", "(5,)"),
        ("#define GET(p, x) ((p)->x)", "return GET(p, 1);", "x stands for a name there"),
        ("#define CALL(f, a) f(a)", "return CALL(nobody, 1);", "there is no function 'nobody'"),
        ("#define CALL(f, a) f(a)", "return CALL(READ_ONCE, p->y);", "(5,)"),
        ("#define NOW 7\n#define g NOW", "return g();", "NOW (f.c:2) cannot be expanded"),
        # Logic gives 0 or 1, whatever #config says of one side.
        ("", "return IS_ENABLED(ON) && p->y;", "(1,)"),
        ("", "return p->y && IS_ENABLED(ON);", "(1,)"),
        ("", "return IS_ENABLED(OFF) || p->x;", "(1,)"),
        ("", "return IS_ENABLED(OFF) && p->x;", "(0,)"),
        ("", "return !IS_ENABLED(OFF) + (IS_ENABLED(ON) ? p->x : nobody());", "(4,)"),
    ],
)
def test_macros_mean_what_they_mean_in_c(define: str, code: str, expected: str, tmp_path: Path) -> None:
    assert expected in of_macro(define, code, tmp_path)


def test_a_macro_that_is_named_goes_before_a_word(tmp_path: Path) -> None:
    (tmp_path / "f.c").write_text("#define READ_ONCE(x) 9\nint f(int *p)\n{\n\treturn READ_ONCE(*p);\n}\n")
    for names, value in (("f", 4), ("f, READ_ONCE", 9)):
        text = f'#kernel "f.c" {{ {names} }}\n{{ int x = 4; }}\nP0 {{ r0 = f(&x); }}\nexists (0:r0 = {value})'
        (test,) = read_all(text, KernelTree(str(tmp_path)))
        assert run(test, Options(witnesses=False)).observation == "always"


@pytest.mark.parametrize(
    ("enums", "value"),
    [
        ("enum a { ONE = 1, TWO };\nenum b { THREE = TWO + ONE, FOUR };", 4),
        ("enum b { THREE = TWO + ONE, FOUR };\nenum a { ONE = 1, TWO };", 4),
        ("#define BASE (1 << 2)\nenum b { FIRST = BASE, FOUR = FIRST + 1 };", 5),
        ("enum a { SHIFT = 3 };\nenum b { FOUR = BIT(SHIFT) };", 8),
    ],
)
def test_constants_of_one_enum_in_another(enums: str, value: int, tmp_path: Path) -> None:
    assert of_macro(enums, "return FOUR;", tmp_path) == f"({value},)"


@pytest.mark.parametrize("call", ["next(p);", "step(p);", "(void)p; next(p);"])
@pytest.mark.parametrize("value", ["", " = 7"])
def test_what_is_left_out_where_its_value_is_not_used(call: str, value: str, tmp_path: Path) -> None:
    """Also behind a macro that stands for the call."""
    text = "struct s { int x; };\n#define step(p) next(p)\nint next(struct s *p)\n{\n\treturn ++p->x;\n}\n"
    (tmp_path / "f.c").write_text(f"{text}int f(struct s *p)\n{{\n\t{call}\n\treturn p->x;\n}}\n")
    text = f'#kernel "f.c" {{ f, next }}\n#without next{value}\n{{ struct s s = {{ .x = 3 }}; }}\n'
    (test,) = read_all(text + "P0 { r0 = f(&s); }\nexists (0:r0 = 3)", KernelTree(str(tmp_path)))
    found = run(test, Options(witnesses=False))
    assert (found.observation, [w for w in found.warnings if w.code == "no-effect"]) == ("always", [])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("arch_atomic_add(2, &p->a);\n\treturn raw_atomic_read(&p->a);", "(5,)"),
        ("return raw_atomic_add_return(2, &p->a);", "(5,)"),
        ("return raw_xchg(&p->x, 4) + p->x;", "(7,)"),
        (
            "unsigned long f;\n\traw_local_irq_save(f);\n\traw_local_irq_restore(f);\n\treturn 1;",
            "(1,)",
        ),
        ("return arch_wobble(&p->a);", "there is no function 'arch_wobble'"),
        ('return WARN_ONCE(p->x < 1, "x is %d of %d\\n", p->x, 3);', "(0,)"),
    ],
)
def test_words_under_names_of_uninstrumented_code(code: str, expected: str, tmp_path: Path) -> None:
    """raw_atomic_inc() and arch_atomic_inc() are what atomic_inc() is without its sanitizers."""
    body = f"struct s {{ int x; atomic_t a; }};\nint f(struct s *p)\n{{\n\t{code}\n}}\n"
    (tmp_path / "f.c").write_text(body)
    text = (
        '#kernel "f.c" { f }\n{ struct s s = { .x = 3, .a = 3 }; }\nP0 { r0 = f(&s); }\nlocations [0:r0;]\n'
    )
    try:
        (test,) = read_all(text, KernelTree(str(tmp_path)))
        (state,) = run(test, Options(states=True, witnesses=False)).states or ()
        assert str(state) == expected
    except InputError as error:
        assert expected in error.diagnostics[0].message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return l[1].x;", "(4,)"),
        ("int i = l[0].x - 2; return l[i].x;", "(4,)"),
        ("struct loc *m = &l[1]; return m[0].x;", "(4,)"),
        ("return b->l[0].x + l[1].x;", "(7,)"),
        ("return b[0].l[1].x;", "(4,)"),
        ("return (*b).l[0].x;", "(3,)"),
        ("return batch[0].l[0].x;", "a struct has no elements"),
    ],
)
def test_elements_of_what_a_pointer_to_a_struct_leads_to(code: str, expected: str, tmp_path: Path) -> None:
    body = "struct loc { int x; };\nstruct batch { struct loc l[2]; };\n"
    body += f"int f(struct loc *l, struct batch *b)\n{{\n\t{code}\n}}\n"
    initial = "struct batch batch = { .l = { { .x = 3 }, { .x = 4 } } };"
    assert read_back(body, initial, "f(&batch.l[0], &batch)", tmp_path) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return *(const u8 *)((const char *)p + 1);", "(8,)"),
        ("return *(const u8 *)(const char *)(u8 *)p;", "(235,)"),
        ("return *(const char *)p;", "this points to u8"),
        ("const char *q = (const char *)p;\n\treturn *q;", "this points to u8, not to s8"),
    ],
)
def test_bytes_with_a_sign_and_without(code: str, expected: str, tmp_path: Path) -> None:
    """The value of 0xeb as a char is -21: what would have to be converted is refused."""
    body = f"int f(const u8 *p)\n{{\n\t{code}\n}}\n"
    assert read_back(body, "u8 a[2] = { 0xeb, 8 };", "f(&a[0])", tmp_path).startswith(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("static struct one { int x; } one;\nint f(struct one *o)\n{\n\treturn o->x;\n}\n", "(3,)"),
        (
            "struct one { int x; };\nint f(struct one *o)\n{\n\tstruct one two = { .x = ATOMIC_INIT(5) };\n"
            "\treturn two.x;\n}\n",
            "(5,)",
        ),
        (
            "struct one { int x; };\nint f(struct one *o)\n{\n\tif (o->x == 4)\n\t\tBUG();\n\treturn 1;\n}\n",
            "(1,)",
        ),
        (
            "struct one { int x; };\nint f(struct one *o)\n{\n"
            "\treturn smp_cond_load_acquire(&o->x, VAL > 2);\n}\n",
            "(3,)",
        ),
    ],
)
def test_what_code_of_the_kernel_is_made_of(body: str, expected: str, tmp_path: Path) -> None:
    assert read_back(body, "struct one one = { .x = 3 };", "f(&one)", tmp_path) == expected


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ("1 ? -1 : 0UL", "(1,)"),
        ("0 ? 0UL : -1", "(1,)"),
        ("1 ? -1 : 0", "(0,)"),
        ("c ? -1 : o->word", "(1,)"),
        ("c ? -1 : o->nothing", "(0,)"),
    ],
)
def test_the_arm_that_is_not_evaluated_has_a_type(arms: str, expected: str, tmp_path: Path) -> None:
    """-1 beside an unsigned long is the greatest number; what makes no sense here has no type."""
    body = "struct one { unsigned long word; };\nint f(struct one *o, int c)\n{\n"
    body += f"\treturn ({arms}) > 0;\n}}\n"
    assert read_back(body, "struct one one = { .word = 3 };", "f(&one, 1)", tmp_path) == expected
