"""Edits as changes of a test's tree. They are quick to make and to try; ``texts`` writes those that help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.test import Test
from verifier.why.edits import Edit
from verifier.why.sites import Key, key
from verifier.why.texts import same

Statements = tuple[ast.Stmt, ...]
Change = Callable[[Statements], Statements]  # of the statements of a block


def inserting(put: Mapping[int, Statements]) -> Change:
    """More statements in a block: by place, those that come before the statement there."""

    def changed(old: Statements) -> Statements:
        new: list[ast.Stmt] = []
        for at, s in enumerate(old):
            new += [*put.get(at, ()), s]
        return (*new, *put.get(len(old), ()))

    return changed


def moving(source: int, at: int) -> Change:
    """Statement ``source`` of a block stands before statement ``at``."""

    def changed(old: Statements) -> Statements:
        kept = [s for i, s in enumerate(old) if i != source]
        kept.insert(at if at <= source else at - 1, old[source])
        return tuple(kept)

    return changed


class Rewriting:
    """A unit with other statements in some of its blocks. Functions of includes stay as they are."""

    def __init__(self, changes: Mapping[Key, Change]) -> None:
        self.changes = changes

    def unit(self, unit: ast.Unit) -> ast.Unit:
        """The unit with the changes."""
        return replace(
            unit,
            functions={
                n: f if f.included and not f.kernel else replace(f, body=self.block(f.body))
                for n, f in unit.functions.items()
            },
            threads={c: replace(t, body=self.block(t.body)) for c, t in unit.threads.items()},
            nmis=tuple(replace(t, body=self.block(t.body)) for t in unit.nmis),
        )

    def block(self, b: ast.Block) -> ast.Block:
        """A block, and the blocks in it."""
        body = tuple(map(self.statement, b.body))
        change = self.changes.get(key(b.span))
        return replace(b, body=body if change is None else change(body))

    def statement(self, s: ast.Stmt) -> ast.Stmt:
        """A statement with the blocks in it. Nothing is changed in the bodies of loops."""
        if isinstance(s, ast.Block):
            return self.block(s)
        if isinstance(s, ast.If):
            other = None if s.other is None else self.statement(s.other)
            return replace(s, then=self.statement(s.then), other=other)
        if isinstance(s, ast.ForEachCpu | ast.Switch):
            return replace(s, body=self.statement(s.body))
        if isinstance(s, ast.Guard) and s.body is not None:
            return replace(s, body=self.statement(s.body))
        return s


class Trees:
    """The trees of a test with edits. ``statements``: what edits put in, by text, once it has been read."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self.statements: dict[str, ast.Stmt] = {}
        self.number = statements(test.tree)

    def changed(self, edits: Sequence[Edit], places: Sequence[int]) -> ast.Unit | None:
        """The tree with edits in these places. None if they do not only change statements in blocks, or if
        what they put in has never been read from text."""
        unit: ast.Unit = self.test.tree
        put: dict[Key, dict[int, Statements]] = {}
        for edit, place in zip(edits, places, strict=True):
            if edit.change is None:
                return None
            change = edit.change(place)
            if change.moved is not None:
                unit = Rewriting({change.block: moving(*change.moved)}).unit(unit)
            for at, text in change.put:
                if text not in self.statements:
                    return None
                row = put.setdefault(change.block, {})
                row[at] = (*row.get(at, ()), self.statements[text])
        return Rewriting({block: inserting(row) for block, row in put.items()}).unit(unit) if put else unit

    def meant(self, test: Test, edits: Sequence[Edit], places: Sequence[int]) -> bool:
        """Does a text, read as ``test``, say what the edits mean? One that changes what a later
        ``[else]`` means does not."""
        changes = [e.change(at) for e, at in zip(edits, places, strict=True) if e.change is not None]
        wanted = {text for change in changes for _, text in change.put}
        if not wanted <= self.statements.keys():
            read = {s.span.text.strip(): s for s in nodes(test.tree) if isinstance(s, ast.ExprStmt)}
            self.statements |= {text: read[text] for text in wanted if text in read}
        if not wanted <= self.statements.keys():
            return False  # it stands in a comment, for instance
        tree = self.changed(edits, places)
        if tree is None:  # a word becomes another one, or two statements become one
            return statements(test.tree) == self.number - sum(e.kind == "exchange" for e in edits)
        return same(test.tree, tree)


_STATEMENTS = tuple(kind for kind in get_args(ast.Stmt) if kind is not ast.Block)


def statements(unit: ast.Unit) -> int:
    """How many statements there are, but for blocks; what several CPUs execute counts once."""
    code = [*unit.threads.values(), *unit.nmis, *unit.functions.values()]
    spans = (x.span for part in code for x in nodes(part) if isinstance(x, _STATEMENTS))
    return len({(s.source.name, s.start, s.end) for s in spans})
