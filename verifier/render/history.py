"""Histories for people and as JSON. docs/history.schema.json is the schema."""

from __future__ import annotations

from verifier.output import Output
from verifier.render.answers import AnswerDocument, AnswerReport
from verifier.render.json import Shape, diagnostic_object
from verifier.revisions.found import History
from verifier.revisions.rows import Change, Commit, Judgement, Row, Turn


class HistoryText(AnswerReport[History]):
    """For people. ``quiet``: without the table."""

    begun = False

    def __init__(self, out: Output, *, quiet: bool) -> None:
        super().__init__(out)
        self.quiet = quiet

    def add(self, found: History) -> None:
        """Print the rows, and what changes."""
        self.out.write(("\n" if self.begun else "") + f"{found.brief() if self.quiet else found}\n")
        self.begun = True


class HistoryJson(AnswerDocument[History]):
    """One JSON document."""

    def shape(self, found: History) -> Shape:
        """See ``history_object``."""
        return history_object(found)


def history_object(found: History) -> Shape:
    """The history of a file, as the schema has it."""
    return {
        "file": found.file,
        "name": found.name,
        "variants": [v or None for v in found.variants],
        "kernel": found.kernel,
        "paths": list(found.paths),
        "first": found.first.id,
        "last": found.last.id,
        "visited": found.visited,
        "rows": [_row(row) for row in found.rows],
        "turns": [_turn(turn) for turn in found.turns],
        "complete": found.complete,
        "notes": list(found.notes),
        "seconds": round(found.seconds, 6),
    }


def _commit(commit: Commit) -> Shape:
    return {"commit": commit.id, "date": commit.date, "subject": commit.subject}


def _row(row: Row) -> Shape:
    return {
        **_commit(row.commit),
        "kind": row.kind,
        "changes": [_change(change) for change in row.changes],
        "verdicts": [_judgement(variant, one) for variant, one in row.verdicts.items()],
        "notes": list(row.notes),
    }


def _change(change: Change) -> Shape:
    return {"file": change.file, "kind": change.kind, "name": change.name, "how": change.how}


def _judgement(variant: str, one: Judgement) -> Shape:
    return {
        "variant": variant or None,
        "status": "error" if one.errors else "not judged" if one.observation is None else "judged",
        "observation": one.observation,
        "hangs": one.hangs,
        "expected": one.expected or None,
        "as_expected": one.as_expected,
        "reason": one.reason,
        "seconds": round(one.seconds, 6),
        "errors": [diagnostic_object(d) for d in one.errors],
        "warnings": [diagnostic_object(d) for d in one.warnings],
    }


def _turn(turn: Turn) -> Shape:
    return {
        "variant": turn.variant or None,
        "before": turn.before,
        "after": turn.after,
        **_commit(turn.commit),
        "since": turn.since.id if turn.since else None,
        "changes": [_change(change) for change in turn.changes],
    }
