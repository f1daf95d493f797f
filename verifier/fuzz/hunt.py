"""Decides random programs by all judges, and shrinks those about which they differ."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

from verifier import explore, solve
from verifier.budget import Budget
from verifier.errors import ExitCode, VerifierError
from verifier.fuzz.drafts import Sketch, drafted
from verifier.lower.build import build
from verifier.program.profiles import Switches
from verifier.program.states import state_line
from verifier.records import dataclass, replace
from verifier.source import Source
from verifier.suite.pool import Raised, each_alone
from verifier.suite.worker import Limits, die_with
from verifier.syntax import load

BATCH = 64  # programs that are given to the processes at a time
LARGEST = 100_000  # states of the machine; a larger program is left out
States = frozenset[tuple[str, ...]]
# In releases of herd7 up to 7.58, the read and the write of one XCHG are not in po-loc, so that it may read
# what it writes itself. This model mends that, and changes nothing else.
MENDED = """"x86-TSO, in which an XCHG reads before it writes"
include "x86tso.cat"
acyclic po-loc | rmw | com as mended
"""


@dataclass(frozen=True, slots=True)
class Hunt:
    """What to try: programs of a language, under some switches, and with which judges."""

    language: str
    switches: Switches
    model: str = "x86-tso"
    herd: str | None = None  # the command of herd7
    seconds: float = 20.0  # for each program and judge
    place: str | None = None  # the directory for herd7's files; by default the usual one for such files

    @property
    def judges(self) -> tuple[str, ...]:
        """The names of the judges."""
        return ("z3", "explorer", *(["herd7"] if self.herd is not None else []))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A program, and the final states that each judge found; ``kind``: same, known, differs or undecided.
    ``silent``: the judges that gave no answer."""

    seed: int
    draft: Sketch
    kind: str
    states: tuple[tuple[str, States], ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """A difference between the two judges is a fault; one from herd7 alone may be herd7's."""
        if self.kind != "differs":
            return ExitCode.EXPECTED
        ours = {found for judge, found in self.states if judge != "herd7"}
        return ExitCode.FAULT if len(ours) > 1 else ExitCode.DIFFERS

    def text(self, language: str) -> str:
        """A file with what each judge says in its comment, if they differ."""
        name = f"fuzz-{self.seed}"
        text = self.draft.text(language, name)
        every = frozenset().union(*(found for _, found in self.states))
        lines = []
        for state in sorted(every):
            who = [judge for judge, found in self.states if state in found]
            if len(who) < len(self.states):
                lines.append(f"only {' and '.join(who)}: {' '.join(state)}")
        header, _, rest = text.partition("\n")
        return f'{header}\n"{chr(10).join(lines)}"\n{rest}'


def herd7() -> str | None:
    """The command of herd7, if there is one."""
    return shutil.which("herd7")


def judged(seed: int, draft: Sketch, hunt: Hunt) -> Outcome:
    """What the judges say about a program. Raises ``VerifierError`` if it cannot be read."""
    text = draft.text(hunt.language)
    (test,) = load(Source("fuzz", text))
    program = build(test)
    found: list[tuple[str, States]] = []

    def add(name: str, states: tuple[tuple[object, ...], ...] | None) -> None:
        if states is not None:
            found.append((name, frozenset(_parts(state_line(program, s)) for s in states)))  # type: ignore[arg-type]

    explored = explore.decide(
        program, model=hunt.model, switches=hunt.switches, want_states=True, witnesses=False,
        limit_states=LARGEST, budget=Budget(hunt.seconds),
    )  # fmt: skip
    solved = solve.decide(
        program, model=hunt.model, switches=hunt.switches, want_states=True, witnesses=False,
        budget=Budget(hunt.seconds),
    )  # fmt: skip
    add("z3", solved.states)
    add("explorer", explored.states)
    if hunt.herd is not None:
        states = _herd(hunt, text)
        if states is not None:
            found.append(("herd7", states))
    silent = tuple(judge for judge in hunt.judges if judge not in dict(found))
    if len({states for _, states in found}) > 1:
        kind = "known" if _explained(text, hunt, dict(found)) else "differs"
    else:
        kind = "undecided" if silent else "same"
    return Outcome(seed, draft, kind, tuple(found), silent)


def _explained(text: str, hunt: Hunt, found: dict[str, States]) -> bool:
    """Is only herd7 different, and does ``MENDED`` make it find exactly what the others have found?"""
    ours = {states for name, states in found.items() if name != "herd7"}
    return len(ours) == 1 and "herd7" in found and _herd(hunt, text, MENDED) in ours


def _parts(line: str) -> tuple[str, ...]:
    """A final state in any spelling: sorted, and without brackets."""
    return tuple(sorted(re.sub(r"[\[\] ]", "", part) for part in line.split(";") if part.strip()))


def _herd(hunt: Hunt, text: str, model: str | None = None) -> States | None:
    """The final states that herd7 finds, by its own model or another; None if it fails or takes too long. It
    dies with this process."""
    assert hunt.herd is not None
    with tempfile.TemporaryDirectory(dir=hunt.place) as place:
        path, cat = Path(place) / "fuzz.litmus", Path(place) / "fuzz.cat"
        path.write_text(text)
        words = [hunt.herd, str(path)]
        if model is not None:
            cat.write_text(model)
            words[1:1] = ["-model", str(cat)]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=hunt.seconds,
                preexec_fn=partial(die_with, os.getpid()),
            )  # fmt: skip
        except (subprocess.TimeoutExpired, OSError):
            return None
    match = re.search(r"^States (\d+)\n", done.stdout, re.MULTILINE)
    if match is None:
        return None
    return frozenset(_parts(line) for line in done.stdout[match.end() :].split("\n")[: int(match[1])])


def shrunk(outcome: Outcome, hunt: Hunt) -> Outcome:
    """The smallest program found on which the judges still differ: nothing can be left out of it."""
    best, tried = outcome, {outcome.draft}
    again = True
    while again:
        again = False
        for draft in best.draft.smaller():
            if draft in tried or not any(s.place or s.reads for cpu in draft.cpus for s in cpu):
                continue
            tried.add(draft)
            try:
                found = judged(outcome.seed, draft, hunt)
            except VerifierError:
                continue
            if found.kind == "differs":
                best, again = found, True
                break
    return best


def _one(seed: int, hunt: Hunt) -> Outcome:
    found = judged(seed, drafted(seed, hunt.language), hunt)
    return shrunk(found, hunt) if found.kind == "differs" else found


def hunted(
    hunt: Hunt, seed: int, count: int | None, seconds: float | None, limits: Limits, jobs: int
) -> Generator[Outcome | Raised]:
    """The outcomes of programs from a seed on, until so many are done or the time is over."""
    if hunt.herd is not None and hunt.place is None:
        # A process that is killed takes nothing away. So its files lie where they are taken away here.
        with tempfile.TemporaryDirectory(prefix="verifier-fuzz-") as place:
            yield from hunted(replace(hunt, place=place), seed, count, seconds, limits, jobs)
        return
    end = None if seconds is None else time.monotonic() + seconds
    done = 0
    while (count is None or done < count) and (end is None or time.monotonic() < end):
        size = BATCH if count is None else min(BATCH, count - done)
        batch = [partial(_one, seed + done + i, hunt) for i in range(size)]
        for outcome in each_alone(batch, limits, "fuzz", jobs):
            yield outcome
            done += 1
            if end is not None and time.monotonic() > end:
                return
