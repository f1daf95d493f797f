"""Words that sleep in the kernel where they have to wait, in a test whose tasks have states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from verifier.lower.c.body import BodyCode
from verifier.lower.code import Branch, Label
from verifier.program.expressions import FALSE, TRUE, Expr, call
from verifier.syntax import ast
from verifier.words.rows import Word

# What sets the state of the CPU's task; linux/wait.inc has it.
SETS_STATE = "__set_current_state"
_RUNNING = 0


@contextmanager
def asleep(b: BodyCode, word: Word, e: ast.CallExpr, look: Callable[[], Expr]) -> Iterator[None]:
    """The code of a word that may wait, added meanwhile, with the states of the task around it.

    ``look`` adds a first look, and says whether the word can go on at once. If it cannot, the task says that
    it sleeps, and when the wait is over it is TASK_RUNNING, whatever it was before: a task that had said that
    it sleeps does not do so in a later schedule(). Nothing is added where no task has a state, or in an
    interrupt. Sources: __mutex_lock_common(), kernel/locking/mutex.c; rwsem_down_read_slowpath() and
    rwsem_down_write_slowpath(), kernel/locking/rwsem.c; __down_common(), kernel/locking/semaphore.c;
    finish_wait(), kernel/sched/wait.c; __finish_swait(), kernel/sched/swait.c, of wait_for_completion().
    """
    if not word.state or SETS_STATE not in b.unit.functions or b.interrupting:
        yield
        return
    waits = b.held(call("not", look()))
    _sets(b, e, word.state, waits)
    yield
    _sets(b, e, _RUNNING, waits)


def _sets(b: BodyCode, e: ast.CallExpr, state: int, when: Expr) -> None:
    """The task gets a state where something holds."""
    if when == FALSE:
        return
    end = b.fresh("state")
    if when != TRUE:
        b.code.append(Branch(call("not", when), end, e.span))
    b.value(ast.CallExpr(SETS_STATE, (ast.Num(state, e.span),), e.span))
    b.code.append(Label(end))
