"""Draws what ``make bench`` has measured: ``python -m benchmarks.plots FILE.json DIRECTORY``.

It needs matplotlib, which is in the extra ``bench``. The pictures are readable without colour: each line has
a mark and a dash pattern of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

MARKS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":")
STYLE: Any = {
    "svg.hashsalt": "verifier",  # the same file each time
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.figsize": (7.2, 4.2),
    "legend.frameon": False,
}


def states(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Time against the number of final states; herd7's as open marks."""
    figure, axes = plt.subplots()
    shapes = list(dict.fromkeys(row["shape"] for row in rows))
    for at, shape in enumerate(shapes):
        for who, filled in (("verifier", True), ("herd7", False)):
            points = [
                (row["states"], row[who]["median"] / 1000)
                for row in rows
                if row["shape"] == shape and who in row
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    marker=MARKS[at],
                    linestyle="-" if filled else ":",
                    color=f"C{at}",
                    fillstyle="full" if filled else "none",
                    label=f"{shape}, {who}",
                )
    axes.set(xscale="log", yscale="log", xlabel="final states", ylabel="seconds of CPU, whole process")
    axes.legend(fontsize=8)
    _save(figure, path)


def families(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Time of the families against the number of CPUs."""
    figure, axes = plt.subplots()
    for at, name in enumerate(dict.fromkeys(row["family"] for row in rows)):
        points = [
            (row["cpus"], row["encode"]["median"] + row["solve"]["median"])
            for row in rows
            if row["family"] == name
        ]
        axes.plot(*zip(*points, strict=True), marker=MARKS[at], linestyle=DASHES[at], label=name)
    axes.set(xlabel="CPUs", ylabel="ms of CPU, encoding and Z3", ylim=(0, None))
    axes.set_xticks(sorted({row["cpus"] for row in rows}))
    axes.legend()
    _save(figure, path)


def lengths(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Time of tests that grow in length, and of counters."""
    figure, axes = plt.subplots()
    labels = {
        "shootdowns": "changes of an entry, each flushed on both CPUs",
        "counters": "CPUs that increment a counter",
    }
    for at, shape in enumerate(dict.fromkeys(row["shape"] for row in rows)):
        points = [(row["size"], row["ms"]["median"]) for row in rows if row["shape"] == shape]
        axes.plot(*zip(*points, strict=True), marker=MARKS[at], linestyle=DASHES[at], label=labels[shape])
    axes.set(xlabel="size", ylabel="ms of CPU, warm", yscale="log")
    axes.legend()
    _save(figure, path)


def corpus(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """How many tests of litmus/linux are decided within a time."""
    each = sorted(next(row["ms"] for row in rows if row["what"] == "each").values())
    figure, axes = plt.subplots()
    axes.step(each, [100 * (at + 1) / len(each) for at in range(len(each))], where="post")
    axes.set(
        xscale="log",
        xlabel="ms of CPU, warm",
        ylabel=f"% of {len(each)} tests of litmus/linux",
        ylim=(0, 101),
    )
    axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)


PLOTS = {"states": states, "families": families, "lengths": lengths, "corpus": corpus}


def main(source: str, into: str) -> None:
    """Draw each section that the file has."""
    measured = json.loads(Path(source).read_text())
    Path(into).mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, draw in PLOTS.items():
            if name in measured:
                draw(measured[name], Path(into) / f"performance-{name}.svg")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m benchmarks.plots FILE.json DIRECTORY")
    main(*sys.argv[1:])
