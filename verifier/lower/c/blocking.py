"""Words that sleep in the kernel where they have to wait, in a test whose tasks have states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from verifier.lower.c.body import BodyCode
from verifier.lower.code import Branch, Label
from verifier.program.expressions import FALSE, TRUE, Expr, call
from verifier.syntax import ast
from verifier.syntax.idle import mentioned
from verifier.words.rows import Word
from verifier.words.table import special

# What sets the state of the CPU's task; linux/wait.inc has it.
SETS_STATE = "__set_current_state"
_STATES = frozenset({SETS_STATE, "set_current_state", "set_special_state", "schedule"})
_RUNNING = 0


@contextmanager
def asleep(b: BodyCode, word: Word, e: ast.CallExpr, look: Callable[[], Expr]) -> Iterator[None]:
    """The code of a word that may wait, added meanwhile, with the states of the task around it.

    ``look`` adds a first look, and says whether the word can go on at once. If it cannot, the task says that
    it sleeps, and when the wait is over it is TASK_RUNNING, whatever it was before: a task that had said that
    it sleeps does not do so in a later schedule(). Nothing is added where the task never sets its state, or
    in an interrupt. Sources: __mutex_lock_common(), kernel/locking/mutex.c; rwsem_down_read_slowpath() and
    rwsem_down_write_slowpath(), kernel/locking/rwsem.c; __down_common(), kernel/locking/semaphore.c;
    finish_wait(), kernel/sched/wait.c; __finish_swait(), kernel/sched/swait.c, of wait_for_completion().
    """
    if not word.state or b.interrupting or not has_states(b):
        yield
        return
    waits = b.held(call("not", look()))
    _sets(b, e, word.state, waits)
    yield
    _sets(b, e, _RUNNING, waits)


def has_states(b: BodyCode) -> bool:
    """Does the program of a CPU set the state of its task, or sleep by it? Else it is TASK_RUNNING always,
    and loops with locks need no bound."""
    if SETS_STATE not in b.unit.functions:
        return False
    if b.cpu not in b.shared.states:
        found: set[str] = set()
        roots: list[object] = [b.unit.threads.get(b.cpu)]
        while roots:
            new = mentioned(roots.pop()) - found
            found |= new
            roots += [b.unit.functions[name] for name in new & b.unit.functions.keys()]
        sleeps = any(special(name) == "wait_event" for name in found)
        b.shared.states[b.cpu] = sleeps or bool(found & _STATES)
    return b.shared.states[b.cpu]


def _sets(b: BodyCode, e: ast.CallExpr, state: int, when: Expr) -> None:
    """The task gets a state where something holds."""
    if when == FALSE:
        return
    end = b.fresh("state")
    if when != TRUE:
        b.code.append(Branch(call("not", when), end, e.span))
    b.value(ast.CallExpr(SETS_STATE, (ast.Num(state, e.span),), e.span))
    b.code.append(Label(end))
