"""What needs attention at the end of a summary: tests that differ or are not known, and errors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from verifier.errors import ExitCode, VerifierError
from verifier.output import Paint
from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.render.base import Piece
from verifier.source import STDIN

_MOST = 20  # tests that are named; the others are counted
_PLAIN = pattern(r"[\w./:,+@%=-]+")


class Attention(NamedTuple):
    """A test or a file, and what is wrong with it: ``differs``, ``unknown``, ``fault`` or ``error``."""

    why: str
    id: str
    path: str


_WHY: Mapping[int, str] = {ExitCode.DIFFERS: "differs", ExitCode.UNKNOWN: "unknown", ExitCode.FAULT: "fault"}


def attention(piece: Piece) -> Attention:
    """What needs attention in a verdict."""
    _, colons, variant = piece.id.partition("::")
    return Attention(_WHY.get(piece.exit_code, "error"), piece.id, f"{piece.file}{colons}{variant}")


def attention_of(error: VerifierError, file: str) -> Attention:
    """What needs attention in a file that has an error."""
    return Attention(_WHY.get(error.exit_code, "error"), "", file)


def listed(found: Sequence[Attention], again: str, paint: Paint) -> Iterator[str]:
    """A line for each, with the call that shows it again."""
    known = list(dict.fromkeys(found))
    if not known:
        return
    yield ""
    yield "needs attention:"
    shown = known[:_MOST]
    width = max(len(one.id) for one in shown)
    for one in shown:
        colour = paint.doubt if one.why == "unknown" else paint.bad
        yield f"  {colour(f'{one.why:<7}')}  {one.id:<{width}}  {again} {quoted(_named(one.path))}"
    if len(known) > _MOST:
        yield f"  and {len(known) - _MOST} more"


def _named(path: str) -> str:
    """A path as a call names it: standard input, and what would look like an option, in another way."""
    file, colons, variant = path.partition("::")
    if file == STDIN:
        return f"-{colons}{variant}"
    return f"./{path}" if path.startswith("-") else path


def quoted(word: str) -> str:
    """A word as a shell reads it, with the bytes of what cannot be printed, as bash, zsh and ksh read them.
    (``shlex`` takes longer to import than this to run.)"""
    if _PLAIN.fullmatch(word):
        return word
    if word.isprintable():
        escaped = word.replace("'", "'\\''")
        return f"'{escaped}'"
    return "$'" + "".join(map(_letter, word)) + "'"


def _letter(letter: str) -> str:
    if letter in "'\\":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))
