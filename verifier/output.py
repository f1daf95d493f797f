"""Standard output and standard error as they are: closed, full, without a reader, of any encoding."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from verifier.errors import VerifierError


class OutputError(VerifierError):
    """What was found out cannot be written."""


def open_all() -> None:
    """See to it that no file or pipe gets the number of a standard stream that is closed."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number


class Output:
    """Where a command writes to. What is written is there at once.

    ``gone``: the reader has had enough. That is no error: what is written from then on is dropped.
    """

    def __init__(self) -> None:
        self.gone = False
        self.hurried = False  # is there a progress line?

    @property
    def unicode(self) -> bool:
        """Can standard output have every character?"""
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return encoding.lower().replace("-", "").startswith("utf")

    def write(self, text: str) -> None:
        """Write to standard output. Raises ``OutputError``."""
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
        """Have what is in the buffer, and what comes, go nowhere."""
        self.gone = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def complain(self, text: str) -> None:
        """Write a line to standard error, if there is one."""
        self._clear()
        self._say(f"{text}\n")

    def progress(self, text: str) -> None:
        """Show for a moment what is being done, to who looks at a terminal."""
        self.hurried = True
        self._say(f"\r\033[K{text}")

    def _clear(self) -> None:
        if self.hurried:
            self.hurried = False
            self._say("\r\033[K")

    def _say(self, text: str) -> None:
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.write(_encodable(text, sys.stderr))
                sys.stderr.flush()


def _encodable(text: str, stream: TextIO) -> str:
    """A text with what a stream's encoding does not have as ``\\xe9``."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
