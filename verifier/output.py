"""Writes to standard output and standard error, even if they are closed, full, unread, or not in UTF-8."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from verifier.errors import VerifierError
from verifier.patterns import pattern


class OutputError(VerifierError):
    """A result cannot be written."""


def open_all() -> None:
    """Open /dev/null in place of closed standard streams, so that no other file gets their numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number


COLORS = ("auto", "always", "never")


class Paint:
    """The few colours of a terminal, if they are ``on``. Space around a text is not painted."""

    def __init__(self, on: bool = False) -> None:
        self.on = on

    def good(self, text: str) -> str:
        """As expected."""
        return self._in("32", text)

    def bad(self, text: str) -> str:
        """What differs."""
        return self._in("1;31", text)

    def doubt(self, text: str) -> str:
        """What is not known."""
        return self._in("33", text)

    def strong(self, text: str) -> str:
        """What matters."""
        return self._in("1", text)

    def dim(self, text: str) -> str:
        """What only helps to find something."""
        return self._in("2", text)

    def _in(self, code: str, text: str) -> str:
        bare = text.strip()
        if not self.on or not bare:
            return text
        start = text.index(bare)
        return f"{text[:start]}\033[{code}m{bare}\033[0m{text[start + len(bare) :]}"


COLOURLESS = Paint()


def paint_for(when: str, stream: TextIO | None = None) -> Paint:
    """The colours of standard output, or of another stream.

    ``when`` is one of ``COLORS``. ``auto`` means on a terminal; NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and
    TERM=dumb say otherwise, and the first of them that is set counts.
    """
    if when != "auto":
        return Paint(when == "always")
    if os.environ.get("NO_COLOR"):
        return COLOURLESS
    forced = [os.environ.get(name, "") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")]
    said = next((word for word in forced if word), "")
    if said:
        return Paint(said != "0")
    stream = sys.stdout if stream is None else stream
    return Paint(os.environ.get("TERM") != "dumb" and stream is not None and stream.isatty())


class Output:
    """The streams that a command writes to. Each write is flushed at once.

    ``gone`` is true once the reader has closed its end. From then on output is dropped, without an error.
    ``paint`` colours what goes to standard output.
    """

    def __init__(self, paint: Paint = COLOURLESS) -> None:
        self.gone = False
        self.hurried = False  # does the terminal show a progress line?
        self.paint = paint

    @property
    def unicode(self) -> bool:
        """Can standard output encode every character?"""
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return encoding.lower().replace("-", "").startswith("utf")

    def write(self, text: str) -> None:
        """Write to standard output. Raises ``OutputError`` if that fails."""
        self.clear()
        if self.gone:
            return
        if sys.stdout is None:
            raise OutputError("standard output is closed")
        try:
            sys.stdout.write(_encodable(text, sys.stdout))
            sys.stdout.flush()
        except BrokenPipeError:
            self._drop()
        except (OSError, ValueError) as error:
            self._drop()
            said = getattr(error, "strerror", None) or error
            raise OutputError(f"standard output cannot be written: {said}") from None

    def _drop(self) -> None:
        """Discard what is in the buffer, and all later output."""
        self.gone = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def complain(self, text: str) -> None:
        """Write a line to standard error, if it is open. It has no control characters: a terminal would obey
        those of a file's name."""
        self.clear()
        self._say(f"{visible(text)}\n")

    @property
    def terminal(self) -> bool:
        """Is standard error a terminal, which can show progress?"""
        return sys.stderr is not None and sys.stderr.isatty()

    def progress(self, line: str) -> None:
        """Show a progress line on the terminal until the next output."""
        self.hurried = True
        self._say(f"\r\033[K{_cut(visible(line))}")

    def clear(self) -> None:
        """Take a progress line away, if there is one."""
        if self.hurried:
            self.hurried = False
            self._say("\r\033[K")

    def _say(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(_encodable(text, sys.stderr))
                sys.stderr.flush()


_CONTROLS = pattern(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """A text with ``\\x1b`` and the like in place of control characters, but for tabs and ends of lines."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _cut(line: str) -> str:
    """As much of a line as fits into one row of the terminal, which cannot take back a longer one."""
    try:
        columns = os.get_terminal_size(2).columns
    except OSError:
        columns = 0
    return line if not columns or len(line) < columns else f"{line[: max(columns - 4, 0)]}..."


def _encodable(text: str, stream: TextIO) -> str:
    """A text in which ``\\xe9`` and the like replace characters that the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
