"""Prints how the rows of the vocabulary compare with a kernel tree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from verifier.against.compare import ComparedWord, Status

_STATUS: dict[Status, str] = {
    "agrees": "agree", "instruction": "are an instruction", "differs": "differ",
    "not compared": "not compared",
    "missing": "not in this tree",
}  # fmt: skip
MAX_STATES = 4  # of a difference, in text


def compared_text(place: str, found: Iterable[ComparedWord]) -> Iterator[str]:
    """A line for each word, its differences below it, and a summary. ``place`` is the tree."""
    counts: Counter[Status] = Counter()
    for word in found:
        counts[word.status] += 1
        yield f"{word.word:32} {word.status}{_more(word)}\n"
        if word.said and word.tests:
            yield f"    not compared: {word.said}\n"
        for difference in word.differences:
            what = " hangs with" if difference.hangs else ""
            yield f"    {difference.test}:\n"
            for whose, states in (("the tree", difference.only_tree), ("the row", difference.only_row)):
                for state in states[:MAX_STATES]:
                    yield f"      only {whose}{what}: {state}\n"
                if len(states) > MAX_STATES:
                    yield f"      only {whose}: {len(states) - MAX_STATES} more\n"
    every = ", ".join(f"{counts[status]} {text}" for status, text in _STATUS.items() if counts[status])
    yield f"{place}: {sum(counts.values())} words: {every}\n"


def _more(word: ComparedWord) -> str:
    if word.status in ("not compared", "missing"):
        return f": {word.reason}" if word.reason and word.status == "not compared" else ""
    told = f" in {word.tests} tests; {word.place}" if word.tests else ""
    if word.instructions:
        told += f"; {', '.join(dict.fromkeys(word.instructions))}"
    return told


def compared_json(place: str, found: Iterable[ComparedWord]) -> str:
    """The same as one document."""
    rows: list[dict[str, Any]] = [
        {
            "word": w.word, "status": w.status, "reason": w.reason, "place": w.place, "tests": w.tests,
            "instructions": list(w.instructions), "said": w.said,
            "differences": [
                {"test": d.test, "only_tree": list(d.only_tree), "only_row": list(d.only_row),
                "hangs": d.hangs}
                for d in w.differences
            ],
        }
        for w in found
    ]  # fmt: skip
    return json.dumps({"kernel": place, "words": rows}, indent=2, ensure_ascii=False) + "\n"
