"""The rows of a history: revisions, what differs at each, verdicts, and where these change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from verifier.errors import ExitCode
from verifier.records import dataclass
from verifier.source import Diagnostic

How = Literal["changed", "added", "removed"]
MAX_SHOWN = 4  # changes that a sentence lists


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its full ``id``, the ``date`` at which it was committed (YYYY-MM-DD), its subject, and the
    ids of its parents."""

    id: str
    date: str
    subject: str
    parents: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The id, abbreviated as the kernel's commit messages do it."""
        return self.id[:12]


@dataclass(frozen=True, slots=True)
class Change:
    """A definition that a test takes has changed. ``kind``: ``function``, ``struct`` (and typedefs),
    ``object``, ``enum`` or ``macro``."""

    file: str
    kind: str
    name: str
    how: How

    def __str__(self) -> str:
        what = f"{self.name}()" if self.kind == "function" else f"{self.kind} {self.name}"
        return f"{self.file} {what} {self.how}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known about a variant at a revision.

    ``observation``  ``never``, ``sometimes``, ``always`` or ``unknown``; None: not judged;
    ``hangs``        does some run hang? None: not known;
    ``expected``     what the file expects, as it writes it; empty without an expectation;
    ``as_expected``  None without an expectation, or if it is not judged;
    ``reason``       why it is unknown, or a remark;
    ``errors``       why the test cannot be judged with this text;
    ``warnings``     what the test says of this text without effect.
    """

    observation: str | None = None
    hangs: bool | None = None
    expected: str = ""
    as_expected: bool | None = None
    reason: str = ""
    seconds: float = 0.0
    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    exit_code: ExitCode = ExitCode.EXPECTED

    @property
    def known(self) -> bool:
        """Is there a verdict, and not an unknown one?"""
        return self.observation not in (None, "unknown")

    @property
    def word(self) -> str:
        """``never``, ``sometimes hangs``, ``error``, or ``-`` if it is not judged."""
        if self.errors:
            return "error"
        return "-" if self.observation is None else self.observation + (" hangs" if self.hangs else "")


@dataclass(frozen=True, slots=True)
class Row:
    """A revision at which what the test takes has changed.

    ``kind``      ``start`` for the first revision, ``commit``, or ``end`` for the last one, if the commit
                  before it is not on every line of history that it has;
    ``changes``   which definitions differ from those of the parent; empty if there is nothing to compare;
    ``verdicts``  by variant; the key is empty for a file without variants;
    ``notes``     what else there is to say of it: a file that has another name.
    """

    commit: Commit
    kind: Literal["start", "commit", "end"]
    changes: tuple[Change, ...]
    verdicts: Mapping[str, Judgement]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """The verdict of a variant changes ``before`` -> ``after`` at a commit.

    ``since`` is None if its parents have the verdict ``before``. Otherwise it is the last commit that has,
    and those in between cannot be judged. ``changes``: which definitions differ.
    """

    variant: str
    before: str
    after: str
    commit: Commit
    changes: tuple[Change, ...]
    since: Commit | None = None

    def __str__(self) -> str:
        what = f"the verdict of {self.variant}" if self.variant else "the verdict"
        at = f"at {self.commit.short} ({self.commit.subject})"
        if self.since is not None:
            at = (
                f"between {self.since.short} ({self.since.subject}) and {self.commit.short} "
                f"({self.commit.subject}), and what is between cannot be judged"
            )
        shown = [str(c) for c in self.changes[:MAX_SHOWN]]
        more = len(self.changes) - len(shown)
        shown += [f"{more} more"] if more else []
        listed = f": {', '.join(shown)}" if shown else ""
        return f"{what} changes from {self.before} to {self.after} {at}{listed}"
