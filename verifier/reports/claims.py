"""Claims that tests decide, as a file of TOML has them; docs/seeds.toml is one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from verifier.errors import UsageError
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field
from verifier.suite.discover import parted
from verifier.syntax.grammars import folder, page

_KEYS = ("number", "seed", "answer", "says", "why", "by", "audit")  # the last one is for docs/seeds.md
_NUMBER = pattern(r"[A-Za-z0-9.-]+")


class Claim(NamedTuple):
    """A claim. ``by``: the files that decide it, as real paths, each with a variant; None is all of them."""

    number: str
    seed: str
    answer: str
    says: str
    why: str
    by: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a file, and the titles of its seeds by number."""

    seeds: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    def lacking(self, file: str, variants: Collection[str | None]) -> list[str]:
        """What the claims name of a file that has these variants alone: ``1a: F9``."""
        real = os.path.realpath(file)
        asked = [(c.number, v) for c in self.claims for f, v in c.by if f == real and v is not None]
        return [f"{number}: {variant}" for number, variant in asked if variant not in variants]

    def of(self, file: str, variant: str | None) -> list[str]:
        """The numbers of the claims that a test decides."""
        real = os.path.realpath(file)
        return [c.number for c in self.claims if (real, variant) in c.by or (real, None) in c.by]


def own() -> Claims:
    """The claims that the litmus tests of the verifier itself decide."""
    path = folder("docs") / "seeds.toml"
    return read_claims(str(path), str(folder("litmus") / "linux")) if path.is_file() else Claims()


def read_claims(path: str, below: str | None = None) -> Claims:
    """The claims in a file. The paths of tests are meant from ``below``; without it, from the directory that
    the file's key ``below`` names, or else from its own. Raises ``UsageError``."""
    try:
        with open(path, "rb") as stream:
            data = tomllib.load(stream)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # of TOML, or of its encoding
        raise UsageError(f"{path}: {error}") from None
    if below is None:
        below = os.path.join(os.path.dirname(path), _text(path, "the file", data, "below", "."))
    if not data.get("claim"):
        raise UsageError(
            f"{path}: there are no claims; each is a table [[claim]], as {page('reports.md')} says"
        )
    found = [_claim(path, number, row, below) for number, row in enumerate(_rows(path, data, "claim"), 1)]
    twice = [c.number for n, c in enumerate(found) if c.number in {x.number for x in found[:n]}]
    if twice:
        raise UsageError(f"{path}: there are two claims {twice[0]!r}; give each its own number")
    seeds = {
        _text(path, "a seed", row, "number"): _text(path, "a seed", row, "title")
        for row in _rows(path, data, "seed")
    }
    for file in (file for claim in found for file, _ in claim.by):
        if not os.path.isfile(file):
            raise UsageError(f"{path}: there is no {file}; paths are meant from {os.path.realpath(below)}")
    return Claims(seeds, tuple(found))


def _claim(path: str, number: int, row: Mapping[str, object], below: str) -> Claim:
    what = f"[[claim]] {number}"
    for key in row:
        if key not in _KEYS:
            raise UsageError(f"{path}: {what} has a key {key!r}; a claim has {', '.join(_KEYS)}")
    name = _text(path, what, row, "number")
    if not _NUMBER.fullmatch(name):
        raise UsageError(f"{path}: {what}: {name!r} is no number of a claim; use letters, digits, . and -")
    by = row.get("by")
    if not isinstance(by, list) or not all(isinstance(x, str) for x in by):
        raise UsageError(f'{path}: {what} needs by = ["FILE::VARIANT", …], the tests that decide it')
    return Claim(
        number=name,
        seed=_text(path, what, row, "seed", name.rstrip("abcdefghijklmnopqrstuvwxyz")),
        answer=_text(path, what, row, "answer"),
        says=_text(path, what, row, "says"),
        why=_text(path, what, row, "why", ""),
        by=tuple(_deciders(cast("list[str]", by), below)),
    )


def _deciders(by: list[str], below: str) -> Iterator[tuple[str, str | None]]:
    for path in by:
        file, _, names = parted(os.path.join(below, path))
        real = os.path.realpath(file)
        for name in names.split(","):
            yield real, name.strip() or None


def _rows(path: str, data: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path}: {key} must be a list of tables: [[{key}]]")
    return rows


def _text(path: str, what: str, row: Mapping[str, object], key: str, default: str | None = None) -> str:
    found = row.get(key, default)
    if not isinstance(found, str) or (not found and default is None):
        raise UsageError(f'{path}: {what} needs {key} = "…"')
    return found
