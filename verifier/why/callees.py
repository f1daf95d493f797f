"""What a call that repairs a test can name: helpers, handlers of other CPUs, and flushes of a space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from verifier.patterns import pattern
from verifier.syntax import ast
from verifier.syntax.idle import reached
from verifier.why.sites import Site, Vocabulary, calls

OF_CALLS = ("smp_call_function", "on_each_cpu")  # how the names of words begin that other CPUs answer
_VOID, _POINTER = ast.CType("void"), ast.CType("void", 1)
_SPACES = ("mm", "struct mm_struct")
_FLUSHES = pattern(r"flush_tlb_mm(_range)?")
_TAKES = pattern(r"(?<!un)lock|_disable|_save|down_")
_GIVES = pattern(r"unlock|_enable|_restore|up_")


class Callees:
    """The functions of a test that can be called in a block.

    ``unit``: the program of one variant; ``others``: those of the other variants of its file, which may send
    what this one leaves out.
    """

    def __init__(self, unit: ast.Unit, others: Sequence[ast.Unit] = ()) -> None:
        self.unit, self.known, self.used = unit, Vocabulary(unit), reached(unit)
        objects = [o for o in unit.initial if isinstance(o, ast.Object)]
        self.objects = {o.name for o in objects}
        self.spaces = [o.name for o in objects if o.type.base in _SPACES and not o.type.pointers]
        self.called = executed(unit)
        # First what this variant sends, then what the others do.
        self.sends = [x for part in (unit, *others) for x in executed(part) if x.name.startswith(OF_CALLS)]

    def helpers(self, body: Site) -> list[str]:
        """The functions that can be called anywhere: they take nothing, and give back every lock. The
        kernel's text can call those that its file defines in front of it."""
        return [
            n
            for n, f in self.unit.functions.items()
            if not f.parameters and f.result == _VOID and not f.early
            and (not f.included or n in self.used)
            and _balanced(f) and (body.within is None or self.known.defines(body, n))
        ]  # fmt: skip

    def handlers(self, body: Site) -> list[tuple[str, str]]:
        """The functions that other CPUs can be asked to run, each with its argument: those that do least come
        first, then those that some variant sends, then the others that the file declares."""
        found: dict[tuple[str, str], None] = {}
        for name in ("do_nothing", "do_flush_tlb"):
            if name in self.unit.functions and body.within is None:
                found[name, "NULL"] = None
        for h, info in self._sent():
            if body.within is None or self.known.defines(body, h.name):
                inside = body.block.span.start <= h.span.start < body.block.span.end
                name = info.span.text.removeprefix("&")
                known = name.isidentifier() and (inside or (body.within is None and name in self.objects))
                found[h.name, info.span.text if known else "NULL"] = None
        sent = {name for name, _ in found}
        for name, f in self.unit.functions.items():
            declared = not f.included and not f.kernel and body.within is None and name not in sent
            if declared and [p.type for p in f.parameters] == [_POINTER] and _is_handler(f) and _balanced(f):
                found[name, "NULL"] = None
        return list(found)

    def flushes(self, body: Site) -> list[str]:
        """Calls that flush a space of the test on all CPUs, where the files to include have them."""
        if body.within is not None:
            return []
        functions = self.unit.functions.items()
        names = [n for n, f in functions if f.included and _FLUSHES.fullmatch(n) and len(f.parameters) == 1]
        return [f"{name}({space})" for name in names for space in self.spaces]

    def _sent(self) -> Iterator[tuple[ast.Ident, ast.CExpr]]:
        """The handlers of calls, each with its argument."""
        for x in self.sends:
            for h, info in pairwise(x.arguments):
                if isinstance(h, ast.Ident) and h.name in self.unit.functions:
                    f = self.unit.functions[h.name]
                    if len(f.parameters) <= 1 and _is_handler(f):
                        yield h, info


def executed(unit: ast.Unit) -> list[ast.CallExpr]:
    """The calls in the programs and NMIs of a test, and in the functions that they use."""
    used = reached(unit)
    code = [*unit.threads.values(), *unit.nmis, *(f for n, f in unit.functions.items() if n in used)]
    return [x for part in code for x in calls(part)]


def _is_handler(f: ast.Function) -> bool:
    return f.result == _VOID and not f.early


def _balanced(function: ast.Function) -> bool:
    """Does a function give back as many locks as it takes, and turn interrupts on as often as off?"""
    names = [x.name for x in calls(function)]
    return sum(map(bool, map(_TAKES.search, names))) == sum(map(bool, map(_GIVES.search, names)))
