"""What a run that decides by an undefined value is told to be, by both judges and with the same words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.judges import holds, states
from verifier.budget import Budget
from verifier.cli import main
from verifier.errors import InternalError
from verifier.lower.build import build
from verifier.program.answer import Answer
from verifier.program.undefined import Wrong
from verifier.source import Source
from verifier.suite.decide import compare, run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.table import WORDS

ADDRESS = "v & 0x7fffffffe000 has no value"
STORED = f"`y` in line 3 reads what line 3 stores: {ADDRESS}"


def text(body: str, condition: str = "exists (x = 1)") -> str:
    """A test whose program has the number of an address in ``a``."""
    return (
        "MM t\n{ page A = 1; mm N { v -> A }; 0:cr3 = N; int x; int n = 64; u64 y; }\n"
        f"P0 {{ unsigned long a = v; {body} r9 = *v; }}\n{condition}\n"
    )


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(
    ("body", "decided", "why"),
    [
        ("y = a & 0x7fffffffe000; if (y > 33) x = 1;", "y > 33", STORED),
        ("unsigned long b = a & 0x7fffffffe000; if (b) x = 1;", "b", ADDRESS),
        ("unsigned long b = a & 0x7fffffffe000; r1 = b ? 1 : 2;", "b", ADDRESS),
        ("y = a & 0x7fffffffe000; r1 = n ? n : (y ? 1 : 2); r2 = y ? 1 : 2;", "y", STORED),
        ("y = a & 0x7fffffffe000; while (READ_ONCE(y) < 7) { n = 1; }", "READ_ONCE(y) < 7", None),
        ("y = a & 0x7fffffffe000; while (READ_ONCE(y) < 7) cpu_relax();", "READ_ONCE(y) < 7", None),
        ("y = a & 0x7fffffffe000; do { r1 = READ_ONCE(y); } while (r1 & 1);", "r1 & 1", None),
        ("y = a & 0x7fffffffe000; r1 = cmpxchg(&y, 1, 2);", "r1 = cmpxchg(&y, 1, 2)", None),
        ("y = a & 0x7fffffffe000; WARN_ON(y == 2);", "WARN_ON(y == 2)", STORED),
        ("r1 = 1 << n; if (r1) x = 1;", "r1", "a shift by 64 of what has 32 bits"),
        ("r1 = 7 / (n - 64); switch (r1) { case 1: x = 1; }", "case 1:", "a division by 0"),
        ("if (n && (a & 0x7fffffffe000)) x = 1;", "n && (a & 0x7fffffffe000)", ADDRESS),
        ("y = a; r1 = y < 7; if (r1) x = 1;", "r1", "nothing says whether v < 7"),
        ("y = a & 0x7fffffffe000; local_irq_disable(); local_irq_restore(y);", "local_irq_restore(y)", None),
    ],
)
def test_a_decision_by_an_undefined_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, body: str, decided: str, why: str | None
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(text(body))
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert f"unknown `{decided}" in said
    assert "in line 3 decides by an undefined value: " in said
    assert said.endswith(why or ADDRESS)


@pytest.mark.parametrize(
    ("body", "condition", "found"),
    [
        ("y = a & 0x7fffffffe000;", "exists (y = 1)", False),
        ("y = a & 0x7fffffffe000;", "exists (~y = 1)", True),
        ("y = a & 0x7fffffffe000;", "exists (y != 1)", True),
        ("y = a & 0x7fffffffe000;", "exists (y < 1 \\/ y >= 1)", False),
        ("y = a & 0x7fffffffe000;", "exists (y + 1 = 1)", False),
        ("y = a & 0x7fffffffe000; r1 = a & 0x7fffffffe000;", "exists (0:r1 = y)", False),
        ("if (x && (a & 0x7fffffffe000)) x = 1;", "exists (x = 1)", False),
        ("if (n || (a & 0x7fffffffe000)) x = 1;", "exists (x = 1)", True),
        ("y = a & 0x7fffffffe000; if (!(y & 0)) x = 1;", "exists (x = 1)", True),
        ("r1 = 1 << n; r1 = 1; if (r1) x = 1;", "exists (x = 1)", True),
        ("if (x) { if (a & 0x7fffffffe000) x = 2; } else { x = 1; }", "exists (x = 1)", True),
    ],
)
def test_what_is_not_decided_by(body: str, condition: str, found: bool) -> None:
    assert holds(text(body, condition)) == found


FREED = """MM t
{{ struct foo a {{ .val = 1 }}; struct foo *head = &a; int done; int x; }}
struct foo {{ struct foo *next; int val; }};
P0 {{ WRITE_ONCE(head, NULL); kfree(&a); }}
P1 {{
    struct foo *p = READ_ONCE(head);
    if (p) {{ r0 = READ_ONCE(p->val); {then} }}
}}
exists ({asked})
"""


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
@pytest.mark.parametrize(
    ("then", "asked", "verdict"),
    [
        ("if (r0 != 1) done = 1; else if (1 / (r0 - 1)) x = 1;", "done = 1", "sometimes"),
        ("if (r0 != 1) { done = 1; if (1 / (r0 - r0)) x = 1; }", "done = 1", "unknown"),
        ("if (r0 != 1) done = 1; else if (1 / (r0 - 1)) x = 1;", "x = 1", "unknown"),
        ("if (1 / (r0 - 1)) done = 1; else x = 1;", "x = 1 \\/ done = 1", "sometimes"),
        ("if (r0 != 1) done = 1; else if (1 / (r0 - 1)) x = p->next->val;", "done = 1", "sometimes"),
        ("if (r0 != 1) done = 1; else x = p->next->val;", "done = 1", "unknown"),
    ],
)
def test_what_a_run_without_such_a_decision_shows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, then: str, asked: str, verdict: str
) -> None:
    """A run shows its outcome, whatever those do that decide by an undefined value; but what is no address is
    a fault of the test."""
    path = tmp_path / "t.litmus"
    path.write_text(FREED.format(then=then, asked=asked))
    assert main(["check", "-q", "--judge", judge, str(path)]) == (3 if verdict == "unknown" else 0)
    said = capsys.readouterr().out
    assert f"t   {verdict}" in said and ("nothing is known of some other runs" in said) == (
        verdict != "unknown"
    )
    assert main(["states", "--judge", judge, str(path)]) == 3
    assert "t   unknown" in capsys.readouterr().out


def test_a_value_that_is_undefined_is_shown() -> None:
    assert states(text("y = a & 0x7fffffffe000; r1 = y + 1;", "locations [y; 0:r1]\nexists (x = 1)")) == [
        "0:r1=undef; [x]=0; [y]=undef;"
    ]


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_turn_that_is_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str) -> None:
    """The loop's last turn finds 0, but one before it may find an address."""
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ page A = 1; mm N { v -> A }; unsigned long y = v; int x; 1:cr3 = N; }\n"
        "P0 { unsigned long r;\n while ((r = READ_ONCE(y)) != 0) { if (r < 7) barrier(); } x = 1; }\n"
        "P1 { WRITE_ONCE(y, 0); r9 = *v; }\nexists (x = 1)\n"
    )
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert "`r < 7` in line 4 decides by an undefined value" in capsys.readouterr().out


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_jump_in_assembly(capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(
        "X86_64 t\n{ 0:rax = y; }\n P0 ;\n shlq $1,%rax ;\n cmpq $7,%rax ;\n jb L ;\n movq $1,(x) ;\n L: ;\n"
        "exists (x=1)\n"
    )
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert "in line 6 decides by an undefined value" in capsys.readouterr().out


def decided(capsys: pytest.CaptureFixture[str], path: Path, judge: str) -> str:
    """What the tool says of a file, without colours or line ends."""
    main(["check", "-q", "--no-store", "--judge", judge, str(path)])
    return " ".join(capsys.readouterr().out.split())


SHIFTED = """MM t
{{ unsigned long u; int width = 64; int x; int *p = &x; }}
P0 {{ WRITE_ONCE(x, 1); WRITE_ONCE(u, 1UL << READ_ONCE(width)); }}
P1 {{ r0 = READ_ONCE(x);{own} if (READ_ONCE(u)) {then} {after}}}
P2 {{ {other}r1 = READ_ONCE(u); }}
exists ({asked})
"""
SOURCE = "`READ_ONCE(u)` in line 4 reads what line 3 stores: a shift by 64 of what has 64 bits"
CLEAR = "WRITE_ONCE(p, NULL);"
FOLLOW = "r2 = READ_ONCE(*READ_ONCE(p));"


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
@pytest.mark.parametrize(
    ("own", "then", "after", "other", "line"),
    [
        ("", CLEAR, FOLLOW, "", 0),
        ("", CLEAR, "", FOLLOW, 5),
        ("", CLEAR, FOLLOW, FOLLOW, 5),
        ("", f"{{ {CLEAR} {FOLLOW} }}", "WRITE_ONCE(x, 2);", f"if (READ_ONCE(x) == 2) {FOLLOW}", 5),
        (CLEAR + FOLLOW, "WRITE_ONCE(x, 2);", FOLLOW, "", 4),
    ],
)
def test_what_follows_a_decision_is_a_part_of_it_in_its_own_thread(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str,
    own: str, then: str, after: str, other: str, line: int,
) -> None:  # fmt: skip
    """An access to no object on another CPU is not; ``line``: where it stands. Both judges say so."""
    path = tmp_path / "t.litmus"
    path.write_text(SHIFTED.format(own=own, then=then, after=after, other=other, asked="1:r0 = 0"))
    said = decided(capsys, path, judge)
    if line:
        assert f"t unknown an access in line {line} to an address that belongs to no object" in said
    else:
        assert "t sometimes nothing is known of some other runs: " in said and said.endswith(SOURCE)


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_the_reason_says_where_the_value_comes_from(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str
) -> None:
    """Also where the state in which it is decided no longer has what the store was computed from."""
    path = tmp_path / "t.litmus"
    path.write_text(SHIFTED.format(own="", then="r0 = 2;", after="", other="", asked="1:r0 = 7"))
    assert decided(capsys, path, judge).endswith(SOURCE)


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
@pytest.mark.parametrize(
    ("then", "asked", "verdict"),
    [
        ("r1 = READ_ONCE(x);", "exists (1:r0 != 0)", "sometimes"),
        ("r1 = READ_ONCE(x);", "forall (1:r0 = 0)", "sometimes"),
        ("WRITE_ONCE(x, 2);", "exists (x = 2 /\\ 1:r0 != 0)", "sometimes"),
        ("r1 = READ_ONCE(x);", "exists (1:r0 = 5)", "never"),
    ],
)
def test_a_run_that_reads_an_undefined_value_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, then: str, asked: str, verdict: str
) -> None:
    """What matters in it may be that this value is read."""
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ unsigned long u; int width = 64; int x; }\n"
        "P0 { WRITE_ONCE(u, 1UL << READ_ONCE(width)); WRITE_ONCE(x, 1); }\n"
        f"P1 {{ r0 = READ_ONCE(u); {then} }}\n{asked}\n"
    )
    words = ["check", "--no-store", "--timeout", "20", "--judge", judge, str(path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"t   {verdict}" in said and "timeout" not in said


SB = """MM t
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def test_a_story_leaves_time_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has half of the time that is left, and is told without what matters if this is not enough."""

    def endless(told: object, forces: object, budget: Budget) -> None:
        while True:
            budget.check()

    monkeypatch.setattr("verifier.suite.ran.matter", endless)
    (test,) = load(Source("t", SB))
    verdict = run(test, Options(judge="explorer", timeout=4))
    assert verdict.observation == "sometimes" and verdict.witness is not None


@pytest.mark.parametrize("judge", ["explorer", "both"])
def test_a_limit_is_told_beside_a_wrong_run(monkeypatch: pytest.MonkeyPatch, judge: str) -> None:
    """Who has seen a wrong run, and not all others, says both; the judges are then not compared."""
    monkeypatch.setattr("verifier.suite.decide.EXPLORER_STATES", 4)
    asked = "1:r0 = 0" if judge == "both" else "1:r0 = 7"
    text = SHIFTED.format(own="", then="r0 = 2;", after="", other="", asked=asked)
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge=judge))
    assert SOURCE in verdict.reason and "too many states" in verdict.reason
    assert verdict.observation == ("sometimes" if judge == "both" else "unknown") and not verdict.complete


def test_the_judges_compare_what_is_known_beside_a_wrong_run() -> None:
    """*Sometimes* contradicts who knows all other runs, and an access to no object who knows all runs."""
    (test,) = load(Source("t", SHIFTED.format(own="", then="r0 = 2;", after="", other="", asked="1:r0 = 0")))
    program = build(test)
    decision, astray = Wrong("a decision"), Wrong("an access", lost=True)
    known = Answer(reachable=True, refutable=True, bad=decision, reason=decision.told)
    limited = Answer(bad=decision, reason="too many states")
    lost = Answer(bad=astray, reason=astray.told)
    for one, other in ((known, known), (known, limited), (lost, limited), (lost, lost)):
        compare(test, program, one, other)
        compare(test, program, other, one)
    for one, other in ((known, replace(known, refutable=None)), (known, lost)):
        with pytest.raises(InternalError):
            compare(test, program, one, other)
        with pytest.raises(InternalError):
            compare(test, program, other, one)


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_who_comes_to_a_decision_by_another_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str
) -> None:
    """An undefined guard of a decision holds, as that of an event: what the handler does is a part of its
    own decision, not an access for itself."""
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ unsigned long u; int width = 64; int x; int *p = &x; }\n"
        "void f(void *i) { if (READ_ONCE(u)) r1 = READ_ONCE(x); else r2 = READ_ONCE(*READ_ONCE(p)); }\n"
        "P0 { WRITE_ONCE(u, 1UL << READ_ONCE(width));\n"
        " if (READ_ONCE(u)) smp_mb(); else WRITE_ONCE(p, NULL); }\n"
        "P1 { if (READ_ONCE(u)) { while (!READ_ONCE(u)) cpu_relax(); }\n"
        " smp_call_function_single(0, f, NULL, 0); }\nexists (x = 1)\n"
    )
    said = decided(capsys, path, judge)
    assert "decides by an undefined value" in said and "no object" not in said


BITS = [w.name for w in WORDS.values() if w.at("bit") is not None and not w.planned]
COMPARES = [
    "cmpxchg(&x, u, 1)", "cmpxchg_local(&x, u, 1)", "this_cpu_cmpxchg(p, u, 1)",
    "__this_cpu_cmpxchg(p, u, 1)", "local_cmpxchg(&l, u, 1)", "cmpxchg128(&big, u, 1)",
    "cmpxchg128_local(&big, u, 1)", "try_cmpxchg(&x, &u, 1)", "try_cmpxchg_local(&x, &u, 1)",
    "this_cpu_try_cmpxchg(p, &u, 1)", "local_try_cmpxchg(&l, &u, 1)",
    "cmpxchg_double(&s.a, &s.b, u, 0, 1, 1)",
    "cmpxchg_double_local(&s.a, &s.b, u, 0, 1, 1)", "this_cpu_cmpxchg_double(t.a, t.b, u, 0, 1, 1)",
    "atomic_cmpxchg(&c, u, 1)", "atomic_add_unless(&c, 1, u)",
]  # fmt: skip
MASKS = [f"{p}cpumask_{how}_cpu(u, &m)" for p in ("", "__") for how in ("set", "clear")]


def of_bit(word: str) -> str:
    """A call of a word about bits, of the bit ``u``."""
    given = {"nr": "u", "addr": "&w"}
    return f"{word}({', '.join(given.get(p.name, '2') for p in WORDS[word].parameters)})"


def operand(code: str, value: str) -> str:
    """A program in which ``u`` is an operand of a word."""
    objects = "struct s { u64 a; u64 b; };\n{ int x; int n = 40; unsigned long w; percpu int p; local_t l;"
    objects += " atomic_t c; u128 big; struct s s; percpu struct s t; cpumask_t m = {}; }\n"
    return f"MM t\n{objects}P0 {{ int u = {value}; {code}; }}\nP1 {{ }}\nexists (x = 5)\n"


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("word", [*BITS, *COMPARES, *MASKS])
def test_a_word_decides_by_its_operand(word: str, judge: str) -> None:
    """By the bit that it names, and by what it compares with."""
    code = word
    if word in BITS:
        code = (
            f"{word}({', '.join({'nr': 'u', 'addr': '&w'}.get(p.name, '2') for p in WORDS[word].parameters)})"
        )
    (test,) = load(Source("t", operand(code, "1 << READ_ONCE(n)")))
    verdict = run(test, Options(judge=judge, witnesses=False))
    assert verdict.observation == "unknown"
    assert "decides by an undefined value" in verdict.reason or "belongs to no object" in verdict.reason
    (test,) = load(Source("t", operand(code, "READ_ONCE(n) - 39")))
    assert run(test, Options(judge=judge, witnesses=False)).observation == "never"


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("word", BITS)
def test_a_bit_beyond_its_word_is_another_words(word: str, judge: str) -> None:
    (test,) = load(Source("t", operand(of_bit(word), "READ_ONCE(n) + 30")))
    verdict = run(test, Options(judge=judge, witnesses=False))
    assert verdict.observation == "unknown" and "a shift by 70 of what has 64 bits" in verdict.reason


OPEN = "MM t\n{ int x = 1; int s = 40; int y; }\n"


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(
    ("program", "condition", "named"),
    [
        ("y = x << s;", "y = 1", "[y]"),
        ("y = x << s;", "~(y = 1)", "[y]"),
        ("y = x << s;", "y != 1", "[y]"),
        ("y = x << s;", "y > 1", "[y]"),
        ("y = x << s;", "y + 1 = 4", "[y]"),
        ("y = x << s;", "y = x", "[y]"),
        ("y = x << s;", "x = 1 /\\ y = 1", "[y]"),
        ("r0 = x << s;", "0:r0 = 1", "0:r0"),
        ("r0 = x << s; y = r0;", "0:r0 = 1 \\/ y = 2", "0:r0 and [y]"),
        ("y = x << s;", "x = 2 /\\ y = 1", ""),
        ("y = x << s;", "x = 1 \\/ y = 1", ""),
        ("y = x << s;", "y = undef", ""),
        ("y = x << 4;", "y = 1", ""),
    ],
)
def test_a_condition_that_an_undefined_value_decides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, program: str, condition: str, named: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(f"{OPEN}P0 {{ {program} }}\nexists ({condition})\n")
    assert main(["check", "-q", "--judge", judge, str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    remark = f"{named} may be undefined, which decides the condition"
    assert remark in said if named else "undefined" not in said
