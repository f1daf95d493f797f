"""The syntax files of editors are those of this vocabulary and this grammar, and colour what they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.editor.keywords import STATEMENT_WORDS, TYPE_WORDS
from verifier.editor.syntax import made_files, write
from verifier.editor.terms import alternatives, expected_words, terminal
from verifier.syntax.grammars import folder, text
from verifier.words.loops import LOOPS
from verifier.words.table import WORDS

GRAMMAR, LITMUS = folder("grammar"), folder("litmus")


@pytest.mark.parametrize("name", sorted(made_files()))
def test_the_files_are_not_stale(name: str) -> None:
    said = "run 'verifier editor-files grammar'"
    assert (GRAMMAR / name).read_text(encoding="utf-8") == made_files()[name], said


def test_the_command_writes_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["editor-files", str(tmp_path)]) == 0
    written = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    there = {
        p.relative_to(GRAMMAR) for e in ("vim", "vscode") for p in (GRAMMAR / e).rglob("*") if p.is_file()
    }
    assert written == {p for p in there if "node_modules" not in p.parts}
    assert len(capsys.readouterr().out.splitlines()) == len(written)
    assert all((tmp_path / p).read_bytes() == (GRAMMAR / p).read_bytes() for p in written)
    assert sorted(write(tmp_path)) == sorted(tmp_path / p for p in written)


def test_a_directory_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vim").write_text("")
    assert main(["editor-files", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_words_of_the_language_are_those_of_the_grammar() -> None:
    assert {*alternatives("TYPEWORD")} <= {*TYPE_WORDS}
    assert expected_words() == ["never", "sometimes", "always", "deadlock", "hangs"]
    assert terminal("HANGS") == r"hangs\b"
    named = {w for w in re.findall(r'"([a-z]+)"', text("mm")) if f'"{w}" "(" sequence' in text("mm")}
    assert {"if", "while", "switch"} <= named <= {*STATEMENT_WORDS}


def patterns(tree: object) -> Iterator[str]:
    """All regular expressions of a TextMate grammar."""
    if isinstance(tree, dict):
        yield from (v for k, v in tree.items() if k in ("match", "begin", "end") and isinstance(v, str))
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from patterns(part)


@pytest.mark.slow
def test_the_textmate_grammar_is_whole() -> None:
    grammar = json.loads((GRAMMAR / "vscode/syntaxes/litmus.tmLanguage.json").read_text(encoding="utf-8"))
    package = json.loads((GRAMMAR / "vscode/package.json").read_text(encoding="utf-8"))
    (contributed,) = package["contributes"]["grammars"]
    assert contributed["scopeName"] == grammar["scopeName"]
    assert (GRAMMAR / "vscode" / contributed["path"]).is_file()
    assert (GRAMMAR / "vscode" / package["main"]).is_file()
    (language,) = package["contributes"]["languages"]
    json.loads((GRAMMAR / "vscode" / language["configuration"]).read_text(encoding="utf-8"))
    included = set(re.findall(r'"include": "#(\w+)"', json.dumps(grammar)))
    assert included == set(grammar["repository"])
    found = list(patterns(grammar))
    for one in found:
        re.compile(one.replace("(?<=^|[;{}])", ""))  # Python wants look-behinds of one width
    every = "|".join(found)
    assert all(re.search(rf"\b{re.escape(word)}\b", every) for word in (*WORDS, *LOOPS))


PLACES = {
    "linux/switch_mm-vs-flush.litmus": {
        "MM": "Header", '"CPU 0': "String", "Id": "Meta", "#include": "Directive", "page A": "Type",
        "cr3": "State", "P0": "Program", "// a PTE": "Comment", "set_pte": "Word", "[!B1": "Guard",
        "r0": "Register", "if (r0)": "Statement", "NULL": "Constant", "variants": "Keyword",
        "never": "Expected", "[L]": "Guard",         "exists (1:r1": "Quantifier", "tlb[": "State",
    },
    "classic/CoRR.litmus": {
        "X86": "Header", "(* Result": "Comment", "P0": "Program", "MOV": "Word", "EAX": "Register",
        "exists": "Quantifier",
    },
}  # fmt: skip


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
@pytest.mark.parametrize("name", sorted(PLACES))
def test_vim_colours_a_file(name: str, tmp_path: Path) -> None:
    wanted = PLACES[name]
    script = tmp_path / "probe.vim"
    lines = [
        f"set runtimepath^={GRAMMAR / 'vim'}", "filetype plugin indent on", "syntax on",
        f"edit {LITMUS / name}", f"redir! > {tmp_path / 'out'}", "echo &filetype",
    ]  # fmt: skip
    for word in wanted:
        lines += ["call cursor(1, 1)", f"let [l, c] = searchpos('\\V{word}', 'cW')",
                  "echo synIDattr(synID(l, c, 1), 'name')"]  # fmt: skip
    script.write_text("\n".join([*lines, "redir END", "qa!", ""]))
    subprocess.run(["vim", "-Nu", "NONE", "-es", "-S", str(script)], timeout=60, check=False)
    filetype, *found = (tmp_path / "out").read_text().split()
    assert filetype == "litmus"
    assert dict(zip(wanted, found, strict=True)) == {w: f"litmus{group}" for w, group in wanted.items()}
