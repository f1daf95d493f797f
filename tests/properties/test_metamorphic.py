"""What has to hold between the state sets of related programs, or of one program on two machines."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from verifier import solve
from verifier.fuzz.drafts import Act, Sketch, drafted
from verifier.lower.build import build
from verifier.program.events import state_line
from verifier.program.profiles import PROFILES
from verifier.source import Source
from verifier.syntax import load

SEEDS = range(5000, 5030)
LANGUAGES = ("X86", "MM")
FENCES = ("mfence", "lfence", "sfence", "locked")
States = set[tuple[str, ...]]


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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fence_adds_no_state(language: str) -> None:
    fewer = 0
    for seed in SEEDS:
        draft = drafted(seed, language)
        before = states(draft, language)
        for cpu, body in enumerate(draft.cpus):
            kind = FENCES[(seed + cpu) % len(FENCES)]
            at = 1 + seed % max(1, len(body) - 1)
            more = (*body[:at], Act(kind), *body[at:])
            after = states(Sketch((*draft.cpus[:cpu], more, *draft.cpus[cpu + 1 :])), language)
            assert after <= before, (seed, kind)
            fewer += after < before
    assert fewer


@pytest.mark.parametrize("language", LANGUAGES)
def test_weaker_machines_have_all_states(language: str) -> None:
    """sc is within x86-tso; intel and amd are within generic."""
    fewer = 0
    for seed in SEEDS:
        draft = drafted(seed, language)
        every = states(draft, language)
        for less in (
            states(draft, language, model="sc"),
            states(draft, language, profile="intel"),
            states(draft, language, profile="amd"),
        ):
            assert less <= every, seed
            fewer += less < every
    assert fewer


def test_the_order_of_cpus_and_names_of_locations_do_not_matter() -> None:
    for seed in SEEDS:
        draft = drafted(seed, "MM")
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

        expected = {tuple(sorted(map(renamed, state))) for state in states(draft, "MM")}
        assert states(turned, "MM") == expected, seed


def test_the_languages_spell_the_same_program() -> None:
    for seed in SEEDS:
        draft = drafted(seed, "X86")
        first = states(draft, "X86")
        assert states(draft, "C") == first == states(draft, "MM"), seed


LOOP = """MM t
{{ int x; int y; }}
unroll {bound};
P0 {{ WRITE_ONCE(x, 1); WRITE_ONCE(x, {last}); WRITE_ONCE(y, 1); }}
P1 {{ r1 = 0; do {{ r0 = READ_ONCE(x); r1 = r1 + r0; WRITE_ONCE(y, 2); }} while (r0 != {until}); }}
locations [1:r0; 1:r1; x; y;]
exists (x = 1)
"""


@pytest.mark.parametrize(("last", "until"), [(2, 1), (2, 2), (0, 1), (3, 0)])
def test_a_longer_bound_loses_no_state(last: int, until: int) -> None:
    found = [shown(LOOP.format(bound=bound, last=last, until=until)) for bound in (1, 2, 3)]
    assert found[0] <= found[1] <= found[2]
    assert (found[0] < found[2]) == (last == until)
