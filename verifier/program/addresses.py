"""The text of an address in final states: as a condition asks for it."""

from __future__ import annotations

from collections.abc import Callable, Container

from verifier.program.values import ROOT, STEP, WOULD_BE, Ptr, Value, element, plain


def asked(value: Value, text: str, cells: Container[Ptr], of: Callable[[Ptr], str]) -> str:
    """What a condition calls a value. ``text``: what stories call it; ``of``: what they call an address.
    ``cells``: what is in memory."""
    if not isinstance(value, Ptr):
        return text
    if WOULD_BE in value.base:
        return _would_be(value, cells, of)
    if value.base.endswith(ROOT):
        return f"__pa({value.base.removesuffix(ROOT)}.pgd){f'+{value.off}' if value.off else ''}"
    part = value.off and Ptr(value.base) in cells  # of an object that begins before it
    inside = part or text.endswith((")", "]"))  # or of an entry, or a bit of a mask
    return f"&{text}" if inside and not text.startswith("&") else text


def _would_be(at: Ptr, cells: Container[Ptr], of: Callable[[Ptr], str]) -> str:
    """The struct that would have a field where nothing has it, such as the one around a list's head."""
    outer, _, path = at.path.rpartition(WOULD_BE)
    step, *inner = path.split(".")
    found = STEP.fullmatch(step)
    tag, name = found.groups() if found else ("", step)
    text = asked(element(outer), of(element(outer)), cells, of)
    around = f"container_of(&{text.removeprefix('&')}, {tag}, {name})"
    return f"&{around}->{plain('.'.join(inner))}" if inner else around
