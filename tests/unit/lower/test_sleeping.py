"""Tasks that sleep, halts, and a CPU's interrupt to itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.cli import main

OBJECTS = "{ int x; struct wait_queue_head wq; struct wait_queue_head *p = &wq; struct o o { .f = 1 }; }"
QUEUE = f'#include "linux/wait.inc"\n{OBJECTS}'


@pytest.mark.parametrize(
    ("head", "call", "says", "hint"),
    [
        (
            "struct wait_queue_head { int n; };\n{ int x; struct wait_queue_head wq; }",
            "wait_event(wq, x)",
            "which is not defined here",
            "linux/wait.inc",
        ),
        ("{ int x; }", "wait_var_event(&x, x)", "which is not defined here", "linux/wait_bit.inc"),
        (QUEUE, "wait_event(x, x)", "takes a struct here, not a number", "wait_event(wq, c)"),
        (QUEUE, "wait_event(wq)", "takes 2 arguments, not 1", "wait_event(wq, c)"),
        (QUEUE, "wait_event(o, x)", "takes a struct wait_queue_head here, not a struct", "declare it so"),
        ("{ int x; }", "schedule()", "there is no function 'schedule'", "linux/wait.inc"),
        ("{ int x; }", "mod_timer(&x, 1)", "there is no function 'mod_timer'", "there are no timers here"),
        ("{ int x; }", "hrtimer_start(&x)", "there is no function", "there are no timers here"),
        ("{ int x; }", "del_timer(&x)", "there is no function", "there are no timers here"),
    ],
)
def test_what_is_refused(head: str, call: str, says: str, hint: str) -> None:
    text = f"MM t\n{head}\nP0 {{\n    {call};\n}}\nP1 {{ WRITE_ONCE(x, 1); }}\nexists (x = 1)\n"
    found = wrong(text)[0]
    assert says in found.message and hint in found.hint
    assert found.span is not None and found.span.line == 3 + head.count("\n") + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("waits", "left"),
    [
        ("wait_event_timeout(wq, READ_ONCE(x), 9)", {0, 1, 9}),
        ("wait_event_interruptible_timeout(wq, READ_ONCE(x), 9)", {0, 1, 9}),
        ("wait_event_idle_timeout(wq, READ_ONCE(x), 9)", {0, 1, 9}),
        ("wait_event_timeout(wq, 0, 9)", {0}),
        ("wait_event_timeout(wq, READ_ONCE(x) || 1, 0)", {1}),
        ("wait_for_completion_timeout(&c, 9)", {0, 1, 9}),
        ("wait_for_completion_interruptible_timeout(&done, 9)", {9}),
        ("schedule_timeout_uninterruptible(9)", {0}),
        ("schedule_timeout(9)", {0, 9}),
    ],
)
def test_what_is_left_of_a_time_out(waits: str, left: set[int]) -> None:
    """Nobody hangs. What is left is all of it, or 1 where it has come to an end at the last moment."""
    text = f"""MM t
#include "linux/wait.inc"
{{ struct wait_queue_head wq; struct completion c; struct completion done {{ .done = 1 }}; int x; }}
P0 {{ r0 = {waits}; }}
P1 {{ WRITE_ONCE(x, 1); wake_up(&wq); complete(&c); }}
locations [0:r0]
exists (hang)
"""
    assert states(text) == [f"0:r0={n}; hang=0;" for n in sorted(left)]


def test_a_macro_declares_a_local() -> None:
    text = """MM t
#include "linux/wake_q.inc"
{ int x; int y; }
P0 { DEFINE_WAKE_Q(q); wake_q_add(&q, cpu_curr(1)); wake_q_add(&q, cpu_curr(1)); x = wake_q_empty(&q);
     wake_up_q(&q); DECLARE_COMPLETION_ONSTACK(c); complete(&c); y = completion_done(&c); }
P1 { }
locations [x; y; 1:cpu_task.usage; 1:cpu_task.wake_q]
exists (true)
"""
    assert states(text) == ["1:cpu_task.usage=1; 1:cpu_task.wake_q=0; [x]=0; [y]=1;"]


def test_a_handler_does_not_halt() -> None:
    text = (
        "MM t\n{ int x; }\nvoid h(void *info) { halt(); }\nP0 { smp_call_function_single(1, h, NULL, 0); }\n"
    )
    (found,) = wrong(text + "P1 { x = 1; }\nexists (x = 1)\n")
    assert found.code == "halt" and found.span is not None and found.span.line == 3


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["wq", "&wq", "q", "d.wq", "&d.wq"])
def test_the_condition_of_wait_event_is_evaluated_each_time(queue: str) -> None:
    text = f"""MM t
struct dev {{ struct wait_queue_head wq; }};
{QUEUE.replace("wq;", "wq; struct dev d;", 1)}
P0 {{
    struct wait_queue_head *q = &wq;
    int n = 0;
    wait_event({queue}, (n = n + 1) && READ_ONCE(x));
}}
P1 {{ WRITE_ONCE(x, 1); wake_up({"&d.wq" if "d" in queue else "p"}); }}
locations [0:n]
exists (0:n = 1)
"""
    assert states(text) == ["0:n=1;", "0:n=2;", "0:n=3;"]


HALT = """MM t
{{ int x; }}
void h(void *info) {{ WRITE_ONCE(x, 1); }}
P0 {{ {0} r0 = READ_ONCE(x); }}
P1 {{ {1} }}
"""
CALL = "smp_call_function_single(0, h, NULL, 0);"


@pytest.mark.parametrize("halt", ["halt();", "local_irq_disable(); safe_halt();", "safe_halt();"])
def test_a_halt_ends_when_a_handler_has_run(halt: str) -> None:
    assert not holds(HALT.format(halt, CALL) + "exists (0:r0 = 0)\n")


def test_a_halt_needs_its_own_interrupt() -> None:
    """Two halts and two interrupts: each may come before a halt."""
    text = HALT.format("halt(); halt();", CALL + " " + CALL)
    assert holds(text + "exists (hang)\n") and holds(text + "exists (~hang)\n")
    assert not holds(HALT.format("halt(); halt();", CALL) + "exists (~hang)\n")


@pytest.mark.slow
def test_what_is_said_of_a_halt(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(HALT.format("safe_halt();", CALL) + "expect sometimes hangs;\nexists (0:r0 = 1)\n")
    for judge in ("z3", "explorer"):
        main(["check", "--judge", judge, str(path)])
        told = capsys.readouterr().out
        assert "may hang: CPU 0 waits in line 4 in a halt" in told
        assert "halts [8.11]" in told
    path.write_text(
        HALT.format("local_irq_disable(); halt();", CALL) + "expect deadlock;\nexists (0:r0 = 1)\n"
    )
    main(["check", "--format", "json", str(path)])
    (test,) = json.loads(capsys.readouterr().out)["results"]
    waits = [w for w in test["waits"] if w["kind"] == "halt"]
    assert waits and waits[0]["held_by"] == "its interrupts are off"


def test_a_cpu_interrupts_itself() -> None:
    text = """MM t
{ int x; int y; }
void h(void *info) { WRITE_ONCE(y, 1 + READ_ONCE(x)); }
P0 { local_irq_disable(); apic_icr_write(0, h); WRITE_ONCE(x, 1); local_irq_enable(); WRITE_ONCE(x, 2); }
locations [y]
exists (y = 1)
"""
    assert states(text) == ["[y]=2;", "[y]=3;"]
