"""The same tests under several profiles and models, side by side."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.program.profiles import MODEL_NAMES, PROFILES
from verifier.records import dataclass
from verifier.render.base import Report
from verifier.results import Verdict


@dataclass(frozen=True, slots=True)
class Compared:
    """A test's observation in each column, and whether it may hang.

    ``unknown`` says which of them are unknown, and why.
    """

    id: str
    cells: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Do two known observations differ?"""
        return len({c for c in self.cells if not c.startswith("unknown")}) > 1


def _cell(verdict: Verdict) -> str:
    return f"{verdict.observation}{' hangs' if verdict.hangs and not verdict.deadlock else ''}"


class Table(Report[Compared]):
    """A table with a column for each of ``columns``. It is printed at the end, when all widths are known.

    ``everything``: print tests that have the same verdict in all columns, too.
    """

    def __init__(self, out: Output, columns: list[tuple[str, str]], *, everything: bool) -> None:
        super().__init__(out)
        one_model = len(columns) == len({profile for profile, _ in columns})
        self.names = [profile if one_model else f"{profile}/{model}" for profile, model in columns]
        self.everything = everything
        self.rows: list[Compared] = []

    def piece(self, verdicts: list[Verdict]) -> Compared:
        """The row of one test."""
        unknown = [
            f"{v.test.id} under {name}: unknown ({v.reason})"
            for name, v in zip(self.names, verdicts, strict=True)
            if v.observation == "unknown"
        ]
        return Compared(verdicts[0].test.id, tuple(map(_cell, verdicts)), tuple(unknown))

    def done(self, piece: Compared) -> None:
        """Keep the row of a test, which is decided in all columns."""
        self.rows.append(piece)
        self.codes.add(ExitCode.UNKNOWN if piece.unknown else ExitCode.EXPECTED)

    def close(self) -> None:
        """Print the table, and a summary."""
        shown = [r for r in self.rows if self.everything or r.differs or r.unknown]
        width = max([len(r.id) for r in shown] + [4])
        widths = [
            max(len(name), 9, *(len(r.cells[i]) for r in self.rows)) for i, name in enumerate(self.names)
        ]
        for head, cells in [("", self.names), *((r.id, r.cells) for r in shown)] if shown else []:
            self.out.write(_line([head, *cells], [width, *widths]))
        for reason in (why for r in self.rows for why in r.unknown):
            self.out.write(f"{reason}\n")
        differ = sum(r.differs for r in self.rows)
        unknown = sum(bool(r.unknown) and not r.differs for r in self.rows)
        total = len(self.rows)
        parts = [f"{total - differ - unknown} the same everywhere", f"{differ} different"]
        parts += [f"{unknown} unknown"] if unknown else []
        errors = self.tally.errors
        files = f"{errors} file{'s' * (errors != 1)} with errors"
        parts += [self.tally.with_errors if self.tally.wrong else files] if errors else []
        parts += [self.tally.left_out] if self.tally.skipped else []
        self.out.write(f"{total} test{'s' * (total != 1)}: {', '.join(parts)}\n")


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() + "\n"


def columns(profiles: str | None, models: str) -> list[tuple[str, str]]:
    """Each profile with each model. Both are lists with commas; ``profiles`` None means all profiles. Raises
    ``UsageError`` for a profile or model that does not exist."""
    chosen = list(PROFILES) if profiles is None else [p for p in profiles.split(",") if p]
    asked = [m for m in models.split(",") if m]
    for word, known, what in ((chosen, PROFILES, "profile"), (asked, MODEL_NAMES, "model")):
        for name in word:
            if name not in known:
                raise UsageError(f"unknown {what} {name!r}; there are {', '.join(known)}")
        if not word:
            raise UsageError(f"no {what} is named; there are {', '.join(known)}")
    return [(p, m) for p in chosen for m in asked]
