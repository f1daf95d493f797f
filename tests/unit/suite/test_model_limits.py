"""``model_limit(c, text)``: nothing is known of a run that reaches a limit of the test's own model, and the
verdict or its remark says which limit. So do the includes, of what they do not model."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main

JUDGES = ["z3", "explorer"]
LINUX = Path(__file__).parents[3] / "litmus" / "linux"


def said(capsys: pytest.CaptureFixture[str], path: Path, text: str, judge: str = "z3") -> tuple[int, str]:
    """The exit code for a test, and what is said of it in one line."""
    (path / "linux").symlink_to(LINUX)
    path = path / "t.litmus"
    path.write_text(text)
    code = main(["check", "-q", "--judge", judge, str(path)])
    out, err = capsys.readouterr()
    return code, " ".join((out + err).split())


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("limit", "condition", "verdict"),
    [
        (
            'model_limit(READ_ONCE(x) == 1, "no more");',
            "1:r0 = 1",
            "sometimes nothing is known of some other runs",
        ),
        ('model_limit(x, "no more");', "1:r0 = 7", "unknown"),
        ('for (;;) { model_limit(READ_ONCE(x), "no more"); if (x) break; }', "1:r0 = 7", "unknown"),
        ('if (x) model_limit(1, "no more");', "1:r0 = 7", "unknown"),
        ('r1 = x ? (model_limit(1, "no more"), 1) : 2;', "1:r0 = 7", "unknown"),
        ('model_limit(READ_ONCE(x) == 2, "no more");', "1:r0 = 7", "never"),
        ('model_limit(READ_ONCE(x) == 2, "no more");', "1:r0 = 1", "sometimes"),
        ('model_limit(smp_processor_id() > 1, "no more");', "1:r0 = 7", "never"),
        ('if (x == 5) model_limit(1, "no more");', "1:r0 = 7", "never"),
        ('assume(x == 0); model_limit(x == 3, "no more");', "1:r0 = 7", "never"),
    ],
)
def test_a_run_beyond_a_limit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, limit: str, condition: str, verdict: str
) -> None:
    text = f"MM t\n{{ int x; }}\nP0 {{ x = 1; }}\nP1 {{ {limit} r0 = x; }}\nexists ({condition})\n"
    code, told = said(capsys, tmp_path, text, judge)
    assert f"t {verdict}" in told
    beyond = verdict not in ("never", "sometimes")
    assert ("beyond a limit of the model (line 4): no more" in told) == beyond
    assert (code == 3) == (verdict == "unknown")


def test_the_text_is_a_string(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = "MM t\n{ int x; }\nP0 { model_limit(x, 3); }\nexists (x = 1)\n"
    code, _ = said(capsys, tmp_path, text)
    assert code == 2


WORKER = '#include "linux/work.inc"\n{ struct work_struct a; struct work_struct b; }\n'
WORKER += "void work_fn(struct work_struct *work) { schedule(); }\n"
COUNTER = '#include "linux/percpu-refcount.inc"\n'
COUNTER += "{ struct percpu_ref a { .count = PERCPU_COUNT_BIAS + 2, .percpu_count = &percpu_count,"
COUNTER += " .percpu_count_ptr = __PERCPU_REF_DEAD | __PERCPU_REF_ATOMIC }; }\n"
COUNTER += "void percpu_ref_release(struct percpu_ref *r) { }\n"
SPACES = """{ page A = 1; mm N { v -> A, .tlb_gen = 1, .mm_count = 2 }; mm P { .tlb_gen = 1 };
 0:cr3 = N; 0:pcid = 1; mm_cpumask(N) = {0}; 0:cpu_tlbstate.loaded_mm = N; }
"""
TASKS = """#include "linux/tlb-v4.13.inc"
#include "linux/sched.inc"
{ mm N { .mm_count = 2 }; struct task_struct a { .mm = N, .active_mm = N };
 struct task_struct b { .mm = N, .active_mm = N }; 0:cr3 = N; 0:current_task = a; 0:runqueues.curr = a;
 0:cpu_tlbstate.loaded_mm = N; mm_cpumask(N) = {0}; int x; }
void enter_lazy_tlb(struct mm_struct *mm, struct task_struct *tsk) { }
"""
NINE = "".join(f"P{cpu} {{ }}\n" for cpu in range(8))
QUEUE = '#include "linux/wait.inc"\n{ struct wait_queue_head wq; int turn; }\n'
COMPLETION = '#include "linux/wait.inc"\n{ struct completion c; }\n'
COMPLETION += "P0 { complete(&c); }\nP1 { wait_for_completion(&c); }\n"
COMPLETION += "".join(f"P{cpu} {{ }}\n" for cpu in range(2, 16))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (
            WORKER + "P0 { schedule_work(&a); schedule_work(&b); }\n"
            "P1 { process_one_work(system_wq); }\nP2 { process_one_work(system_wq); }\n",
            "a queue has one worker",
        ),
        (
            WORKER + "P0 { worker_thread(system_wq); }\nP1 { worker_thread(system_wq); }\n",
            "a queue has one worker",
        ),
        (
            '#include "linux/wait.inc"\n{ struct wait_queue_head wq; }\n'
            + NINE
            + "P8 { add_wait_queue(&wq); }\n",
            "only CPUs 0 to 7 wait in wait queues",
        ),
        (
            '#include "linux/wait.inc"\n{ struct wait_queue_head wq; }\n'
            + NINE
            + "P8 { prepare_to_wait_exclusive(&wq, TASK_NORMAL); }\n",
            "only CPUs 0 to 7 wait in wait queues",
        ),
        (
            QUEUE + "P0 { prepare_to_wait_exclusive(&wq, TASK_NORMAL); turn = 1; }\n"
            "P1 { assume(turn); prepare_to_wait_exclusive(&wq, TASK_NORMAL);"
            " prepare_to_wait(&wq, TASK_NORMAL); }\n",
            "behind an exclusive waiter everybody is exclusive",
        ),
        (
            QUEUE + "P0 { prepare_to_wait(&wq, TASK_NORMAL); turn = 1; }\n"
            "P1 { assume(turn); prepare_to_wait(&wq, TASK_NORMAL);"
            " prepare_to_wait_exclusive(&wq, TASK_NORMAL); }\n",
            "is the only one in the queue who was not",
        ),
        (COMPLETION + "P16 { wait_for_completion(&c); }\n", "only CPUs 0 to 14 wait for completions"),
        (
            '#include "linux/wait_bit.inc"\n{ unsigned long w; unsigned long v; }\n'
            "P0 { prepare_to_wait_var(&w, TASK_NORMAL); prepare_to_wait_var(&v, TASK_NORMAL); }\n",
            "a task waits for one bit or variable at a time",
        ),
        (COUNTER + "P0 { percpu_ref_kill(&a); }\n", "a counter is killed once"),
        (
            '#include "linux/percpu-rwsem.inc"\n'
            "{ struct rcu_sync r { .gp_state = GP_PASSED, .gp_count = 1 }; }\n"
            "P0 { rcu_sync_exit(&r); rcu_sync_enter(&r); rcu_sync_exit(&r); }\n",
            "GP_REPLAY",
        ),
        *(
            (
                f'#include "linux/{file}.inc"\n'
                + SPACES.replace("P { .tlb_gen = 1 }", f"P {{ .tlb_gen = {generation} }}")
                + "P0 { switch_mm(N, init_mm); switch_mm(init_mm, P); }\n",
                "two spaces have one PCID",
            )
            for file in ("tlb-v4.19", "tlb-v5.10", "tlb-v6.15", "tlb-v6.15-range")
            for generation in (1, 5)  # the generation cached is the same, and another one
        ),
        (
            TASKS + "P0 { __schedule(a, idle); x = 1; }\nP1 { assume(x); __schedule(idle, b); }\n",
            "a kernel thread, such as idle, runs on one CPU",
        ),
    ],
)
def test_an_include_says_what_it_does_not_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, limit: str
) -> None:
    code, told = said(capsys, tmp_path, f"MM t\n{text}exists (hang)\n")
    assert (code, limit in told) == (3, True), told


def test_a_cpu_that_waits_for_nothing_is_no_limit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a warning, too: no row of tasks is shifted by more than it has."""
    code, told = said(capsys, tmp_path, f"MM t\n{COMPLETION}P16 {{ }}\nexists (hang)\n")
    assert (code, told) == (0, "t never"), told


@pytest.mark.long
def test_nobody_is_woken_for_another_one_who_stays_in_the_queue(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """CPU 8 sleeps, but in no queue."""
    others = "".join(f"P{cpu} {{ }}\n" for cpu in range(2, 8))
    text = (
        f"MM t\n{QUEUE}P0 {{ add_wait_queue(&wq); turn = 1; }}\n"
        f"P1 {{ assume(turn == 1); wake_up(&wq); }}\n{others}"
        "P8 { set_current_state(TASK_NORMAL); schedule(); }\nexists (~8:hang)\n"
    )
    code, told = said(capsys, tmp_path, text)
    assert code == 0 and told.startswith("t never"), told


@pytest.mark.parametrize(
    ("include", "objects", "calls"),
    [
        ("percpu-refcount", "struct percpu_ref a { .count = 1 };", "percpu_ref_get(&a);"),
        ("percpu-rwsem", "struct percpu_rw_semaphore a;", "percpu_down_read(&a);"),
    ],
)
def test_a_counter_needs_per_cpu_counts_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, include: str, objects: str, calls: str
) -> None:
    release = "void percpu_ref_release(struct percpu_ref *r) { }\n" if include == "percpu-refcount" else ""
    text = (
        f'MM t\n#include "linux/{include}.inc"\n{{ {objects} }}\n{release}P0 {{ {calls} }}\nexists (hang)\n'
    )
    code, told = said(capsys, tmp_path, text)
    assert code == 2 and "is not a per-CPU object" in told
