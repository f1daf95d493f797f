"""The directory of a report: only files of a report are replaced and removed, and none is half written."""

from __future__ import annotations

import os
from contextlib import suppress

from verifier.errors import UsageError
from verifier.output import OutputError
from verifier.patterns import pattern

MARKER = ".verifier-report"  # the names of the report's files, a line each
_ABOUT = "# A report of the verifier, and its files. 'verifier report' may replace and remove them.\n"
_OURS = pattern(r"(?:(?:tests|includes)/)?[a-z0-9_.-]+\.(?:html|css|js)")


class ReportFolder:
    """A directory that is new, empty, or a report.

    Raises ``UsageError`` for any other one, ``OutputError`` if it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.before: set[str] = set()  # files of the report that was there
        self.written: list[str] = []
        try:
            os.makedirs(path, exist_ok=True)
            names = os.listdir(path)
            if MARKER in names:
                with open(self._place(MARKER), encoding="utf-8") as stream:
                    self.before = set(filter(_OURS.fullmatch, stream.read().splitlines()))
            elif names:
                raise UsageError(
                    f"{path}: this directory is not empty, and is no report; name a new one, or an empty one"
                )
            self._put(MARKER, self._listed())
        except (OSError, ValueError) as error:
            raise _failed(path, error) from None

    def write(self, name: str, text: str) -> None:
        """Write a file of the report; readers see the old one or the new one. Raises ``OutputError``."""
        assert _OURS.fullmatch(name), name
        self.written.append(name)
        try:
            if name not in self.before:  # so that it is known whose it is, whatever happens
                with open(self._place(MARKER), "a", encoding="utf-8") as stream:
                    stream.write(f"{name}\n")
            os.makedirs(os.path.dirname(self._place(name)), exist_ok=True)
            self._put(name, text)
        except OSError as error:
            raise _failed(self._place(name), error) from None

    def close(self) -> None:
        """Remove what was in the report before, and is not in it now. Raises ``OutputError``."""
        for name in sorted(self.before.difference(self.written)):
            try:
                os.remove(self._place(name))
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _failed(self._place(name), error) from None
            with suppress(OSError):  # other files are in it
                os.rmdir(os.path.dirname(self._place(name)))
        self.before.clear()
        self._put(MARKER, self._listed())

    def _listed(self) -> str:
        return _ABOUT + "".join(f"{name}\n" for name in sorted(self.before.union(self.written)))

    def _place(self, name: str) -> str:
        return os.path.join(self.path, *name.split("/"))

    def _put(self, name: str, text: str) -> None:
        """Write a file under another name, and rename it."""
        place = self._place(name)
        part = f"{place}.part"
        try:
            with open(part, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.replace(part, place)
        except BaseException:
            with suppress(OSError):
                os.remove(part)
            raise


def _failed(path: str, error: Exception) -> OutputError:
    return OutputError(f"{path}: {getattr(error, 'strerror', None) or error}")
