"""A run as a picture: its story from top to bottom, with the edges that its execution has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.picture.parts import (
    Bar,
    EdgeKind,
    LaneKind,
    NodeShape,
    Picture,
    PictureEdge,
    PictureNode,
    Spoke,
)
from verifier.picture.texts import ELLIPSIS, clean
from verifier.program.events import show
from verifier.program.trace import Arc, Standing, Step, Trace
from verifier.program.values import Value
from verifier.render.story import BUFFERED, StoryRow, is_judged, rows
from verifier.results import Verdict

NAMED = 18  # characters of a cell's name at an edge
_LANES: dict[str, LaneKind] = {
    "commit": "buffer", "walk": "tlb", "fill": "tlb", "cached": "tlb", "fetch": "tlb",
}  # fmt: skip
_ALONE = ("commit", "walk", "fill", "cached", "fetch", "fault", "update", "flush")
_SAYS = {
    "rf": "reads what it wrote", "co": "overwrites it", "fr": "overwrites what was read",
    "walk": "the walk goes on", "IPI": "interrupts", "call": "is found", "NMI": "strikes",
    "callback": "calls back", "ack": "has answered", "grace": "a grace period orders them",
    "broadcast": "takes effect",
}  # fmt: skip
_KINDS: dict[str, EdgeKind] = {"answers": "ack", "broadcast": "broadcast", "grace": "grace", "walk": "walk"}


def run_picture(verdict: Verdict, trace: Trace) -> Picture:
    """The picture of a run that is shown with a verdict."""
    return _Drawer(verdict, trace).picture()


def kind_of_run(verdict: Verdict, trace: Trace) -> str:
    """``a run in which it holds``."""
    if trace.waits:
        return "a run that hangs"
    return "a run in which it does not hold" if trace is verdict.counter else "a run in which it holds"


def about(verdict: Verdict, trace: Trace) -> str:
    """What matters in a run; of one that is shown because it hangs, who waits where."""
    file = verdict.test.source.name
    if not is_judged(verdict, trace):
        return "; ".join(wait.told(file) for wait in verdict.waits)
    return "" if trace.matter is None else trace.matter.told(file)


def _tail(name: str) -> str:
    """The end of a long name, which says most."""
    return name if len(name) <= NAMED else f"{ELLIPSIS}{name[1 - NAMED :]}"


class _Drawer:
    def __init__(self, verdict: Verdict, trace: Trace) -> None:
        self.verdict, self.trace, self.steps = verdict, trace, trace.steps
        self.program = verdict.program
        self.rows = rows(verdict, trace)
        self.starts = [s for s in trace.standing if s.since is None]
        self.nodes = [*map(self._start, self.starts), *(self._node(n, r) for n, r in enumerate(self.rows))]
        self.of = {step: n + len(self.starts) for n, row in enumerate(self.rows) for step in row.steps}

    def picture(self) -> Picture:
        trace, test = self.trace, self.verdict.test
        said = kind_of_run(self.verdict, trace)
        sentence = about(self.verdict, trace)
        found = {node.cpu for node in self.nodes}
        cpus = sorted(cpu for cpu in found if cpu is not None)
        return Picture(
            f"{test.id}: {said}", sentence, (*cpus, *([None] if None in found else [])),
            tuple(self.nodes), tuple(self._edges()), tuple(self._bars()),
        )  # fmt: skip

    # -- nodes --------------------------------------------------------------------------------------

    def _tell(self, cell: str, value: Value) -> str:
        return self.program.naming.at(cell, value) if self.program is not None else show(value)

    def _start(self, standing: Standing) -> PictureNode:
        """A translation that is there from the start."""
        text = f"{standing.va} -> {self._tell(standing.va, standing.content)}"
        full = f"CPU {standing.cpu}: {text} is in the TLB from the start"
        return PictureNode(standing.cpu, "tlb", "start", clean(text), "from the start", clean(full))

    def _node(self, number: int, row: StoryRow) -> PictureNode:
        first = self.steps[row.steps[0]] if row.steps else None
        kind = first.kind if first is not None else ""
        remarks = [r for r in row.remarks if r != BUFFERED]
        text, note = clean(row.what), "; ".join(remarks)
        if first is not None and (kind in _LANES or kind == "update"):
            text, note = self._short(first), f"[{first.rule}]"
            note = "reaches memory" if kind == "commit" else note
        note = " · ".join(filter(None, (row.where, note)))
        full = f"{number + 1}. {row.who} {clean(row.what)}"
        full = ", ".join(filter(None, (full, row.where))) + "".join(f"; {r}" for r in row.remarks if r)
        return PictureNode(
            row.cpu, _LANES.get(kind, "code"), self._shape(first), text, clean(note), clean(full), row.span,
            self._indent(first), row.matters, number,
        )  # fmt: skip

    def _short(self, step: Step) -> str:
        """What a processor does, in the few words of a lane that says the rest."""
        pairs = step.writes if step.kind in ("commit", "fill", "cached", "update") else step.reads
        joint = {"fill": " -> ", "cached": " -> ", "commit": " = ", "update": " = "}.get(step.kind, ": ")
        said = ", ".join(f"{cell}{joint}{self._tell(cell, value)}" for cell, value in pairs)
        words = {"commit": said, "cached": f"has {said}", "update": f"{step.note}: {said}"}
        return clean(words.get(step.kind, f"{step.kind} {said}"))

    def _shape(self, step: Step | None) -> NodeShape:
        if step is None:
            return "stop"
        if step.kind == "snapshot":
            return "instant"
        if step.kind in _ALONE:
            return "processor"
        op = step.event.op if step.event is not None else ""
        return "interrupt" if op in ("DLV", "NMI", "IRET") else "statement"

    def _indent(self, step: Step | None) -> int:
        if step is None or step.event is None or self.program is None or step.kind in _LANES:
            return 0
        return {"thread": 0, "nmi": 2}.get(self.program.bodies[step.event.body].kind, 1)

    # -- edges --------------------------------------------------------------------------------------

    def _near(self, step: int) -> int | None:
        """The node of a step. One that the story leaves out stands with its body's next step, or else with
        the one before it."""
        if step in self.of:
            return self.of[step]
        event = self.steps[step].event
        if event is None:
            return None
        later = (n for n in range(step, len(self.steps)) if self._same(n, event.body))
        earlier = (n for n in range(step, -1, -1) if self._same(n, event.body))
        found = next(later, next(earlier, None))
        return None if found is None else self.of[found]

    def _same(self, step: int, body: int) -> bool:
        event = self.steps[step].event
        return step in self.of and event is not None and event.body == body

    def _edges(self) -> Iterator[PictureEdge]:
        shown: set[tuple[str, int, int]] = set()
        for arc in self.trace.arcs:
            first, second = self._near(arc.first), self._near(arc.second)
            if arc.kind == "copy" or first is None or second is None or first == second:
                continue
            kind = self._kind(arc)
            if (kind, first, second) in shown or not self._worth(kind, first, second):
                continue
            shown.add((kind, first, second))
            what = ", ".join(map(clean, arc.what)) if kind in ("rf", "co", "fr") else ""
            a, b = self.nodes[first], self.nodes[second]
            full = (
                f"{kind}{f' {what}' if what else ''}: {_SAYS[kind]} ({self._number(a)} to {self._number(b)})"
            )
            minor = kind in ("co", "fr", "grace") and not (a.matters or b.matters)
            yield PictureEdge(kind, first, second, f"{kind} {_tail(what)}".strip(), full, minor)

    def _kind(self, arc: Arc) -> EdgeKind:
        if arc.kind == "sends":
            if self.steps[arc.second].rule == "8.12":
                return "call"
            return "NMI" if "NMI" in arc.what else "callback" if "callback" in arc.what else "IPI"
        if arc.kind == "rf" or arc.kind == "co" or arc.kind == "fr":
            return arc.kind
        return _KINDS[arc.kind]

    def _worth(self, kind: EdgeKind, first: int, second: int) -> bool:
        """Does an edge say more than that a CPU goes on?"""
        same = self.nodes[first].cpu == self.nodes[second].cpu
        return not (same and kind in ("co", "fr", "grace"))

    def _number(self, node: PictureNode) -> str:
        return "the start" if node.step is None else str(node.step + 1)

    # -- bars ---------------------------------------------------------------------------------------

    def _bars(self) -> Iterator[Bar]:
        yield from self._buffered()
        starts = iter(range(len(self.starts)))
        for standing in self.trace.standing:
            home = next(starts) if standing.since is None else self.of.get(standing.since)
            if home is not None:
                yield from self._translation(standing, home)
        for arc in self.trace.arcs:
            if arc.kind == "copy" and arc.first in self.of and arc.second in self.of:
                home, use = self.of[arc.first], self.of[arc.second]
                yield Bar("tlb", home, home, use, (Spoke("fills", home), Spoke("uses", use)), "prefetched")

    def _buffered(self) -> Iterator[Bar]:
        """Stores, from their execution until they reach memory."""
        for number, step in enumerate(self.steps):
            if step.kind != "commit" or number not in self.of:
                continue
            mine = (n for n in range(number) if self.steps[n].event is step.event)
            issued = [n for n in mine if self.steps[n].kind == "exec" and n in self.of]
            if not issued or self.of[issued[0]] == self.of[number]:
                continue
            first, last = self.of[issued[0]], self.of[number]
            yield Bar(
                "buffer", last, first, last, (Spoke("enters", first), Spoke("leaves", last)), "buffered"
            )

    def _translation(self, standing: Standing, home: int) -> Iterator[Bar]:
        def spokes(kind: str, steps: Sequence[int]) -> list[Spoke]:
            return [Spoke(kind, n) for n in dict.fromkeys(map(self.of.get, steps)) if n not in (None, home)]  # type: ignore[arg-type]

        until = () if standing.until is None else (standing.until,)
        found = [
            Spoke("fills", home), *spokes("uses", standing.uses), *spokes("misses", standing.left),
            *spokes("removes", until),
        ]  # fmt: skip
        found = list({s.node: s for s in found}.values())
        last = max(s.node for s in found)
        if self.nodes[home].lane == "tlb" and last > home:
            yield Bar("tlb", home, home, last, tuple(found), "translation")
