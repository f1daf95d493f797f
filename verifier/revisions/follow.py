"""Follows a test along the history of a kernel's repository."""

from __future__ import annotations

import time
from collections.abc import Sequence

from verifier.revisions.commits import RevisionRange
from verifier.revisions.found import History
from verifier.revisions.judge import Judge, Telling
from verifier.revisions.rows import Commit, Row
from verifier.revisions.takings import Reader, differences
from verifier.revisions.turns import TurnSearch, Visit
from verifier.source import Source
from verifier.suite.load import variants_of
from verifier.suite.options import Options


def _silent(text: str, number: int, of: int) -> None:
    """Tell nobody."""


def follow(
    source: Source,
    span: RevisionRange,
    options: Options,
    *,
    variants: Sequence[str] = (),
    every: bool = False,
    first_parent: bool = False,
    jobs: int = 1,
    progress: Telling = _silent,
) -> History:
    """The history of the tests of a source at the revisions of ``span``.

    ``variants``      those that are asked for; none: all;
    ``every``         judge each row; otherwise verdicts are bisected if there are many rows;
    ``first_parent``  follow first parents alone, so that a merge stands for all that it brings;
    ``jobs``          how many processes decide at the same time.

    Raises ``InputError`` for a test that is wrong whatever the tree is, and ``UsageError`` for a
    variant that does not exist, or a test that takes nothing of a kernel's text.
    """
    start = time.perf_counter()
    name, asked = variants_of(source, options.defines, variants)
    reader = Reader(source, span.repository, asked, options.defines)
    walk = _Walk(span, reader, first_parent, progress)
    judge = Judge(options, progress)
    searches = [TurnSearch(walk.visits, judge, variant or "") for variant in reader.variants]
    if jobs > 1:
        judge.together((wanted for search in searches for wanted in search.sure(every)), jobs)
    turns = [turn for search in searches for turn in (search.every() if every else search.between())]
    rows = [
        Row(
            commit=visit.commit,
            kind="start" if at == 0 else "end" if not visit.before and at else "commit",
            changes=differences(visit.before[0], visit.here) if visit.before else (),
            verdicts={v or "": judge.known(visit.here, v or "") for v in reader.variants},
            notes=tuple(walk.notes.get(visit.commit.id, ())),
        )
        for at, visit in enumerate(walk.visits)
    ]
    return History(
        file=source.name,
        name=name,
        variants=tuple(v or "" for v in reader.variants),
        kernel=span.directory,
        paths=tuple(reader.paths),
        first=span.first,
        last=span.last,
        visited=len(walk.visited),
        rows=tuple(rows),
        turns=tuple(turns),
        complete=not any(j.word == "-" for row in rows for j in row.verdicts.values()),
        notes=tuple(_beside(span, walk)),
        seconds=time.perf_counter() - start,
    )


class _Walk:
    """The commits of a range that touch the files of a test, and those at which what it takes changes."""

    def __init__(self, span: RevisionRange, reader: Reader, first_parent: bool, progress: Telling) -> None:
        self.span, self.reader, self.first_parent = span, reader, first_parent
        self.notes: dict[str, list[str]] = {}
        self.roots: list[Commit] = []
        first, last = reader.at(span.first.id), reader.at(span.last.id)
        self.visits = [Visit(span.first, first, ())]
        self.visited = span.touching(reader.paths, first_parent=first_parent)
        for at, commit in enumerate(self.visited, 1):
            progress(commit.short, at, len(self.visited))
            self._visit(commit)
        if self.visits[-1].here is not last:  # the last row stands on another line
            self.visits.append(Visit(span.last, last, ()))

    def _visit(self, commit: Commit) -> None:
        parents = commit.parents[:1] if self.first_parent else commit.parents
        here = self.reader.at(commit.id)
        before = tuple(self.reader.at(parent) for parent in parents)
        if not parents:
            self.roots.append(commit)
        if all(snapshot is not here for snapshot in before):
            self.visits.append(Visit(commit, here, before))
            for path in self.reader.paths:
                self._name(path, commit, parents)

    def _name(self, path: str, commit: Commit, parents: Sequence[str]) -> None:
        """Note that a file gets or loses its name."""
        repository = self.reader.repository
        there = repository.file(commit.id, path) is not None
        if len(parents) == 1 and there != (repository.file(parents[0], path) is not None):
            said = self.span.renamed(path, commit) or f"{path} is {'new' if there else 'gone'} here"
            self.notes.setdefault(commit.id, []).append(said)


def _beside(span: RevisionRange, walk: _Walk) -> list[str]:
    """What there is to say besides the rows."""
    found: list[str] = []
    if walk.roots and span.shallow:
        found.append(
            f"the clone is shallow: what lies before {walk.roots[0].short} is missing; "
            "'git fetch --unshallow' brings it"
        )
    if not walk.visited and span.first.id == span.last.id:
        found.append(f"the range is empty: both ends are {span.first.short}")
    dirty = span.dirty(walk.reader.paths)
    if dirty:
        found.append(f"changes that are not committed are not looked at: {', '.join(dirty)}")
    return found
