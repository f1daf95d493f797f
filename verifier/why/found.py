"""What is found for a test: its repairs, which print themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from verifier.errors import ExitCode
from verifier.records import dataclass
from verifier.syntax.test import Test

LOST = 4  # lost states that are shown
_ALIKE = "in which bad runs could end as well, but for what the condition asks"


@dataclass(frozen=True, slots=True)
class Repair:
    """A smallest change after which the bad outcome is impossible; both judges say so.

    ``changes``  what to do, one line for each edit;
    ``kinds``    the rows of the table of costs that they are, and ``cost`` the sum of their costs;
    ``places``   in how many places they can stand alike; the patch has the first one;
    ``lost``     the good final states that are possible no more: of all memory and all locals of programs,
                 what differs between states;
    ``beside``   more of them, which a run with the bad outcome has, too: only what the condition asks for
                 tells the good one from the bad one (``judging.compared``);
    ``idle``     what good runs did, and no run does any more, though it is still in the text: what is
                 executed, and who waits;
    ``gained``   how many final states are possible that were not;
    ``patch``    the change as a unified diff of the file.
    """

    changes: tuple[str, ...]
    kinds: tuple[str, ...]
    cost: int
    places: int
    lost: tuple[str, ...]
    beside: tuple[str, ...]
    idle: tuple[str, ...]
    gained: int
    patch: str

    def __str__(self) -> str:
        """What to do, what it costs and what it loses."""
        return f"{' and '.join(self.changes)}  [cost {self.cost}; {self.loss}]"

    @property
    def clean(self) -> bool:
        """Does it lose nothing good, and leave nothing idle?"""
        return not self.lost and not self.idle

    @property
    def loss(self) -> str:
        """What it loses, in words."""
        count = len(self.lost)
        some = f"loses {count} good outcome{'s' * (count > 1)}: {_shown(self.lost)}"
        said = some if count else "loses no good outcome"
        if self.beside:
            more, is_ = len(self.beside), "states are" if len(self.beside) > 1 else "state is"
            said += f"; {more} final {is_} gone {_ALIKE}: {_shown(self.beside)}"
        idle = (
            f"; but then {', '.join(self.idle[:LOST])}{', …' * (len(self.idle) > LOST)}" if self.idle else ""
        )
        return said + idle


def _shown(states: Sequence[str]) -> str:
    return "; ".join(states[:LOST]) + ("; …" if len(states) > LOST else "")


Status = Literal["repaired", "impossible", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Repairs:
    """The repairs of a test, cheapest first.

    ``status``    ``repaired``; ``impossible``: its bad outcome is impossible as it is; ``none``: no edit of
                  the kinds that are tried helps; ``unknown``: the time was over, or a judge did not know,
                  before there was an answer;
    ``complete``  are these all the answers up to the cost of the last one? If not, ``reason`` tells why;
    ``tried``     how many changes were decided; ``hanging``: how many make the outcome impossible, but let a
                  run hang that could not hang before, and so are no repairs;
    ``hangs``     do some runs of the test as it is hang, which its condition does not ask for?
    ``ends``      does some run of the test as it is end?
    ``untried``   if the test takes the kernel's text: the kinds of edits for which that has no place.
    """

    test: Test
    status: Status
    found: tuple[Repair, ...] = ()
    complete: bool = True
    reason: str = ""
    tried: int = 0
    hanging: int = 0
    untried: tuple[str, ...] = ()
    hangs: bool = False
    seconds: float = 0.0
    ends: bool = True

    @property
    def exit_code(self) -> ExitCode:
        """0: repaired, or there is nothing to repair; 1: no repair was found; 3: it is not known."""
        if self.status == "unknown":
            return ExitCode.UNKNOWN
        return ExitCode.DIFFERS if self.status == "none" else ExitCode.EXPECTED

    @property
    def _hanging(self) -> str:
        return "some runs hang" if self.ends else "no run ends, and some hang"

    def __str__(self) -> str:
        """The answers, as the command prints them."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        count = len(self.found)
        known = {
            "repaired": f"{count} repair{'s' * (count > 1)}",
            "impossible": "its bad outcome is impossible as it is",
            "none": "no edit of the kinds that are tried makes the outcome impossible",
        }
        if self.hangs:
            known["impossible"] += f", but {self._hanging}"
        yield f"{self.test.id}   {known.get(self.status, f'unknown: {self.reason}')}"
        for number, one in enumerate(self.found, 1):
            first, *more = one.changes
            yield f"  {number}. {first}"
            yield from (f"     and {change}" for change in more)
            yield f"     cost {one.cost}; {one.loss}"
        if self.hanging:
            made = "1 more makes" if self.hanging == 1 else f"{self.hanging} more make"
            yield f"  {made} the outcome impossible, but let a run hang that could not hang before"
        if self.hangs and self.status != "unknown":
            yield f"  as the test is, {self._hanging}; ask for that, by `exists (hang)`, to repair it"
        if self.untried and self.status != "impossible":
            yield f"  the kernel's text has no place for {', '.join(self.untried)}"
        if self.status == "repaired" and not self.complete:
            yield f"  not complete: {self.reason}"
