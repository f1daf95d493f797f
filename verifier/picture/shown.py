"""One verdict in the form that ``verifier show`` prints: a page, a picture, or a graph for Graphviz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from verifier.output import Output
from verifier.picture.cycles import cycle_pictures
from verifier.picture.page import page
from verifier.picture.runs import run_picture
from verifier.picture.svg import svg
from verifier.records import NamedTuple
from verifier.render.base import Report
from verifier.render.dot import dot
from verifier.render.story import runs
from verifier.results import Verdict
from verifier.why.answers import Explanation

Form = Literal["html", "svg", "dot"]


class Shown(NamedTuple):
    """What is shown of a verdict, and its exit code; ``lacks``: why there is no picture, if there is none."""

    text: str
    code: int
    lacks: str = ""


def shown(verdict: Verdict, explanation: Explanation | None, form: Form) -> Shown:
    """A verdict in a form; a page can do without a picture."""
    code = int(verdict.exit_code)
    if form == "html":
        return Shown(page(verdict, explanation), code)
    found = list(runs(verdict))
    if form == "dot":
        text = "".join(dot(verdict, run) for run in found[:1])
        drawn = explanation is not None and any(reason.cycles for reason in explanation.reasons)
        lacks = f"{verdict.test.id} is {verdict.observation}: no run has the outcome, and --dot draws runs; "
        lacks += "--svg and --html draw the cycles that exclude it, and 'verifier explain' tells them"
        return Shown(text, code, "" if text else lacks if drawn else _lacks(verdict, explanation))
    pictures = [run_picture(verdict, run) for run in found]
    if explanation is not None:
        pictures = [*(c.picture for c in cycle_pictures(explanation)), *pictures]
    return Shown(svg(*pictures) if pictures else "", code, "" if pictures else _lacks(verdict, explanation))


def _lacks(verdict: Verdict, explanation: Explanation | None) -> str:
    if verdict.observation == "unknown":
        return f"{verdict.test.id} is unknown ({verdict.reason}), so there is nothing to draw"
    gap = f" ({explanation.gap})" if explanation is not None and explanation.gap else ""
    return (
        f"{verdict.test.id} is {verdict.observation}, and no run or cycle shows why{gap}; --html has the rest"
    )


class ShownReport(Report[Shown]):
    """Keeps what is shown of the one test of a call. ``explain`` explains an impossible outcome, and gives
    None for others."""

    def __init__(self, out: Output, form: Form, explain: Callable[[Verdict], Explanation | None]) -> None:
        super().__init__(out)
        self.form, self.explain = form, explain
        self.found: Shown | None = None

    def piece(self, verdicts: list[Verdict]) -> Shown:
        """As it is shown."""
        (verdict,) = verdicts
        return shown(verdict, self.explain(verdict), self.form)

    def done(self, piece: Shown) -> None:
        """Keep it."""
        self.codes.add(piece.code)
        self.found = piece
