"""What is said of hangs: the lines under a verdict, and the run below them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.texts import wrong
from verifier.render import story
from verifier.render.json import result_object
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load, read

BOTH = pytest.mark.parametrize("judge", ["z3", "explorer"])


def verdict(text: str, judge: str = "z3") -> Verdict:
    (test,) = load(Source("t", f"MM t\n{text}"))
    return run(test, Options(judge=judge))


def told(text: str, judge: str) -> str:
    return "; ".join(wait.told("t") for wait in verdict(text, judge).waits)


def rows(text: str, judge: str) -> list[str]:
    """The story of the run that hangs, without the widths of its columns."""
    found = verdict(text, judge)
    assert found.hang is not None
    return [" ".join(line.split()) for line in story.story(found, found.hang).splitlines()]


# A writer that comes between two looks of one reader; the trylock makes the line matter.
NESTED = """{ rwlock_t l; int x; }
P0 { read_lock(&l);
 read_lock(&l); x = 1; read_unlock(&l); read_unlock(&l); }
P1 { write_lock(&l); write_unlock(&l); }
P2 { r0 = read_trylock(&l); if (r0) read_unlock(&l); }
expect never hangs;
exists (x = 2)
"""

NMI = """{ spinlock_t l; int x; }
P0 { spin_lock(&l);
 spin_unlock(&l); }
nmi P0 {
 spin_lock(&l); spin_unlock(&l); }
expect never hangs;
exists (x = 2)
"""

# The handler gives the lock back, but an NMI that waits for it has interrupted it.
UNDER = """{ spinlock_t l; int x; }
void f(void *info) { spin_lock(&l);
 WRITE_ONCE(x, 1); spin_unlock(&l); }
P0 { }
nmi P0 {
 if (READ_ONCE(x)) spin_lock(&l); }
P1 { smp_call_function_single(0, f, NULL, 1);
 if (!READ_ONCE(x)) WRITE_ONCE(x, 2); }
expect never hangs;
exists (x = 2)
"""


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            NESTED,
            "CPU 0 waits in line 4 for l behind CPU 1, which waits for it in line 5; "
            "CPU 1 waits in line 5 for l, and CPU 0 has held it as a reader since line 3",
        ),
        (
            NMI,
            "CPU 0, in the NMI, waits in line 6 for l, and CPU 0 itself has held it since line 3, "
            "before this NMI",
        ),
        (
            UNDER,
            "CPU 1 waits in line 8 for CPU 0 to run f(), and the NMI has interrupted f(); "
            "CPU 0, in the NMI, waits in line 7 for l, and CPU 0 itself has held it since line 3, "
            "before this NMI",
        ),
    ],
)
def test_both_judges_say_who_waits(text: str, expected: str, judge: str) -> None:
    assert told(text, judge) == expected


# Its second line takes the lock, the third one waits.
INCLUDE = """
void hold(spinlock_t *l) { spin_lock(l); }
void take_it(spinlock_t *l) { spin_lock(l); }
void take(spinlock_t *l) { take_it(l); }
"""


@BOTH
def test_a_wait_in_an_include_names_the_line_that_calls_it(judge: str, tmp_path: Path) -> None:
    (tmp_path / "outer.inc").write_text('#include "locks.inc"\nvoid both(spinlock_t *l) {\n take(l); }\n')
    (tmp_path / "locks.inc").write_text(INCLUDE)
    path = tmp_path / "t.litmus"
    path.write_text(
        'MM t\n#include "outer.inc"\n{ spinlock_t l; int x; }\nP0 { hold(&l); }\n'
        "P1 {\n both(&l); }\nexists (x = 2)\n"
    )
    (test,) = load(read(path))
    found = run(test, Options(judge=judge))
    (line,) = [w.told(str(path)) for w in found.waits]
    assert line == (
        "CPU 1 waits in line 6 (locks.inc:3) for l, and CPU 0 has held it since line 4 (locks.inc:2)"
    )
    assert found.hang is not None and found.hang.waits == found.waits
    last = " ".join(story.story(found, found.hang).splitlines()[-1].split())
    assert last.startswith("CPU 1 waits for ever line 6 (locks.inc:3) for l; CPU 0 has held it since line 4")
    (wait,) = cast("list[dict[str, object]]", result_object(found, states=False)["waits"])
    assert wait["line"] == 3 and wait["called"] == {"file": str(path), "line": 6}


def test_a_chain_begins_with_a_cpu_that_nobody_waits_for() -> None:
    text = """{ spinlock_t a; spinlock_t b; int x; int y; }
    P0 { spin_lock(&a); while (!READ_ONCE(x)) cpu_relax(); }
    P1 { while (!spin_is_locked(&b)) cpu_relax(); spin_lock(&b); }
    P2 { while (!spin_is_locked(&a)) cpu_relax(); spin_lock(&b); spin_lock(&a); }
    exists (x = 1)
    """
    assert [wait.cpu for wait in verdict(text).waits] == [1, 2, 0]


@BOTH
def test_a_grace_period_that_does_not_end_only_starts(judge: str) -> None:
    """A section ends before the grace period would; another one does not."""
    text = """{ int x; int y; }
    P0 { while (!READ_ONCE(y)) cpu_relax(); synchronize_rcu(); WRITE_ONCE(x, 1); }
    P1 { rcu_read_lock(); rcu_read_unlock();
        rcu_read_lock(); WRITE_ONCE(y, 1); while (!READ_ONCE(x)) cpu_relax(); }
    exists (x = 1)
    """
    found = [row for row in rows(text, judge) if "grace period" in row]
    assert found[0] == "CPU 0 synchronize_rcu() line 3 a grace period starts [18.2]"
    assert found[1].startswith(
        "CPU 0 waits for ever line 3 for a grace period; the section of CPU 1 in line 5"
    )


@BOTH
def test_sends_that_are_never_taken_are_told(judge: str) -> None:
    text = """{ int x; 1:irq = off; }
    void f(void *info) { WRITE_ONCE(x, 1); }
    P0 { smp_call_function_single(1, f, NULL, 0);
        smp_call_function_single(1, f, NULL, 1); }
    P1 { }
    exists (x = 1)
    """
    assert rows(text, judge) == [
        "CPU 0 smp_call_function_single(1, f, NULL, 0) line 4 sends",
        "CPU 0 smp_call_function_single(1, f, NULL, 1) line 5 sends",
        "CPU 0 waits for ever line 5 for CPU 1 to run f(); CPU 1 has interrupts off",
        "CPU 1 f() is never run line 4 for interrupts to be on",
    ]


@BOTH
def test_a_handler_waits_in_its_own_name(judge: str) -> None:
    text = """{ int x; }
    void f(void *info) { while (!READ_ONCE(x)) cpu_relax(); }
    P0 { smp_call_function_single(1, f, NULL, 0); }
    P1 { }
    exists (x = 1)
    """
    assert rows(text, judge)[-1] == "CPU 1 f() waits for ever line 3 until READ_ONCE(x) is true; x is 0"


def test_lines_under_a_deadlock() -> None:
    found = verdict(
        '{ spinlock_t l; }\nP0 { spin_lock(&l); spin_lock(&l); }\nexpect deadlock "twice";\nexists (l = 1)\n'
    )
    first, second, *_ = story.text(found).splitlines()
    assert first == "t   unknown     as expected, deadlock: twice"
    assert second == "  no run ends: CPU 0 waits in line 3 for l, and CPU 0 has held it since line 3"
    assert story.headline(found) == (
        "t   unknown     as expected: twice (deadlock: no run ends: CPU 0 waits in line 3 for l, "
        "and CPU 0 has held it since line 3)"
    )


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("never", "never DIFFERS: may hang, and the test expects that no run does"),
        ("always", "never DIFFERS: expected always, may hang, and the test expects that no run does"),
        ("always hangs", "never DIFFERS: expected always hangs, may hang"),
        ("never hangs", "never as expected, may hang"),
        ("hangs", "never as expected, may hang"),
        ("deadlock", "never DIFFERS: expected deadlock, may hang"),
    ],
)
def test_how_a_verdict_on_hangs_differs(expected: str, said: str) -> None:
    found = verdict(NESTED.replace("never hangs", expected))
    assert " ".join(story.headline(found).split()[1:]) == said


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("never", "expected never, and that no run hangs"),
        ("never hangs", "expected never hangs"),
        ("always hangs", "expected always hangs"),
    ],
)
def test_a_deadlock_where_hangs_or_none_are_expected(expected: str, said: str) -> None:
    text = "{ spinlock_t l; }\nP0 { spin_lock(&l); spin_lock(&l); }\nexpect {};\nexists (l = 1)\n"
    found = verdict(text.replace("{};", f"{expected};"))
    first, second, *_ = story.text(found).splitlines()
    assert first == f"t   unknown     DIFFERS: {said}, deadlock"
    assert second.startswith("  no run ends: ")
    assert story.headline(found).startswith(f"t   unknown     DIFFERS: {said} (deadlock: ")


def test_a_hang_that_is_expected_and_does_not_come() -> None:
    found = verdict("{ int x; }\nP0 { x = 1; }\nexpect always hangs;\nexists (x = 1)\n")
    said = "t always DIFFERS: no run hangs, and the test expects that one does"
    assert " ".join(story.headline(found).split()) == said


def test_one_line_for_each_who_waits() -> None:
    lines = story.text(verdict(NESTED)).splitlines()
    assert lines[1:3] == [
        "  may hang: CPU 0 waits in line 4 for l behind CPU 1, which waits for it in line 5;",
        "            CPU 1 waits in line 5 for l, and CPU 0 has held it as a reader since line 3",
    ]


def test_nothing_is_done_for_nothing() -> None:
    """No NMI strikes, the handler runs and returns, and no branch is taken that need not be."""
    text = """{ spinlock_t l; int x; int y; int z; }
    void f(void *info) { WRITE_ONCE(y, 1); }
    P0 { spin_lock(&l); spin_lock(&l); }
    P1 { r0 = READ_ONCE(z); if (r0) { WRITE_ONCE(y, 2); WRITE_ONCE(y, 3); } }
    P2 { WRITE_ONCE(z, 1); local_irq_disable(); smp_call_function_single(1, f, NULL, 0); local_irq_enable(); }
    nmi P2 { WRITE_ONCE(x, 1); }
    exists (x = 1)
    """
    found = rows(text, "z3")
    assert not [row for row in found if "NMI" in row or "never run" in row or "WRITE_ONCE(y, 2)" in row]
    assert "CPU 1 interrupt: f line 6" in found


def test_a_loop_that_steps_by_any_expression() -> None:
    loop = """{ int x; }
    int ready(void) { return READ_ONCE(x); }
    P0 { for (r0 = 0; !r0; r0 = ready()) cpu_relax(); r1 = 1; }
    P1 { WRITE_ONCE(x, 1); }
    exists (0:r1 = 1)
    """
    assert verdict(loop, "z3").observation == "always" == verdict(loop, "explorer").observation
    hangs = loop.replace("WRITE_ONCE(x, 1);", "")
    assert (
        told(hangs, "z3") == told(hangs, "explorer") == "CPU 0 waits in line 4 until r0 is true, and x is 0"
    )


def test_a_loop_that_counts_too_far_is_refused() -> None:
    (found,) = wrong("MM t\n{ int x; }\nP0 { for (r0 = 0; r0 < 1000; r0 = r0 + 1) x = 1; }\nexists (x = 1)\n")
    assert found.code == "loop" and "turns more than 256 times" in found.message


@BOTH
@pytest.mark.parametrize(
    ("kind", "takes", "tries"),
    [
        ("struct semaphore", "down(&s);", "down_trylock(&s)"),
        ("rwlock_t", "write_lock(&s);", "!read_trylock(&s)"),
    ],
)
def test_who_tries_for_ever_is_not_told_of_an_empty_line(
    judge: str, kind: str, takes: str, tries: str
) -> None:
    first = " = 1" if "semaphore" in kind else ""
    text = f"{{ {kind} s{first}; int x; }}\nP0 {{ {takes} }}\nP1 {{ while ({tries}) cpu_relax(); x = 1; }}\n"
    said = told(f"{text}exists (x = 1)", judge)
    assert "and s is " in said and "waiting" not in said
