"""Large input gets an answer, or a limit that says what was too much. No test here reads a clock."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.effort import share
from verifier.budget import Budget
from verifier.cli import main
from verifier.errors import InputError, InternalError, LimitError
from verifier.explore import decide as run_all
from verifier.lower.build import build
from verifier.lower.c.parts import MAX_COPIES
from verifier.program import expressions
from verifier.program.answer import Answer
from verifier.program.expressions import (
    MAX_APPLICATIONS,
    Apply,
    Const,
    Expr,
    Obs,
    Ref,
    Reg,
    call,
    evaluate,
    refs,
)
from verifier.program.undefined import no_cell
from verifier.program.values import Ptr
from verifier.solve import asker, decide, encode
from verifier.solve.acyclic import require_acyclic
from verifier.source import Source
from verifier.suite.decide import compare
from verifier.syntax import load, read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
END = "\nexists (x = 1)\n"


def text(init: str, programs: str, before: str = "") -> str:
    return f"MM t\n{before}{{ int x; int y; {init} }}\n{programs}{END}"


def source(content: str) -> Source:
    return Source("t.litmus", content)


# -- inputs that grow in their own way, with the answers of both judges (None: it is not known), and why


def doublings(count: int, more: str = "") -> str:
    body = "r0 = READ_ONCE(y);" + "r0 = r0 + r0;\n" * count + more
    return text("", f"P0 {{ {body} WRITE_ONCE(x, r0); }}\nP1 {{ y = 1; }}")


def columns(rows: int) -> str:
    lines = "".join(" MOV EAX,[x] | MOV [x],$1 ;\n" for _ in range(rows))
    return f"X86 t\n{{ }}\n P0 | P1 ;\n MOV [x],$2 | MOV [y],$1 ;\n{lines}exists (0:EAX=1)\n"


def calls(deep: int, function: str) -> str:
    """Functions that call the one before them twice."""
    functions = "".join(f"void f{i}() {{ f{i - 1}(); f{i - 1}(); }}\n" for i in range(1, deep))
    return text("", f"P0 {{ f{deep - 1}(); }}", f"void f0() {{ {function} }}\n{functions}")


def loops(body: str) -> str:
    heads = " ".join(f"for ({c} = 0; {c} < 100; {c}++)" for c in "ijk")
    return text("", f"P0 {{ int i; int j; int k; int s; {heads} {body} }}")


SWITCH = "".join(f"case {i}: x = {i}; break;\n" for i in range(200))
JUMPS = "".join(f"if (r0 == {i}) goto out; r{i} = READ_ONCE(y);\n" for i in range(1, 120))
SUMS = "r1 = READ_ONCE(y); r0 = r0 + r1;\n" * 60
NESTED = "".join(
    f"void h{k}(void *i) {{ on_each_cpu(h{k - 1}, 0, 0); on_each_cpu(h{k - 1}, 0, 0); }}\n"
    for k in range(1, 18)
)
TWICE = "r0 = r0 + r0;" * 60
LONG = "a" * 12000
ATOMS = " \\/ ".join(f"x = {i}" for i in range(9000))
ANSWERED = {
    "twenty doublings": (doublings(20), (False, True)),
    "two hundred doublings": (doublings(200), (False, True)),
    "squares": (doublings(1, "r0 = r0 * r0;\n" * 60), (False, True)),
    "both branches": (
        text("", f"P0 {{ r0 = y; if (x) {{ {TWICE} }} else {{ {TWICE} }} x = r0; }}"),
        (False, True),
    ),
    "a switch": (
        text("", f"P0 {{ r0 = READ_ONCE(y); switch (r0) {{ {SWITCH} }} }}\nP1 {{ y = 1; }}"),
        (True, True),
    ),
    "jumps to one place": (
        text("", f"P0 {{ r0 = READ_ONCE(y); {JUMPS} out: x = 1; }}\nP1 {{ y = 5; }}"),
        (True, False),
    ),
    "a sum": (text("", f"P0 {{ r0 = 0; {SUMS} x = r0; }}\nP1 {{ y = 1; }}"), (True, True)),
    "thirty rows": (columns(30), (True, True)),
    "a long name": (text(f"int {LONG};", f"P0 {{ {LONG} = 1; x = {LONG}; }}"), (True, False)),
    "a long condition": (text("", "P0 { x = 1; }").replace("x = 1)", f"{ATOMS})"), (True, False)),
}


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("judge", [decide, run_all])
def test_answered(name: str, judge: object) -> None:
    content, expected = ANSWERED[name]
    (test,) = load(source(content))
    answer = judge(build(test), witnesses=False)  # type: ignore[operator]
    assert (answer.reachable, answer.refutable) == expected


COPIES = f"functions inlined and loops written out more than {MAX_COPIES} times, the last one in t.litmus:"
HANDLERS = f"void h0(void *i) {{ x = 1; }}\n{NESTED}"
MANY = 5000
WIDE = " | ".join(f"P{i}" for i in range(MANY)) + " ;\n" + " | ".join(["MOV [x],$1"] * MANY) + " ;\n"
LIMITED = {
    "calls": (calls(25, "x = 1;"), f"{COPIES}7"),
    "calls of nothing": (calls(25, "int a; a = 1;"), f"{COPIES}7"),
    "loops": (loops("x = 1;"), f"{COPIES}3"),
    "loops of nothing": (loops("s = 1;"), f"{COPIES}3"),
    "handlers that send": (text("", "P0 { on_each_cpu(h17, 0, 0); }\nP1 { x = 2; }", HANDLERS), COPIES),
    "rows": (columns(MANY), "more than 4000 events"),
    "columns": (f"X86 t\n{{ }}\n{WIDE}exists (x=1)\n", "more than 4000 events"),
    "depth": (doublings(2000), f"nests operations more than {MAX_APPLICATIONS} deep"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", LIMITED)
def test_limited(name: str) -> None:
    content, cause = LIMITED[name]
    (test,) = load(source(content))
    with pytest.raises(LimitError, match=cause.replace(".", "\\.")):
        build(test)


def test_cells() -> None:
    (test,) = load(source(text("int a[4096];", "P0 { x = a[5]; }")))
    with pytest.raises(InputError, match="a test has at most 4096 cells"):
        build(test)


WRITERS = "".join(f"P{i} {{ x = {i + 2}; y = {i * 7 + 3}; a = {i * 31 + 5}; }}\n" for i in range(1, 12))
SOLVER_ONLY = {
    "rows that conflict": (columns(102), "memory: about"),
    "products": (
        text("int a;", f"P0 {{ r0 = x; r1 = y; r2 = a; x = r0 * r1 * r2; }}\n{WRITERS}"),
        "1024 values",
    ),
}


@pytest.mark.parametrize("name", SOLVER_ONLY)
def test_limited_by_the_encoding(name: str) -> None:
    content, cause = SOLVER_ONLY[name]
    (test,) = load(source(content))
    answer = decide(build(test))
    assert answer.reachable is None and cause in answer.reason


def test_a_number_has_so_many_bits() -> None:
    grown: Expr = Const(3)
    with pytest.raises(LimitError, match="4096 bits"):
        for _ in range(20):
            grown = call("mul", grown, grown)


def test_variants_of_a_long_file() -> None:
    variants = "variants { " + " ".join(f"V{i} never;" for i in range(3000)) + " }"
    with pytest.raises(InputError) as caught:
        load(source(text("", "P0 { x = 1; }" + "// ten bytes\n" * 500 + variants)))
    assert [d.code for d in caught.value.diagnostics] == ["too-large"]


def test_many_errors_take_one_line_each(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(text("", "\n".join(f"P{i} {{ x = {i}; }}" for i in range(2000))))
    assert main(["check", str(path)]) == 2
    assert capsys.readouterr().err.count("is not a range of CPUs") == 2000 - 64


# -- the time


def runs(judge: str) -> list[str]:
    return [
        "check",
        "--judge",
        judge,
        "--timeout",
        "0.000001",
        str(ROOT / "litmus" / "classic" / "SB.litmus"),
    ]


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_no_time_at_all(judge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(runs(judge)) == 3
    assert "timeout: more than 1e-06 s, while reading the program" in capsys.readouterr().out


class Until(Budget):
    """A budget whose time is over when a phase begins."""

    __slots__ = ("last",)

    def __init__(self, last: str) -> None:
        super().__init__(5.0)
        self.last = last

    @property
    def over(self) -> bool:
        return self.phase == self.last


PHASES = {
    decide: ["finding values", "encoding", "encoding what may happen in which order", "solving",
             "reading a run from the solver", "checking a run again", "telling a run"],
    run_all: ["making the machine", "running the machine", "telling a run"],
}  # fmt: skip


@pytest.mark.parametrize(("judge", "phase"), [(j, p) for j, phases in PHASES.items() for p in phases])
def test_time_may_end_anywhere(judge: object, phase: str) -> None:
    (test,) = load(read(ROOT / "litmus" / "mmu" / "3.4-two-writers.litmus"))[:1]
    budget = Until(phase)
    budget._ticks = 1
    answer = judge(build(test), budget=budget)  # type: ignore[operator]
    assert answer.reason == f"timeout: more than 5 s, while {phase}"
    assert None in (answer.reachable, answer.refutable)


def test_time_may_end_before_a_judge_begins() -> None:
    (test,) = load(source(columns(20)))
    for phase in ("reading the program", "unrolling"):
        with pytest.raises(LimitError, match=phase):
            build(test, budget=Until(phase))


def test_a_machine_too_large_for_the_memory() -> None:
    (test,) = load(source(columns(20)))
    answer = run_all(build(test), budget=Budget(None, 0), want_states=True)
    assert answer.reason.startswith("memory: about ") and answer.states is None


# -- values that share their parts


def doubled(count: int, leaf: Expr) -> Expr:
    for _ in range(count):
        leaf = Apply("add", (leaf, leaf))
    return leaf


def test_equal_expressions_are_one_object() -> None:
    assert doubled(300, Ref(3)) is doubled(300, Ref(3))
    assert doubled(300, Ref(3)) is not doubled(300, Ref(4))


def test_what_is_large_is_looked_at_once() -> None:
    for leaf, slots, observed in ((Ref(3), {3: 1}, None), (Obs(2), {}, {2: 1})):
        assert evaluate(doubled(1000, leaf), slots, observed) == 2**1000
    assert list(refs(Apply("add", (doubled(1000, Ref(3)), Ref(1))))) == [1, 3]


def test_a_large_expression_is_as_lazy_as_a_small_one() -> None:
    never = doubled(500, Ref(9))
    chosen = call("ite", doubled(500, Ref(3)), Const(7), never)
    both = Apply("and", (Apply("eq", (Ref(3), Const(0))), never))
    either = Apply("or", (doubled(500, Ref(3)), never))
    assert [evaluate(e, {3: 1}) for e in (chosen, both, either)] == [7, 0, 1]
    with pytest.raises(KeyError):
        evaluate(chosen, {3: 0})


@pytest.mark.parametrize("depth", [2, 31, 32, 33, 64, 65, MAX_APPLICATIONS])
def test_pickled(depth: int) -> None:
    expr = Apply("add", (doubled(depth - 1, Reg("r")), Const(2)))
    again, part = pickle.loads(pickle.dumps((expr, expr.args[0])))
    assert again is expr and part is expr.args[0]


def test_what_nobody_uses_is_forgotten() -> None:
    expressions._forget()
    before = len(expressions._APPLICATIONS)
    kept = doubled(100, Reg("of this test"))
    part = kept.args[0]
    expressions._forget()
    assert len(expressions._APPLICATIONS) == before + 100
    del kept
    expressions._forget()
    assert len(expressions._APPLICATIONS) == before + 99
    assert doubled(99, Reg("of this test")) is part
    del part
    expressions._forget()
    assert len(expressions._APPLICATIONS) == before


def test_the_table_of_applications_stays_small() -> None:
    expressions._forget()
    before, most = len(expressions._APPLICATIONS), 0
    for i in range(3 * expressions._SPARE):
        Apply("add", (Reg("of this test"), Const(i)))
        most = max(most, len(expressions._APPLICATIONS))
    assert before < most < 2 * before + expressions._SPARE + 10


# -- the second encoding


@pytest.mark.long
@pytest.mark.parametrize("folder", ["classic", "locks", "mmu", "rcu", "hangs", "linux/switch-mm"])
def test_ranks_say_what_elimination_says(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same verdicts and the same sets of states, for tests of the corpus."""
    paths = share(sorted((ROOT / "litmus" / folder).rglob("*.litmus")), 4)
    programs = [build(test) for path in paths for test in load(read(path))]
    found = [replace(decide(p, want_states=True, witnesses=False), hang=None) for p in programs]
    ranked = 0

    def require(relation: object, watched: object) -> None:
        nonlocal ranked
        before = len(relation.space.clauses.rows)  # type: ignore[attr-defined]
        require_acyclic(relation, joins=0)  # type: ignore[arg-type]
        ranked += len(relation.space.clauses.rows) > before + 1  # type: ignore[attr-defined]

    monkeypatch.setattr(encode, "require_acyclic", require)
    again = [replace(decide(p, want_states=True, witnesses=False), hang=None) for p in programs]
    assert again == found
    assert ranked > len(programs) / 2


# -- processes with little memory


@pytest.mark.long
@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("name", ["doublings", "columns", "stores"])
def test_in_a_gigabyte(judge: str, name: str, tmp_path: Path) -> None:
    contents = {
        "doublings": doublings(200),
        "columns": columns(102),
        "stores": text("", "P0 {" + "x = 1;\n" * 1500 + "}"),
    }
    path = tmp_path / "t.litmus"
    path.write_text(contents[name])
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (1200 << 20, 1200 << 20))
    code = "from verifier.cli import entry; entry()"
    command = [sys.executable, "-c", code, "check", "--judge", judge, "--timeout", "10", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode in (0, 3) and "Traceback" not in done.stderr, done.stderr[-500:]


FROM_LITTLE_TO_ENOUGH = """
from verifier.solve import asker
from verifier.suite.decide import run_alone
from verifier.suite.options import Options
from verifier.syntax import load, read
import sys, verifier.solve
(test,) = load(read(sys.argv[1]))
if sys.argv[2] == "Z3":
    asker.QUICKLY = asker.TELLING = 0
for memory in range(1, 100, 3):
    verdict = run_alone(test, Options(memory=memory))
    print(verdict.reason or verdict.observation)
"""


@pytest.mark.long
@pytest.mark.parametrize("by", ["search", "Z3"])
def test_any_lack_of_memory_is_told_as_one(by: str) -> None:
    """Whatever it is that there is no memory for: a context of Z3, a thread, a formula, Python's objects. The
    search may do with the megabyte that is always there."""
    file = str(ROOT / "litmus" / "classic" / "SB.litmus")
    command = [sys.executable, "-c", FROM_LITTLE_TO_ENOUGH, file, by]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert len(said) == 33 and said[-1] == "sometimes"
    assert by == "search" or said[0] == "out of memory"
    assert all(line == "sometimes" or "memory" in line for line in said)
    assert "SIGSEGV" not in done.stdout


def test_z3_keeps_to_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a context of its own, where a run is told, and in the one that all tests share."""
    monkeypatch.setattr(asker, "QUICKLY", 0)
    monkeypatch.setattr(asker, "TELLING", 0)
    (test,) = load(read(ROOT / "litmus" / "classic" / "SB.litmus"))
    for witnesses in (True, False, True, False):
        answer = decide(build(test), budget=Budget(None, 1), witnesses=witnesses)
        assert answer.reachable is None and answer.reason == "memory: more than 1 MB, while solving"
        assert decide(build(test), witnesses=witnesses).reachable


def test_who_came_to_a_limit_contradicts_nobody() -> None:
    (test,) = load(read(ROOT / "litmus" / "classic" / "SB.litmus"))
    program = build(test)
    limited, known = Answer(reason="memory"), Answer(True, True, cut=True, states=())
    compare(test, program, limited, known)
    compare(test, program, known, limited)
    compare(test, program, limited, Answer(bad=no_cell(program, program.events[0], {})))
    for other in (
        replace(known, cut=False),
        replace(known, refutable=False),
        Answer(bad=no_cell(program, program.events[0], {})),
    ):
        with pytest.raises(InternalError):
            compare(test, program, other, known)


@pytest.mark.parametrize("leaf", [Const(Ptr("x")), Const(7), Const("a"), Reg("r"), Ref(3), Obs(2)])
def test_equal_leaves_are_one_object(leaf: Const | Reg | Ref | Obs) -> None:
    assert pickle.loads(pickle.dumps(leaf)) is leaf
    assert type(leaf)(getattr(leaf, leaf.field)) is leaf


def test_a_truth_is_a_number() -> None:
    assert repr(Const(2 > 1)) == repr(Const(1)) == "Const(value=1)"


def test_constants_that_nobody_uses_are_forgotten() -> None:
    kept = Const(-123456789)
    for number in range(200_000):
        Const(10_000_000 + number)
    assert len(Const.known) < 100_000
    assert Const(-123456789) is kept
