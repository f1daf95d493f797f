"""Writes the syntax files of editors: grammar/vim and grammar/vscode.

The two files that have words in them are made from the vocabulary and the grammar, by ``vim.py`` and
``textmate.py``; the others are copied.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from verifier.editor.textmate import textmate
from verifier.editor.vim import vim
from verifier.syntax.grammars import folder

EDITORS = ("vim", "vscode")


def made_files() -> dict[str, str]:
    """The files that are made, by their paths."""
    return {"vim/syntax/litmus.vim": vim(), "vscode/syntaxes/litmus.tmLanguage.json": textmate()}


def write(into: str | os.PathLike[str]) -> list[Path]:
    """Write the files below a directory. Returns their paths; raises ``OSError``."""
    home, made = folder("grammar"), made_files()
    kept = [p.relative_to(home) for e in EDITORS for p in sorted((home / e).rglob("*")) if p.is_file()]
    names = sorted({*(p.as_posix() for p in kept if "node_modules" not in p.parts), *made})
    written: list[Path] = []
    for name in names:
        path = Path(into, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in made:
            path.write_text(made[name], encoding="utf-8")
        elif path.resolve() != (home / name).resolve():
            shutil.copyfile(home / name, path)
        written.append(path)
    return written
