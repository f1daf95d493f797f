"""Which commits of a repository may matter: the range of a call, and the commits that touch some files."""

from __future__ import annotations

import os

from verifier.errors import UsageError
from verifier.kernel.git import Repository, repository
from verifier.revisions.rows import Commit

_FORMAT = "--format=%H%x00%P%x00%cs%x00%s"


class RevisionRange:
    """The revisions ``A..B`` of a repository: after A, up to B. ``A..`` ends at HEAD.

    Raises ``UsageError`` for a range that is none, revisions that do not exist, and an A that does not come
    before B.
    """

    def __init__(self, directory: str, text: str) -> None:
        if not os.path.isdir(directory):
            base, at, _ = directory.rpartition("@")
            if at and os.path.isdir(base):
                raise UsageError(
                    f"--kernel {directory}: the range says which revisions; name the directory alone"
                )
            raise UsageError(f"--kernel {directory}: there is no directory {directory!r}")
        a, dots, b = text.partition("..")
        if not dots or b.startswith(".") or ".." in b:
            raise UsageError(f"{text!r} is no range of revisions; write A..B, such as v6.1..v6.12")
        if not a:
            raise UsageError(f"{text!r}: the revision before '..' is missing")
        self.directory, self.text = directory, text
        self.repository: Repository = repository(directory)
        self.last = self._commit(b or "HEAD")
        self.first = self._commit(a)
        self._in_order(a, b or "HEAD")

    @property
    def shallow(self) -> bool:
        """Does the repository lack what lies before some of its commits?"""
        return (self.repository.run("rev-parse", "--is-shallow-repository") or "").strip() == "true"

    def _commit(self, revision: str) -> Commit:
        found = self.repository.find(f"{revision}^{{commit}}")
        if found is None:
            raise UsageError(f"there is no revision {revision!r} in {self.directory}{self._cut()}")
        (commit,) = self._list("--no-walk", found.id)
        return commit

    def _cut(self) -> str:
        """What to do about a history that is cut off."""
        return "; it is a shallow clone: 'git fetch --unshallow' brings the rest" if self.shallow else ""

    def _in_order(self, a: str, b: str) -> None:
        if self._before(self.first, self.last):
            return
        if self._before(self.last, self.first):
            raise UsageError(f"{self.text}: {b} is older than {a}; write {b}..{a}")
        base = self.repository.run("merge-base", self.first.id, self.last.id)
        if base is None:
            raise UsageError(f"{self.text}: {a} and {b} have no commit in common{self._cut()}")
        hint = f"their lines part at {base.strip()[:12]}"
        raise UsageError(f"{self.text}: {a} does not come before {b}; {hint}: write {base.strip()[:12]}..{b}")

    def _before(self, old: Commit, new: Commit) -> bool:
        return self.repository.run("merge-base", "--is-ancestor", old.id, new.id) is not None

    def touching(self, paths: list[str], *, first_parent: bool) -> list[Commit]:
        """The commits of the range that touch a file, parents first. A merge is among them if it differs
        from each of its parents; with ``first_parent``, if it differs from the first."""
        walk = ["--first-parent"] if first_parent else []
        span = f"{self.first.id}..{self.last.id}"
        return self._list("--topo-order", "--reverse", "--full-history", *walk, span, "--", *paths)

    def renamed(self, path: str, commit: Commit) -> str:
        """What a commit says about the name of a file: ``a.c was b.c before``; empty if nothing."""
        asked = ["-r", "-M", "--diff-filter=R", "--name-status", "-z", "--root", "--no-commit-id"]
        said = self.repository.run("diff-tree", *asked, commit.id) or ""
        words = said.split("\0")
        for at in range(0, len(words) - 2, 3):
            _, old, new = words[at : at + 3]
            if path == new:
                return f"{path} was {old} until {commit.short} ({commit.subject})"
            if path == old:
                return f"{path} is {new} from {commit.short} ({commit.subject}) on"
        return ""

    def dirty(self, paths: list[str]) -> list[str]:
        """Those of the files that have changes which are not committed."""
        said = self.repository.run("status", "--porcelain", "-z", "--untracked-files=no", "--", *paths) or ""
        return sorted(word[3:] for word in said.split("\0") if word[3:] in paths)

    def _list(self, *arguments: str) -> list[Commit]:
        said = self.repository.run("rev-list", _FORMAT, *arguments)
        if said is None:
            raise UsageError(f"git cannot list the commits of {self.text} in {self.directory}{self._cut()}")
        found: list[Commit] = []
        for line in said.split("\n"):
            if "\0" in line:
                name, parents, date, subject = line.split("\0", 3)
                found.append(Commit(name, date, subject, tuple(parents.split())))
        return found
