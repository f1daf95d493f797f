"""Prints the page that says for which kernels each row of the vocabulary holds, from what ``verifier kernel
--words --format json`` printed about some trees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from verifier.words.table import WORDS

MARKS: Mapping[str, str] = {
    "agrees": "=", "instruction": "i", "differs": "≠", "not compared": "·", "missing": "–",
}  # fmt: skip
_HEAD = """\
# The words against the kernel

For which kernels each row of [vocabulary.md](vocabulary.md) holds. `verifier kernel --words --kernel
DIR[@REV]` takes each word's own text from a tree, down to the instructions, and runs it in the same small
tests as the row: alone, with every path that it has; between stores and loads of other CPUs; against an
interrupt; against another CPU. The final states, and those in which a run hangs, have to be the same:
[kernel-text.md](kernel-text.md#the-words-against-a-tree).

This page is made from such runs: `python -c "from verifier.render.checked import page;
print(page(['v6.12.117.json', …]), end='')"`, where each file has what `--format json` printed about the tree
whose Makefile says that version. A column is about that tree; what holds for a row's other versions, the row
says. The trees of v5.10, v6.1, v6.12, v7.2 and v7.3 are those of Debian's packages, with its patches; the
others are copies of a release in public repositories.

| mark | means |
|---|---|
| = | the row and the tree's text have the same final states in all tests |
| i | the word is an instruction itself: the text has that instruction, with its LOCK prefix |
| ≠ | they differ |
| – | this tree does not define the word |
| · | not compared, for the reason below |

## What was compared
"""


def page(paths: Iterable[str]) -> str:
    """The page. ``paths`` are files whose names are versions."""
    found = {Path(p).stem: json.loads(Path(p).read_text(encoding="utf-8"))["words"] for p in paths}
    states = {v: {w["word"]: MARKS[w["status"]] for w in words} for v, words in found.items()}
    reasons: dict[str, dict[str, str]] = {}
    said: dict[str, str] = {}
    for version, words in found.items():
        for w in words:
            if w["status"] == "not compared":
                reasons.setdefault(w["word"], {})[version] = w["reason"]
            if w["said"] and w["tests"]:
                said[w["word"]] = (
                    w["said"]
                    if w["word"] not in said or w["said"] == said[w["word"]]
                    else (
                        f"{said[w['word']]}; {w['said']}"
                        if w["said"] not in said[w["word"]]
                        else said[w["word"]]
                    )
                )
    return rendered(states, reasons, said)


def rendered(
    states: Mapping[str, Mapping[str, str]],
    reasons: Mapping[str, Mapping[str, str]],
    said: Mapping[str, str],
) -> str:
    """The page, of the marks by version and word, the reasons by word and version, and what is left out."""
    versions = list(states)
    lines = [_HEAD]
    lines += [f"| tree | {' | '.join(MARKS.values())} |", f"|---|{'---|' * len(MARKS)}"]
    for version in versions:
        counts = [sum(m == mark for m in states[version].values()) for mark in MARKS.values()]
        lines.append(f"| {version} | {' | '.join(map(str, counts))} |")
    lines += ["", f"| word | {' | '.join(versions)} |", f"|---|{'---|' * len(versions)}"]
    for name in WORDS:
        row = [states[v].get(name, "·") for v in versions]
        if set(row) != {"·"}:
            lines.append(f"| `{name}` | {' | '.join(row)} |")
    lines += ["", "## What a comparison leaves out", "", "| left out | words |", "|---|---|"]
    lines += _grouped((text, name) for name, text in said.items())
    lines += ["", "## Why words are not compared", "", "| reason | trees | words |", "|---|---|---|"]
    every = [
        (f"{reason} | {_trees(name, reason, reasons, versions)}", name)
        for name in WORDS
        for reason in dict.fromkeys(reasons.get(name, {}).values())
    ]
    lines += _grouped(every)
    return "\n".join(lines) + "\n"


def _trees(name: str, reason: str, reasons: Mapping[str, Mapping[str, str]], versions: Sequence[str]) -> str:
    those = [v for v in versions if reasons[name].get(v) == reason]
    return "all" if those == versions else ", ".join(those)


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for text, name in pairs:
        groups.setdefault(text, []).append(f"`{name}`")
    return [f"| {text} | {', '.join(names)} |" for text, names in groups.items()]


def read(text: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]], dict[str, str]]:
    """What ``rendered`` was given, out of a page."""
    tables = [
        [[c.strip() for c in line.strip("|").split(" | ")] for line in block.split("\n")]
        for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
        for block in [block.strip()]
    ]
    _, _, marks, left_out, why = tables
    versions = marks[0][1:]
    states: dict[str, dict[str, str]] = {v: dict.fromkeys(WORDS, "·") for v in versions}
    for name, *row in marks[2:]:
        for version, mark in zip(versions, row, strict=True):
            states[version][name.strip("`")] = mark
    said = {n.strip("`"): text for text, names in left_out[2:] for n in names.split(", ")}
    reasons: dict[str, dict[str, str]] = {}
    for reason, trees, names in why[2:]:
        for name in names.split(", "):
            for version in versions if trees == "all" else trees.split(", "):
                reasons.setdefault(name.strip("`"), {})[version] = reason
    return states, reasons, said
