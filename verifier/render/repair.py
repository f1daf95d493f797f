"""Repairs for people, as patches, and as JSON. docs/repair.schema.json is the schema."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

from verifier.errors import InputError, VerifierError
from verifier.output import Output
from verifier.render.base import said
from verifier.render.json import Shape, error_objects
from verifier.why.found import Repairs


class RepairReport(ABC):
    """Prints what is found for each test."""

    def __init__(self, out: Output) -> None:
        self.out = out

    @abstractmethod
    def add(self, found: Repairs) -> None:
        """The answers for a test."""

    def error(self, error: VerifierError, file: str = "") -> None:
        """An error of a file, or of the whole call."""
        self.out.complain(said(error))

    def close(self) -> None:  # noqa: B027
        """The end of the report."""


class RepairText(RepairReport):
    """For people."""

    begun = False

    def add(self, found: Repairs) -> None:
        """Print the answers."""
        self.out.write(("\n" if self.begun else "") + f"{found}\n")
        self.begun = True


class Patches(RepairReport):
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


class RepairJson(RepairReport):
    """One JSON document."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self.results: list[Shape] = []
        self.errors: list[Shape] = []

    def add(self, found: Repairs) -> None:
        """Keep the answers for the document."""
        self.results.append(repairs_object(found))

    def error(self, error: VerifierError, file: str = "") -> None:
        """Keep it for the document, too."""
        super().error(error, file)
        self.errors += error_objects(error, None if isinstance(error, InputError) else file)

    def close(self) -> None:
        """Print the document."""
        document = {"version": 1, "results": self.results, "errors": self.errors}
        self.out.write(json.dumps(document, indent=1, ensure_ascii=not self.out.unicode) + "\n")


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
        "seconds": round(found.seconds, 6),
        "repairs": [
            {
                "changes": list(one.changes),
                "kinds": list(one.kinds),
                "cost": one.cost,
                "places": one.places,
                "lost": list(one.lost),
                "beside": list(one.beside),
                "gained": one.gained,
                "patch": one.patch,
            }
            for one in found.found
        ],
    }
