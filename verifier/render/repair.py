"""Repairs for people, as patches, and as JSON. docs/repair.schema.json is the schema."""

from __future__ import annotations

from verifier.output import Output
from verifier.render.answers import AnswerDocument, AnswerReport
from verifier.render.json import Shape
from verifier.why.found import Repairs


class RepairText(AnswerReport[Repairs]):
    """For people."""

    begun = False

    def add(self, found: Repairs) -> None:
        """Print the answers."""
        self.out.write(("\n" if self.begun else "") + f"{found}\n")
        self.begun = True


class Patches(AnswerReport[Repairs]):
    """A unified diff for each test: that of answer ``number``, counted from 1."""

    def __init__(self, out: Output, number: int) -> None:
        super().__init__(out)
        self.number = number

    def add(self, found: Repairs) -> None:
        """Print the diff, or say why there is none."""
        if len(found.found) >= self.number:
            self.out.write(found.found[self.number - 1].patch)
        elif found.found:
            self.out.complain(f"verifier: {found.test.id} has {len(found.found)} repairs, not {self.number}")
        else:
            self.out.complain(f"verifier: {found}")


class RepairJson(AnswerDocument[Repairs]):
    """One JSON document."""

    def shape(self, found: Repairs) -> Shape:
        """See ``repairs_object``."""
        return repairs_object(found)


def repairs_object(found: Repairs) -> Shape:
    """The answers for a test, as the schema has them."""
    return {
        "file": found.test.source.name,
        "name": found.test.name,
        "variant": found.test.variant,
        "status": found.status,
        "complete": found.complete,
        "reason": found.reason,
        "tried": found.tried,
        "hanging": found.hanging,
        "hangs": found.hangs,
        "untried": list(found.untried),
        "seconds": round(found.seconds, 6),
        "repairs": [
            {
                "changes": list(one.changes),
                "kinds": list(one.kinds),
                "cost": one.cost,
                "places": one.places,
                "lost": list(one.lost),
                "beside": list(one.beside),
                "idle": list(one.idle),
                "gained": one.gained,
                "patch": one.patch,
            }
            for one in found.found
        ],
    }
