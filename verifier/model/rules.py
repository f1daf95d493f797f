"""The rules of the memory model, as data (``rules.toml``): what ``verifier rules`` prints and
docs/rules.md is made of. Their numbers (*MMR*) are cited everywhere."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from verifier.records import NamedTuple


class Statement(NamedTuple):
    """One rule; ``confidence`` as in ``rules.toml``, ``switches`` names those that change it."""

    number: str
    title: str
    text: str
    source: str
    confidence: str
    switches: tuple[str, ...] = ()


@cache
def rules() -> dict[str, Statement]:
    """All rules by number, in order."""
    table = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
    return {
        number: Statement(number, **{**row, "switches": tuple(row.get("switches", ()))})
        for number, row in table.items()
    }


_HEAD = """# The rules

This page is printed from `verifier/model/rules.toml`. `verifier rules` and `verifier rules 5.7` show the
same. [memory-model.md](memory-model.md) introduces the model.

Sources: **SDM** is the Intel manual (order 325384-059, June 2016; later editions have other numbers).
**APM2** is the AMD64 manual, volume 2.

The column after the source is our confidence: **A** a vendor manual says so; **B** it follows by a short
inference, or manuals and kernels rely on it; **C** only kernels, papers or measurements say so; **D** every
source is silent, and we decided.

| rule | | says | source | | switches |
|---|---|---|---|---|---|
"""


def reference() -> str:
    """All rules as a page of Markdown."""
    rows = []
    for r in rules().values():
        names = " ".join(f"`{s}`" for s in r.switches)
        rows.append(f"| {r.number} | {r.title} | {r.text} | {r.source} | {r.confidence} | {names} |\n")
    return _HEAD + "".join(rows)


def tell(number: str) -> str:
    """One rule, for a terminal. Raises ``KeyError`` if there is none of that number."""
    r = rules()[number]
    out = [f"{r.number}  {r.title}   [{r.confidence}]", "", r.text, "", f"source: {r.source}"]
    if r.switches:
        out.append(f"switches: {', '.join(r.switches)}")
    return "\n".join(out)
