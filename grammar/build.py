"""Puts more into a wheel: the tables of the grammars, so that a first call need not make them, and the pages
of the documentation, which messages name (pyproject.toml)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TablesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes a module for each grammar, and adds the pages. A checkout, which an editable install uses, makes
    its own tables and has the pages beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the modules to what is built."""
        if version == "editable":
            return
        for path in sorted(Path(self.root, "docs").glob("*.md")):
            build_data["force_include"][str(path)] = f"verifier/_docs/{path.name}"
        sys.path.insert(0, self.root)
        from verifier.syntax.grammars import SHIPPED, STARTS, module_of_tables

        self.made = tempfile.TemporaryDirectory()
        texts = {"__init__": '"""The tables of the grammars."""\n'}
        texts |= {grammar: module_of_tables(grammar) for grammar in STARTS}
        for name, text in texts.items():
            made = Path(self.made.name, f"{name}.py")
            made.write_text(text, encoding="utf-8")
            build_data["force_include"][str(made)] = f"{SHIPPED.replace('.', '/')}/{name}.py"
