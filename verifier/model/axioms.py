"""What an axiom is, and the two models ``sc`` and ``x86-tso``.

A model is a list of axioms; an axiom says that a relation is acyclic.  The relation is a union of
*rules*: named equations, each with the place it comes from.  ``MMR`` numbers are the rules of
docs/memory-model.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from verifier.model import interrupts, translation, x86tso
from verifier.model.candidate import Candidate
from verifier.model.relations import Relation

Equation = Callable[[Candidate[Any, Any]], Any]


class Rule(NamedTuple):
    """One named equation. Its docstring gives rule number and source."""

    name: str
    equation: Equation
    needs: str = ""  # name of the Candidate flag without which the relation is empty


class Axiom(NamedTuple):
    """``acyclic(rule | rule | …)``."""

    name: str
    rules: tuple[Rule, ...]

    def relation(self, x: Candidate[Any, Any]) -> Any:
        """The union of the rules over a candidate of either interpreter."""
        union = x.none
        for rule in self.rules:
            if not rule.needs or getattr(x, rule.needs):
                union = union | rule.equation(x)
        return union


class Model(NamedTuple):
    """A named list of axioms. ``buffered`` is False if stores reach memory at once."""

    name: str
    axioms: tuple[Axiom, ...]
    buffered: bool = True


def _rules(*equations: Equation, needs: str = "") -> tuple[Rule, ...]:
    return tuple(Rule(e.__name__, e, needs) for e in equations)


COHERENCE = Axiom("coherence", _rules(x86tso.po_loc, x86tso.rf, x86tso.co, x86tso.fr))
GLOBAL = _rules(x86tso.rfe, x86tso.co, x86tso.fr, interrupts.ipi, interrupts.queue, interrupts.seen)
TRANSLATION = _rules(
    translation.walk,
    translation.fresh,
    translation.start,
    translation.forward_issue,
    translation.forward_pending,
    translation.forward_newest,
    needs="translated",
)

X86_TSO = Model(
    "x86-tso",
    (COHERENCE, Axiom("ghb", _rules(x86tso.ppo, x86tso.drain) + GLOBAL + TRANSLATION)),
)
SC = Model("sc", (Axiom("sc", _rules(x86tso.po, x86tso.rf) + GLOBAL + TRANSLATION),), buffered=False)

MODELS: dict[str, Model] = {m.name: m for m in (X86_TSO, SC)}


def violations(model: Model, x: Candidate[Relation, Any]) -> list[str]:
    """The axioms that a concrete execution breaks, each with its cycle."""
    out: list[str] = []
    for axiom in model.axioms:
        cycle = axiom.relation(x).cycle()
        if cycle:
            out.append(f"{axiom.name}: cycle {' -> '.join(map(str, cycle))}")
    return out
