"""What has to hold between the state sets of related programs, or of one program on two machines.

``VERIFIER_METAMORPHIC=1000 pytest tests/properties/test_metamorphic.py`` tries 1,000 programs for each
property in place of 30.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.effort import times
from tests.properties.mmu_programs import random_mmu_test
from tests.properties.programs import drawing
from verifier import solve
from verifier.fuzz import drafts
from verifier.fuzz.drafts import Act, Sketch, drafted
from verifier.lower.build import build
from verifier.lower.unroll import unroll
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.profiles import PROFILES, Switches
from verifier.program.states import state_line
from verifier.solve import queries
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.test import Test

COUNT = times(30)
FENCES = ("mfence", "lfence", "sfence", "locked")
States = set[tuple[str, ...]]
# For each case: does the property hold, and is it one in which it might not have held?
Cases = Iterator[tuple[bool, bool]]


def states(draft: Sketch, language: str, profile: str = "generic", model: str = "x86-tso") -> States:
    """The final states, with registers numbered in the order of reads."""
    return shown(draft.text(language), profile, model)


def shown(text: str, profile: str = "generic", model: str = "x86-tso") -> States:
    (test,) = load(Source("t", text))
    program = build(test)
    answer = solve.decide(program, model=model, switches=PROFILES[profile], want_states=True, witnesses=False)
    assert answer.states is not None
    return {_plain(state_line(program, state)) for state in answer.states}


def _plain(line: str) -> tuple[str, ...]:
    names = ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI")
    line = re.sub(r"E[A-DS][XI]", lambda m: f"r{names.index(m[0])}", line)
    return tuple(sorted(re.sub(r"[\[\] ]", "", part) for part in line.split(";") if part.strip()))


def a_fence_adds_no_state(language: str, seeds: range) -> Cases:
    for seed in seeds:
        draft = drafted(seed, language)
        before = states(draft, language)
        for cpu, body in enumerate(draft.cpus):
            kind = FENCES[(seed + cpu) % len(FENCES)]
            at = 1 + seed % max(1, len(body) - 1)
            more = (*body[:at], Act(kind), *body[at:])
            after = states(Sketch((*draft.cpus[:cpu], more, *draft.cpus[cpu + 1 :])), language)
            yield after <= before, after < before


def sc_is_within_tso(language: str, seeds: range) -> Cases:
    for seed in seeds:
        draft = drafted(seed, language)
        less, every = states(draft, language, model="sc"), states(draft, language)
        yield less <= every, less < every


def vendors_are_within_generic(language: str, seeds: range) -> Cases:
    """What the vendors differ in is in programs over the whole MMU, and in no word of X86."""
    for seed in seeds:
        if language == "MMU":
            tests = [random_mmu_test(drawing(seed), focus) for focus in ("fetch", "marks", "walks")]
            programs = [unroll(test, 1) for test in tests]
        else:
            programs = [build(load(Source("t", drafted(seed, language).text(language)))[0])]
        for program in programs:
            found = {
                profile: set(
                    solve.decide(program, switches=s, want_states=True, witnesses=False).states or ()
                )
                for profile, s in PROFILES.items()
            }
            every = found["generic"]
            for less in (found["intel"], found["amd"]):
                yield less <= every, less < every if language == "MMU" else len(every) > 1


def renaming_changes_nothing(language: str, seeds: range) -> Cases:
    """The order of CPUs, and the names of locations."""
    for seed in seeds:
        draft = drafted(seed, language)
        swap = {"x": "z", "z": "x"}
        turned = Sketch(
            tuple(
                tuple(replace(s, place=swap.get(s.place, s.place)) for s in cpu)
                for cpu in reversed(draft.cpus)
            )
        )
        last = len(draft.cpus) - 1

        def renamed(part: str, last: int = last, swap: dict[str, str] = swap) -> str:
            name, _, value = part.partition("=")
            cpu, colon, register = name.partition(":")
            return f"{last - int(cpu)}:{register}={value}" if colon else f"{swap.get(name, name)}={value}"

        expected = {tuple(sorted(map(renamed, state))) for state in states(draft, language)}
        yield states(turned, language) == expected, len(expected) > 1


def the_languages_spell_the_same_program(language: str, seeds: range) -> Cases:
    for seed in seeds:
        draft = drafted(seed, "X86")
        first = states(draft, "X86")
        yield states(draft, language) == first, len(first) > 1


LOOP = """MM t
{{ int x; int y; }}
unroll {bound};
P0 {{ WRITE_ONCE(x, 1); {store} WRITE_ONCE(y, 1); }}
P1 {{ r1 = 0; do {{ r0 = READ_ONCE(x); r1 = r1 + r0; WRITE_ONCE(y, 2); }} while (r0 {until}); }}
locations [1:r0; 1:r1; x; y;]
exists (x = 1)
"""


def a_longer_bound_loses_no_state(language: str, seeds: range) -> Cases:
    for seed in seeds:
        store = ("WRITE_ONCE(x, 2);", "WRITE_ONCE(x, 0);", "smp_mb();", "r0 = xchg(&x, 3);")[seed % 4]
        until = ("!= 1", "!= 2", "== 0", "< 1", "!= 0 && r1 < 3")[seed // 4 % 5]
        found = [shown(LOOP.format(bound=bound, store=store, until=until)) for bound in (1, 2, 3)]
        yield found[0] <= found[1] <= found[2], found[0] < found[2]


PROPERTIES = [
    (a_fence_adds_no_state, "X86"),
    (a_fence_adds_no_state, "MM"),
    (sc_is_within_tso, "X86"),
    (sc_is_within_tso, "MM"),
    (vendors_are_within_generic, "X86"),
    (vendors_are_within_generic, "MM"),
    (vendors_are_within_generic, "MMU"),
    (renaming_changes_nothing, "X86"),
    (renaming_changes_nothing, "C"),
    (renaming_changes_nothing, "MM"),
    (the_languages_spell_the_same_program, "C"),
    (the_languages_spell_the_same_program, "MM"),
    (a_longer_bound_loses_no_state, "MM"),
]
Property = Callable[[str, range], Cases]


@pytest.mark.long
@pytest.mark.parametrize(("holds", "language"), PROPERTIES)
def test_it_holds(holds: Property, language: str) -> None:
    """In all cases, some of which could have been different."""
    found = list(holds(language, range(5000, 5000 + COUNT)))
    wrong = [number for number, (good, _) in enumerate(found) if not good]
    assert not wrong
    assert any(telling for _, telling in found)


def _weak(monkeypatch: pytest.MonkeyPatch, rule: str, machine: Callable[[Switches, str], bool]) -> None:
    """Take a rule away from one machine."""

    def weak(switches: Switches, name: str = "x86-tso") -> Model:
        whole = model_of(switches, name)
        return whole.without(rule) if machine(switches, name) else whole

    monkeypatch.setattr(queries, "model_of", weak)


def a_fence_that_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("mfence", "lfence", "sfence"):
        monkeypatch.setitem(drafts.SPELLED, kind, ("MOV [x],$9", "WRITE_ONCE(x, 9);"))


def sc_without_program_order(monkeypatch: pytest.MonkeyPatch) -> None:
    _weak(monkeypatch, "po", lambda _, name: name == "sc")


def amd_without_invalidations(monkeypatch: pytest.MonkeyPatch) -> None:
    _weak(monkeypatch, "fresh", lambda switches, _: switches == PROFILES["amd"])


def amd_without_coherence(monkeypatch: pytest.MonkeyPatch) -> None:
    _weak(monkeypatch, "po_loc", lambda switches, _: switches == PROFILES["amd"])


def cpu_0_reads_x_for_y(monkeypatch: pytest.MonkeyPatch) -> None:
    spelled = drafts._spelled

    def wrong(s: Act, language: str, register: str, own: str) -> list[str]:
        s = replace(s, place="x") if own == "q0" and s.what == "read" and s.place == "y" else s
        return spelled(s, language, register, own)

    monkeypatch.setattr(drafts, "_spelled", wrong)


def mfence_is_lfence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drafts.SPELLED, "mfence", ("MFENCE", "rmb();"))


def three_turns_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real = load

    def wrong(source: Source) -> list[Test]:
        return real(Source("t", source.text.replace("unroll 3", "unroll 1")))

    monkeypatch.setitem(globals(), "load", wrong)


MUTANTS = [
    (a_fence_adds_no_state, "X86", a_fence_that_stores),
    (sc_is_within_tso, "X86", sc_without_program_order),
    (vendors_are_within_generic, "X86", amd_without_coherence),
    (vendors_are_within_generic, "MM", amd_without_invalidations),
    (vendors_are_within_generic, "MMU", amd_without_invalidations),
    (renaming_changes_nothing, "X86", cpu_0_reads_x_for_y),
    (renaming_changes_nothing, "MM", cpu_0_reads_x_for_y),
    (the_languages_spell_the_same_program, "C", mfence_is_lfence),
    (the_languages_spell_the_same_program, "MM", mfence_is_lfence),
    (a_longer_bound_loses_no_state, "MM", three_turns_are_one),
]


@pytest.mark.parametrize(("holds", "language", "mutant"), MUTANTS)
def test_it_can_fail(
    holds: Property,
    language: str,
    mutant: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong rule, or a wrong word of a language, is seen."""
    mutant(monkeypatch)
    assert not all(good for good, _ in holds(language, range(5000, 5100)))
