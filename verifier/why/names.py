"""The words for events of candidate executions, and for why one comes before another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from verifier.model.roles import buffered, role
from verifier.program.events import Access, BodyKind, Event
from verifier.program.expressions import Const
from verifier.program.ops import ICR, Op
from verifier.program.values import IN_LINE, SOFTIRQS_OFF, Ptr, Value
from verifier.program.waits import folded, place
from verifier.program.whereabouts import Said, Whereabouts
from verifier.program.windows import Windows
from verifier.records import NamedTuple
from verifier.solve.sites import Chain
from verifier.source import Span
from verifier.why.cycles import Cycle, Edge
from verifier.why.engine import Candidates

EventNameKind = Literal[
    "event", "commit", "issue", "fault", "copy", "flush", "walk", "update", "use", "snapshot", "init"
]
_NOTES: Mapping[EventNameKind, str] = {
    "commit": "reaches memory", "issue": "is executed", "fault": "faults", "copy": "is prefetched",
    "flush": "takes effect",
}  # fmt: skip

_SHORT: Mapping[EventNameKind, str] = {
    "walk": "the page walk", "use": "the use", "init": "the start", "snapshot": "that instant",
}  # fmt: skip


# What an RCU reader is called that is none of the source's sections.
_READERS: Mapping[Op, str] = {"IRQ": "IRQ-off region", "DLV": "interrupt", "NMI": "NMI"}


class CycleStep(NamedTuple):
    """An event of a cycle: the CPU, what the source or the processor does, where, and a remark; ``span``: the
    place that ``where`` names."""

    cpu: int | None
    text: str
    where: str
    note: str = ""
    span: Span | None = None


class EventName(NamedTuple):
    """What an event of a candidate is: of an event of the program, or of the processor."""

    kind: EventNameKind
    cpu: int | None
    event: Event | None = None
    text: str = ""


class EventNames:
    """EventNames for the events of candidates; ``file``: lines of other files have their names."""

    def __init__(self, candidates: Candidates, file: str) -> None:
        self.program, self.file = candidates.program, file
        self.tell = self.program.naming.of
        self.whereabouts, self.windows = Whereabouts(self.program), Windows(self.program)
        e = candidates.encoding
        events = self.program.events
        late = {v.id for v in events if e.model.buffered and buffered(v, self.program)}
        self.nodes = {v.id: EventName("commit" if v.id in late else "event", v.cpu, v) for v in events}
        self.nodes |= {node: EventName("issue", events[v].cpu, events[v]) for v, node in e.issues.items()}
        self.nodes |= {node: EventName("fault", events[v].cpu, events[v]) for v, node in e.faults.items()}
        self.nodes |= {node: EventName("copy", events[v].cpu, events[v]) for v, node in e.fetches.items()}
        self.nodes |= {node: EventName("flush", cpu, events[v]) for (v, cpu), node in e.flushes.items()}
        for use in e.uses:
            if use.event is None:
                label = self.program.observables[e.asked[use.node]].label
                self.nodes[use.node] = EventName("use", use.cpu, None, f"{label} can be used")
            if use.dirty is not None:
                self.nodes.setdefault(
                    use.dirty, EventName("update", use.cpu, use.event, "the processor sets D")
                )
            for chain in (*(c for _, c in use.served), *use.faults):
                self._walk(chain)
        for update in e.updates:
            self.nodes.setdefault(update.node, EventName("update", update.cpu, None, "the processor sets A"))
            self._walk(update.chain)
        snapshot = EventName("snapshot", None, None, "the instant that is asked for")
        self.nodes |= dict.fromkeys(e.snapshots.values(), snapshot)
        self.nodes[e.init] = EventName("init", None, None, "the start, and what the TLB held there")

    def _walk(self, chain: Chain) -> None:
        vas = " or ".join(map(str, chain.vas))
        for level in chain.levels:
            self.nodes.setdefault(level.node, EventName("walk", chain.cpu, None, f"page walk for {vas}"))

    # -- events -----------------------------------------------------------------------------------

    def step(self, node: int, cycle: Cycle) -> CycleStep:
        """An event of a cycle, with what it read."""
        n = self.nodes[node]
        where = place(n.event.span, self.file) if n.event is not None else ""
        if n.kind == "walk":
            return CycleStep(n.cpu, n.text, "", self._found(node, cycle.read))
        if n.event is None or n.text:
            return CycleStep(n.cpu, n.text, where, span=n.event.span if n.event is not None else None)
        if n.event.id in self.windows.made:
            return self._marked(n.event, cycle)
        note = _NOTES.get(n.kind, "")
        if (n.kind == "event" and n.event.op in ("R", "X", "IF")) or n.kind == "copy":
            note = ": ".join(filter(None, (note, self._found(node, cycle.read))))
        note = "; ".join(filter(None, (note, self._which(n.event, cycle))))
        if n.event.op == "IRET":
            return CycleStep(n.cpu, said(n.event), "", note)
        return CycleStep(n.cpu, said(n.event), where, note, n.event.span)

    def _marked(self, mark: Event, cycle: Cycle) -> CycleStep:
        """The beginning or the end of an RCU reader that has no mark in the source."""
        made = self.windows.made[mark.id]
        note = f"an RCU reader {'ends' if mark.kind == 'unlock' else 'begins'} [18.1]"
        if made is None:
            return CycleStep(mark.cpu, "interrupts are off from the start", "", note)
        note = "; ".join(filter(None, (note, self._which(made, cycle))))
        if made.op == "IRET":
            return CycleStep(mark.cpu, said(made), "", note)
        return CycleStep(mark.cpu, said(made), place(made.span, self.file), note, made.span)

    def reader(self, mark: Event, cycle: Cycle) -> str:
        """``the reader of line 7``: the RCU section that a mark begins or ends."""
        if mark.span is not None:
            return f"the reader of {place(mark.span, self.file)}"
        begin = self.windows.begin(mark, cycle.executed)
        made = self.windows.made.get(begin.id, begin)
        if made is None:
            return "the IRQ-off region that is there from the start"
        where = f" of {place(made.span, self.file)}" * (made.span is not None)
        which = self._which(made, cycle)
        return f"the {_READERS.get(made.op, 'reader')}{where}{f' ({which})' * bool(which)}"

    def _which(self, event: Event, cycle: Cycle) -> str:
        """Which execution of its line an event is, if there are several."""
        return self._text(self.whereabouts.which(event, cycle.executed))

    def _text(self, parts: Said) -> str:
        return "".join(x if isinstance(x, str) else place(x, self.file) for x in parts)

    def _found(self, node: int, read: Mapping[tuple[int, Ptr], Value]) -> str:
        """What a read found, without registers and the lines for locks in which nobody stands."""
        found = [
            (self.program.cells[cell], value)
            for (reader, cell), value in read.items()
            if reader == node and (IN_LINE not in cell.base or value)
        ]
        told = [f"{c.name}: {self.tell(c.ptr, v)}" for c, v in found if c.kind != "register"]
        return f"reads {', '.join(told[:3])}{', …' if len(told) > 3 else ''}" if told else ""

    def line(self, node: int, cycle: Cycle) -> str:
        """A short name: the place, if there is one."""
        n = self.nodes[node]
        if n.event is None or n.event.span is None:
            return _SHORT.get(n.kind, "it")
        text = self.whereabouts.statement(n.event, self.whereabouts.alike(n.event))
        which = self._which(n.event, cycle)
        return f"{place(n.event.span, self.file)}{f' {text}' * bool(text)}{f' ({which})' * bool(which)}"

    def finds(self, node: int, cycle: Cycle) -> str:
        """``CPU 0 finds 1 in x (line 12)``, if an event of the program reads one value."""
        n = self.nodes[node]
        found = self._found(node, cycle.read).removeprefix("reads ")
        if n.event is None or not found or "," in found:
            return ""
        cell, _, value = found.partition(": ")
        where = ", ".join(filter(None, (place(n.event.span, self.file), self._which(n.event, cycle))))
        return f"CPU {n.cpu} finds {value} in {cell} ({where})"

    # -- order ------------------------------------------------------------------------------------

    def why(self, edge: Edge, cycle: Cycle) -> str:
        """Why the first event of a pair comes before the second one."""
        a, b = self.nodes[edge.first], self.nodes[edge.second]
        words = _WORDS.get(edge.rule, f"by the rule {edge.rule}")
        if a.kind == "init":
            return words if edge.rule == "start" else "everything comes after the start"
        if b.kind == "init" and edge.rule == "fresh":
            return "what is used after it is nothing that the TLB held at the start [5.4]"
        if edge.rule in ("fr", "rf", "rfe", "co"):
            words = self._conflict(edge, cycle)
        elif edge.rule == "ipi":
            words = _interrupting(a.event, b.event)
        elif edge.rule == "age":
            words = "the walk ends before it" if a.kind == "walk" else "the walk ends after it"
        elif self.waits(edge) and b.event is not None:
            nt = ", 2.6" if edge.rule == "drain_nt" else ""
            words = f"{said(b.event)} waits for the store buffer [{role(b.event).waits}{nt}]"
        elif edge.rule == "drain_nt":
            words = "a non-temporal store comes after the loads and fences in front of it [2.6]"
        elif edge.rule == "icr" and a.event is not None and b.event is not None and a.event.kind in ICR:
            words = f"{said(b.event)} waits for the write [8.2]"
        elif edge.rule == "broadcast":
            words = (
                "it takes effect on each CPU later [11.3]"
                if b.kind == "flush"
                else "TLBSYNC waits for it [11.2]"
            )
        elif edge.rule == "ppo":
            words = self._ordered(a, b)
        return words

    def waits(self, edge: Edge) -> bool:
        """Does the second event of a pair wait until the store buffer with the first one is empty?"""
        event = self.nodes[edge.second].event
        return edge.rule in ("drain", "drain_nt") and event is not None and bool(role(event).waits)

    def _conflict(self, edge: Edge, cycle: Cycle) -> str:
        """How the second event of a pair reads or overwrites what the first one read or wrote."""
        a, b = self.nodes[edge.first], self.nodes[edge.second]
        line, registers = self.line(edge.second, cycle), _registers(a.event, b.event)
        if edge.rule == "fr" and _flag(a.event) is not None and _flag(b.event) == "0" and _delivers(a):
            struck = _struck(a)
            return f"the {struck.who} needs interrupts on, which {line} turns off [{struck.rule}]"
        if edge.rule == "rf" and _flag(a.event) == "1" and _delivers(b):
            struck = _struck(b)
            return f"it turns interrupts on, which the {struck.who} needs [{struck.rule}]"
        if edge.rule == "fr":
            value = "" if registers else self._written(b)
            found = f"{registers}, as it found it" if registers else "what it found"
            return f"{line} overwrites {found}" + (f", with {value}" if value else "")
        if edge.rule == "co":
            return f"{line} overwrites {registers or 'it'} [1.1]"
        return f"{line} reads {registers or 'it'} [1.1]"

    def _ordered(self, a: EventName, b: EventName) -> str:
        """Why program order holds."""
        if a.event is None or b.event is None:
            return "program order [1.1]"
        first, second = self.program.bodies[a.event.body], self.program.bodies[b.event.body]
        if first is not second:
            if second.rank != first.rank:
                later = second.rank > first.rank
                struck = _STRIKES[(second if later else first).kind]
                return f"the {struck.who} {struck.comes} {'after' if later else 'before'} it [{struck.rule}]"
            return f"the {_STRIKES[first.kind].who}s come in this order [{_STRIKES[first.kind].rule}]"
        if a.event.op == "X" and b.kind != "commit":
            return "program order; it is LOCK'd, so it is not buffered [2.1]"
        return "program order [1.1]"

    def callback(self, edge: Edge) -> str:
        """``call_rcu() (line 4)``, if a pair rests on the grace period of a callback."""
        if edge.rule != "grace":
            return ""
        for event in (self.nodes[edge.first].event, self.nodes[edge.second].event):
            if event is not None and event.op == "DLV":
                event = self.program.bodies[event.body].send
            if event is not None and event.op == "SEND":
                return f"{called(event.text)} ({place(event.span, self.file)})"
        return ""

    def _written(self, n: EventName) -> str:
        for access in n.event.accesses if n.event is not None else ():
            value = access.value.value if isinstance(access.value, Const) else None
            if value is not None and not isinstance(value, str) and isinstance(access.addr, Const):
                return self.tell(access.addr.value, value)
        return ""


def _registers(a: Event | None, b: Event | None) -> str:
    """What the registers of the processor are called that two events have in common, if these are all."""
    if a is None or b is None:
        return ""
    both = [_called(x) for x in a.accesses if any(x.addr == y.addr for y in b.accesses)]
    return " and ".join(dict.fromkeys(both)) if all(both) else ""


def _called(access: Access) -> str:
    """What a register of the processor is called; empty for memory."""
    cell = access.addr.value if isinstance(access.addr, Const) else None
    return _REGISTERS.get(cell.base.partition(":")[2], "") if isinstance(cell, Ptr) else ""


_FLAG = "the interrupt flag"
_REGISTERS = {
    "irq": _FLAG, "%halted": "the halt", "cr3": "CR3", "pcid": "the PCID",
    SOFTIRQS_OFF: "what keeps softirqs off",
}  # fmt: skip


def _flag(event: Event | None) -> str | None:
    """What an event writes to the interrupt flag: ``0``, ``1``, empty if the program does not say it or the
    event only reads it; None if it does not touch it."""
    mine = [a.value for a in event.accesses if _called(a) == _FLAG] if event is not None else []
    written = [str(v.value) for v in mine if isinstance(v, Const)]
    return (written or [""])[-1] if mine else None


def _delivers(n: EventName) -> bool:
    return n.event is not None and n.event.op == "DLV"


class Struck(NamedTuple):
    """What a body that comes between instructions is called, what it does there, and by which rule."""

    who: str
    comes: str
    rule: str


_STRIKES: Mapping[BodyKind, Struck] = {
    "handler": Struck("interrupt", "strikes", "8.3"),
    "nmi": Struck("NMI", "strikes", "12.1"),
    "callback": Struck("callback", "runs", "18.3"),
}


def _struck(n: EventName) -> Struck:
    """What a delivery begins."""
    return _STRIKES["callback" if n.event is not None and n.event.kind == "callback" else "handler"]


def _interrupting(a: Event | None, b: Event | None) -> str:
    """Why an acknowledgement comes before the end of a wait, or a send before a delivery."""
    if a is None or b is None or b.op == "WAIT":
        return "the sender waits for it [8.7]"
    if b.kind == "callback":
        return "this is what asks for it [18.3]"
    if a.op == "SEND" and b.body not in a.handlers:
        return "the interrupt comes for this, too" + (" [8.3]" if a.kind in ICR else " [8.10]")
    return "this is what sends it [8.3]"


_WORDS = {
    "fresh": "it removes older entries, so this walk comes after it [5.4]",
    "fresh_upper": "it removes older upper entries, so this walk comes after it [0.2]",
    "start": "entries of the start are older than every flush [5.4]",
    "walk": "the walk serves this use [3.3]",
    "descent": "the walk goes on to the next level [3.4]",
    "marking": "the walk sets D after it has read the entry [7.3]",
    "forward_issue": "the walk reads it from the store buffer [3.5]",
    "forward_newest": "the walk reads before the newer store is executed [3.5]",
    "queue": "it was sent first [17.7]",
    "seen": "it is past at that instant",
    "grace": "the grace period [18.2]",
    "copied": "the copy is read before it is executed [10.1]",
    "refetch": "it drops what was prefetched [9.2]",
    "self_modifying": "the own store has to be seen [10.2]",
    "sfence": "the store fence [2.5]",
    "icr": "the x2APIC write waits [8.2]",
    "po_loc": "program order at one place [1.1]",
    "po": "program order",
}


def said(event: Event) -> str:
    """How the source writes an event, or what it stands for."""
    text = folded(event.text) or (folded(event.span.text).rstrip(";") if event.span is not None else event.op)
    callback = event.kind == "callback"
    return {
        "DLV": f"{'callback' if callback else 'interrupt'}: {text}",
        "IRET": f"{'end of callback' if callback else 'return from'} {text}",
        "ACK": f"{text} is acknowledged",
    }.get(event.op, text)


def called(text: str) -> str:
    """A statement by the function that it calls, without its arguments."""
    found = re.match(r"(?:[^()=]+ = |return )?(\w+)\(", text)
    return f"{found[1]}()" if found else " ".join(text.split())
