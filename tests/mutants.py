"""Weakened models. Each lacks one rule, or one entry of a table.

A test whose verdict changes *nails* the rule or entry that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from verifier.model import Model, model
from verifier.model.cover import COVERS, SWITCHED, Cover, Formula
from verifier.model.roles import ROLES, UNSEEN, Condition, Role, sets_under
from verifier.program.events import Program
from verifier.program.profiles import CHOICES, GENERIC, Switches
from verifier.solve.clauses import NO
from verifier.solve.queries import _Asked
from verifier.solve.z3 import Solver


@dataclass(frozen=True)
class Mutant:
    """A weakened model: ``kind`` and ``name`` say what it lacks; it is tried under ``switches``."""

    kind: str
    name: str
    switches: Switches = GENERIC

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def model(self, name: str = "x86-tso") -> Model:
        """The weakened model."""
        whole = model(self.switches, name)
        return whole.without(self.name) if self.kind == "rule" else whole

    def _role(self) -> Role:
        """The row without the text of one column, or without one switch in that column."""
        key, _, setting = self.name.partition(": ")
        role = ROLES[key]
        old: Condition = getattr(role, self.kind)
        new: Condition = not old
        if setting:
            assert isinstance(old, tuple)
            new = tuple(x for x in old if str(x) != setting)
        return role._replace(**{self.kind: new})

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the tables are changed."""
        if self.kind in Role._fields:
            with mock.patch.dict(ROLES, {self.name.split(":")[0]: self._role()}):
                sets_under.cache_clear()
                yield
            sets_under.cache_clear()
        elif self.kind == "cover":
            row, changed = _changed(self.name)
            with mock.patch.dict(_home(row), {row: changed}):
                yield
        else:
            yield


def _home(row: str) -> dict[str, Cover]:
    """The table that contains a row."""
    return SWITCHED if row in SWITCHED else COVERS  # type: ignore[return-value]


def _changed(name: str) -> tuple[str, Cover]:
    """``row/part/-2`` without the third alternative, ``row/part/1.0`` without an atom of the second."""
    row, part, what = name.split("/")
    formula: Formula = getattr(_home(row)[row], part)
    if what.startswith("-"):
        gone = int(what[1:])
        new = tuple(a for i, a in enumerate(formula) if i != gone)
    else:
        at, atom = map(int, what.split("."))
        new = tuple(tuple(x for j, x in enumerate(a) if (i, j) != (at, atom)) for i, a in enumerate(formula))
    return row, _home(row)[row]._replace(**{part: new})


def rules() -> list[Mutant]:
    """A mutant for each equation, under switches with which the model has it."""
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
    """A mutant for each entry of the table of roles that is not empty, and for each switch in such an entry.

    The column of instants has no empty entry.
    """
    out = []
    for key, role in ROLES.items():
        for column, value in role._asdict().items():
            if isinstance(value, tuple):
                named = [(Switches._fields[x.at], x) for x in value]
                others = {name: False for name, x in named if x.value is True}
                for name, x in named:
                    chosen = GENERIC._replace(**others | {name: x.value})
                    out.append(Mutant(column, f"{key}: {x}", chosen))
            elif key not in UNSEEN if column == "instant" else value is True:
                out.append(Mutant(column, key))
    return out


# The rows of the table of cover sets that need a switch.
_SWITCHED = {
    "invlpg": GENERIC._replace(tce=False),
    "invlpg tce": GENERIC,
    "invlpg errata": GENERIC._replace(errata_invlpg_global_pcid=True),
}


def covers() -> list[Mutant]:
    """A mutant for each alternative and each atom of the table of cover sets."""
    out = []
    for row, cover in [*COVERS.items(), *SWITCHED.items()]:
        chosen = _SWITCHED.get(row, GENERIC)
        for part in ("entries", "uppers"):
            for i, alternative in enumerate(getattr(cover, part)):
                out.append(Mutant("cover", f"{row}/{part}/-{i}", chosen))
                out += [Mutant("cover", f"{row}/{part}/{i}.{j}", chosen) for j in range(len(alternative))]
    return out


def settings() -> list[Mutant]:
    """A mutant for each value of each switch, except for default values."""
    out = []
    for name in Switches._fields:
        default = getattr(GENERIC, name)
        for value in CHOICES.get(name, ()) or (not default,):
            if value != default:
                out.append(Mutant("switch", f"{name}={value}", GENERIC._replace(**{name: value})))
    return out


def observation(program: Program, weakened: Model) -> tuple[bool, bool]:
    """Can the proposition hold, and can it fail? Only Z3 is asked."""
    asked = _Asked(program, weakened, None, 0)
    with Solver(asked.encoding.clauses.dimacs()) as solver:
        asked.solver = solver
        return tuple(  # type: ignore[return-value]
            x != NO and bool(asked._check([x, *asked.normal]))
            for x in (asked.proposition, -asked.proposition)
        )
