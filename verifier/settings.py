"""The settings of a project: the table ``[tool.verifier]`` of its pyproject.toml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from verifier.errors import UsageError

FILE = "pyproject.toml"


class Settings(NamedTuple):
    """``kernel``: the kernel tree of tests about its own text, DIR or DIR@REV; a relative one is meant from
    where the file lies. ``file``: where it is said."""

    kernel: str | None = None
    file: str = ""


def settings(start: str | os.PathLike[str] = ".") -> Settings:
    """The settings in the nearest pyproject.toml at or above a directory; those of an empty table if there is
    none. Raises ``UsageError`` for a file that cannot be read, a key that does not exist, a wrong value."""
    here = Path(os.path.abspath(start))
    file = next((p / FILE for p in (here, *here.parents) if (p / FILE).is_file()), None)
    if file is None:
        return Settings()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    if "verifier" not in text:
        return Settings()
    return _read(file, text)


def _read(file: Path, text: str) -> Settings:
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}") from None
    table = tool.get("verifier", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: tool.verifier must be a table: [tool.verifier]")
    for key in table:
        if key not in Settings._fields or key == "file":
            raise UsageError(f"{file}: [tool.verifier] has no key {key!r}; it has kernel")
    kernel = table.get("kernel")
    if kernel is not None and not (isinstance(kernel, str) and kernel):
        raise UsageError(f"{file}: [tool.verifier] kernel must be a string, DIR or DIR@REV, not {kernel!r}")
    if kernel is None:
        return Settings(None, str(file))
    return Settings(os.path.join(file.parent, os.path.expanduser(kernel)), str(file))
