"""A results store: answers by their keys, and the verdicts of runs, in one SQLite file.

Several processes may use a file at the same time. A connection belongs to one process; a process that forks
has none open at that moment.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from verifier.errors import UsageError
from verifier.suite.shelf import Cell, Kept, Record, StoreError

_APPLICATION = 0x6C69746D  # "litm", in SQLite's header
_WAIT = 60.0  # seconds for another process to finish its writing
_MAGIC = b"SQLite format 3\0"
_UNTOUCHED = "ro&immutable=1"  # how a file is opened of which nothing changes, nor beside it
_HEAD, _MADE_BY = 100, slice(68, 72)  # the header of a database, and where it names a program
_FIRST = f"""
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
PRAGMA application_id = {_APPLICATION}
"""
# ``unstored``: verdicts that could not be written; ``tests``: how many an error leaves without a verdict.
_SECOND = """
ALTER TABLE runs ADD COLUMN unstored INTEGER NOT NULL DEFAULT 0;
CREATE TABLE errors (
    run INTEGER NOT NULL, path TEXT NOT NULL, message TEXT NOT NULL, code INTEGER NOT NULL,
    tests INTEGER NOT NULL);
CREATE INDEX wrong ON errors (run)
"""
_STEPS = (_FIRST, _SECOND)  # from each version of the tables to the next
VERSION = len(_STEPS)
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)  # nothing can be written now
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)  # the same, of the operating system


def _connected(path: str, mode: str) -> sqlite3.Connection:
    file = f"{Path(path).absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(file, timeout=_WAIT, isolation_level=None, uri=True)


def _fixed(path: str) -> bool:
    """Is the file one that this process may only read, and that nobody writes? SQLite would leave files
    beside it."""
    if not os.path.exists(path) or os.path.lexists(f"{path}-wal"):
        return False
    return not all(os.access(place, os.W_OK) for place in (path, os.path.dirname(path) or os.curdir))


def _number(base: sqlite3.Connection, pragma: str) -> int:
    return int(base.execute(f"PRAGMA {pragma}").fetchone()[0])


def _version(base: sqlite3.Connection) -> int:
    """The version of a store's tables; 0 if the database is empty. Raises ``StoreError`` for another file."""
    version, made_by = _number(base, "user_version"), _number(base, "application_id")
    if made_by != _APPLICATION:
        tables = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if made_by or version or tables:
            raise StoreError("is a database of another program, and no results store", foreign=True)
    if version > VERSION:
        raise StoreError("was made by a newer version of the verifier; name another file", foreign=True)
    return version


@contextmanager
def _reported() -> Iterator[None]:
    """Errors of SQLite as ``StoreError``."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        said = str(error)
        if code is None and said.startswith("Could not decode"):  # Python's own error
            raise StoreError(said, damaged=True) from None
        damaged = isinstance(error, sqlite3.DatabaseError) and type(error) is not sqlite3.OperationalError
        full = code is not None and code & 0xFF in _FULL
        raise StoreError(said, damaged, full=full) from None
    except OSError as error:
        raise StoreError(error.strerror or str(error), full=error.errno in _NO_ROOM) from None


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
            self.fixed = _fixed(path)
            self.base = _connected(path, _UNTOUCHED if self.fixed else "rwc" if create else "rw")
            try:
                self._open()
            except BaseException:
                self.base.close()
                raise

    def _open(self) -> None:
        """Make the tables that are missing. Nothing is changed before it is known whose file it is."""
        version = _version(self.base)
        if self.fixed and version == VERSION:
            return
        self._share()
        self.base.execute("PRAGMA synchronous = NORMAL")  # what a killed process has written is kept
        if version < VERSION:
            with self.writing():
                for step in _STEPS[_version(self.base) :]:  # another process may just have done it
                    for statement in step.split(";"):
                        self.base.execute(statement)
                self.base.execute(f"PRAGMA user_version = {VERSION}")

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
        """Look at every page and index of the file. Raises ``StoreError`` for a damaged one."""
        with _reported():
            (said,) = self.base.execute("PRAGMA integrity_check(1)").fetchone()
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
        """Write verdicts of a run, and answers of a tool. All of them are there at once, or none. Of run 0,
        which could not be begun, only the answers are written."""
        with self.writing():
            for record in records:
                if record.row["run"]:
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

    def end(self, run: int, state: str, now: float, unstored: int = 0) -> None:
        """Note how a run ended, and how many of its verdicts could not be written."""
        with self.writing():
            asked = "UPDATE runs SET ended = ?, state = ?, unstored = ? WHERE number = ?"
            self.base.execute(asked, (now, state, unstored, run))

    def note(self, row: Mapping[str, Cell]) -> None:
        """Note an error of a file in a run."""
        with self.writing():
            self.insert("errors", row)

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
            for table in ("verdicts", "errors"):
                self.base.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT number FROM runs)")
            self.base.execute("DELETE FROM answers WHERE key NOT IN (SELECT key FROM verdicts)")
            self.base.execute("DELETE FROM uses WHERE key NOT IN (SELECT key FROM answers)")
            self.base.execute("DELETE FROM texts WHERE digest NOT IN (SELECT digest FROM uses)")
        with _reported():
            self.base.execute("VACUUM")
        return old.rowcount


def opened(path: str) -> str:
    """Make a store ready for a suite. Returns a message if a damaged file was set aside, or an empty text.

    Raises ``UsageError`` if there can be no store of this name, and ``StoreError`` if it cannot be written
    now.
    """
    why = looked_at(path)
    said = set_aside(path, why) if why else ""
    try:
        with ResultsStore(path, create=True) as store:
            store.healthy()
    except StoreError as error:
        if not error.damaged:
            raise _usage(path, error) from None
        said = set_aside(path, str(error))
        try:
            ResultsStore(path, create=True).close()
        except StoreError as again:
            raise _usage(path, again) from None
    return said


def existing(path: str, *, known: bool = False) -> ResultsStore:
    """A store that is there. Raises ``UsageError`` if the file is none, or is damaged. ``known``: all of it
    has just been looked at."""
    why = looked_at(path)
    try:
        if why:
            raise StoreError(why, damaged=True)
        store = ResultsStore(path)
        try:
            if not known:
                store.healthy()
        except BaseException:
            store.close()
            raise
    except StoreError as error:
        if error.damaged:
            hint = "'verifier check --store' sets it aside"
            raise UsageError(f"{path} is damaged ({error}); {hint}") from None
        raise UsageError(f"{path}{' ' if error.foreign else ': '}{error}") from None
    store.base.text_factory = lambda data: data.decode(errors="replace")  # one damaged letter hides no run
    return store


def _usage(path: str, error: StoreError) -> StoreError | UsageError:
    """What to raise for a store that cannot be opened."""
    return error if error.full else UsageError(f"{path}{' ' if error.foreign else ': '}{error}")


def looked_at(path: str) -> str:
    """Why a file is no store but what was one once; empty if it may be a store, or is not there.

    Nothing of the file changes. Raises ``UsageError`` for what was never a store: a text, another program's
    database, a pipe, a device.
    """
    if not path:
        raise UsageError("the name of the results store is empty: name a file with --store FILE")
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            if stat.S_ISDIR(mode):
                raise UsageError(f"{path}: {os.strerror(errno.EISDIR)}")
            raise UsageError(f"{path} is a pipe or a device, and no results store")
        with open(path, "rb") as stream:
            head = stream.read(_HEAD)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if not head or head[_MADE_BY] == _APPLICATION.to_bytes(4):
        return ""
    if head.startswith(_MAGIC):
        _asked(path)
        return ""
    if _is_text(Path(path)):
        raise UsageError(f"{path} is a text file, and no results store")
    return "it is no database"


def _asked(path: str) -> None:
    """Ask a database that may be another program's whose it is, by a connection that leaves it, and all
    beside it, as they are. Raises ``UsageError`` if it is another's."""
    with suppress(sqlite3.Error), closing(_connected(path, _UNTOUCHED)) as base:
        try:
            _version(base)
        except StoreError as error:
            raise UsageError(f"{path} {error}") from None


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
