r"""The algebra that the model's equations are written in.

The operators are those of a .cat file:

=============  ======================================  =========
here           meaning                                 .cat
=============  ======================================  =========
``r | s``      union                                   ``r | s``
``r & s``      intersection                            ``r & s``
``r @ s``      sequence: r, then s                     ``r ; s``
``~r``         inverse                                 ``r^-1``
``r.irreflexive()``  without the identity       ``r \\ id``
``r.plus(rs)``   union with many                 ``r | …``
``A * B``      all pairs from the set A to the set B   ``A * B``
``A | B``      union of sets                           ``A | B``
=============  ======================================  =========

Two interpreters have them: ``model.relations`` over plain sets, for one finished execution, and
``solve.symbolic`` over literals.  Neither has a difference of relations: equations stay monotone in what a
solver chooses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

R = TypeVar("R", bound="RelationLike")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")


class RelationLike(Protocol):
    """What the relations of both interpreters can do."""

    def __or__(self: R, other: R, /) -> R: ...
    def __and__(self: R, other: R, /) -> R: ...
    def __matmul__(self: R, other: R, /) -> R: ...
    def __invert__(self: R) -> R: ...
    def irreflexive(self: R) -> R: ...
    def plus(self: R, others: Iterable[R], /) -> R: ...


class SetLike(Protocol[R_co]):
    """What the sets of both interpreters can do; their products are relations."""

    def __or__(self: S, other: S, /) -> S: ...
    def __mul__(self: S, other: S, /) -> R_co: ...
