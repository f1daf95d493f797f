"""The thin layer over Z3: propositional clauses in, truth values out.

One long-lived context; formulas travel as DIMACS text into a solver, whose variable ``i`` is the Boolean
constant with the integer symbol ``i``.  Calls that are made for every state of a test go to the library's
functions directly, because z3py's wrappers cost more than the solving.

In each logic Z3 answers questions about clauses by the same core.  What comes before the core differs: a
QF_FD solver is made quickly and rewrites each clause several times, a QF_BV solver takes longer to be made
and takes clauses as they are.  So one QF_BV solver reads all small texts, each in a scope of its own.  A
large text gets a solver to itself, and so does a run that is told, which must not depend on earlier texts.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.records import dataclass
from verifier.solve import libz3 as core
from verifier.solve.lazily import Watched
from verifier.solve.libz3 import Handle


def _keep_memory() -> None:
    """Make malloc keep the memory that a context frees.

    A context takes some 16 MB and frees them when it ends. By default glibc returns them to the kernel each
    time, and page faults bring them back, which costs more than the solving."""
    threshold, trim, large = -3, -1, 1 << 30  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    mallopt(threshold, large)
    mallopt(trim, large)


_keep_memory()


def _limit(error: Exception) -> Exception:
    """What Z3's error is here: it is out of memory, or it is a fault."""
    found = error.args[0] if error.args else ""
    text = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
    return LimitError(f"memory: Z3 gives up: {text}") if "memory" in text.lower() else error


class _Library:
    """The functions of libz3. Where Z3 is out of memory, they raise ``LimitError``."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(core, name)

        def call(*given: object) -> object:
            try:
                return function(*given)
            except (core.Z3Exception, ctypes.ArgumentError) as error:  # the latter may hide a MemoryError
                raise _limit(error) from None

        setattr(self, name, call)
        return call


z3 = _Library()


# Without a check of the error code, which would find the error of another call. Z3_interrupt is for a whole
# context, and when nothing is going on there, all that comes later is cancelled.
interrupt = core.direct["solver_interrupt"]


EXCEEDED = "max. memory exceeded"  # Z3's words: the memory that its parameter allows is full
SHORT_TEXT = 40_000  # characters: a longer one has a solver of its own
FEW_CLAUSES = 16  # so many are added one by one in less time than a text of them is read
TIMES = 500  # so many texts go into one solver: what Z3 keeps of each adds up


@dataclass(slots=True)
class _Lasting:
    """A solver that reads one text after another, each in a scope."""

    ref: Handle
    parameters: tuple[int, int]
    times: int = 0


class _Context:
    """The context of the process and its Boolean constants; both live as long as the process."""

    def __init__(self) -> None:
        config = z3.Z3_mk_config()
        if not config:
            raise MemoryError
        self.ref = z3.Z3_mk_context_rc(config)
        z3.Z3_del_config(config)
        if not self.ref:
            raise MemoryError  # and there is no context that could say so
        # By default Z3 ends the process when it runs out of memory. A handler in Python would need some.
        nothing = core.handler(core.direct["get_error_code"])
        core.direct["set_error_handler"](self.ref, nothing)
        self.sort = z3.Z3_mk_bool_sort(self.ref)
        z3.Z3_inc_ref(self.ref, z3.Z3_sort_to_ast(self.ref, self.sort))
        self.logics = {name: z3.Z3_mk_string_symbol(self.ref, name) for name in ("QF_FD", "QF_BV")}
        self.idle: dict[tuple[int, int], list[_Lasting]] = {}  # by their parameters
        self.constants: dict[int, Handle] = {}
        self.declarations: dict[int, Handle] = {}
        self.true = z3.Z3_mk_true(self.ref)
        z3.Z3_inc_ref(self.ref, self.true)
        self.interpretation = core.direct["model_get_const_interp"]
        self.check = core.direct["solver_check"]
        self.model = core.direct["solver_get_model"]
        self.retain = core.direct["model_inc_ref"]
        self.release = core.direct["model_dec_ref"]

    def solver(self, logic: str, parameters: tuple[int, int]) -> Handle:
        """A new solver. ``parameters``: its seed, and its memory in MiB; 0 where Z3 chooses."""
        made: Handle = z3.Z3_mk_solver_for_logic(self.ref, self.logics[logic])
        z3.Z3_solver_inc_ref(self.ref, made)
        names = zip(("random_seed", "max_memory"), parameters, strict=True)
        given = [(name, value) for name, value in names if value]
        if given:
            params = z3.Z3_mk_params(self.ref)
            z3.Z3_params_inc_ref(self.ref, params)
            for name, value in given:
                z3.Z3_params_set_uint(self.ref, params, z3.Z3_mk_string_symbol(self.ref, name), value)
            z3.Z3_solver_set_params(self.ref, made, params)
            z3.Z3_params_dec_ref(self.ref, params)
        if logic == "QF_BV":
            # From the first scope on, it is incremental: no tactic takes the place of the core.
            z3.Z3_solver_push(self.ref, made)
            z3.Z3_solver_pop(self.ref, made, 1)
        return made

    def lasting(self, parameters: tuple[int, int]) -> _Lasting:
        """A solver for some text, in a new scope; ``rest`` takes it back."""
        idle = self.idle.setdefault(parameters, [])
        found = idle.pop() if idle else _Lasting(self.solver("QF_BV", parameters), parameters)
        z3.Z3_solver_push(self.ref, found.ref)
        found.times += 1
        return found

    def rest(self, lasting: _Lasting) -> None:
        """A text is done."""
        if lasting.times == TIMES:
            z3.Z3_solver_dec_ref(self.ref, lasting.ref)
            return
        z3.Z3_solver_pop(self.ref, lasting.ref, 1)
        self.idle[lasting.parameters].append(lasting)

    def declaration(self, variable: int) -> Handle:
        """The declaration of a variable."""
        known = self.declarations.get(variable)
        if known is None:
            known = self.declarations[variable] = z3.Z3_get_app_decl(self.ref, self.literal(variable))
        return known

    def literal(self, x: int) -> Handle:
        """The expression of a DIMACS literal."""
        known = self.constants.get(x)
        if known is None:
            if x > 0:
                symbol = z3.Z3_mk_int_symbol(self.ref, x)
                known = z3.Z3_mk_const(self.ref, symbol, self.sort)
            else:
                known = z3.Z3_mk_not(self.ref, self.literal(-x))
            z3.Z3_inc_ref(self.ref, known)
            self.constants[x] = known
        return known


_context: _Context | None = None


def unused() -> bool:
    """Is the first solver of this process still to come? The shared context that it gets is a fresh one."""
    return _context is None


def _shared() -> _Context:
    global _context
    if _context is None:
        _context = _Context()
    return _context


class _Watch:
    """The time of a solver: at ``deadline`` its check is interrupted, and all later ones."""

    def __init__(self, context: Handle, solver: Handle, seconds: float) -> None:
        self.context, self.solver = context, solver
        self.deadline = time.monotonic() + seconds
        self.rang = False
        _clock().add(self)

    def ring(self) -> None:
        self.rang = True
        interrupt(self.context, self.solver)

    def close(self) -> None:
        """No interrupts any more."""
        _clock().remove(self)


class _Clock:
    """Interrupts the checks of solvers whose time is over, in one thread for all of them.

    Z3's own parameter ``timeout`` is of one check, and setting it for the next one changes which model is
    found: what is told would depend on how long the checks before it took.
    """

    AGAIN = 0.05  # seconds: no check may begin in between and go on for ever

    def __init__(self) -> None:
        self.process = os.getpid()
        self.change = threading.Condition()  # a watch may be closed while its thread holds the lock
        self.watches: set[_Watch] = set()
        self.running, self.wakes = False, 0.0

    def add(self, watch: _Watch) -> None:
        with self.change:
            if not self.running:
                # A Thread would wait for ever for its start, if there is no memory for this start.
                try:
                    _thread.start_new_thread(self._run, ())
                except RuntimeError as error:
                    raise MemoryError from error
                self.running = True
            self.watches.add(watch)
            if watch.deadline < self.wakes:
                self.change.notify()

    def remove(self, watch: _Watch) -> None:
        with self.change:
            self.watches.discard(watch)

    def _run(self) -> None:
        with self.change:
            while True:
                now = time.monotonic()
                for watch in list(self.watches):
                    if watch.deadline <= now:
                        watch.ring()
                        watch.deadline = now + self.AGAIN
                self.wakes = min((w.deadline for w in self.watches), default=now + threading.TIMEOUT_MAX)
                self.change.wait(min(self.wakes - now, threading.TIMEOUT_MAX))


_ticking: _Clock | None = None


def _clock() -> _Clock:
    """The clock of this process: a thread does not survive a fork."""
    global _ticking
    if _ticking is None or _ticking.process != os.getpid():
        _ticking = _Clock()
    return _ticking


class Solver:
    """A propositional solver over one DIMACS text. Close it after use (it is a context manager)."""

    def __init__(
        self, text: str, *, budget: Budget | None = None, seed: int = 0, fresh: bool = False,
        watched: Sequence[Watched] = (),
    ) -> None:  # fmt: skip
        """All checks together may take what is left of ``budget`` now. No model has a cycle of what is
        ``watched``.

        Which model is found depends on earlier uses of the context. With ``fresh`` the context is new, and
        the model is the same every time.
        """
        while _forgotten:
            _free(*_forgotten.pop())
        alone = fresh or len(text) > SHORT_TEXT
        self.fresh = fresh and not unused()
        self.context = _Context() if self.fresh else _shared()
        self.lasting: _Lasting | None = None
        self.spoilt = False  # nobody knows in which state an unfinished check leaves it
        self.solver: Handle | None = None
        self.found = False  # there is a model, which may not be read yet
        self.model: Handle | None = None
        self.watch: _Watch | None = None
        self.open = True
        self.watched, self.budget = watched, budget or Budget()
        try:
            self._read(text, budget, seed, alone)
        except BaseException:
            self.spoilt = True
            self.close()  # what it has read may fill the memory
            raise

    def _read(self, text: str, budget: Budget | None, seed: int, alone: bool) -> None:
        timeout, memory = (budget.left(), budget.memory) if budget else (None, None)
        parameters = (seed, memory or 0)
        if alone:
            self.solver = self.context.solver("QF_FD" if len(text) <= SHORT_TEXT else "QF_BV", parameters)
        else:
            self.lasting = self.context.lasting(parameters)
            self.solver = self.lasting.ref
        try:
            z3.Z3_solver_from_string(self.context.ref, self.solver, text)
        except LimitError as limit:
            raise LimitError(self.budget.spent) if EXCEEDED in str(limit) else limit from None
        self.watch = None if timeout is None else _Watch(self.context.ref, self.solver, timeout)

    def check(self, assumptions: Sequence[int] = ()) -> bool | None:
        """Satisfiable under the assumptions? If True, ``value`` reads the model. None: unknown.

        Raises ``MemoryError``.
        """
        while (found := self._check(assumptions)) and self.watched:
            broken = [clause for relation in self.watched for clause in relation.broken(self.value)]
            if not broken:
                break
            if self.budget.over:
                return None
            for clause in broken:
                self.forbid(-x for x in clause)
        return found

    def _check(self, assumptions: Sequence[int]) -> bool | None:
        """``check``, whatever the cycles of what is watched."""
        self._drop_model()
        ctx = self.context.ref
        if assumptions:
            try:
                array = (core.Handle * len(assumptions))(*map(self.context.literal, assumptions))
                answer = z3.Z3_solver_check_assumptions(ctx, self.solver, len(assumptions), array)
            except (LimitError, core.Z3Exception):
                self.spoilt = True
                return None
        else:
            answer = self.context.check(ctx, self.solver)
        if answer == 1:
            self.found = True
            return True
        self.spoilt = self.spoilt or answer == 0
        if answer == 0 and "memory" in z3.Z3_solver_get_reason_unknown(ctx, self.solver):
            raise MemoryError
        return False if answer == -1 else None

    def core(self, assumptions: Sequence[int]) -> list[int]:
        """Those of the assumptions of the last check, which found them unsatisfiable, that suffice for it."""
        ctx = self.context.ref
        vector = z3.Z3_solver_get_unsat_core(ctx, self.solver)
        z3.Z3_ast_vector_inc_ref(ctx, vector)
        size = z3.Z3_ast_vector_size(ctx, vector)
        found = {z3.Z3_get_ast_id(ctx, z3.Z3_ast_vector_get(ctx, vector, i)) for i in range(size)}
        z3.Z3_ast_vector_dec_ref(ctx, vector)
        return [x for x in assumptions if z3.Z3_get_ast_id(ctx, self.context.literal(x)) in found]

    def value(self, x: int) -> bool:
        """Is a literal true in the model? A variable the model leaves open counts as false. Raises
        ``MemoryError``."""
        context = self.context
        if self.model is None:
            self._fetch()
        found = context.interpretation(context.ref, self.model, context.declaration(abs(x)))
        return (found is not None and found.value == context.true.value) == (x > 0)

    def forbid(self, literals: Iterable[int]) -> None:
        """Add the clause that at least one of these is false."""
        ctx = self.context.ref
        self.found = self.model is not None
        refused = [self.context.literal(-x) for x in literals]
        array = (core.Handle * len(refused))(*refused)
        clause = z3.Z3_mk_or(ctx, len(refused), array)
        z3.Z3_inc_ref(ctx, clause)
        z3.Z3_solver_assert(ctx, self.solver, clause)
        z3.Z3_dec_ref(ctx, clause)

    def add(self, rows: Sequence[Sequence[int]], text: Callable[[], str]) -> None:
        """Add clauses; ``text`` makes them DIMACS text, for which Z3 makes a solver of its own to read it."""
        if len(rows) <= FEW_CLAUSES:
            for row in rows:
                self.forbid(-x for x in row)
            return
        self.found = self.model is not None
        z3.Z3_solver_from_string(self.context.ref, self.solver, text())

    def _fetch(self) -> None:
        """Read the model. Z3 takes longer for that than for many a check."""
        if not self.found:
            raise InternalError("a solver without a model is asked for a value")
        self.model = self.context.model(self.context.ref, self.solver)
        if not self.model:
            self.model = None
            raise MemoryError
        self.context.retain(self.context.ref, self.model)

    def _drop_model(self) -> None:
        self.found = False
        if self.model is not None:
            self.context.release(self.context.ref, self.model)
            self.model = None

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """A solver that nobody has closed would interrupt others in the context that it shares.

        This may be called in any thread at any time, so Z3 is left alone until the next solver is made."""
        if getattr(self, "open", False):
            if self.watch is not None:
                self.watch.close()
            _forgotten.append((self.context, self.solver, self.model, self.fresh))

    def close(self) -> None:
        """Free what it holds. It may be closed again."""
        if not self.open:
            return
        self.open = False
        if self.watch is not None:
            self.watch.close()
            self.spoilt = self.spoilt or self.watch.rang
        if self.lasting is None or self.spoilt:
            _free(self.context, self.solver, self.model, self.fresh)
        else:
            self._drop_model()
            self.context.rest(self.lasting)


_Held = tuple[
    _Context, Handle | None, Handle | None, bool
]  # solver and model in a context; is it theirs alone?
_forgotten: list[_Held] = []


def _free(context: _Context, solver: Handle | None, model: Handle | None, fresh: bool) -> None:
    if model is not None:
        context.release(context.ref, model)
    if solver is not None:
        z3.Z3_solver_dec_ref(context.ref, solver)
    if fresh:
        z3.Z3_del_context(context.ref)
