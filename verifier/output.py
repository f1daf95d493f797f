"""Writes to standard output and standard error, even if they are closed, full, unread, or not in UTF-8."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from verifier.errors import VerifierError


class OutputError(VerifierError):
    """A result cannot be written."""


def open_all() -> None:
    """Open /dev/null in place of closed standard streams, so that no other file gets their numbers."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number


class Output:
    """The streams that a command writes to. Each write is flushed at once.

    ``gone`` is true once the reader has closed its end. From then on output is dropped, without an error.
    """

    def __init__(self) -> None:
        self.gone = False
        self.hurried = False  # does the terminal show a progress line?

    @property
    def unicode(self) -> bool:
        """Can standard output encode every character?"""
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return encoding.lower().replace("-", "").startswith("utf")

    def write(self, text: str) -> None:
        """Write to standard output. Raises ``OutputError`` if that fails."""
        self._clear()
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
        """Write a line to standard error, if it is open."""
        self._clear()
        self._say(f"{text}\n")

    @property
    def terminal(self) -> bool:
        """Is standard error a terminal, which can show progress?"""
        return sys.stderr is not None and sys.stderr.isatty()

    def progress(self, text: str, number: int = 1, of: int = 1) -> None:
        """Show a progress line on the terminal until the next output, about file ``number`` of ``of``."""
        self.hurried = True
        line = f"{number}/{of} {text}" if of > 1 else text
        self._say(f"\r\033[K{_cut(line)}")

    def _clear(self) -> None:
        if self.hurried:
            self.hurried = False
            self._say("\r\033[K")

    def _say(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(_encodable(text, sys.stderr))
                sys.stderr.flush()


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
