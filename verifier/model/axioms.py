"""What an axiom is, and how the switches put the models ``x86-tso`` and ``sc`` together.

A model is a list of axioms; an axiom says that a relation is acyclic.  The relation is a union of
*rules*, named equations whose docstrings say where they come from.  ``MMR`` numbers are the rules of
docs/memory-model.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from verifier.model import fetch, interrupts, rcu, translation, x86tso
from verifier.model.algebra import R
from verifier.model.candidate import Candidate, Feature, X
from verifier.model.relations import Events, Relation
from verifier.program.profiles import MODEL_NAMES, Switches, under
from verifier.records import NamedTuple


class Equation(Protocol):
    """A relation in terms of a candidate's, for both interpreters; the function's name is the rule's."""

    __name__: str

    def __call__(self, x: X[R], /) -> R: ...


class Rule(NamedTuple):
    """One named equation. Its docstring gives rule number and source."""

    name: str
    equation: Equation
    needs: Feature | None = None  # without it the relation says nothing


class Axiom(NamedTuple):
    """``acyclic(rule | rule | …)``."""

    name: str
    rules: tuple[Rule, ...]

    def relation(self, x: X[R], known: dict[Equation, R] | None = None) -> R:
        """The union of the rules over a candidate of either interpreter; ``known``: as for ``relations``."""
        return x.none.plus(found for _, found in self.relations(x, known))

    def relations(self, x: X[R], known: dict[Equation, R] | None = None) -> Iterator[tuple[Rule, R]]:
        """The rules that say something of a candidate, each with its relation. ``known`` has those of other
        axioms, and gets those of this one."""
        known = {} if known is None else known
        for r in self.rules:
            if r.needs is None or r.needs in x.has:
                if r.equation not in known:
                    known[r.equation] = r.equation(x)
                yield r, known[r.equation]


class Model(NamedTuple):
    """A named list of axioms, and the switches that chose them."""

    name: str
    axioms: tuple[Axiom, ...]
    switches: Switches

    @property
    def buffered(self) -> bool:
        """Do stores reach memory later than they execute?"""
        return self.switches.store_buffer

    def without(self, name: str) -> Model:
        """The model without one rule, to see what rests on it. Raises ``KeyError`` for an unknown rule."""
        if not any(rule.name == name for axiom in self.axioms for rule in axiom.rules):
            raise KeyError(name)
        axioms = tuple(
            Axiom(axiom.name, tuple(r for r in axiom.rules if r.name != name)) for axiom in self.axioms
        )
        return self._replace(name=f"{self.name} without {name}", axioms=axioms)


def _rules(*equations: Equation, needs: Feature | None = None) -> tuple[Rule, ...]:
    return tuple(Rule(e.__name__, e, needs) for e in equations)


_MEMORY = _rules(x86tso.rfe, x86tso.co, x86tso.fr)
_SENDS = _rules(interrupts.ipi, interrupts.queue, needs="sends")
_SEEN = _rules(interrupts.seen, needs="snapshots")
_WALKS = _rules(
    translation.walk, translation.fresh, translation.start, translation.marking, needs="translation"
)
_UPPERS = _rules(translation.descent, translation.fresh_upper, translation.age, needs="uppers")
_FORWARDS = _rules(translation.forward_issue, translation.forward_newest, needs="issues")
_NEVER = _rules(translation.forward_never, needs="issues")
_ALWAYS = _rules(translation.forward_always, needs="issues")
_BROADCAST = _rules(translation.broadcast, needs="broadcast")
_FETCH = _rules(fetch.copied, fetch.refetch, needs="fetch")
_COHERENCE = _rules(x86tso.po_loc, x86tso.rf, x86tso.co, x86tso.fr)
_MODIFYING = _rules(fetch.self_modifying, needs="fetch")
_STORES = _rules(x86tso.ppo, x86tso.drain)
_NT = _rules(x86tso.drain_nt, x86tso.sfence, needs="nt")
_ICR = _rules(x86tso.icr, needs="icr")
_RCU = _rules(rcu.grace, needs="rcu")


@lru_cache
def model(s: Switches, name: str = "x86-tso") -> Model:
    """The model of a profile's switches; ``sc`` is any of them without store buffers.

    Raises ``UsageError`` for an unknown name.
    """
    s = under(name, s)
    shared = _MEMORY + _SENDS + _SEEN + _WALKS + _UPPERS + _BROADCAST + _FETCH + _ICR + _RCU
    if s.tlbsync_waits_remote_stores:
        shared += _rules(translation.remote_stores, needs="broadcast")
    if not s.store_buffer:
        everything = _rules(x86tso.po, x86tso.rf) + shared + _MODIFYING
        return Model("sc", (Axiom("sc", everything),), s)
    forwards = _FORWARDS
    if s.walk_forward == "memory_only":
        forwards += _NEVER
    elif s.walk_forward == "forward_always":
        forwards += _ALWAYS
    ghb = Axiom("ghb", _STORES + _NT + shared + forwards)
    return Model("x86-tso", (Axiom("coherence", _COHERENCE + _MODIFYING), ghb), s)


MODELS: dict[str, Model] = {name: model(Switches(), name) for name in MODEL_NAMES}


def violations(model: Model, x: Candidate[Relation, Events]) -> list[str]:
    """The axioms that a concrete execution breaks, each with its cycle."""
    out: list[str] = []
    for axiom in model.axioms:
        cycle = axiom.relation(x).cycle()
        if cycle:
            out.append(f"{axiom.name}: cycle {' -> '.join(map(str, cycle))}")
    return out
