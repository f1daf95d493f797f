"""The same tests under several profiles and models, side by side."""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import InputError, InternalError, UsageError
from verifier.program.profiles import PROFILES
from verifier.source import Diagnostic
from verifier.suite import MODELS, Options, Task, discover, run, tests_of


def compare(
    paths: list[str],
    profiles: str | None,
    models: str,
    timeout: float,
    everything: bool,
    say: Callable[[str], None],
    complain: Callable[[str], None],
) -> int:
    """Say the observation of each test in each column; tests that come out the same only if
    ``everything`` is asked for, and by ``complain`` what is wrong with files. The exit code. Raises
    ``UsageError`` for unknown columns.

    ``profiles`` and ``models`` are comma-separated; ``timeout`` is in seconds a test and column.
    """
    columns = _columns(profiles, models)
    rows: list[tuple[str, list[str]]] = []
    code, errors = 0, 0
    for task in discover(paths):
        try:
            of_file = _rows(task, columns, timeout)
        except (InputError, InternalError, UsageError) as error:
            complain(str(error) if isinstance(error, InputError) else f"verifier: {error}")
            code = max(code, 4 if isinstance(error, InternalError) else 2, key=_BADNESS.index)
            errors += 1
            continue
        rows += of_file
        if any("unknown" in cells for _, cells in of_file):
            code = max(code, 3, key=_BADNESS.index)
    shown = [row for row in rows if everything or len(set(row[1])) > 1]
    names = [profile if len(columns) == len({p for p, _ in columns}) else f"{profile}/{model}"
             for profile, model in columns]  # fmt: skip
    width = max([len(name) for name, _ in shown] + [4])
    widths = [max(len(name), 9) for name in names]
    if shown:
        say("  ".join([" " * width, *(n.ljust(w) for n, w in zip(names, widths, strict=True))]).rstrip())
    for name, found in shown:
        cells = (f.ljust(w) for f, w in zip(found, widths, strict=True))
        say("  ".join([name.ljust(width), *cells]).rstrip())
    same = len(rows) - len([r for r in rows if len(set(r[1])) > 1])
    wrong = f", {errors} file{'s' * (errors != 1)} with errors" if errors else ""
    say(
        f"{len(rows)} test{'s' * (len(rows) != 1)}: {same} the same everywhere, {len(rows) - same} not{wrong}"
    )
    return code


_BADNESS = (0, 3, 2, 4)  # exit codes, the worst one last


def _rows(task: Task, columns: list[tuple[str, str]], timeout: float) -> list[tuple[str, list[str]]]:
    """What each test of a file is in each column."""
    try:
        return [
            (test.id, [run(test, _options(*column, timeout)).observation for column in columns])
            for test in tests_of(task, Options())
        ]
    except RecursionError:
        raise InputError([Diagnostic("nesting", "nested too deeply", file=task.name)]) from None


def _options(profile: str, model: str, timeout: float) -> Options:
    return Options(model=model, profile=profile, timeout=timeout, witnesses=False)


def _columns(profiles: str | None, models: str) -> list[tuple[str, str]]:
    chosen = list(PROFILES) if profiles is None else [p for p in profiles.split(",") if p]
    asked = [m for m in models.split(",") if m]
    for word, known, what in ((chosen, PROFILES, "profile"), (asked, MODELS, "model")):
        for name in word:
            if name not in known:
                raise UsageError(f"unknown {what} {name!r}; there are {', '.join(known)}")
    return [(p, m) for p in chosen for m in asked]
