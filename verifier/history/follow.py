"""Follows a test along the history of a kernel's repository."""

from __future__ import annotations

import time
from collections.abc import Sequence

from verifier.history.commits import Range
from verifier.history.found import History
from verifier.history.judge import Judge, Progress
from verifier.history.rows import Commit, Row, Turn
from verifier.history.takings import Reader, differences
from verifier.history.turns import Search, Step
from verifier.source import Source
from verifier.suite.load import variants_of
from verifier.suite.options import Options


def _silent(_: str) -> None:
    """Tell nobody."""


def follow(
    source: Source,
    span: Range,
    options: Options,
    *,
    variants: Sequence[str] = (),
    every: bool = False,
    first_parent: bool = False,
    progress: Progress = _silent,
) -> History:
    """The history of the tests of a source at the revisions of ``span``.

    ``variants``      those that are asked for; none: all;
    ``every``         judge each row; otherwise verdicts are bisected;
    ``first_parent``  follow first parents alone, so that a merge stands for all that it brings.

    Raises ``InputError`` for a test that is wrong whatever the tree is, and ``UsageError`` for a
    variant that does not exist, or a test that takes nothing of a kernel's text.
    """
    start = time.perf_counter()
    name, asked = variants_of(source, options.defines, variants)
    reader = Reader(source, span.repository, asked, options.defines)
    walk = _Walk(span, reader, first_parent, progress)
    judge = Judge(options, progress)
    turns: list[Turn] = []
    for variant in reader.variants:
        search = Search(walk.steps, judge, variant or "")
        turns += search.every() if every else search.between()
    rows = [
        Row(
            commit=step.commit,
            kind="start" if at == 0 else "end" if not step.before and at else "commit",
            changes=differences(step.before[0], step.here) if step.before else (),
            verdicts={v or "": judge.known(step.here, v or "") for v in reader.variants},
            notes=tuple(walk.notes.get(step.commit.id, ())),
        )
        for at, step in enumerate(walk.steps)
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

    def __init__(self, span: Range, reader: Reader, first_parent: bool, progress: Progress) -> None:
        self.span, self.reader, self.first_parent = span, reader, first_parent
        self.notes: dict[str, list[str]] = {}
        self.roots: list[Commit] = []
        first, last = reader.at(span.first.id), reader.at(span.last.id)
        self.steps = [Step(span.first, first, ())]
        self.visited = span.touching(reader.paths, first_parent=first_parent)
        for at, commit in enumerate(self.visited, 1):
            progress(f"{at}/{len(self.visited)} {commit.short}")
            self._visit(commit)
        if self.steps[-1].here is not last:  # the last row stands on another line
            self.steps.append(Step(span.last, last, ()))

    def _visit(self, commit: Commit) -> None:
        parents = commit.parents[:1] if self.first_parent else commit.parents
        here = self.reader.at(commit.id)
        before = tuple(self.reader.at(parent) for parent in parents)
        if not parents:
            self.roots.append(commit)
        if all(snapshot is not here for snapshot in before):
            self.steps.append(Step(commit, here, before))
            for path in self.reader.paths:
                self._name(path, commit, parents)

    def _name(self, path: str, commit: Commit, parents: Sequence[str]) -> None:
        """Note that a file gets or loses its name."""
        repository = self.reader.repository
        there = repository.file(commit.id, path) is not None
        if len(parents) == 1 and there != (repository.file(parents[0], path) is not None):
            said = self.span.renamed(path, commit) or f"{path} is {'new' if there else 'gone'} here"
            self.notes.setdefault(commit.id, []).append(said)


def _beside(span: Range, walk: _Walk) -> list[str]:
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
