"""The same tests under several profiles and models, side by side."""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import InputError, UsageError
from verifier.program.profiles import PROFILES
from verifier.suite import Options, discover, run, tests_of

MODELS = ("x86-tso", "sc")


def compare(
    paths: list[str],
    profiles: str | None,
    models: str,
    timeout: float,
    everything: bool,
    say: Callable[[str], None],
) -> int:
    """Say the observation of each test in each column; tests that come out the same only if
    ``everything`` is asked for. The exit code. Raises ``UsageError`` for unknown columns.

    ``profiles`` and ``models`` are comma-separated; ``timeout`` is in seconds a test and column.
    """
    columns = _columns(profiles, models)
    rows: list[tuple[str, list[str]]] = []
    code = 0
    for task in discover(paths):
        try:
            tests = tests_of(task, Options())
            for test in tests:
                found = [run(test, _options(*column, timeout)).observation for column in columns]
                rows.append((test.id, found))
                code = 3 if "unknown" in found else code
        except InputError as error:
            raise UsageError("\n\n".join(d.render() for d in error.diagnostics)) from None
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
    say(f"{len(rows)} test{'s' * (len(rows) != 1)}: {same} the same everywhere, {len(rows) - same} not")
    return code


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
