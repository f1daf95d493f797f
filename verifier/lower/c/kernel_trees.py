"""What trees of the kernel's text say: which conditions are constant, which names and types they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from verifier.lower.c import types as t
from verifier.patterns import pattern
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax import condition as c
from verifier.syntax.nodes import nodes
from verifier.syntax.rebuilt import rebuilt
from verifier.syntax.tree import constant
from verifier.words.entries import ENTRY_LOOPS, ENTRY_WORDS
from verifier.words.table import WORDS

# Names of words in code that sanitizers and lockdep leave alone.
_UNINSTRUMENTED = pattern(
    r"^(?:(?:raw|arch)_(?=atomic|(?:try_)?(?:cmp)?xchg|local_irq_|irqs_disabled)|__(?=(?:READ|WRITE)_ONCE$))"
)
# Without checks for debuggers, linux/percpu-defs.h; up to v4.14, linux/compiler.h.
_SAME = {"raw_cpu_ptr": "this_cpu_ptr", "__this_cpu_ptr": "this_cpu_ptr", "ACCESS_ONCE": "READ_ONCE"}


def unchecked(name: str) -> str:
    """The word that code without checks calls by this name, as ``raw_atomic_inc()``; else the name itself."""
    plain = _SAME.get(name, _UNINSTRUMENTED.sub("", name))
    return plain if name not in WORDS and plain in WORDS else name


def leaves(statement: ast.Stmt) -> bool:
    """Does a statement always jump away?"""
    if isinstance(statement, ast.Block) and statement.body:
        return leaves(statement.body[-1])
    return isinstance(statement, ast.Return | ast.Goto | ast.Break | ast.Continue)


def either(test: ast.CExpr) -> ast.CExpr:
    """A condition that joins addresses by ``|``, as numbers: is any of them not 0?"""
    if isinstance(test, ast.CallExpr) and test.name in ("likely", "unlikely") and len(test.arguments) == 1:
        return replace(test, arguments=(either(test.arguments[0]),))
    if isinstance(test, ast.Binary) and test.op == "|":
        return ast.Binary("|", either(test.left), either(test.right), test.span)
    if isinstance(test, ast.Cast) and test.type == ast.CType("unsigned long"):
        return ast.Binary("!=", test.operand, ast.Num(0, test.span), test.span)
    return test


def truth(e: ast.CExpr) -> ast.CExpr:
    """What ``&&`` and ``||`` give: 0 or 1."""
    return ast.Unary("!", ast.Unary("!", e, e.span), e.span)


def truth_of(e: object) -> bool | None:
    """The truth of a constant condition."""
    if isinstance(e, ast.Num):
        return e.value != 0
    if isinstance(e, ast.CallExpr) and e.name in ("likely", "unlikely") and len(e.arguments) == 1:
        return truth_of(e.arguments[0])
    return None


def without_casts(e: Any, number: Callable[[ast.CType], t.Type | None]) -> Any:
    """An expression in which casts of numbers are done; ``number``: the type that one names."""
    e = rebuilt(e, lambda part: without_casts(part, number))
    given = constant(e.operand, {}) if isinstance(e, ast.Cast) else None
    kind = None if given is None else number(e.type)
    if given is None or kind is None:
        return e
    value = given % (1 << kind.bits)
    return ast.Num(value - (1 << kind.bits) * (kind.signed and value >> kind.bits - 1), e.span)


def acts(tree: object) -> bool:
    """Does a tree do more than read objects, or call what may? That is what others can see."""
    return any(
        isinstance(x, ast.Assign | ast.PointerCall | ast.StatementExpr)
        or (isinstance(x, ast.CallExpr) and not (x.name in WORDS and WORDS[x.name].only_reads))
        for x in nodes(tree)
    )


def declared(body: object) -> set[str]:
    """The locals of a body, and its labels."""
    found: set[str] = set()
    for x in nodes(body):
        if isinstance(x, ast.Declare):
            found.add(x.name)
        elif isinstance(x, ast.ForEachEntry):
            found.add(x.variable)
    return found


def field_names(unit: ast.Unit) -> set[str]:
    """The fields that anything names, or that words go along."""
    found: set[str] = set()
    for x in nodes((unit.functions, unit.threads, unit.nmis, unit.initial, unit.final)):
        if isinstance(x, ast.FieldExpr | ast.FieldInit | c.Field):
            found.add(x.name)
        elif isinstance(x, ast.ForEachEntry) and x.word in ENTRY_LOOPS:
            found |= {ENTRY_LOOPS[x.word].first, ENTRY_LOOPS[x.word].link}
        elif isinstance(x, ast.ContainerOf) and x.word in ENTRY_WORDS:
            found.add(ENTRY_WORDS[x.word].link)
    return found - {""}


def own_fields(unit: ast.Unit) -> frozenset[str]:
    """The fields that the test's own code and its initial state name, but for questions about them."""
    own = [f for f in unit.functions.values() if not f.kernel]
    found = Counter[str]()
    for x in nodes((own, unit.threads, unit.nmis, unit.initial)):
        if isinstance(x, ast.FieldExpr | ast.FieldInit):
            found[x.name] += 1
        elif isinstance(x, ast.CallExpr) and x.name == "defined":
            found.subtract(a.name for a in x.arguments if isinstance(a, ast.FieldExpr))
    return frozenset(name for name, count in found.items() if count > 0)


def bases(tree: object) -> set[str]:
    """The types that a tree names."""
    return {x.base for x in nodes(tree) if isinstance(x, ast.CType)}


def addresses(unit: ast.Unit) -> set[str]:
    """The virtual addresses that the initial state maps, and the objects that parameters make."""
    found = {
        x.va.name for x in nodes(unit.initial) if isinstance(x, ast.Mapping) and isinstance(x.va, ast.Ident)
    }
    return found | {p.name for t in unit.threads.values() for p in t.parameters} | {"init_mm"}
