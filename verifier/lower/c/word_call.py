"""A call of a word that is being lowered: what its row's effects are evaluated with."""

from __future__ import annotations

from verifier.lower.c.body import BodyCode
from verifier.lower.c.parts import Local, MemoryPlace
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Expr
from verifier.records import dataclass, field
from verifier.syntax import ast
from verifier.words.rows import OLD


@dataclass(slots=True)
class WordCall:
    """A call of a word that is being lowered: what its effects are evaluated with.

    ``env``: what the row's expressions mention; ``places``, ``locals`` and ``types``: what the arguments
    are, by the names of the parameters. ``target``: the last one of the places; ``pcid``: the one
    that is given.
    """

    b: BodyCode
    e: ast.CallExpr
    env: dict[str, Expr] = field(default_factory=dict)
    places: dict[str, MemoryPlace] = field(default_factory=dict)
    locals: dict[str, Local] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    target: MemoryPlace | None = None
    pcid: Expr = FALSE

    def point(self, name: str, place: MemoryPlace) -> None:
        """An argument leads to a place."""
        self.target = self.places[name] = place

    def given(self, old: Expr) -> dict[str, Expr]:
        """What expressions mention, with the value just read."""
        return {**self.env, OLD.name: old}
