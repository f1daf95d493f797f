"""Compares the settings of the memory model's switches: which one admits what another one does not?

``python -m benchmarks.switches [--changes N] [--cycles N] [--drafts N] [--events N] [--seed S]`` decides many
programs under profile ``generic``, under each other profile, and with one switch changed, by whole sets of
final states. It writes what it finds to docs/figures/switches.json, and from it the page and the picture.
``--draw`` only writes these two again. Where the programs are from:

- the tests of litmus/mmu, those of litmus/words that are about several kernels, and random changes of them.
  For each value of a switch, tests/nailed names one of these tests that depends on it;
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
from typing import Any

from benchmarks.hasse import Told, page, picture
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
from verifier.program.events import Program
from verifier.program.profiles import CHOICES, GENERIC, PROFILES, Switches
from verifier.program.states import state_line
from verifier.solve.queries import _Asked
from verifier.source import Source
from verifier.syntax import load

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "figures" / "switches.json"
PICTURE = DATA.with_suffix(".svg")
PAGE = ROOT / "docs" / "switches.md"
SECONDS = 5.0
MOST = 3_000  # final states; a program with more is left out
KEPT = 6  # programs for each pair, from which its witness is made
States = frozenset[object]


def settings() -> dict[str, Switches]:
    """``generic``, the other profiles, and ``generic`` with one switch changed. Equal ones are one."""
    names: dict[Switches, list[str]] = {}
    for name, switches in PROFILES.items():
        names.setdefault(switches, []).append(name)
    for name in Switches._fields:
        for value in CHOICES.get(name, ("true", "false")):
            given: dict[str, Any] = {name: value if name in CHOICES else value == "true"}
            changed = GENERIC._replace(**given)
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
        if switches.kernel != "any" and not program.world.versions:
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


@dataclass(slots=True)
class Drawn:
    """A program: where it is from; its text, if it has one of lines; the test that it is, if it is one."""

    source: str
    program: Program
    text: Text | None = None
    test: str = ""  # of the corpus

    @property
    def size(self) -> int:
        """The smaller, the better a witness. One without a text is none."""
        return self.text.size if self.text else 1_000


def corpus() -> Iterator[Drawn]:
    """The variants of litmus/mmu, and those of litmus/words with words of several kernels.

    Those that are more than lines have no text.
    """
    for folder in ("mmu", "words"):
        for path in sorted((ROOT / "litmus" / folder).rglob("*.litmus")):
            found = of_file(path)
            yield from (drawn for drawn in found if folder == "mmu" or drawn.program.world.versions)


def of_file(path: Path) -> Iterator[Drawn]:
    """The variants of a file of litmus/."""
    whole = path.read_text(encoding="utf-8")
    for test in load(Source(path.name, whole)):
        text = lines(alone(whole, test.variant or ""))
        program = program_of(text.written("t")) if text else None
        if program is None:
            text, program = None, build(test)
        name = f"litmus/{path.relative_to(ROOT / 'litmus')}"
        yield Drawn("the corpus", program, text, f"{name}::{test.variant}" if test.variant else name)


def programs(asked: argparse.Namespace) -> Iterator[Drawn]:
    """All programs, the smallest sources first."""
    choices = random.Random(asked.seed)
    bases = list[Text]()
    for drawn in corpus():
        yield drawn
        if drawn.text is not None:
            bases.append(drawn.text)
            yield from _read("the corpus", all_shown(drawn.text))
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
        made_here = random_mmu_test(drawing(asked.seed * 1_000_000 + seed), FOCI[seed % len(FOCI)])
        yield Drawn("programs without a text", unroll(made_here, 1))


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
                    useful = drawn.text is not None or drawn.test
                    if useful and (len(best) < KEPT or drawn.size < best[-1].size):
                        insort(best, drawn, key=lambda d: d.size)
                        del best[KEPT:]


@dataclass(frozen=True, slots=True)
class Witness:
    """A small text, or a test of the corpus: its condition holds under some settings, not under others."""

    text: Text | None
    test: str
    holds: tuple[str, ...]

    @property
    def size(self) -> int:
        return self.text.size if self.text else 1_000


def witnesses(found: Found) -> list[Witness]:
    """Some witness for each pair that has one, and no more than needed.

    The pairs of ``generic`` come first: their witnesses are for most other pairs, too.
    """
    pool: list[Witness] = []
    left = sorted(found.best, key=lambda pair: ("generic" not in pair, found.best[pair][0].size, pair))
    for pair in left:
        for drawn in found.best[pair]:
            if any(_tells(w, pair) for w in pool):
                break
            made = _shrunk(drawn, pair, found.columns)
            pool += [made] if made else []
            print(len(pool), pair, drawn.size, made and made.size, file=sys.stderr, flush=True)
    pool.sort(key=lambda w: (w.size, w.test, w.text.written("") if w.text else ""))
    for witness in reversed(pool[:]):
        rest = [w for w in pool if w is not witness]
        if all(any(_tells(w, pair) for w in rest) for pair in found.best if _tells(witness, pair)):
            pool = rest
    return pool


def _tells(witness: Witness, pair: tuple[str, str]) -> bool:
    return pair[0] in witness.holds and pair[1] not in witness.holds


def _shrunk(drawn: Drawn, pair: tuple[str, str], columns: dict[str, Switches]) -> Witness | None:
    """The smallest witness found for a pair; None if no condition names a state that tells the two apart."""
    one, other = (columns[name] for name in pair)

    def still(text: Text) -> bool:
        program = program_of(text.written("t"))
        return program is not None and holds(program, one) and not holds(program, other)

    if drawn.text is None:
        by_test = tuple(name for name, s in columns.items() if holds_by_both(drawn.program, s))
        made = Witness(None, drawn.test, by_test)
        return made if _tells(made, pair) else None
    text = drawn.text
    program = program_of(text.written("t"))
    assert program is not None
    here, there = states(program, one), states(program, other)
    assert here is not None and there is not None
    others = {part for state in there for part in _parts(program, state)}
    for told in sorted(_parts(program, state) for state in here - there):
        # ``pte(N, v) = A`` is also true of an entry with attributes, so that some have to be denied.
        parts = [*told, *(f"~({x})" for x in sorted(others - set(told)) if "pte(" in x or "pmd(" in x)]
        plain = replace(text, shown=(), condition=_exists(parts))
        if still(plain):
            break
        parts = [*told]
        plain = replace(text, shown=(), condition=_exists(parts))
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
    return Witness(plain, "", tuple(name for name, s in columns.items() if holds_by_both(last, s)))


def _parts(program: Program, state: object) -> tuple[str, ...]:
    """A final state as propositions."""
    line = state_line(program, state)  # type: ignore[arg-type]
    return tuple(part.strip() for part in re.split(r";(?: |$)", line) if part.strip())


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
    """Try all programs; what the data file holds."""
    found = Found(settings())
    for number, drawn in enumerate(programs(asked), 1):
        found.add(drawn)
        if number % 100 == 0:
            print(number, dict(found.tried), file=sys.stderr, flush=True)
    return data_of(asked.seed, found, witnesses(found))


def data_of(seed: int, found: Found, pool: list[Witness]) -> dict[str, object]:
    """What the data file holds."""
    names = list(found.columns)
    return {
        "seed": seed,
        "programs": dict(found.tried),
        "settings": names,
        "against generic": {name: dict(found.against[name]) for name in names},
        "only in the first": [[found.pairs[one, other] for other in names] for one in names],
        "witnesses": [
            {
                **({"text": w.text.written(f"W{number}")} if w.text else {"test": w.test}),
                "holds": list(w.holds),
            }
            for number, w in enumerate(pool, 1)
        ],
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switches")
    for name, count in (("changes", 4), ("cycles", 300), ("drafts", 300), ("events", 300), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--draw", action="store_true", help="write the page and the picture again")
    asked = parser.parse_args()
    if not asked.draw:
        DATA.write_text(written(searched(asked)), encoding="utf-8")
    told = Told(json.loads(DATA.read_text(encoding="utf-8")))
    PAGE.write_text(page(told), encoding="utf-8")
    PICTURE.write_text(picture(told), encoding="utf-8")


def written(data: dict[str, object]) -> str:
    """The data file: a row of numbers is a line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return re.sub(r"\[[\s\d,]+\]", lambda m: " ".join(m[0].split()), text) + "\n"


if __name__ == "__main__":
    main()
