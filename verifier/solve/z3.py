"""The thin layer over Z3: propositional clauses in, truth values out.

One long-lived context; formulas travel as DIMACS text into a QF_FD solver, whose variable ``i`` is
the Boolean constant with the integer symbol ``i``.  Calls that are made for every state of a test go
to the library's functions directly, because z3py's wrappers cost more than the solving.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from verifier.budget import Budget
from verifier.errors import LimitError


def _core() -> ModuleType:
    """The module ``z3.z3core`` alone: z3py around it takes half of the time to import z3.

    z3core looks for its library in the package ``z3``, so an empty package stands in for it meanwhile.
    """
    if "z3" in sys.modules:
        return importlib.import_module("z3.z3core")
    spec = importlib.util.find_spec("z3")
    if spec is None:
        raise ImportError("z3-solver is not installed")
    sys.modules["z3"] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module("z3.z3core")
    finally:
        del sys.modules["z3"]


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


Ref = ctypes.c_void_p  # Z3's expressions, declarations and models are of its subclasses

core = _core()
_keep_memory()


def _direct(wrapper: FunctionType) -> Callable[..., Any]:
    """The library function behind a wrapper of z3core, without its error check."""
    *_, elementaries = wrapper.__defaults__ or ()
    function: Callable[..., Any] = elementaries.f
    return function


class _Context:
    """The context of the process and its Boolean constants; both live as long as the process."""

    def __init__(self) -> None:
        config = core.Z3_mk_config()
        self.ref = core.Z3_mk_context_rc(config)
        core.Z3_del_config(config)
        # By default Z3 ends the process when it runs out of memory.
        self.handler = core.Z3_set_error_handler(self.ref, lambda context, code: None)
        self.sort = core.Z3_mk_bool_sort(self.ref)
        core.Z3_inc_ref(self.ref, core.Z3_sort_to_ast(self.ref, self.sort))
        self.logic = core.Z3_mk_string_symbol(self.ref, "QF_FD")
        self.constants: dict[int, Ref] = {}
        self.declarations: dict[int, Ref] = {}
        self.true = core.Z3_mk_true(self.ref)
        core.Z3_inc_ref(self.ref, self.true)
        self.interpretation = _direct(core.Z3_model_get_const_interp)
        self.check = _direct(core.Z3_solver_check)
        self.model = _direct(core.Z3_solver_get_model)
        self.retain = _direct(core.Z3_model_inc_ref)
        self.release = _direct(core.Z3_model_dec_ref)

    def declaration(self, variable: int) -> Ref:
        """The declaration of a variable."""
        known = self.declarations.get(variable)
        if known is None:
            known = self.declarations[variable] = core.Z3_get_app_decl(self.ref, self.literal(variable))
        return known

    def literal(self, x: int) -> Ref:
        """The expression of a DIMACS literal."""
        known = self.constants.get(x)
        if known is None:
            if x > 0:
                symbol = core.Z3_mk_int_symbol(self.ref, x)
                known = core.Z3_mk_const(self.ref, symbol, self.sort)
            else:
                known = core.Z3_mk_not(self.ref, self.literal(-x))
            core.Z3_inc_ref(self.ref, known)
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


def _limit(error: Exception) -> LimitError:
    """What Z3 says when it gives up."""
    found = error.args[0] if error.args else ""
    text = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
    return LimitError(f"memory: Z3 gives up: {text}")


class _Watch:
    """Interrupts the checks of a context once its time is over.

    Z3's own parameter ``timeout`` is of one check, and setting it for the next one changes which model is
    found: what is told would depend on how long the checks before it took.
    """

    AGAIN = 0.05  # seconds: no check may begin in between and go on for ever

    def __init__(self, context: Ref, seconds: float) -> None:
        self.context, self.seconds, self.closed = context, seconds, threading.Event()
        self.thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        wait = self.seconds
        while not self.closed.wait(wait):
            core.Z3_interrupt(self.context)
            wait = self.AGAIN

    def close(self) -> None:
        """No interrupts any more."""
        self.closed.set()
        if self.thread is not threading.current_thread():
            self.thread.join()


class Solver:
    """A propositional solver over one DIMACS text. Close it after use (it is a context manager)."""

    def __init__(
        self, text: str, *, budget: Budget | None = None, seed: int = 0, fresh: bool = False
    ) -> None:
        """All checks together may take what is left of ``budget`` now.

        Which model is found depends on earlier uses of the context. With ``fresh`` the context is new, and
        the model is the same every time.
        """
        self.fresh = fresh and not unused()
        self.context = _Context() if self.fresh else _shared()
        ctx = self.context.ref
        self.solver = core.Z3_mk_solver_for_logic(ctx, self.context.logic)
        core.Z3_solver_inc_ref(ctx, self.solver)
        self.model: Ref | None = None
        self.watch: _Watch | None = None
        self.open = True
        try:
            core.Z3_solver_from_string(ctx, self.solver, text)
        except core.Z3Exception as error:
            self.close()  # what it has read may fill the memory
            raise _limit(error) from None
        timeout, memory = (budget.left(), budget.memory) if budget else (None, None)
        if memory or seed:
            self._parameters(seed, memory)
        self.watch = None if timeout is None else _Watch(ctx, timeout)

    def _parameters(self, seed: int, memory: int | None) -> None:
        ctx = self.context.ref
        params = core.Z3_mk_params(ctx)
        core.Z3_params_inc_ref(ctx, params)
        if memory:
            core.Z3_params_set_uint(ctx, params, core.Z3_mk_string_symbol(ctx, "max_memory"), memory)
        if seed:
            core.Z3_params_set_uint(ctx, params, core.Z3_mk_string_symbol(ctx, "random_seed"), seed)
        core.Z3_solver_set_params(ctx, self.solver, params)
        core.Z3_params_dec_ref(ctx, params)

    def check(self, assumptions: Sequence[int] = ()) -> bool | None:
        """Satisfiable under the assumptions? If True, ``value`` reads the model. None: unknown.

        Raises ``MemoryError``.
        """
        self._drop_model()
        ctx = self.context.ref
        if assumptions:
            try:
                array = (core.Ast * len(assumptions))(*map(self.context.literal, assumptions))
                answer = core.Z3_solver_check_assumptions(ctx, self.solver, len(assumptions), array)
            except core.Z3Exception:
                return None
        else:
            answer = self.context.check(ctx, self.solver)
        if answer == 1:
            self.model = self.context.model(ctx, self.solver)
            if not self.model:
                return None
            self.context.retain(ctx, self.model)
            return True
        if answer == 0 and "memory" in core.Z3_solver_get_reason_unknown(ctx, self.solver):
            raise MemoryError
        return False if answer == -1 else None

    def core(self, assumptions: Sequence[int]) -> list[int]:
        """Those of the assumptions of the last check, which found them unsatisfiable, that suffice for it."""
        ctx = self.context.ref
        vector = core.Z3_solver_get_unsat_core(ctx, self.solver)
        core.Z3_ast_vector_inc_ref(ctx, vector)
        size = core.Z3_ast_vector_size(ctx, vector)
        found = {core.Z3_get_ast_id(ctx, core.Z3_ast_vector_get(ctx, vector, i)) for i in range(size)}
        core.Z3_ast_vector_dec_ref(ctx, vector)
        return [x for x in assumptions if core.Z3_get_ast_id(ctx, self.context.literal(x)) in found]

    def value(self, x: int) -> bool:
        """Is a literal true in the model? A variable the model leaves open counts as false."""
        context = self.context
        found = context.interpretation(context.ref, self.model, context.declaration(abs(x)))
        return (found is not None and found.value == context.true.value) == (x > 0)

    def forbid(self, literals: Iterable[int]) -> None:
        """Add the clause that at least one of these is false."""
        ctx = self.context.ref
        refused = [self.context.literal(-x) for x in literals]
        array = (core.Ast * len(refused))(*refused)
        try:
            clause = core.Z3_mk_or(ctx, len(refused), array)
            core.Z3_inc_ref(ctx, clause)
            core.Z3_solver_assert(ctx, self.solver, clause)
            core.Z3_dec_ref(ctx, clause)
        except core.Z3Exception as error:
            raise _limit(error) from None

    def _drop_model(self) -> None:
        if self.model is not None:
            self.context.release(self.context.ref, self.model)
            self.model = None

    def __enter__(self) -> Solver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """A solver that nobody has closed would interrupt others in the context that it shares."""
        if getattr(self, "open", False):
            self.close()

    def close(self) -> None:
        """Free what it holds. It may be closed again."""
        if not self.open:
            return
        self.open = False
        if self.watch is not None:
            self.watch.close()
        self._drop_model()
        core.Z3_solver_dec_ref(self.context.ref, self.solver)
        if self.fresh:
            core.Z3_del_context(self.context.ref)
