"""A results store: answers by their keys, and the verdicts of runs, in one SQLite file.

Several processes may use a file at the same time. A connection belongs to one process; a process that forks
has none open at that moment.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from verifier.errors import UsageError
from verifier.suite.shelf import Cell, Kept, Record, StoreError

VERSION = 1
_APPLICATION = 0x6C69746D  # "litm", in SQLite's header
_WAIT = 60.0  # seconds for another process to finish its writing
_MAGIC = b"SQLite format 3\0"
_TABLES = f"""
CREATE TABLE texts (digest TEXT PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE answers (
    key TEXT PRIMARY KEY, limits TEXT NOT NULL, verdict BLOB NOT NULL, tool TEXT NOT NULL);
CREATE TABLE uses (key TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (key, digest)) WITHOUT ROWID;
CREATE INDEX about ON uses (digest);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, began REAL NOT NULL, ended REAL, state TEXT NOT NULL,
    command TEXT NOT NULL, machines TEXT NOT NULL, files INTEGER NOT NULL, tool TEXT NOT NULL);
CREATE TABLE verdicts (
    run INTEGER NOT NULL, file INTEGER NOT NULL, test INTEGER NOT NULL, machine INTEGER NOT NULL,
    path TEXT NOT NULL, id TEXT NOT NULL, observation TEXT NOT NULL, hangs INTEGER, expected TEXT NOT NULL,
    as_expected INTEGER, code INTEGER NOT NULL, reason TEXT NOT NULL, bound INTEGER, seconds REAL NOT NULL,
    reused INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, file, test, machine)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""


@contextmanager
def _reported() -> Iterator[None]:
    """Errors of SQLite as ``StoreError``."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise StoreError(str(error), damaged=True) from None
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from None


class ResultsStore:
    """A connection to a store. Close it after use (it is a context manager). Raises ``StoreError``.

    ``create``: make the file if there is none. Only ``opened`` does so: a file that one process has set
    aside must not come back through another.
    """

    def __init__(self, path: str, *, create: bool = False) -> None:
        self.path = path
        with _reported():
            if not create:
                os.stat(path)  # SQLite's own message names no cause
            file = f"{Path(path).absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
            self.base = sqlite3.connect(file, timeout=_WAIT, isolation_level=None, uri=True)
            try:
                self._open()
            except BaseException:
                self.base.close()
                raise

    def _open(self) -> None:
        self._share()
        self.base.execute("PRAGMA synchronous = NORMAL")  # what a killed process has written is kept
        if not self._number("user_version"):
            with self.writing():
                if not self._number("user_version"):  # unless another process has just made it
                    if self.base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise UsageError(
                            f"{self.path} is a database of another program, and no results store"
                        )
                    for statement in filter(str.strip, _TABLES.split(";")):
                        self.base.execute(statement)
        if self._number("application_id") != _APPLICATION:
            raise UsageError(f"{self.path} is a database of another program, and no results store")
        if self._number("user_version") > VERSION:
            raise UsageError(f"{self.path} was made by a newer version of the verifier; name another file")

    def _share(self) -> None:
        """Let readers and a writer use the file at the same time. SQLite does not wait by itself for another
        process that does the same."""
        end = time.monotonic() + _WAIT
        while True:
            try:
                self.base.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def _number(self, pragma: str) -> int:
        return int(self.base.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written inside is there at once, or not at all."""
        with _reported():
            self.base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self.base.execute("ROLLBACK")
                raise
            self.base.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        with suppress(sqlite3.Error):
            self.base.close()

    def __enter__(self) -> ResultsStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def healthy(self) -> None:
        """Look at every page of the file. Raises ``StoreError`` for a damaged one."""
        with _reported():
            (said,) = self.base.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise StoreError(str(said).splitlines()[-1], damaged=True)

    # -- answers ---------------------------------------------------------------------------------------

    def find(self, key: str) -> Kept | None:
        """The answer that a key has."""
        with _reported():
            row = self.base.execute("SELECT limits, verdict FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None else Kept(key, row[0], row[1], self._texts(key))

    def about(self, digest: str, tool: str) -> list[Kept]:
        """All answers of a tool that point at a text."""
        asked = "SELECT key, limits, verdict FROM answers JOIN uses USING (key) WHERE digest = ? AND tool = ?"
        with _reported():
            rows = self.base.execute(asked, (digest, tool)).fetchall()
            return [Kept(key, limits, data, self._texts(key)) for key, limits, data in rows]

    def _texts(self, key: str) -> dict[str, tuple[str, str]]:
        asked = "SELECT digest, name, text FROM uses JOIN texts USING (digest) WHERE key = ?"
        return {digest: (name, text) for digest, name, text in self.base.execute(asked, (key,))}

    def write(self, records: Iterable[Record], tool: str) -> None:
        """Write verdicts of a run, and answers of a tool. All of them are there at once, or none."""
        with self.writing():
            for record in records:
                self.insert("verdicts", record.row)
                if record.answer is not None:
                    self._keep(record.answer, tool)

    def _keep(self, made: Kept, tool: str) -> None:
        known = self.base.execute("SELECT limits FROM answers WHERE key = ?", (made.key,)).fetchone()
        if made.limits and known == ("",):
            return  # another process has had more luck
        for digest, (name, text) in made.texts.items():
            self.insert("texts", {"digest": digest, "name": name, "text": text})
            self.insert("uses", {"key": made.key, "digest": digest})
        self.insert("answers", {"key": made.key, "limits": made.limits, "verdict": made.data, "tool": tool})

    # -- runs ------------------------------------------------------------------------------------------

    def begin(self, command: str, machines: str, files: int, tool: str, now: float) -> int:
        """The number of a new run."""
        with self.writing():
            made = self.base.execute(
                "INSERT INTO runs (began, state, command, machines, files, tool) VALUES (?, ?, ?, ?, ?, ?)",
                (now, "open", command, machines, files, tool),
            )
        return made.lastrowid or 0

    def end(self, run: int, state: str, now: float) -> None:
        """Note how a run ended."""
        with self.writing():
            self.base.execute("UPDATE runs SET ended = ?, state = ? WHERE number = ?", (now, state, run))

    def insert(self, table: str, row: Mapping[str, Cell | bytes]) -> None:
        """Write a row, in place of one with the same key."""
        marks = ", ".join("?" * len(row))
        self.base.execute(
            f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
        )

    def drop(self, keep: int) -> int:
        """Remove all runs but the last ``keep``, and answers that none of those has. Returns how many."""
        with self.writing():
            old = self.base.execute(
                "DELETE FROM runs WHERE number NOT IN (SELECT number FROM runs ORDER BY number DESC LIMIT ?)",
                (keep,),
            )
            self.base.execute("DELETE FROM verdicts WHERE run NOT IN (SELECT number FROM runs)")
            self.base.execute("DELETE FROM answers WHERE key NOT IN (SELECT key FROM verdicts)")
            self.base.execute("DELETE FROM uses WHERE key NOT IN (SELECT key FROM answers)")
            self.base.execute("DELETE FROM texts WHERE digest NOT IN (SELECT digest FROM uses)")
        with _reported():
            self.base.execute("VACUUM")
        return old.rowcount


def opened(path: str) -> str:
    """Make a store ready for a suite. Returns a message if a damaged file was set aside, or an empty text.

    Raises ``UsageError`` if there can be no store of this name.
    """
    file, said = Path(path), ""
    try:
        with file.open("rb") as stream:
            head = stream.read(len(_MAGIC))
        if head and head != _MAGIC and _is_text(file):
            raise UsageError(f"{path} is a text file, and no results store")
        if head and head != _MAGIC:
            said = set_aside(path, "it is no database")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    try:
        with ResultsStore(path, create=True) as store:
            store.healthy()
    except StoreError as error:
        if not error.damaged:
            raise UsageError(f"{path}: {error}") from None
        said = set_aside(path, str(error))
        try:
            ResultsStore(path, create=True).close()
        except StoreError as again:
            raise UsageError(f"{path}: {again}") from None
    return said


def _is_text(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(4096)
    try:
        head[:4000].decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head
    return b"\0" not in head


def set_aside(path: str, why: str) -> str:
    """Rename a damaged store, and return a message that says so. Raises ``UsageError`` if that fails."""
    damaged = f"{path} is damaged ({why})"
    names = (f"{path}.damaged-{number}" for number in range(1, 1000))
    other = next((name for name in names if not os.path.lexists(name)), f"{path}.damaged")
    try:
        os.rename(path, other)
        for more in ("-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.rename(path + more, other + more)
    except FileNotFoundError:
        return f"{damaged}; another process has set it aside"
    except OSError as error:
        raise UsageError(f"{damaged}, and cannot be set aside: {error.strerror}") from None
    return f"{damaged}; it is set aside as {other}"
