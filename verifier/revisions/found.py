"""What ``verifier history`` finds for a test."""

from __future__ import annotations

from verifier.errors import ExitCode, worst
from verifier.records import dataclass
from verifier.revisions.rows import Commit, Row, Turn
from verifier.revisions.told import sentences, told


@dataclass(frozen=True, slots=True)
class History:
    """The history of a test. ``print`` shows it.

    ``file``      the path of the test, ``name`` from its first line, ``variants`` that were asked for (one
                  that is empty for a file without variants);
    ``kernel``    the directory of the repository; ``paths``: the files of it that the test names;
    ``first``     the revision before the range, ``last`` the last one;
    ``visited``   how many commits of the range touch these files;
    ``rows``      the first is that of ``first``; then each commit at which what is taken changes;
    ``turns``     where verdicts change;
    ``complete``  False if not every row is judged: ``turns`` are right, but there may be more;
    ``notes``     what else there is to say: a shallow clone, changes that are not committed.
    """

    file: str
    name: str
    variants: tuple[str, ...]
    kernel: str
    paths: tuple[str, ...]
    first: Commit
    last: Commit
    visited: int
    rows: tuple[Row, ...]
    turns: tuple[Turn, ...]
    complete: bool
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """1 if a verdict differs from its expectation, 3 if one is unknown or a revision cannot be judged,
        2 if none can be judged, else 0."""
        found = [j for row in self.rows for j in row.verdicts.values()]
        if not any(j.observation is not None for j in found):
            return ExitCode.WRONG
        return worst([ExitCode.UNKNOWN if j.errors else j.exit_code for j in found])

    def __str__(self) -> str:
        return "\n".join([self.title(), *told(self.variants, self.rows, self.turns, self.sentences())])

    def brief(self) -> str:
        """The same without the rows."""
        return "\n".join([self.title(), *sentences(self.turns, self.sentences())])

    def sentences(self) -> list[str]:
        """What there is to say besides the rows and the turns."""
        found: list[str] = []
        judged = [j for row in self.rows for j in row.verdicts.values() if j.observation is not None]
        if not judged:
            found.append("nothing could be judged")
        elif len(self.rows) == 1:
            found.append("nothing that the test takes changes")
        elif not self.turns:
            every = len(judged) == len(self.rows) * len(self.variants)
            found.append(f"no verdict changes{'' if every else ' between the rows that are judged'}")
        rest = sum(any(j.word == "-" for j in row.verdicts.values()) for row in self.rows)
        if rest:
            rows = "1 row is" if rest == 1 else f"{rest} rows are"
            found.append(f"{rows} not judged, and verdicts may change there and back; --all judges each")
        return [*found, *self.notes]

    def title(self) -> str:
        """A line that says what was looked at."""
        rows = len([r for r in self.rows if r.kind == "commit"])
        return (
            f"{self.name}: {self.first.short}..{self.last.short}: {_count(self.visited, 'commit')} "
            f"touch{'es' * (self.visited == 1)} {_count(len(self.paths), 'file')}, {rows} "
            f"change{'s' * (rows == 1)} what the test takes"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
