"""Regular expressions that are compiled when they are first used: most runs need a few of many."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any


class _Pattern:
    """Becomes what the compiled pattern is, attribute by attribute."""

    def __init__(self, text: str, flags: int) -> None:
        self._asked = text, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(re.compile(*self._asked), name)  # re remembers what it has compiled
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    pattern = re.compile
else:

    def pattern(text: str, flags: int = 0) -> _Pattern:
        """As ``re.compile``."""
        return _Pattern(text, int(flags))
