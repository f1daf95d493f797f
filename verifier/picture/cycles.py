"""The cycles of an explanation as pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from verifier.model import MODELS
from verifier.picture.parts import Picture, PictureEdge, PictureNode
from verifier.picture.texts import clean
from verifier.records import NamedTuple
from verifier.why.answers import Closed, Explanation, Link

# Relations that say what a run reads, and which write is last: the machine chooses them, and an outcome
# needs some of them. All others are orders that every machine keeps.
CHOSEN = ("rf", "rfe", "rfi", "fr", "co")


class CyclePicture(NamedTuple):
    """A cycle with its picture. ``reason`` and ``number`` count from 1."""

    reason: int
    number: int
    closed: Closed
    picture: Picture


def cycle_pictures(explanation: Explanation) -> Iterator[CyclePicture]:
    """A picture for each cycle of each reason."""
    for reason, found in enumerate(explanation.reasons, 1):
        for number, closed in enumerate(found.cycles, 1):
            yield CyclePicture(reason, number, closed, _picture(explanation, closed))


def _picture(explanation: Explanation, closed: Closed) -> Picture:
    links = closed.links
    nodes = tuple(_node(n, link) for n, link in enumerate(links))
    edges = tuple(_edge(link, n, (n + 1) % len(links), nodes) for n, link in enumerate(links))
    found = {node.cpu for node in nodes}
    cpus = sorted(cpu for cpu in found if cpu is not None)
    return Picture(
        f"{explanation.verdict.test.id}: why it cannot happen",
        f"Runs with this outcome would close this cycle{f', {closed.heading}' if closed.case else ''}: "
        "its first step comes before itself",
        (*cpus, *([None] if None in found else [])), nodes, edges,
    )  # fmt: skip


def _node(n: int, link: Link) -> PictureNode:
    step = link.step
    note = " · ".join(filter(None, (step.where, step.note)))
    who = f"CPU {step.cpu} " if step.cpu is not None else ""
    full = ", ".join(filter(None, (f"{n + 1}. {who}{step.text}", step.where, step.note)))
    return PictureNode(
        step.cpu, "code", "statement", clean(step.text), clean(note), clean(full), step.span, step=n
    )  # fmt: skip


@cache
def _numbers() -> dict[str, str]:
    """The numbers of the rules that the model's relations follow."""
    rules = (rule for model in MODELS.values() for axiom in model.axioms for rule in axiom.rules)
    found = ((rule.name, re.search(r"\(MMR ([\d., ]*\d)", rule.equation.__doc__ or "")) for rule in rules)
    return {name: said[1] for name, said in found if said}


def _edge(link: Link, first: int, second: int, nodes: tuple[PictureNode, ...]) -> PictureEdge:
    needed = link.rule in CHOSEN
    found = re.search(r"\[([\d., ]+)\]$", link.why)
    numbers = found[1] if found else _numbers().get(link.rule, "")
    label = f"{link.rule} [{numbers}]" if numbers else link.rule
    full = f"{first + 1} comes before {second + 1}: {link.why}"
    return PictureEdge("data" if needed else "order", first, second, label, clean(full), needed=needed)
