"""What notebooks show of an answer. Answers do not know how they are drawn: the package tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar


class Drawable:
    """An answer that notebooks show as HTML; ``drawn`` makes the HTML, None: they show its text."""

    __slots__ = ()
    drawn: ClassVar[Callable[[Drawable], str] | None] = None

    def _repr_html_(self) -> str | None:
        drawn = Drawable.drawn
        return None if drawn is None else drawn(self)
