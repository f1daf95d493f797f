"""The page and the picture of ``benchmarks.switches``, from its data file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import Any

# What each value of a switch takes away from ``generic``, or adds: the rule, and the reason.
REASONS: Mapping[str, tuple[str, str]] = {
    "walk_forward=memory_only": ("3.5", "a walk reads memory, and no store that waits in the buffer"),
    "walk_forward=forward_always": ("3.5", "a walk reads the own store that waits, and not memory behind it"),
    "spontaneous=false": (
        "3.3", "only accesses walk, so that nothing old is cached; nothing sets A or D",
    ),
    "mfence_serializing=true": ("2.3", "MFENCE serializes: what was fetched is fetched again"),
    "amd_invpcid_serializing=false": ("5.2", "INVPCID does not serialize: it does not wait for stores"),
    "spurious_prot_fault=false": ("6.2", "no access faults on a cached entry that is stricter than memory"),
    "fault_walk=rewalk": ("6.3", "a fault is confirmed by a new walk, so that old upper entries make none"),
    "fault_walk=spurious_once": ("6.3", "an access faults on an entry that was absent when a walk read it"),
    "d_on_ro=false": ("7.3", "D is not set in an entry that has become read-only"),
    "d_sets_a=always": ("7.3", "where D is set, A is set, too"),
    "d_sets_a=never": ("7.3", "where D is set, a clear A stays clear"),
    "tce=false": ("5.1", "INVLPG removes the upper entries of all addresses"),
    "dlv_drains_sb=false": ("8.4", "a handler begins while stores wait in the store buffer"),
    "dlv_serializing=true": ("8.4", "delivery serializes: what was fetched is fetched again"),
    "x2apic_fence=mfence": ("8.2", "MFENCE alone holds a later x2APIC write"),
    "x2apic_fence=sfence": ("8.2", "SFENCE holds a later x2APIC write, and so does MFENCE"),
    "amd_x2apic_ordered=true": ("8.2", "an x2APIC write waits for all that is before it"),
    "ucw_blocks_later_loads=true": ("8.1", "later loads wait for an xAPIC write"),
    "smc=amd": ("10.2", "a CPU fetches what it has stored itself"),
    "invlpgb_after_earlier_stores=true": ("11.3", "INVLPGB waits for earlier stores"),
    "tlbsync_waits_remote_stores=false": ("11.3", "TLBSYNC does not wait for stores of other CPUs"),
    "errata_invlpg_global_pcid=true": ("5.9", "INVLPG leaves global entries of other PCIDs"),
    "amd": ("", "the values of eight switches, all in the picture"),
    "sparc64": ("", "spontaneous=false, and three switches about walks and faults"),
    "store_buffer=false": ("1.1", "a store reaches memory when it executes"),
}  # fmt: skip
KERNELS = ("19.1", "the words are those of this version alone")
WIDE, HIGH, GAP, MARGIN = 7.3, 22, 8, 16


class Told:
    """The data file: which settings there are, and which are within which."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.names: list[str] = data["settings"]
        self.at = {name: i for i, name in enumerate(self.names)}
        self.witnesses: list[Mapping[str, Any]] = data["witnesses"]
        # Settings that have had the same states on all programs are one node.
        self.nodes: list[list[str]] = []
        for name in self.names:
            same = next((n for n in self.nodes if self.within(name, n[0]) and self.within(n[0], name)), None)
            if same is None:
                self.nodes.append([name])
            else:
                same.append(name)

    def within(self, one: str, other: str) -> bool:
        """Has the first no state, on any program, that the second has not?"""
        return not self.data["only in the first"][self.at[one]][self.at[other]]

    def witness(self, one: str, other: str) -> int | None:
        """The number of the smallest witness of a state that the first has and the second has not."""
        for number, w in enumerate(self.witnesses, 1):
            if one in w["holds"] and other not in w["holds"]:
                return number
        return None

    def covers(self) -> list[tuple[int, int]]:
        """The pairs of nodes (above, below) with nothing between them."""
        size = range(len(self.nodes))
        less = {
            (a, b) for a in size for b in size if a != b and self.within(self.nodes[b][0], self.nodes[a][0])
        }
        return [(a, b) for a, b in sorted(less) if not any((a, c) in less and (c, b) in less for c in size)]

    def layers(self) -> list[int]:
        """How many nodes are above each node, in the longest chain."""
        above: dict[int, list[int]] = {}
        for a, b in self.covers():
            above.setdefault(b, []).append(a)

        def layer(node: int) -> int:
            return max((1 + layer(a) for a in above.get(node, [])), default=0)

        return [layer(node) for node in range(len(self.nodes))]


def _label(node: list[str]) -> str:
    return " = ".join(node)


class _Layout:
    """Columns of nodes. A line over several columns has a place of its own, a *turn*, in those between."""

    def __init__(self, told: Told) -> None:
        self.layer = dict(enumerate(told.layers()))
        self.real = len(self.layer)
        self.lines = [[a, b] for a, b in told.covers()]
        for line in self.lines:
            for layer in range(self.layer[line[0]] + 1, self.layer[line[-1]]):
                line.insert(-1, len(self.layer))
                self.layer[line[-2]] = layer
        size = range(max(self.layer.values()) + 1)
        self.columns = [[node for node, layer in self.layer.items() if layer == n] for n in size]
        self._sort()

    def _sort(self) -> None:
        """Move each node towards the middle of its neighbours, from the left and from the right in turn."""
        near: dict[int, list[int]] = {node: [] for node in self.layer}
        for line in self.lines:
            for one, other in pairwise(line):
                near[one].append(other)
                near[other].append(one)
        rank = {n: i - len(column) / 2 for column in self.columns for i, n in enumerate(column)}
        for turn in range(20):
            for column in self.columns[:: 1 if turn % 2 == 0 else -1]:
                want = {n: sum(rank[x] for x in near[n]) / len(near[n]) if near[n] else 99 for n in column}
                column.sort(key=lambda n: (want[n], n))
                rank.update((n, i - len(column) / 2) for i, n in enumerate(column))


def picture(told: Told) -> str:
    """The relation as a Hasse diagram. To the left is what admits more."""
    layout = _Layout(told)
    height = {n: HIGH if n < layout.real else 0 for n in layout.layer}
    tall = max(sum(height[n] + GAP for n in column) for column in layout.columns)
    place: dict[int, tuple[float, float, float]] = {}  # left, middle, width
    x = float(MARGIN)
    for column in layout.columns:
        wide = max(len(_label(told.nodes[n])) for n in column if n < layout.real) * WIDE + 16
        y = MARGIN + (tall - sum(height[n] + GAP for n in column)) / 2
        for n in column:
            place[n] = x, y + height[n] / 2, wide
            y += height[n] + GAP
        x += wide + 90
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title"'
        f' viewBox="0 0 {x - 90 + MARGIN:.0f} {tall + 2 * MARGIN:.0f}">',
        '<title id="title">Settings of the memory model; a line leads to one that admits less</title>',
        "<style>text{font:12px monospace;fill:#111}rect{fill:#fff;stroke:#111}path{fill:none;stroke:#111}"
        "@media(prefers-color-scheme:dark){text{fill:#eee}rect{fill:#111;stroke:#eee}path{stroke:#eee}"
        "svg{background:#111}}</style>",
    ]
    for line in layout.lines:
        parts = []
        for one, other in pairwise(line):
            (x1, y1, wide), (x2, y2, _) = place[one], place[other]
            x1 += wide
            parts.append(f"C{x1 + 40:.0f} {y1:.0f} {x2 - 40:.0f} {y2:.0f} {x2:.0f} {y2:.0f}")
            parts.append(f"H{x2 + place[other][2]:.0f}" if other >= layout.real else "")
        first = place[line[0]]
        out.append(f'<path d="M{first[0] + first[2]:.0f} {first[1]:.0f}{"".join(parts)}"/>')
    for n in range(layout.real):
        left, middle, wide = place[n]
        top = middle - HIGH / 2
        out.append(f'<rect x="{left:.0f}" y="{top:.0f}" width="{wide:.0f}" height="{HIGH}" rx="4"/>')
        out.append(f'<text x="{left + 8:.0f}" y="{top + 15:.0f}">{escape(_label(told.nodes[n]))}</text>')
    return "\n".join([*out, "</svg>", ""])


HEAD = """# Switches, compared

Which value of a switch admits which outcomes? `python -m benchmarks.switches` compares the final states of
many programs under profile `generic`, the other profiles, and `generic` with one switch changed. It writes
[the figures](figures/switches.json), and from them this page and the picture.

![Settings: to the left is what admits more](figures/switches.svg)

A line leads from a setting to one on its right that has no other final states, on any program. Two settings
that no line joins, or several in one direction, cannot be compared: each has a state that the other has not.
Settings in one box have had the same states so far.

{count} programs (seed {seed}): {sources}.
Z3 has found all their final states under each setting. What the page says of a witness, both judges say.

## What each setting changes

*fewer*: on so many programs, its final states are a proper subset of those of `generic`; *more*: a superset;
*other*: neither. W1, W2 … are the witnesses below. *lacks* names one that can happen under `generic` and not
here, *adds* one that can happen here and not there.

| | setting | rule | why | fewer | more | other | lacks | adds |
|---|---|---|---|---|---|---|---|---|
"""
PAIRS = """
## Which pairs can be compared

The number in a row and a column is a witness: it can happen under the setting of the row, and not under that
of the column. So a row without a number there is within the column. A pair with two witnesses cannot be
compared, for the reasons that the two witnesses give.

- **Different switches.** Each takes something away that the other leaves there. So most pairs of settings
  that are stronger than `generic` cannot be compared. A setting that adds something is weaker than `generic`,
  and than all that is within `generic`; two of these add different things.
- **One switch.** `walk_forward` and `d_sets_a` are choices of two in `generic`, and each of the other two
  values takes away one.
- **What holds an x2APIC write.** MFENCE does under `x2apic_fence=mfence`. It does under `sfence`, too, and
  SFENCE besides. A serializing MFENCE does (`mfence_serializing`), and with `amd_x2apic_ordered` everything.
- **`sc` and others.** Without a store buffer, what a switch says about stores that wait does not matter, so
  that `sc` is within these settings. It has walks ahead of accesses, old fetches and late bits as `generic`
  has, and cannot be compared with the settings that are about these.
- **`amd` and its switches.** It is within each of them. It is not within `intel`, whose INVLPG removes more.
- **`spontaneous=false` and `generic`.** It takes away what needs a walk that no access has asked for. But it
  leaves A and D to software: A stays clear after an access, which cannot be where the processor sets it. So
  each has an outcome that the other has not. `sparc64` changes three more switches, to no effect: an access
  that walks by itself reads each entry as a load.
- **`kernel`.** `generic` has the outcomes of all versions. A version lacks what only others do. Where one is
  within another one here, no more is known than that on these programs.

"""


def _reason(name: str) -> tuple[str, str]:
    for part in name.split(" = "):
        if part in REASONS:
            return REASONS[part]
    return (
        KERNELS
        if name.startswith("kernel=")
        else ("", "several switches: see `verifier --help` of `--profile`")
    )


def page(told: Told) -> str:
    """The page, in Markdown."""
    tried = dict(told.data["programs"])
    left_out = tried.pop("left out", 0)
    sources = ", ".join(f"{count} of {source}" for source, count in tried.items())
    sources += f"; {left_out} more had too many states" if left_out else ""
    out = [HEAD.format(count=f"{sum(tried.values()):,}", seed=told.data["seed"], sources=sources)]
    for number, name in enumerate(told.names, 1):
        if name == "generic":
            continue
        counts = told.data["against generic"][name]
        rule, why = _reason(name)
        found = [told.witness("generic", name), told.witness(name, "generic")]
        cells = [
            str(number),
            f"`{name}`",
            rule,
            why,
            *(str(counts.get(k, 0)) for k in ("fewer", "more", "other")),
        ]
        cells += [f"W{w}" if w else "" for w in found]
        out.append(f"| {' | '.join(cells)} |\n")
    out.append(PAIRS)
    out.append("| | " + " | ".join(str(i + 1) for i in range(len(told.names))) + " |\n")
    out.append("|---" * (len(told.names) + 1) + "|\n")
    for number, one in enumerate(told.names, 1):
        row = [str(told.witness(one, other) or "") for other in told.names]
        out.append(f"| {number} `{one}` | {' | '.join(row)} |\n")
    out.append(
        "\n## Witnesses\n\nThe condition of each can hold under some settings, and not under others.\n"
    )
    for number, witness in enumerate(told.witnesses, 1):
        out.append(_witness(told, number, witness))
    return "".join(out)


def _witness(told: Told, number: int, witness: Mapping[str, Any]) -> str:
    holds = witness["holds"]
    few = len(holds) <= len(told.names) // 2
    listed = holds if few else [name for name in told.names if name not in holds]
    why = list(dict.fromkeys(_reason(name) for name in listed if _reason(name)[0]))
    said = "; ".join(f"{reason} ({rule})" for rule, reason in why)
    names = ", ".join(f"`{name}`" for name in listed)
    text = f"\n### W{number}\n\n{'Only under' if few else 'Not under'} {names}: {said}.\n"
    if "test" in witness:
        return f"{text}\nIt is [{witness['test']}](../{witness['test'].partition('::')[0]}).\n"
    return f"{text}\n```\n{witness['text']}```\n"
