"""The wheel has what an installed verifier reads, and names: grammars with their tables, the files of
litmus/, and the pages of the documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from verifier.syntax.grammars import SHIPPED, STARTS, module_of_tables

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_wheel_has_grammars_tables_and_tests(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = tmp_path.glob("*.whl")
    with ZipFile(made) as wheel:
        names = set(wheel.namelist())
        for grammar in STARTS:
            module = f"{SHIPPED.replace('.', '/')}/{grammar}.py"
            assert wheel.read(module).decode() == module_of_tables(grammar)
            assert f"verifier/_grammar/{grammar}.lark" in names
        assert "verifier/_litmus/classic/SB.litmus" in names
        pages = {page.name for page in (ROOT / "docs").glob("*.md")}
        assert pages and {f"verifier/_docs/{page}" for page in pages} <= names
        assert f"{SHIPPED.replace('.', '/')}/__init__.py" in names
