"""Which execution of a line is meant, where a run executes the line more than once.

Several bodies of a CPU may execute a line: its program, and handlers. One body may come there more than once:
in a loop, or by two calls of a function. Two statements may share a line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from verifier.program.events import Body, Event, Program
from verifier.program.waits import folded
from verifier.source import Span

Said = list[str | Span]  # a span stands for the line that it is in
_WIDTH = 56  # characters of a statement; the rest is cut off
_FIRST = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_BETWEEN = ("DLV", "NMI", "ACK", "IRET")  # these stand at the place that sends their handler
_Line = tuple[int, str, int]


def line_of(event: Event) -> _Line:
    """The CPU, the file and the line of an event."""
    return (event.cpu, "", 0) if event.span is None else (event.cpu, event.span.source.name, event.span.line)


class Whereabouts:
    """Tells the executions of a line apart, in all runs of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: dict[_Line, list[Event]] = {}
        for event in program.events:
            if event.span is not None and event.op not in _BETWEEN:
                self.lines.setdefault(line_of(event), []).append(event)

    def which(self, event: Event, executed: Container[int]) -> Said:
        """``in the h() that line 9 sends, the second time``; empty if the line says it all. ``executed``: the
        events of the run."""
        if event.op in _BETWEEN:
            return self._delivered(self.program.bodies[event.body], executed)
        clauses = [self._inside(event, executed), *self._time(event, executed)]
        return _joined([clause for clause in clauses if clause])

    def place(self, event: Event, executed: Container[int], others: Iterable[Event] = ()) -> Said:
        """The line of an event, told apart from what ``others`` do in the line, and from other executions."""
        text = self.statement(event, (e for e in others if e.id in executed))
        which = self.which(event, executed)
        where: Said = [event.span] if event.span is not None else ["a step"]
        return [*where, *([f" {text}"] if text else []), *([" (", *which, ")"] if which else [])]

    def times(self, event: Event) -> list[Event]:
        """The events that do in its body what it does at the same place, the same number of them in all runs
        or not."""
        return [e for e in self.lines.get(line_of(event), []) if _done(e) == _done(event)]

    def _time(self, event: Event, executed: Container[int]) -> Iterable[Said]:
        done = [e for e in self.times(event) if e.id in executed]
        if len(done) > 1 and event in done:
            yield [f"the {ordinal(done.index(event))} time"]

    # -- bodies -----------------------------------------------------------------------------------

    def _inside(self, event: Event, executed: Container[int]) -> Said:
        """In which of the bodies that can execute its line on its CPU an event is."""
        bodies = self.program.bodies
        mine = bodies[event.body]
        rivals = [bodies[n] for n in dict.fromkeys(e.body for e in self.lines.get(line_of(event), ()))]
        rivals = [b for b in rivals if b is mine or not _instead(b, mine, executed)]
        return self._named(mine, rivals) if len(rivals) > 1 else []

    def _delivered(self, body: Body, executed: Container[int]) -> Said:
        """Which of the handlers it is that one line sends."""
        if body.send is None or body.send.span is None:
            return []
        mine = body.cpu, body.kind, body.name, body.send.span
        sends = [
            b.send for b in self.program.bodies
            if b.send is not None and (b.cpu, b.kind, b.name, b.send.span) == mine
            and (b is body or not _instead(b, body, executed))
        ]  # fmt: skip
        if len({e.cpu for e in sends}) > 1:
            return [f"sent by CPU {body.send.cpu}"]
        number = [e.id for e in sends].index(body.send.id)
        return [f"sent the {ordinal(number)} time"] if len(sends) > 1 else []

    def _named(self, body: Body, rivals: list[Body]) -> Said:
        if body.kind == "thread":
            return [f"in {body.name}"]
        nmi = body.kind == "nmi"
        called = "the NMI" if nmi and body.send is None else f"the {'NMI ' * nmi}{body.name}()"
        alike = [b for b in rivals if (b.kind, b.name) == (body.kind, body.name)]
        if len(alike) == 1:
            return [f"in {called}" if nmi else f"in {body.name}()"]
        if body.send is None:
            first = body.events[0].span
            return [f"in {called} of ", first] if nmi and first is not None else _pending(called)
        if body.send.span is None:
            return [f"in {called}"]
        verb = " queues" if body.kind == "callback" else " sends"
        return [f"in {called} that ", *self._sender(body.send, alike, verb)]

    def _sender(self, send: Event, alike: list[Body], verb: str) -> Said:
        """The line of what sends a handler, told apart from what sends others like it."""
        assert send.span is not None
        every = [b.send for b in alike if b.send is not None]
        text = self.statement(send, every)
        sends = [e for e in every if e.span == send.span]
        said: Said = [send.span, f" {text}" if text else ""]
        if len({e.cpu for e in sends}) > 1:
            return [*said, f" of CPU {send.cpu}{verb}"]
        if len({e.id for e in sends}) > 1:
            number = [e.id for e in sends].index(send.id)
            return [*said, f"{verb} the {ordinal(number)} time"]
        return [*said, verb]

    # -- statements -------------------------------------------------------------------------------

    def statement(self, event: Event, others: Iterable[Event]) -> str:
        """Its text, where one of ``others`` is another statement of its line; else empty. Its column, where
        that has the same text."""
        if event.span is None:
            return ""
        spans = {e.span: e for e in others if line_of(e) == line_of(event) and e.span != event.span}
        if not spans:
            return ""
        text = folded(event.text, _WIDTH)
        same = any(folded(e.text, _WIDTH) == text for e in spans.values())
        return f"`{text}`{f' of column {event.span.column}' if same else ''}"

    def alike(self, event: Event) -> list[Event]:
        """What stores in its line and body, if it stores; what reads there, if it only reads; else what does
        the same."""
        here = self.lines.get(line_of(event), [])
        return [e for e in here if e.body == event.body and _role(e) == _role(event)]


def _done(event: Event) -> tuple[object, ...]:
    """What an event does, and where. One statement may start something and end it, as a wait for a grace
    period does, or turn interrupts off and on."""
    touched = tuple([(a.slot is None, a.value is None) for a in event.accesses])
    return event.body, event.op, event.kind, event.span, touched


def _role(event: Event) -> str:
    if any(a.value is not None for a in event.accesses):
        return "stores"
    return "reads" if any(a.slot is not None for a in event.accesses) else event.op


def _instead(body: Body, of: Body, executed: Container[int]) -> bool:
    """Would a handler come instead of another one: has the same place of the same body sent the other one in
    this run, and not this one?"""
    if body.send is None or of.send is None or body.send.id in executed:
        return False
    return (body.send.body, body.send.span) == (of.send.body, of.send.span)


def _pending(called: str) -> Said:
    return [f"in {called} that is pending at the start"]


def _joined(clauses: list[Said]) -> Said:
    out: Said = []
    for clause in clauses:
        out += [", ", *clause] if out else clause
    return out


def ordinal(number: int) -> str:
    """``first`` for 0, ``second`` for 1, ``11th`` for 10."""
    if number < len(_FIRST):
        return _FIRST[number]
    last = (number + 1) % 10 if (number + 1) // 10 % 10 != 1 else 0
    return f"{number + 1}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def joined(groups: list[list[Said]]) -> Said:
    """Groups of clauses with commas between them, if some group has several clauses, and with *and*."""
    out: Said = []
    single = all(len(group) == 1 for group in groups)
    for n, group in enumerate(groups):
        if n:
            out.append((" and " if single else ", and ") if n == len(groups) - 1 else ", ")
        for k, clause in enumerate(group):
            out += [" and " if k == len(group) - 1 else ", "] if k else []
            out += clause
    return out
