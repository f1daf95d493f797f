"""The settings of a project: the table ``[tool.verifier]`` of its pyproject.toml."""

from __future__ import annotations

import os

from verifier.errors import UsageError
from verifier.records import NamedTuple

FILE = "pyproject.toml"


class Settings(NamedTuple):
    """``kernel``: the kernel tree of tests about its own text, DIR or DIR@REV; a relative one is meant from
    where the file lies. ``store``: the file of the results store, likewise. ``tests``: what a call without
    paths is about, likewise. ``file``: where it is said."""

    kernel: str | None = None
    store: str | None = None
    tests: tuple[str, ...] = ()
    file: str = ""


_KEYS = {"kernel": "DIR or DIR@REV", "store": "a file"}
_LISTS = {"tests": "files and directories"}


def settings(start: str | os.PathLike[str] = ".") -> Settings:
    """The settings in the nearest pyproject.toml at or above a directory; those of an empty table if there is
    none. Raises ``UsageError`` for a file that cannot be read, a key that does not exist, a wrong value."""
    file = _nearest(os.path.abspath(start))
    if file is None:
        return Settings()
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    return _read(file, text) if _may_have_table(text) else Settings()


def _may_have_table(text: str) -> bool:
    """May the file have the table? Where it does not, there is no need to import ``tomllib``.

    It has a header with both words, or is under ``[tool]``, or is a value of ``tool``.
    """
    if "verifier" not in text:
        return False
    lines = ["".join(line.split()).replace('"', "").replace("'", "") for line in text.splitlines()]
    return any(
        line.startswith(("tool.", "tool=", "[tool]")) or (line.startswith("[tool.") and "verifier" in line)
        for line in lines
    )


def _nearest(folder: str) -> str | None:
    """The file in a directory, or in the nearest one above it that has one."""
    while True:
        file = os.path.join(folder, FILE)
        if os.path.isfile(file):
            return file
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _read(file: str, text: str) -> Settings:
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}") from None
    table = tool.get("verifier", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: tool.verifier must be a table: [tool.verifier]")
    for key in table:
        if key not in (*_KEYS, *_LISTS):
            known = ", ".join((*_KEYS, *_LISTS))
            raise UsageError(f"{file}: [tool.verifier] has no key {key!r}; it has {known}")
    found = {key: _place(file, key, table.get(key)) for key in _KEYS}
    return Settings(found["kernel"], found["store"], _places(file, "tests", table.get("tests")), file)


def _places(file: str, key: str, value: object) -> tuple[str, ...]:
    """Paths that are meant from where the file lies."""
    if value is None:
        return ()
    if not (isinstance(value, list) and value and all(isinstance(path, str) and path for path in value)):
        raise UsageError(
            f"{file}: [tool.verifier] {key} must be a list of strings, {_LISTS[key]}, not {value!r}"
        )
    folder = os.path.dirname(file)
    return tuple(os.path.relpath(os.path.join(folder, os.path.expanduser(path))) for path in value)


def _place(file: str, key: str, value: object) -> str | None:
    """A path that is meant from where the file lies."""
    if value is None:
        return None
    if not (isinstance(value, str) and value):
        raise UsageError(f"{file}: [tool.verifier] {key} must be a string, {_KEYS[key]}, not {value!r}")
    return os.path.join(os.path.dirname(file), os.path.expanduser(value))
