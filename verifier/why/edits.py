"""The edits that are tried one by one: each is written into the text, which is read and decided again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from verifier.program.trace import Trace
from verifier.records import dataclass, field
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.test import Test
from verifier.why.badrun import BadRun
from verifier.why.callees import OF_CALLS, Callees
from verifier.why.sites import (
    Footprint,
    Key,
    Site,
    bodies,
    calls,
    footprint,
    jumps,
    leaves,
    movable,
)
from verifier.why.texts import Writer, Writing
from verifier.words.rows import Machine, flat
from verifier.words.table import WORDS

Ways = Callable[[int], Iterator[Writing]]
LENGTH = 60  # of a statement in a message


@dataclass(frozen=True, slots=True)
class InBlock:
    """What an edit does in a block: it moves a statement before another one (``moved``), or puts statements,
    given as text, before others."""

    block: Key
    put: tuple[tuple[int, str], ...] = ()
    moved: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit. ``what`` says what it does; ``body`` and the place ``at`` (before statement ``at``) say
    where, and ``body`` is None if ``what`` says it all; ``ways`` writes it for a place; ``line`` is for
    the order.

    ``region``: from where to where in the file it reaches, if it is one around statements of ``site``;
    ``weaker``: what an edit does of which this one does a part, so that it does not help where that one
    does not;
    ``change``: for a place, the same as a change of the tree, if it is one of the statements of one block.
    """

    kind: str
    cost: int
    what: str
    line: int
    ways: Ways = field(compare=False)
    body: Site | None = None
    at: int = 0
    region: tuple[int, int] | None = None
    site: Site | None = None
    weaker: str = ""
    change: Callable[[int], InBlock] | None = field(default=None, compare=False)

    @property
    def told(self) -> str:
        """What it does, and where."""
        if self.body is None:
            return self.what
        verb = f"{self.what} to" if self.kind.startswith("move") else f"insert {self.what}"
        return f"{verb} {place(self.body, self.at, self.at)}"

    @property
    def same_but_place(self) -> tuple[str, str, Key | None]:
        """Equal for edits that differ only in the place."""
        return self.kind, self.what, self.body.key if self.body is not None else None

    def contains(self, other: Edit) -> bool:
        """Is it a larger region around another one?"""
        if self.region is None or other.region is None or self.kind != other.kind:
            return False
        return self.region[0] <= other.region[0] and other.region[1] <= self.region[1]


def short(span: Span) -> str:
    """A statement in one line, not too long."""
    text = " ".join(span.text.split())
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def place(body: Site, low: int, high: int) -> str:
    """The places from ``low`` to ``high`` of a block, as lines of the file."""
    s, position = body.statements, body.block.span.source.position
    before = position(s[low - 1].span.end - 1)[0] if low else None
    after = s[high].span.line if high < len(s) else None
    any_ = "anywhere " if high > low else ""
    of = f" of {body.kernel}" if body.kernel else ""
    if before is None and after is None:
        which = "anywhere in the block" if s else "in the empty block"
        return f"{which} of line {body.block.span.line}{of}"
    if before is None:
        return f"{any_}before line {after}{of}"
    if after is None:
        return f"{any_}after line {before}{of}"
    return f"in line {before}{of}" if before == after else f"{any_}between lines {before} and {after}{of}"


class Edits:
    """All edits of a test, of all kinds but those of ``insertions``; ``others``: the programs of the other
    variants of its file."""

    def __init__(
        self,
        test: Test,
        writer: Writer,
        cost: Mapping[str, int],
        witness: Trace | None,
        writers: Callable[[Span], Writer] | None = None,
        others: Sequence[ast.Unit] = (),
    ) -> None:
        self.test, self.writer, self.cost = test, writer, cost
        self.writers = writers or (lambda _: writer)
        self.unit: ast.Unit = test.tree
        self.bodies = bodies(test)
        self.callees = Callees(self.unit, others)
        self.run = BadRun(witness, self.unit)
        fields = (f for s in self.unit.structs for f in s.fields)
        self.heads = list(dict.fromkeys(f.name for f in fields if f.type == ast.CType("struct rcu_head")))
        self.called = self.callees.called

    def all(self, chosen: Sequence[Site] | None = None) -> list[Edit]:
        """The edits in some of the test's blocks, or in all of them, cheapest first."""
        found: list[Edit] = []
        for body in self.bodies if chosen is None else chosen:
            if self.touched(body):
                found += [*self._changes(body), *self._moves(body), *self._exchanges(body)]
                found += [*self._regions(body), *self._calls(body)]
        return sorted(
            found, key=lambda e: (e.cost, e.region is not None and e.region[1] - e.region[0], e.line)
        )

    # -- only what the bad run executes ---------------------------------------------------------------------

    def touched(self, body: Site) -> bool:
        """Does the bad run come to a block?"""
        return body.thread or not self.run.known or any(map(self.run.executes, body.statements))

    # -- a word becomes another one -------------------------------------------------------------------------

    def _changes(self, body: Site) -> Iterator[Edit]:
        for s in body.statements:
            if self.run.executes(s):
                yield from self._changed(s, body, alone=False)

    def _changed(self, s: ast.Stmt, body: Site, *, alone: bool) -> Iterator[Edit]:
        """The changes in a statement. ``alone``: it is the one statement of an ``if`` or a loop."""
        inner: list[ast.Stmt | None] = []
        own: list[object] = [s]
        if isinstance(s, ast.If):
            inner, own = [s.then, s.other], [s.condition]
        elif isinstance(s, ast.While | ast.DoWhile):
            inner, own = [s.body], [s.condition]
        elif isinstance(s, ast.For | ast.ForEachCpu | ast.ForEachEntry | ast.Switch):
            inner, own = [s.body], []
        elif isinstance(s, ast.Block | ast.Guard):
            return
        for x in (call for part in own for call in calls(part)):
            for kind, start, end, text in self._stronger(x):
                word = WORDS.get(text.partition("(")[0])
                if body.kernel and word is not None and word.ours:
                    continue
                whole_text = x.span.text[: start - x.span.start] + text + x.span.text[end - x.span.start :]
                yield self._edit(
                    kind,
                    f"{short(x.span)} becomes {' '.join(whole_text.split())} in line {x.span.line}"
                    + _of(body),
                    x.span.line,
                    lambda _, s=s, start=start, end=end, text=text: self.writers(s.span).replaced(  # type: ignore[misc]
                        s, start, end, text, alone
                    ),
                )
        for part in inner:
            if part is not None and not isinstance(part, ast.Block):
                yield from self._changed(part, body, alone=True)

    def _stronger(self, x: ast.CallExpr) -> Iterator[tuple[str, int, int, str]]:
        """The kind of each change of a call, and the text that it puts in the place of another."""
        name, start = x.name, x.span.start
        end = start + len(name)
        source = x.span.source.text
        full = [
            n for n in (name.replace("_relaxed", ""), name.replace("_noflush", ""), name.removeprefix("__"))
        ]
        full += [name.replace("_noflush", "").replace("_relaxed", "")]
        full += [name.replace("_final", ""), f"{name}_careful"]
        for other in dict.fromkeys(full):
            if other != name and (other in WORDS or (other in self.unit.functions and name not in WORDS)):
                yield "full", start, end, other
        if name in ("WRITE_ONCE", "smp_store_release") and len(x.arguments) == 2:
            first = x.arguments[0].span
            given = source[first.start : first.end].strip()
            object_ = given if name == "WRITE_ONCE" else given.removeprefix("&")
            virtual = object_.startswith("*")
            yield "locked", start, first.end, f"xchg({object_[1:]}" if virtual else f"smp_store_mb({object_}"
        if name == "set_pte" and len(x.arguments) == 2:
            yield "locked", start, end, "ptep_xchg"
        if name == "set_pmd" and len(x.arguments) == 2:
            yield "locked", start, end, "pmdp_xchg"
        if name == "pte_clear":  # with an mm and an address in front, or without
            yield "locked", start, end, "ptep_get_and_clear"
        if name == "pmd_clear" and len(x.arguments) == 1:
            yield "locked", start, end, "pmdp_get_and_clear"
        if name == "atomic_set":
            yield "locked", start, end, "atomic_xchg"
        if name in ("kfree", "kvfree") and len(x.arguments) == 1:
            for field_ in self.heads:  # of the wrong struct: that is an error, and no edit
                yield "kfree_rcu", start, x.span.end, f"{name}_rcu({x.arguments[0].span.text}, {field_})"
        if name == "apic_icr_write":
            yield "xapic", start, end, "apic_icr_write_mmio"
        if name.startswith(OF_CALLS) and x.arguments:
            for a in x.arguments[1:]:
                if isinstance(a, ast.Num) and a.value == 0 and a is x.arguments[-1]:
                    yield "wait", a.span.start, a.span.end, "1"
                elif isinstance(a, ast.Ident) and a.name == "false" and a is x.arguments[-1]:
                    yield "wait", a.span.start, a.span.end, "true"

    # -- a statement moves ----------------------------------------------------------------------------------

    def _moves(self, body: Site) -> Iterator[Edit]:
        """Moves of statements over others that do not conflict with them."""
        prints = [footprint(s, self.unit) for s in body.statements]
        for i, s in enumerate(body.statements):
            if not movable(s) or body.loop:
                continue
            for at in self._targets(body, prints, i):
                over = range(i + 1, at) if at > i else range(at, i)
                if at < i and len(over) == 1 and movable(body.statements[at]):
                    continue  # the other one moves down
                if not self.run.matters(s, [body.statements[k] for k in over]):
                    continue  # the bad run stays possible
                yield self._edit(
                    "move" if len(over) == 1 else "move_far",
                    f"move `{short(s.span)}` of line {s.span.line}",
                    s.span.line,
                    lambda at, i=i: self.writers(body.block.span).moved(body, i, at),  # type: ignore[misc]
                    body,
                    at,
                    change=lambda at, i=i: InBlock(body.key, moved=(i, at)),  # type: ignore[misc]
                )

    def _targets(self, body: Site, prints: list[Footprint], i: int) -> Iterator[int]:
        """Where statement ``i`` can move to: before which statements. In the kernel's text it passes no
        statement that may leave the function, as no test has all that comes behind."""
        s, places = body.statements, set(body.places()) if body.within is not None else None
        stays = leaves if body.within is None else jumps
        for step in (1, -1):
            k = i + step
            while 0 <= k < len(s) and not stays(s[k]) and not isinstance(s[k], ast.Guard):
                if prints[i].conflicts(prints[k]):
                    break
                at = k + 1 if step > 0 else k
                if places is None or at in places:
                    yield at
                k += step

    def _exchanges(self, body: Site) -> Iterator[Edit]:
        """A load into a local, and a later store to the same place: one XCHG in the place of the load."""
        for i, s in enumerate(body.statements):
            loaded = _load(s)
            if loaded is None or not self.run.executes(s):
                continue
            for other in body.statements[i + 1 :]:
                stored = _store(other)
                if stored is not None and stored[0] == loaded[1]:
                    at, value = stored
                    pointer = at[1:] if at.startswith("*") else f"&{at}"
                    text = f"{loaded[0]} = xchg({pointer}, {value});"
                    yield self._edit(
                        "exchange",
                        f"lines {s.span.line} and {other.span.line} become `{text}`{_of(body)}",
                        s.span.line,
                        lambda _, s=s, other=other, text=text: self.writers(s.span).joined(  # type: ignore[misc]
                            s, text, other
                        ),
                    )
                if jumps(other) or stored is not None:
                    break

    # -- interrupts off, and locks ---------------------------------------------------------------------------

    def _regions(self, body: Site) -> Iterator[Edit]:
        """Interrupts off, or a lock held, around some statements."""
        if body.loop:
            return
        pairs = [("irqs_off", "local_irq_disable()", "local_irq_enable()")] if self._interrupted() else []
        where = _of(body)
        for kind, first, last in pairs + self._locks(body):
            for i, j in self._stretches(body, "" if kind == "irqs_off" else first):
                s = body.statements
                lines = [s[i].span.line, s[j].span.source.position(s[j].span.end - 1)[0]]
                which = f"lines {lines[0]} to {lines[1]}" if lines[1] > lines[0] else f"line {lines[0]}"
                yield self._edit(
                    kind,
                    f"{first} and {last} around {which}{where}",
                    lines[0],
                    lambda _, i=i, j=j, first=first, last=last: self._around(  # type: ignore[misc]
                        body, i, j, first=first, last=last
                    ),
                    region=(s[i].span.start, s[j].span.end),
                    site=body,
                    change=lambda _, put=((i, f"{first};"), (j + 1, f"{last};")): InBlock(  # type: ignore[misc]
                        body.key, put
                    ),
                )

    def _stretches(self, body: Site, word: str) -> Iterator[tuple[int, int]]:
        """From which statement to which a region may reach: none jumps, and none has a call as ``word``; if
        that is empty, none has a word that changes whether interrupts are on."""
        s = body.statements
        for i in range(len(s)):
            for j in range(i, len(s)):
                if any(word in x.span.text if word else _masks(x) for x in calls(s[j])) or jumps(s[j]):
                    break
                if not any(isinstance(x, ast.Declare | ast.Empty | ast.Guard) for x in (s[i], s[j])):
                    yield i, j

    def _locks(self, body: Site) -> list[tuple[str, str, str]]:
        """The locks of objects that the test takes, and how it takes them and gives them back; in the
        kernel's text those that the same function takes."""
        called = self.called if body.within is None else list(calls(body.within))
        named = {(x.name, _argument(x)): x for x in called if len(x.arguments) == 1}
        found: dict[tuple[str, str, str], None] = {}
        for name, argument in named:
            other = name.replace("lock", "unlock")
            root = argument.lstrip("&").partition(".")[0]
            known = body.within is not None or root in self.callees.objects
            if "lock" in name and "unlock" not in name and known and (other, argument) in named:
                found["lock", f"{name}({argument})", f"{other}({argument})"] = None
        return list(found)

    def _interrupted(self) -> bool:
        sends = re.compile(r"smp_call_function|on_each_cpu|apic_|irq_work|call_single")
        settings = [o.place for o in self.unit.initial if isinstance(o, ast.Setting)]
        pending = any(isinstance(p, ast.Ident) and p.name == "pending" for p in settings)
        return pending or any(sends.search(x.name) for x in self.called)

    def _around(self, body: Site, i: int, j: int, *, first: str, last: str) -> Iterator[Writing]:
        writer = self.writers(body.block.span)
        for before in writer.inserted(body, i, f"{first};"):
            for after in writer.inserted(body, j + 1, f"{last};"):
                yield (*before, *after)

    # -- a call is inserted ---------------------------------------------------------------------------------

    def _calls(self, body: Site) -> Iterator[Edit]:
        """Calls of functions of the file, of handlers on other CPUs, and of words that are no barriers."""
        words: list[tuple[str, str]] = []
        if any(x.name.startswith("invlpgb") for x in self.called):
            words.append(("tlbsync", "tlbsync()"))
        words += [("helper", f"{name}()") for name in self.callees.helpers(body)]
        words += [("ipi", f"smp_call_function({h}, {info}, 1)") for h, info in self.callees.handlers(body)]
        words += [("flush_tlb_mm", text) for text in self.callees.flushes(body)]
        if any(
            re.match(r"rcu_read_lock|synchronize_rcu|call_rcu|preempt_dis|local_irq", x.name)
            for x in self.called
        ):
            words.append(("synchronize_rcu", "synchronize_rcu()"))
        for kind, text in words:
            for at in body.places():
                yield self._edit(
                    kind,
                    text,
                    _line(body, at),
                    lambda at, text=text: self.writers(body.block.span).inserted(  # type: ignore[misc]
                        body, at, f"{text};"
                    ),
                    body,
                    at,
                    weaker=text.replace("do_nothing", "do_flush_tlb") if "(do_nothing," in text else "",
                    change=lambda at, text=text: InBlock(body.key, ((at, f"{text};"),)),  # type: ignore[misc]
                )

    def _edit(
        self,
        kind: str,
        what: str,
        line: int,
        ways: Ways,
        body: Site | None = None,
        at: int = 0,
        region: tuple[int, int] | None = None,
        site: Site | None = None,
        weaker: str = "",
        change: Callable[[int], InBlock] | None = None,
    ) -> Edit:
        return Edit(kind, self.cost[kind], what, line, ways, body, at, region, site, weaker, change)


def _masks(x: ast.CallExpr) -> bool:
    """Is it a word that turns interrupts on or off?"""
    word = WORDS.get(x.name)
    return word is not None and any(
        isinstance(e, Machine) and e.op == "IRQ" and e.kind != "bh" for e in flat(word.effects)
    )


def _of(body: Site) -> str:
    return f" of {body.kernel}" if body.kernel else ""


def _argument(x: ast.CallExpr) -> str:
    return "".join(x.arguments[0].span.text.split())


def _load(s: ast.Stmt) -> tuple[str, str] | None:
    """The local and the place of ``r0 = READ_ONCE(x);``."""
    if not isinstance(s, ast.ExprStmt) or not isinstance(s.expr, ast.Assign) or s.expr.op:
        return None
    target, value = s.expr.target, s.expr.value
    if isinstance(target, ast.Ident) and isinstance(value, ast.CallExpr) and value.name == "READ_ONCE":
        return target.name, "".join(value.arguments[0].span.text.split())
    return None


def _store(s: ast.Stmt) -> tuple[str, str] | None:
    """The place and the value of ``WRITE_ONCE(x, 1);``."""
    if isinstance(s, ast.ExprStmt) and isinstance(s.expr, ast.CallExpr) and s.expr.name == "WRITE_ONCE":
        at, value = s.expr.arguments
        return "".join(at.span.text.split()), value.span.text
    return None


def _line(body: Site, at: int) -> int:
    s = body.statements
    return s[at - 1].span.line if at else s[at].span.line if s else body.block.span.line
