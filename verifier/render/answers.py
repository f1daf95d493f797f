"""Reports of commands that print one answer after the other, as text or as one JSON document."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from verifier.errors import InputError, VerifierError
from verifier.output import Output
from verifier.render.base import said
from verifier.render.json import Shape, error_objects

F = TypeVar("F")


class AnswerReport(ABC, Generic[F]):
    """Prints what is found, one answer after the other."""

    def __init__(self, out: Output) -> None:
        self.out = out

    @abstractmethod
    def add(self, found: F) -> None:
        """An answer."""

    def error(self, error: VerifierError, file: str = "") -> None:
        """An error of a file, or of the whole call."""
        self.out.complain(said(error))

    def close(self) -> None:
        """The end of the report."""


class AnswerDocument(AnswerReport[F]):
    """One JSON document of all answers and errors."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self.results: list[Shape] = []
        self.errors: list[Shape] = []

    @abstractmethod
    def shape(self, found: F) -> Shape:
        """An answer as the schema has it."""

    def add(self, found: F) -> None:
        """Keep an answer for the document."""
        self.results.append(self.shape(found))

    def error(self, error: VerifierError, file: str = "") -> None:
        """Keep it for the document, too."""
        super().error(error, file)
        self.errors += error_objects(error, None if isinstance(error, InputError) else file)

    def close(self) -> None:
        """Print the document."""
        document = {"version": 1, "results": self.results, "errors": self.errors}
        self.out.write(json.dumps(document, indent=1, ensure_ascii=not self.out.unicode) + "\n")
