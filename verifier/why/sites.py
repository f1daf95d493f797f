"""Where a test can be edited: its blocks, the places between their statements, and what statements touch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.records import dataclass, field, replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.idle import reached
from verifier.syntax.nodes import nodes
from verifier.syntax.test import Test
from verifier.words.rows import Load, Order, Pure, flat
from verifier.words.table import WORDS

Key = tuple[str, int, int]  # a file, and from where to where
LEAVING = (ast.Return, ast.Goto, ast.Break, ast.Continue)
_PINNED = (ast.Declare, ast.Case, ast.LabelStmt, ast.Empty, *LEAVING)
_LOOPS = ast.While | ast.DoWhile | ast.For | ast.ForEachEntry
_HANDLES = frozenset({"mm", "page", "table", "struct mm_struct", "struct page"})
# Words that change a state of the CPU without an address: they stay in their order.
_STATES = {
    "local_irq_disable": "irq", "local_irq_enable": "irq",
    "local_irq_save": "irq", "local_irq_restore": "irq",
    "rcu_read_lock": "rcu", "rcu_read_unlock": "rcu", "preempt_disable": "rcu", "preempt_enable": "rcu",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A block of the test's own file, or of the function ``within`` of the kernel's text. ``loop``: a jump
    back may repeat it."""

    block: ast.Block
    loop: bool
    thread: bool
    within: ast.Function | None = None

    @property
    def kernel(self) -> str:
        """The function of the kernel's text that it is in, with its file; empty if there is none."""
        return f"{self.within.kernel}, in {self.within.name}()" if self.within is not None else ""

    @property
    def key(self) -> Key:
        """Where it is in the file."""
        return key(self.block.span)

    @property
    def statements(self) -> tuple[ast.Stmt, ...]:
        """What stands in it, in this variant."""
        return self.block.body

    def places(self) -> list[int]:
        """The places where a statement may be inserted: place n is before statement n."""
        if self.loop:
            return []
        found = []
        for at in range(len(self.statements) + 1):
            before = self.statements[at - 1] if at else None
            if isinstance(before, LEAVING) or (before is not None and _named(before, "sysret")):
                break
            if isinstance(before, ast.Declare) and not _whole(before):
                continue
            if self.kernel and any(isinstance(s, ast.Declare) for s in self.statements[at:]):
                continue  # the kernel declares first
            if at < len(self.statements) or not self.statements or before is not None:
                found.append(at)
        if any(isinstance(s, ast.Case) for s in self.statements):
            found = [at for at in found if at and not isinstance(self.statements[at - 1], ast.Declare)]
        return found


def key(span: Span) -> Key:
    """What names a part of the file."""
    return span.source.name, span.start, span.end


def bodies(test: Test) -> list[Site]:
    """The blocks of the programs, and of the functions that they use, in the order of the file."""
    unit: ast.Unit = test.tree
    used = reached(unit)
    roots = [(t.body, True) for t in (*unit.threads.values(), *unit.nmis)]
    functions = [f for n, f in unit.functions.items() if n in used]
    roots += [(f.body, False) for f in functions if not f.included]
    found: dict[Key, Site] = {}
    for root, thread in roots:
        if root.span.source.name == test.source.name:
            for body in _below(root, _turns_back(root), thread):
                found.setdefault(body.key, body)
    own = [found[k] for k in sorted(found)]
    theirs: dict[Key, Site] = {}
    for f in functions:
        if f.kernel:
            for body in _below(f.body, _turns_back(f.body), False):
                theirs[body.key] = replace(body, within=f)
    return [*(theirs[k] for k in sorted(theirs)), *own]


class Vocabulary:
    """What the text of a kernel file can name: what the functions taken from it call, and what it defines in
    front of a function. ``unit``: the program that has been parsed."""

    def __init__(self, unit: ast.Unit) -> None:
        self.unit = unit
        self.called: dict[str, set[str]] = {}
        for f in unit.functions.values():
            if f.kernel:
                self.called.setdefault(f.kernel, set()).update(x.name for x in calls(f))

    def calls(self, body: Site, word: str) -> bool:
        """Does the file in which a block is know a word?"""
        file = body.within.kernel if body.within is not None else ""
        return word in self.called.get(file, ()) or self.defines(body, word)

    def defines(self, body: Site, name: str) -> bool:
        """Does the file define a function, of those taken, in front of that in which a block is?"""
        f, within = self.unit.functions.get(name), body.within
        if f is None or within is None or f.kernel != within.kernel:
            return False
        return f.body.span.start < within.body.span.start


def shared(tests: Iterable[Test]) -> frozenset[Key]:
    """The blocks and statements of tests, which are other variants of a file."""
    found: set[Key] = set()
    for test in tests:
        unit: ast.Unit = test.tree
        roots = [t.body for t in (*unit.threads.values(), *unit.nmis)]
        roots += [f.body for f in unit.functions.values() if not f.included]
        for root in {id(r): r for r in roots}.values():
            found |= {key(s.span) for s in _statements(root)}
    return frozenset(found)


def _statements(s: ast.Stmt | None) -> Iterator[ast.Stmt]:
    """A statement and all inside it."""
    if s is None:
        return
    yield s
    if isinstance(s, ast.Block):
        for x in s.body:
            yield from _statements(x)
    elif isinstance(s, ast.If):
        yield from _statements(s.then)
        yield from _statements(s.other)
    elif isinstance(s, _LOOPS | ast.ForEachCpu | ast.Switch | ast.Guard):
        yield from _statements(s.body)


def _below(s: ast.Stmt | None, loop: bool, thread: bool) -> Iterator[Site]:
    if isinstance(s, ast.Block):
        yield Site(s, loop, thread)
        for x in s.body:
            yield from _below(x, loop, False)
    elif isinstance(s, ast.If):
        yield from _below(s.then, loop, False)
        yield from _below(s.other, loop, False)
    elif isinstance(s, _LOOPS):
        yield from _below(s.body, True, False)
    elif isinstance(s, ast.ForEachCpu | ast.Switch | ast.Guard):
        yield from _below(s.body, loop, False)


def _turns_back(root: ast.Block) -> bool:
    """Is there a goto to an earlier label?"""
    labels = {x.name: x.span.start for x in nodes(root) if isinstance(x, ast.LabelStmt)}
    return any(
        isinstance(x, ast.Goto) and labels.get(x.name, x.span.start) < x.span.start for x in nodes(root)
    )


def _named(s: ast.Stmt, name: str) -> bool:
    return isinstance(s, ast.ExprStmt) and isinstance(s.expr, ast.CallExpr) and s.expr.name == name


def _whole(s: ast.Declare) -> bool:
    """Does a declaration end behind this declarator?"""
    return s.span.source.text[s.span.end :].lstrip()[:1] == ";"


def calls(tree: object) -> Iterator[ast.CallExpr]:
    """The calls below a tree."""
    return (x for x in nodes(tree) if isinstance(x, ast.CallExpr))


# -- what a statement touches --------------------------------------------------------------------------


@dataclass(slots=True)
class Footprint:
    """The names that a statement writes and reads, and the places in memory, each with whether it may be
    changed."""

    written: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    memory: dict[str, bool] = field(default_factory=dict)

    def conflicts(self, other: Footprint) -> bool:
        """Does the order of the two matter to the CPU that executes them?"""
        if self.written & (other.written | other.read) or self.read & other.written:
            return True
        return any(at in other.memory and (w or other.memory[at]) for at, w in self.memory.items())


def footprint(s: ast.Stmt, unit: ast.Unit) -> Footprint:
    """What a statement touches."""
    found = Footprint()
    handles = {o.name for o in unit.initial if isinstance(o, ast.Object) and o.type.base in _HANDLES}
    for x in nodes(s):
        if isinstance(x, ast.Assign) and isinstance(x.target, ast.Ident):
            found.written.add(x.target.name)
        elif isinstance(x, ast.Assign):
            found.memory["".join(x.target.span.text.split())] = True
        elif isinstance(x, ast.Declare):
            found.written.add(x.name)
        elif isinstance(x, ast.Ident):
            found.read.add(x.name)
        elif isinstance(x, ast.CallExpr):
            _call(x, found, handles, unit)
    return found


def _call(x: ast.CallExpr, found: Footprint, handles: set[str], unit: ast.Unit) -> None:
    if x.name in _STATES:
        found.memory[f"%{_STATES[x.name]}"] = True
    if "save" in x.name or "try_cmpxchg" in x.name:
        found.written |= {a.name for a in nodes(x.arguments) if isinstance(a, ast.Ident)} - handles
    word = WORDS.get(x.name)
    if x.name in unit.functions:  # it may store through a pointer to a local
        addressed = [a.operand for a in x.arguments if isinstance(a, ast.Unary) and a.op == "&"]
        found.written |= {a.name for a in addressed if isinstance(a, ast.Ident)} - handles
    if word is None or word.special is not None:
        return
    stores = not all(isinstance(e, Load | Order | Pure) for e in flat(word.effects))
    for a in x.arguments:
        if isinstance(a, ast.Unary) and a.op == "&":
            a = a.operand
        if isinstance(a, ast.Ident) and a.name in handles:
            continue
        if isinstance(a, ast.Ident | ast.FieldExpr | ast.IndexExpr | ast.CallExpr):
            place = "".join(a.span.text.split())
            found.memory[place] = found.memory.get(place, False) or stores


def jumps(s: ast.Stmt) -> bool:
    """May a statement leave its block?"""
    return any(isinstance(x, (*LEAVING, ast.LabelStmt, ast.Case)) for x in nodes(s))


def leaves(s: ast.Stmt) -> bool:
    """May a statement leave its block, but for an ``if`` that returns?"""
    if isinstance(s, ast.If):
        return any(
            isinstance(x, (ast.Goto, ast.Break, ast.Continue, ast.LabelStmt, ast.Case)) for x in nodes(s)
        )
    return jumps(s)


def movable(s: ast.Stmt) -> bool:
    """Can a statement be moved?"""
    return not isinstance(s, _PINNED) and not jumps(s) and not isinstance(s, ast.Guard)


def called(unit: ast.Unit, code: Sequence[ast.Stmt]) -> Iterator[ast.Block]:
    """The bodies of all functions that code may call, or ask others to call."""
    pending: list[object] = list(code)
    seen: set[str] = set()
    while pending:
        for x in nodes(pending.pop()):
            name = x.name if isinstance(x, ast.CallExpr | ast.Ident) else ""
            if name in unit.functions and name not in seen:
                seen.add(name)
                body = unit.functions[name].body
                pending.append(body)
                yield body


def own(unit: ast.Unit) -> ast.Unit:
    """A variant without the kernel's text, of which there is one for all variants."""
    return replace(unit, functions={n: f for n, f in unit.functions.items() if not f.kernel})


def based(test: Test, on: Test) -> bool:
    """May a variant be based on another one, so that the guard of that one holds for it?"""
    at = test.declared
    if at is None or on.variant is None:
        return False
    rest = at.source.text[at.end :].lstrip()
    return rest[:1] == ":" and rest[1:].lstrip().startswith(on.variant)
