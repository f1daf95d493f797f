"""Words that sleep where they have to wait: the state of the task meanwhile, and TASK_RUNNING behind it."""

from __future__ import annotations

import pytest

from tests.judges import holds
from tests.words import arguments, called
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.rows import Machine, Word
from verifier.words.table import WORDS

PARKED = 64  # a state that no word of these sets
WAITING = [w for w in WORDS.values() if w.state]
# By the beginning of a word: what it waits for, as somebody else has it, and how that one gives it back.
LOCKS = {
    "wait_on_bit": ("unsigned long c = 2;", "clear_bit(1, &c);"),
    "mutex": ("struct mutex c = 1;", "mutex_unlock(&c);"),
    "down_read": ("struct rw_semaphore c = -1;", "up_write(&c);"),
    "down_write": ("struct rw_semaphore c = -1;", "up_write(&c);"),
    "down": ("struct semaphore c = 0;", "up(&c);"),
}


def text(word: Word, condition: str, before: str = "", first: str = "", include: str = "wait.inc") -> str:
    """A task that calls a word, with somebody who gives back what it waits for, and somebody who looks on."""
    named = next((LOCKS[name] for name in LOCKS if word.name.startswith(name)), ("int c;", ";"))
    return f"""MM t
#include "linux/{include}"
{{ {named[0]} struct srcu_struct dom; {first} }}
P0 {{ {before} {called(word.name, arguments(word))}; }}
P1 {{ {named[1]} }}
P2 {{ r1 = READ_ONCE(cpu_curr(0)->__state); }}
exists ({condition})
"""


def for_grace_periods(word: Word) -> bool:
    return any(isinstance(x, Machine) for x in word.effects)


def test_these_words_wait_and_others_set_no_state() -> None:
    names = {w.name for w in WAITING}
    assert {"mutex_lock", "down_read", "down_write", "down", "wait_on_bit", "synchronize_rcu"} <= names
    assert {"synchronize_srcu", "rcu_barrier", "srcu_barrier", "synchronize_net"} <= names
    assert not names & {"cond_resched", "might_sleep", "mutex_trylock", "spin_lock", "kfree_rcu_mightsleep"}


@pytest.mark.slow
@pytest.mark.parametrize("word", WAITING, ids=lambda w: w.name)
def test_who_had_to_wait_is_running_and_who_had_not_is_as_before(word: Word) -> None:
    says = f"set_current_state({PARKED});"
    assert holds(text(word, "0:cpu_task.__state = 0", says))
    assert holds(text(word, f"0:cpu_task.__state = {PARKED}", says)) is not for_grace_periods(word)


@pytest.mark.slow
@pytest.mark.parametrize("word", WAITING, ids=lambda w: w.name)
def test_others_see_the_state_in_which_it_waits(word: Word) -> None:
    state = 1 if "_interruptible" in word.name else 0x102 if "_killable" in word.name else 2
    says = "__set_current_state(0);"
    assert holds(text(word, f"2:r1 = {state}", says))
    assert not holds(text(word, f"~(2:r1 = {state} \\/ 2:r1 = 0)", says))


def test_a_lock_that_nobody_else_takes_leaves_the_state_alone() -> None:
    code = 'MM t\n#include "linux/wait.inc"\n{ struct mutex m; int x; }\n'
    code += "P0 { set_current_state(1); mutex_lock(&m); mutex_unlock(&m); schedule(); x = 1; }\n"
    assert not holds(f"{code}exists (x = 1)\n")


@pytest.mark.parametrize(
    ("kind", "take"), [("spinlock_t", "spin_lock"), ("struct mutex", "r0 = mutex_trylock")]
)
def test_a_spinlock_and_a_trylock_leave_the_state_alone(kind: str, take: str) -> None:
    code = f'MM t\n#include "linux/wait.inc"\n{{ {kind} m = 1; }}\n'
    code += f"P0 {{ set_current_state(1); {take}(&m); }}\nP1 {{ WRITE_ONCE(m, 0); }}\n"
    assert not holds(f"{code}exists (0:cpu_task.__state != 1)\n")


@pytest.mark.slow
def test_a_reader_behind_a_writer_that_waits_sleeps() -> None:
    """The semaphore is held by readers alone, and a writer stands in line."""
    code = """MM t
#include "linux/wait.inc"
{ struct rw_semaphore c = 1; int x; }
P0 { set_current_state(64); down_read(&c); r0 = READ_ONCE(x); up_read(&c); }
P1 { down_write(&c); up_write(&c); }
P2 { WRITE_ONCE(x, 1); up_read(&c); }
"""
    assert holds(f"{code}exists (0:cpu_task.__state = 0 /\\ 0:r0 = 1)\n")
    assert holds(f"{code}exists (0:cpu_task.__state = 64 /\\ 0:r0 = 0)\n")


def test_a_test_without_tasks_has_no_state() -> None:
    code = "MM t\n{ struct mutex m; }\nP0 { mutex_lock(&m); mutex_unlock(&m); }\nP1 { mutex_lock(&m); }\n"
    assert holds(f"{code}exists (m = 1)\n")


@pytest.mark.parametrize("includes", ['#include "linux/wait.inc"', ""])
def test_a_loop_with_a_lock_needs_no_bound(includes: str) -> None:
    """A program that never sets the state of its task is TASK_RUNNING."""
    code = f"""MM t
{includes}
{{ struct mutex m; int x; int y; }}
P0 {{ do {{ mutex_lock(&m); r0 = x; mutex_unlock(&m); }} while (!r0); r1 = READ_ONCE(y); }}
P1 {{ WRITE_ONCE(y, 1); mutex_lock(&m); x = 1; mutex_unlock(&m); }}
exists (0:r1 = 0)
"""
    (test,) = load(Source("t", code))
    assert run(test, Options(judge="both")).observation == "never"
