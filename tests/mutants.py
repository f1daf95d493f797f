"""Weakened models: every rule, drain, serialization and cover set taken away, one at a time.

A test that no longer comes out the same *nails* what was taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from verifier.model import Model, model
from verifier.model.cover import COVERS, Cover, Formula
from verifier.model.roles import DRAINS, SERIALIZES, drains, holds_icr, instant, queued, serializes
from verifier.program.events import Event, Program
from verifier.program.profiles import CHOICES, GENERIC, Switches
from verifier.solve.clauses import FALSE
from verifier.solve.queries import _Asked
from verifier.solve.z3 import Solver


@dataclass(frozen=True)
class Mutant:
    """What is taken away: ``kind`` and ``name`` say what, ``switches`` is where it is looked for."""

    kind: str
    name: str
    switches: Switches = GENERIC

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def model(self, name: str = "x86-tso") -> Model:
        """The model, weakened."""
        whole = model(self.switches, name)
        return whole.without(self.name) if self.kind == "rule" else whole

    @contextmanager
    def applied(self) -> Iterator[None]:
        """With the tables changed."""
        if self.kind == "drain":
            with _role("drains", lambda e, s: drains(e, s) and _row(e) != self.name):
                yield
        elif self.kind == "serialize":
            with _role("serializes", lambda e, s: serializes(e, s) and e.op != self.name):
                yield
        elif self.kind == "instant":
            with _role("instant", lambda e, s: instant(e, s) and _row(e) != self.name):
                yield
        elif self.kind == "queued":
            with _role("queued", lambda e: queued(e) and f"{e.op} {e.kind}".strip() != self.name):
                yield
        elif self.kind == "icr":
            with _role("holds_icr", lambda e, s: holds_icr(e, s) and _row(e) != self.name):
                yield
        elif self.kind == "cover":
            row, changed = _changed(self.name)
            with mock.patch.dict(COVERS, {row: changed}):
                yield
        else:
            yield


def _row(event: Event) -> str:
    both = f"{event.op} {event.kind}"
    return both if both in DRAINS or event.op == "F" else event.op


@contextmanager
def _role(name: str, function: object) -> Iterator[None]:
    with mock.patch(f"verifier.solve.relate.{name}", function):
        yield


def _changed(name: str) -> tuple[str, Cover]:
    """``row/part/-2`` without the third alternative, ``row/part/1.0`` without an atom of the second."""
    row, part, what = name.split("/")
    formula: Formula = getattr(COVERS[row], part)
    if what.startswith("-"):
        gone = int(what[1:])
        new = tuple(a for i, a in enumerate(formula) if i != gone)
    else:
        at, atom = map(int, what.split("."))
        new = tuple(tuple(x for j, x in enumerate(a) if (i, j) != (at, atom)) for i, a in enumerate(formula))
    return row, COVERS[row]._replace(**{part: new})


def rules() -> list[Mutant]:
    """Every equation, under switches in which it is part of the model."""
    found: dict[str, Mutant] = {}
    for chosen in (
        GENERIC,
        GENERIC._replace(walk_forward="memory_only"),
        GENERIC._replace(walk_forward="forward_always"),
    ):
        for axiom in model(chosen).axioms:
            for rule in axiom.rules:
                found.setdefault(rule.name, Mutant("rule", rule.name, chosen))
    return list(found.values())


def roles() -> list[Mutant]:
    """Every row of the tables of events that drain, serialize, hold others back."""
    out = [Mutant("drain", name) for name in DRAINS]
    out += [Mutant("serialize", name) for name in SERIALIZES]
    out += [
        Mutant("instant", name) for name in ("R", "X", "F mfence", "F lfence", "SEND", "INV", "CR3", "RCU")
    ]
    out += [Mutant("queued", name) for name in ("RCU unlock", "SEND rcu", "ACK")]
    out += [Mutant("icr", name) for name in ("R", "F lfence", "SER", "CR3", "INV")]
    return out


def covers() -> list[Mutant]:
    """Every alternative and every atom of the table of cover sets."""
    out = []
    for row, cover in COVERS.items():
        for part in ("entries", "uppers"):
            for i, alternative in enumerate(getattr(cover, part)):
                chosen = GENERIC._replace(tce=False) if row == "invlpg" else GENERIC
                out.append(Mutant("cover", f"{row}/{part}/-{i}", chosen))
                out += [Mutant("cover", f"{row}/{part}/{i}.{j}", chosen) for j in range(len(alternative))]
    return out


def settings() -> list[Mutant]:
    """Every value of every switch but the default."""
    out = []
    for name in Switches._fields:
        default = getattr(GENERIC, name)
        for value in CHOICES.get(name, ()) or (not default,):
            if value != default:
                out.append(Mutant("switch", f"{name}={value}", GENERIC._replace(**{name: value})))
    return out


def observation(program: Program, weakened: Model) -> tuple[bool, bool]:
    """Whether the proposition can hold, and whether it can fail, by Z3 alone."""
    asked = _Asked(program, weakened, None, 0)
    with Solver(asked.encoding.clauses.dimacs()) as solver:
        asked.solver = solver
        return tuple(  # type: ignore[return-value]
            x != FALSE and bool(asked._check([x, *asked.normal]))
            for x in (asked.proposition, -asked.proposition)
        )
