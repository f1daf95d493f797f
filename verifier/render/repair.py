"""Repairs as text, and as JSON. docs/repair.schema.json is the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.why.repair import Repairs

SAID = {
    "impossible": "its bad outcome is impossible as it is",
    "none": "no edit of the kinds that are tried makes the outcome impossible",
    "unknown": "unknown",
}


def repairs_text(found: Repairs, *, patches: bool = False) -> str:
    """The answers for people, or the patch of the first one."""
    return "".join(f"{line}\n" for line in _lines(found, patches)).rstrip("\n")


def _lines(found: Repairs, patches: bool) -> Iterable[str]:
    count = len(found.found)
    said = SAID.get(found.status) or f"{count} repair{'s' * (count > 1)}"
    if found.status == "unknown":
        said = f"unknown: {found.reason}"
    yield f"{found.test.id}   {said}"
    for number, one in enumerate(found.found, 1):
        changes = "\n     and ".join(one.changes)
        yield f"  {number}. {changes}"
        yield f"     cost {one.cost}; {one.loss}"
        if patches:
            yield ""
            yield from one.patch.splitlines()
            yield ""
    if found.hanging:
        made = "1 more makes" if found.hanging == 1 else f"{found.hanging} more make"
        yield f"  {made} the outcome impossible, but let a run hang that did not hang before"
    if found.status == "repaired" and not found.complete:
        yield f"  not complete: {found.reason}"


def repairs_json(found: Iterable[Repairs], errors: Iterable[dict[str, object]] = ()) -> str:
    """The answers for programs."""
    document = {"version": 1, "repairs": [_object(x) for x in found], "errors": list(errors)}
    return json.dumps(document, indent=1) + "\n"


def _object(found: Repairs) -> dict[str, object]:
    return {
        "file": found.test.source.name,
        "name": found.test.name,
        "variant": found.test.variant,
        "status": found.status,
        "complete": found.complete,
        "reason": found.reason,
        "tried": found.tried,
        "hanging": found.hanging,
        "seconds": round(found.seconds, 6),
        "repairs": [
            {
                "changes": list(one.changes),
                "kinds": list(one.kinds),
                "cost": one.cost,
                "places": one.places,
                "lost": list(one.lost),
                "beside": list(one.beside),
                "gained": one.gained,
                "patch": one.patch,
            }
            for one in found.found
        ],
    }
