"""Verdicts as bytes. Texts are kept apart, and reading makes nothing but values of this program.

A verdict points at many places in a few texts, which all verdicts on a file share. So a text is replaced by
its digest, and whoever reads the bytes gives the texts.
"""

from __future__ import annotations

import io
import pickle
import zlib
from collections.abc import Callable
from importlib import import_module

from verifier.records import replace
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.keys import digest

# Rooms whose classes are values, and what else pickle names for them.
_ROOMS = tuple(f"verifier.{r}" for r in ("program", "execution", "lower", "results", "source", "syntax"))
_PLAIN = {"builtins": ("frozenset", "set"), "verifier.program.expressions": ("_unpickled",)}


class Unpackable(Exception):
    """Bytes that are no verdict."""


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, texts: dict[str, Source]) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.texts = texts

    def persistent_id(self, thing: object) -> str | None:
        """The digest that stands for a text."""
        if not isinstance(thing, Source):
            return None
        name = digest(thing)
        self.texts[name] = thing
        return name


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, text: Callable[[str], Source]) -> None:
        super().__init__(stream)
        self.text = text
        self.known: dict[str, Source] = {}

    def persistent_load(self, name: object) -> Source:
        """The text that a digest stands for."""
        word = str(name)
        if word not in self.known:
            self.known[word] = self.text(word)
        return self.known[word]

    def find_class(self, module: str, name: str) -> object:
        """A class of values; anything else could be a call that does harm."""
        if name in _PLAIN.get(module, ()):
            return super().find_class(module, name)
        if any(module == room or module.startswith(f"{room}.") for room in _ROOMS):
            found = getattr(import_module(module), name, None)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise Unpackable(f"{module}.{name} is no value of a verdict")


def packed(verdict: Verdict) -> tuple[bytes, dict[str, Source]]:
    """The bytes of a verdict, and the texts that it points at, by digest."""
    stream, texts = io.BytesIO(), dict[str, Source]()
    _Pickler(stream, texts).dump(replace(verdict, test=verdict.test.bare))
    return zlib.compress(stream.getvalue(), 3), texts


def unpacked(data: bytes, text: Callable[[str], Source]) -> Verdict:
    """The verdict in some bytes; ``text`` gives a text for its digest. Raises ``Unpackable``."""
    try:
        found = _Unpickler(io.BytesIO(zlib.decompress(data)), text).load()
    except (MemoryError, Unpackable):
        raise
    except Exception as error:  # damaged bytes may raise anything
        raise Unpackable(f"{type(error).__name__}: {error}") from None
    if not isinstance(found, Verdict):
        raise Unpackable("it is no verdict")
    return found
