"""The memory model, as named equations over named relations."""

from verifier.model.axioms import MODELS, Axiom, Model, Rule, model, violations
from verifier.model.candidate import Candidate
from verifier.model.relations import Events, Relation

__all__ = [
    "MODELS", "Axiom", "Candidate", "Events", "Model", "Relation", "Rule", "model", "violations",
]  # fmt: skip
