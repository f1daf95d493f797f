"""The reads and walks of a run of the machine, as ``instants`` finds them."""

from __future__ import annotations

from verifier.program.values import Ptr, Value
from verifier.records import NamedTuple


class Took(NamedTuple):
    """``read`` took ``value`` at ``cell`` from ``write`` (None: the initial state); ``forwarded``: a walk or
    a fetch took it from its CPU's store buffer."""

    cell: Ptr
    write: int | None
    read: int
    value: Value
    forwarded: bool = False


Level = tuple[int, Ptr, Value]  # the node that reads an entry, the entry, its content


class Walked(NamedTuple):
    """A walk: ``kind`` is ``use``, ``initial``, ``fault`` or ``accessed``; ``content`` is that of an initial
    entry, None for what the levels say."""

    kind: str
    use: int
    cpu: int
    va: Ptr
    tag: int
    levels: tuple[Level, ...]
    content: Value | None
    event: int | None = None
    observable: int | None = None
