"""Which functions of kernel trees the tests of litmus/kernel take, and what these leave out of them.

    python benchmarks/kernel_functions.py v5.15=~/linux@v5.15 v6.12=~/linux@v6.12

prints the table of docs/kernel-functions.md: a row for each function, a column for each tree. A cell is what
some test has of the function in that tree, in its variant F, which is judged as the tree has it:

    whole   all of it, but what is not compiled, and what is for debuggers and statistics
    part    the test's ``#without`` leaves out calls; the last column has their names
    -       no test has it: it does not exist there, or the test cannot be judged in that tree
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from verifier.budget import Budget
from verifier.errors import VerifierError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import lower
from verifier.lower.c.kernel import resolved
from verifier.syntax import load, read
from verifier.syntax.test import Test

TESTS = Path(__file__).resolve().parents[1] / "litmus" / "kernel"


class Had(NamedTuple):
    """A function of a tree as a test has it; ``without``: whose calls in it are left out."""

    name: str
    file: str
    without: frozenset[str]


def had(test: Test) -> Iterator[Had]:
    """The functions that a test takes. Raises ``InputError`` if the test cannot be judged in its tree."""
    lower(test, Budget())
    found = resolved(test.tree)
    omitted = [note for note in found.notes if note.outcome == "omitted"]
    for f in found.unit.functions.values():
        if f.kernel:
            inside = [
                note.name for note in omitted
                if note.span.source is f.span.source and f.span.start <= note.span.start < f.body.span.end
            ]  # fmt: skip
            yield Had(f.name, f.kernel, frozenset(inside))


def in_tree(place: str) -> dict[tuple[str, str], frozenset[str]]:
    """By name and file, what is left out of a function at least; errors are told."""
    tree, least = KernelTree(place), dict[tuple[str, str], frozenset[str]]()
    for path in sorted(TESTS.glob("*.litmus")):
        source = read(path)
        try:
            found = [one for test in load(source, tree=tree, only="F") for one in had(test)]
        except VerifierError as error:
            print(f"{path.name}::F in {place}: {error}"[:200], file=sys.stderr)
            continue
        for name, file, without in found:
            known = least.get((name, file))
            if known is None or len(without) < len(known):
                least[name, file] = without
    return least


def table(trees: dict[str, dict[tuple[str, str], frozenset[str]]]) -> Iterator[str]:
    """The lines of the table. Rows of one name are one row if their files follow each other in time."""
    yield f"| function | file | {' | '.join(trees)} | left out |"
    yield f"|---|---|{'---|' * len(trees)}---|"
    names = sorted({key for found in trees.values() for key in found}, key=lambda key: (key[1], key[0]))
    for key in names:
        cells = [found.get(key) for found in trees.values()]
        shown = ["-" if cell is None else "part" if cell else "whole" for cell in cells]
        without = sorted({name for cell in cells for name in cell or ()})
        left_out = ", ".join(f"`{name}`" for name in without)
        yield f"| `{key[0]}` | {key[1]} | {' | '.join(shown)} | {left_out} |"


def main() -> None:
    """Print the table, and how many functions are whole in three trees or more."""
    trees = {name: in_tree(place) for name, _, place in (word.partition("=") for word in sys.argv[1:])}
    if not trees:
        sys.exit(__doc__)
    for line in table(trees):
        print(line)
    whole: dict[str, int] = {}
    for found in trees.values():
        for name in {name for (name, _), without in found.items() if not without}:
            whole[name] = whole.get(name, 0) + 1
    many = sum(count >= 3 for count in whole.values())
    print(f"\n{many} functions are whole in three of these trees or more.")


if __name__ == "__main__":
    main()
