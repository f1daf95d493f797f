"""Compares the settings of the memory model's switches: which one admits what another one does not?

``python -m benchmarks.switches [--changes N] [--cycles N] [--drafts N] [--events N] [--seed S]`` decides many
programs under profile ``generic``, under each other profile, and with one switch changed, by whole sets of
final states. It writes what it finds to docs/figures/switches.json, and from it the page and the picture.
``--draw`` only writes these two again. Where the programs are from:

- variants of the tests of litmus/mmu and litmus/words, each by itself, and random changes of them. For each value
  of a switch, tests/nailed names one of these tests that depends on it;
- random cycles of ``verifier generate``, with all edges that MM has;
- random programs of ``verifier fuzz``, in MM;
- random programs over the whole MMU, of tests/properties, which have no text.

A *witness* of two settings is a program with a final state under the first and not under the second. It is
made as small as it gets, and its condition says which state that is.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from bisect import insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.neighbours import Text, all_shown, alone, lines, smallest
from tests.properties.mmu_programs import FOCI, random_mmu_test
from tests.properties.programs import drawing
from verifier import explore, solve
from verifier.budget import Budget
from verifier.errors import VerifierError
from verifier.fuzz.drafts import drafted
from verifier.generate.edges import MEETINGS, STEP_KINDS
from verifier.generate.suite import Recipe, tests
from verifier.lower.build import build
from verifier.lower.unroll import unroll
from verifier.model import model as model_of
from verifier.program.events import Program, state_line
from verifier.program.profiles import CHOICES, GENERIC, PROFILES, Switches
from verifier.solve.queries import _Asked
from verifier.source import Source
from verifier.syntax import load

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "figures" / "switches.json"
SECONDS = 5.0
MOST = 3_000  # final states; a program with more is left out
KEPT = 6  # programs for each pair, from which its witness is made
States = frozenset[object]


def settings() -> dict[str, Switches]:
    """``generic``, the other profiles, and ``generic`` with one switch changed; equal ones are one setting."""
    names: dict[Switches, list[str]] = {}
    for name, switches in PROFILES.items():
        names.setdefault(switches, []).append(name)
    for name in Switches._fields:
        for value in CHOICES.get(name, ("true", "false")):
            changed = GENERIC._replace(**{name: value if name in CHOICES else value == "true"})
            if changed != GENERIC:
                names.setdefault(changed, []).append(f"{name}={value}")
    return {" = ".join(same): switches for switches, same in names.items()}


def program_of(text: str) -> Program | None:
    """The program of a text; None if the text is wrong."""
    try:
        (test,) = load(Source("t", text))
        return build(test)
    except VerifierError:
        return None


def states(program: Program, switches: Switches) -> States | None:
    """All final states; None if there is no time for them, or if a run goes wrong."""
    answer = solve.decide(
        program, switches=switches, want_states=True, witnesses=False, budget=Budget(SECONDS)
    )
    if answer.states is None or answer.bad is not None or len(answer.states) > MOST:
        return None
    return frozenset(answer.states)


def vector(program: Program, columns: dict[str, Switches]) -> dict[str, States] | None:
    """The final states under each setting; None if some are not found.

    Settings under which Z3 would get the same clauses have the same states; for most programs, most have.
    """
    found: dict[str, States] = {}
    by_clauses: dict[object, States] = {}
    for name, switches in columns.items():
        if switches.kernel != "any" and not program.versions:
            found[name] = found["generic"]
            continue
        asked = _Asked(program, model_of(switches), Budget(SECONDS), 0)
        key = asked.encoding.clauses.dimacs(), asked.proposition, tuple(asked.ending), asked.bad
        if key not in by_clauses:
            here = states(program, switches)
            if here is None:
                return None
            by_clauses[key] = here
        found[name] = by_clauses[key]
    return found


# -- where the programs are from ---------------------------------------------------------------------------


def corpus() -> Iterator[Text]:
    """Variants of litmus/mmu, and of litmus/words those with words of several kernels; only simple ones."""
    for folder in ("mmu", "words"):
        for path in sorted((ROOT / "litmus" / folder).rglob("*.litmus")):
            whole = path.read_text(encoding="utf-8")
            for test in load(Source(path.name, whole)):
                text = lines(alone(whole, test.variant or ""))
                program = text and program_of(text.written("t"))
                if text and program and (folder == "mmu" or program.versions):
                    yield text


@dataclass(slots=True)
class Drawn:
    """A program: where it is from, and its text if it has one."""

    source: str
    program: Program
    text: Text | None = None

    @property
    def size(self) -> int:
        """The smaller, the better a witness. One without a text is none."""
        return self.text.size if self.text else 1_000


def programs(asked: argparse.Namespace) -> Iterator[Drawn]:
    """All programs, the smallest sources first."""
    choices = random.Random(asked.seed)
    bases = list(corpus())
    for text in bases:
        for shown in (text, all_shown(text)):
            yield from _read("the corpus", shown)
    for text in bases:
        made = 0
        for _ in range(5 * asked.changes):
            changed = text.changed(choices)
            for shown in (all_shown(changed), changed):
                found = list(_read("changes of the corpus", shown))
                if found:
                    yield from found
                    made += 1
                    break
            if made == asked.changes:
                break
    every = tuple(row.name for row in (*STEP_KINDS, *MEETINGS))
    recipe = Recipe(language="MM", names=every, max_edges=6, cpus=4, count=asked.cycles, seed=asked.seed)
    for made_test in tests(recipe):
        text_of = lines(made_test.text)
        assert text_of is not None
        yield from _read("cycles", all_shown(text_of))
    for seed in range(asked.drafts):
        draft = lines(drafted(asked.seed * 1_000_000 + seed, "MM").text("MM"))
        assert draft is not None
        yield from _read("programs of verifier fuzz", draft)
    for seed in range(asked.events):
        drawn = random_mmu_test(drawing(asked.seed * 1_000_000 + seed), FOCI[seed % len(FOCI)])
        yield Drawn("programs without a text", unroll(drawn, 1))


def _read(source: str, text: Text) -> Iterator[Drawn]:
    program = program_of(text.written("t"))
    if program is not None:
        yield Drawn(source, program, text)


# -- the comparison ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Found:
    """What the programs say about all pairs of settings."""

    columns: dict[str, Switches]
    tried: Counter[str] = field(default_factory=Counter)
    against: dict[str, Counter[str]] = field(default_factory=dict)  # each setting and generic
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # on how many programs
    best: dict[tuple[str, str], list[Drawn]] = field(default_factory=dict)  # some, the smallest first

    def add(self, drawn: Drawn) -> None:
        """Decide a program under all settings."""
        found = vector(drawn.program, self.columns)
        if found is None:
            self.tried["left out"] += 1
            return
        self.tried[drawn.source] += 1
        base = found["generic"]
        for name, here in found.items():
            what = "same" if here == base else "fewer" if here < base else "more" if here > base else "other"
            self.against.setdefault(name, Counter())[what] += 1
        if len(set(found.values())) == 1:
            return
        for one, here in found.items():
            for other, there in found.items():
                if here is not there and not here <= there:
                    self.pairs[one, other] += 1
                    best = self.best.setdefault((one, other), [])
                    if drawn.text is not None and (len(best) < KEPT or drawn.size < best[-1].size):
                        insort(best, drawn, key=lambda d: d.size)
                        del best[KEPT:]


@dataclass(frozen=True, slots=True)
class Witness:
    """A small text whose condition can hold under some settings, and under others it cannot."""

    text: Text
    holds: tuple[str, ...]


def witnesses(found: Found) -> list[Witness]:
    """For each pair that has one, some witness; the smallest programs first, so that few texts are enough."""
    pool: list[Witness] = []
    for pair in sorted(
        found.best, key=lambda pair: (min((d.size for d in found.best[pair]), default=0), pair)
    ):
        for drawn in found.best[pair]:
            if any(pair[0] in w.holds and pair[1] not in w.holds for w in pool):
                break
            assert drawn.text is not None
            made = _shrunk(drawn.text, pair, found.columns)
            pool += [made] if made else []
            print(len(pool), pair, drawn.size, made and made.text.size, file=sys.stderr, flush=True)
    return pool


def _shrunk(text: Text, pair: tuple[str, str], columns: dict[str, Switches]) -> Witness | None:
    """The smallest witness found for a pair; None if no condition names a state that tells the two apart."""
    one, other = (columns[name] for name in pair)

    def only(text: Text) -> tuple[Program, States] | None:
        program = program_of(text.written("t"))
        if program is None:
            return None
        here, there = states(program, one), states(program, other)
        return (program, here - there) if here is not None and there is not None and here - there else None

    def still(text: Text) -> bool:
        program = program_of(text.written("t"))
        return program is not None and holds(program, one) and not holds(program, other)

    small = smallest(text, lambda t: only(t) is not None)
    found = only(small)
    assert found is not None
    program, left = found
    for told in sorted(state_line(program, state) for state in left):  # type: ignore[arg-type]
        parts = [part.strip() for part in re.split(r";(?: |$)", told) if part.strip()]
        plain = replace(small, shown=(), condition=_exists(parts))
        if still(plain):
            break
    else:
        return None
    for part in list(parts):
        fewer = [p for p in parts if p != part]
        if fewer and still(replace(plain, condition=_exists(fewer))):
            parts, plain = fewer, replace(plain, condition=_exists(fewer))
    plain = smallest(plain, still)
    last = program_of(plain.written("t"))
    assert last is not None
    return Witness(plain, tuple(name for name, s in columns.items() if holds_by_both(last, s)))


def _exists(parts: list[str]) -> str:
    plain = (re.sub(r"^\[(.*?)\]", r"\1", part) for part in parts)
    return "exists (" + " /\\ ".join(plain) + ")"


def holds(program: Program, switches: Switches) -> bool:
    """Can the condition hold, and does no run go wrong?"""
    answer = solve.decide(program, switches=switches, witnesses=False, budget=Budget(SECONDS))
    return bool(answer.reachable) and answer.bad is None


def holds_by_both(program: Program, switches: Switches) -> bool:
    """The same, and the explorer says so, too."""
    answer = explore.decide(program, switches=switches, witnesses=False)
    found = bool(answer.reachable) and answer.bad is None
    if found != holds(program, switches):
        raise AssertionError("the judges disagree")
    return found


def searched(asked: argparse.Namespace) -> dict[str, object]:
    """What the data file holds."""
    found = Found(settings())
    for number, drawn in enumerate(programs(asked), 1):
        found.add(drawn)
        if number % 100 == 0:
            print(number, dict(found.tried), file=sys.stderr, flush=True)
    pool = witnesses(found)
    pool.sort(key=lambda w: (w.text.size, w.text.written("")))
    names = list(found.columns)
    return {
        "seed": asked.seed,
        "programs": dict(found.tried),
        "settings": names,
        "against generic": {name: dict(found.against[name]) for name in names},
        "only in the first": [[found.pairs[one, other] for other in names] for one in names],
        "witnesses": [
            {"text": w.text.written(f"witness-{number}"), "holds": list(w.holds)}
            for number, w in enumerate(pool, 1)
        ],
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switches")
    for name, count in (("changes", 8), ("cycles", 500), ("drafts", 500), ("events", 500), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--draw", action="store_true", help="write the page and the picture again")
    asked = parser.parse_args()
    if not asked.draw:
        DATA.write_text(json.dumps(searched(asked), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
