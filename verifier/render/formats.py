"""The output formats, with one row for each. A new format needs a renderer, and a row here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from verifier.records import dataclass

if TYPE_CHECKING:
    from verifier.output import Output
    from verifier.render.base import Verdicts, Wanted


@dataclass(frozen=True, slots=True)
class Format:
    """An output format of the commands ``commands``.

    ``report`` makes its renderer; ``about`` is for the documentation; ``states``: does it show all final
    states under every command?
    """

    about: str
    commands: tuple[str, ...]
    report: Callable[[Output, Wanted], Verdicts]
    states: bool = False


# A renderer is loaded only when it is used.
def _text(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.text import PlainText

    return PlainText(out, wanted)


def _json(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.json import Json

    return Json(out, wanted)


def _herd(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.herd import Herd

    return Herd(out, wanted)


def _junit(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.junit import JUnit

    return JUnit(out, wanted)


def _sarif(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.sarif import Sarif

    return Sarif(out, wanted)


def _github(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.github import GitHub

    return GitHub(out, wanted)


def _tap(out: Output, wanted: Wanted) -> Verdicts:
    from verifier.render.tap import Tap

    return Tap(out, wanted)


DECIDING = ("check", "states")

# The formats by name; the first one is the default.
FORMATS = {
    "text": Format("for people: a line a verdict, with stories or states", DECIDING, _text),
    "json": Format(
        "one document, of the shape of [results.schema.json](results.schema.json)", DECIDING, _json
    ),
    "herd": Format(
        "the log of herd7 7.58, with *Positive* and *Negative* counted in states",
        DECIDING,
        _herd,
        states=True,
    ),
    "junit": Format("JUnit XML, a suite for each file: see [ci.md](ci.md#formats)", ("check",), _junit),
    "sarif": Format(
        "SARIF 2.1.0, with stories as code flows: see [ci.md](ci.md#formats)", ("check",), _sarif
    ),
    "github": Format("annotations of GitHub Actions: see [ci.md](ci.md#formats)", ("check",), _github),
    "tap": Format("the Test Anything Protocol, version 13: see [ci.md](ci.md#formats)", ("check",), _tap),
}


def formats_of(command: str) -> list[str]:
    """The names of the formats that a command has."""
    return [name for name, row in FORMATS.items() if command in row.commands]
