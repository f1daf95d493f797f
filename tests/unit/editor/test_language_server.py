"""A real client talks to ``verifier lsp`` over standard input and output."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from verifier.cli import main
from verifier.errors import ExitCode, LimitError
from verifier.syntax import MAX_BYTES

pytestmark = pytest.mark.long  # servers in processes of their own

TEXT = """MM my-first

"A flusher changes a PTE and flushes its own TLB only."

#include "helpers.inc"

{
    page A = 1;
    page B = 2;
    mm N { v -> A };            // 🙂 漢字
    0..1:cr3 = N;
}

P0 {
    set_pte(pte(N, v), B);
    [IPI] on_each_cpu(do_flush, NULL, 1);
    [LOCAL] flush_tlb_local();
    /* 🙂 漢字 */ r0 = 1;
}

P1 { }

variants {
    LOCAL sometimes "nobody told CPU 1";
    IPI   never     "every CPU has flushed";
}

exists (1:tlb[v -> A])
"""
HELPERS = """// What the other CPU does.
void do_flush(void *info) { flush_tlb_local(); }
"""
COMMAND = [sys.executable, "-m", "verifier.cli", "lsp"]
WAIT, STEP = 100.0, 0.05  # seconds until a test gives up, and between two looks
T = TypeVar("T")


class Session:
    """A client with one open test; ``place`` finds positions in its text."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client, self.path = client, folder / "t.litmus"
        self.uri = from_fs_path(str(self.path)) or ""
        self.text, self.version = TEXT, 1
        self.versions: dict[str, int | None] = {}  # of the last diagnostics
        self.refreshed = 0
        self.shown: list[str] = []
        self.logged: list[str] = []

    def place(self, before: str, more: int = 0) -> types.Position:
        """The position of a piece of the text, in units of UTF-16."""
        at = self.text.index(before) + more
        line = self.text.count("\n", 0, at)
        start = self.text.rfind("\n", 0, at) + 1
        return types.Position(line, len(self.text[start:at].encode("utf-16-le")) // 2)

    @property
    def document(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    async def until(self, there: Callable[[], T | None]) -> T:
        """What there is in the end. A test that waits too long fails."""
        for _ in range(int(WAIT / STEP)):
            found = there()
            if found is not None:
                return found
            await asyncio.sleep(STEP)
        pytest.fail("nothing came")

    async def found(self) -> list[types.Diagnostic]:
        """The diagnostics of the text as it is now."""
        newest = self.until(lambda: self.version if self.versions.get(self.uri) == self.version else None)
        await newest
        return list(self.client.diagnostics.get(self.uri, []))

    def change(self, old: str, new: str) -> None:
        """Another text."""
        assert old in self.text
        self.text = self.text.replace(old, new, 1)
        self.version += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangeWholeDocument(self.text)],
            )
        )

    async def run(self, command: str, *arguments: str | None) -> object:
        """Execute a command."""
        asked = types.ExecuteCommandParams(command, arguments=list(arguments))
        return await self.client.workspace_execute_command_async(asked)

    async def titles(self) -> list[str]:
        found = await self.client.text_document_code_lens_async(types.CodeLensParams(self.document))
        return [lens.command.title for lens in found or [] if lens.command]


@pytest_asyncio.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """A client of a server that has one test open."""
    async with connected(tmp_path, COMMAND) as made:
        yield made


@asynccontextmanager
async def connected(tmp_path: Path, command: list[str], **options: object) -> AsyncIterator[Session]:
    """A session with a server; ``options`` are the editor's settings."""
    (tmp_path / "t.litmus").write_text(TEXT)
    (tmp_path / "helpers.inc").write_text(HELPERS)
    config = ClientServerConfig(server_command=command)
    client = await config.start()
    assert isinstance(client, LanguageClient)
    made = Session(client, tmp_path)
    usual = client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS]

    def published(params: types.PublishDiagnosticsParams) -> None:
        usual(params)
        made.versions[params.uri] = params.version

    def refreshed(params: None) -> None:
        made.refreshed += 1

    def shown(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        made.shown.append(params.uri)
        return types.ShowDocumentResult(True)

    def logged(params: types.LogMessageParams) -> None:
        made.logged.append(params.message)

    client.protocol.fm.features.update(
        {
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: published,
            types.WORKSPACE_CODE_LENS_REFRESH: refreshed,
            types.WINDOW_SHOW_DOCUMENT: shown,
            types.WINDOW_LOG_MESSAGE: logged,
        }
    )
    await client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            root_uri=from_fs_path(str(tmp_path)),
            initialization_options=options or None,
        )
    )
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(made.uri, "litmus", 1, TEXT))
    )
    yield made
    await client.shutdown_session()


def edits(found: types.WorkspaceEdit | None, uri: str) -> list[types.TextEdit]:
    assert found is not None and found.changes is not None
    return list(found.changes[uri])  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_session(session: Session) -> None:
    """What an editor does with a test, from the first look to the last."""
    client = session.client

    # diagnostics, with exact places in units of UTF-16, and hints as related text
    (unused,) = await session.found()
    assert unused.message == "nothing in P0 uses r0"
    at = session.place("r0 = 1")
    assert unused.range.start == at
    assert unused.range.start.character == len("    /* ") + 2 + 1 + 2 + len(" */ ")
    assert unused.related_information and unused.related_information[0].message == "leave it out"

    # hover
    hovered = await client.text_document_hover_async(
        types.HoverParams(session.document, session.place("set_pte", 3))
    )
    assert hovered is not None and isinstance(hovered.contents, types.MarkupContent)
    assert "rule 1.1" in hovered.contents.value
    assert hovered.range == types.Range(session.place("set_pte"), session.place("set_pte", len("set_pte")))

    # definition, in the include and in the file
    found = await client.text_document_definition_async(
        types.DefinitionParams(session.document, session.place("do_flush", 2))
    )
    assert isinstance(found, types.Location)
    assert found.uri.endswith("helpers.inc") and found.range.start == types.Position(1, 5)
    guard = await client.text_document_definition_async(
        types.DefinitionParams(session.document, session.place("[IPI]", 1))
    )
    assert isinstance(guard, types.Location) and guard.range.start == session.place("IPI   never")

    # references and the outline
    known = await client.text_document_references_async(
        types.ReferenceParams(types.ReferenceContext(False), session.document, session.place("[IPI]", 1))
    )
    assert known is not None and [x.range.start for x in known] == [session.place("[IPI]", 1)]
    outline = await client.text_document_document_symbol_async(types.DocumentSymbolParams(session.document))
    assert outline is not None and [s.name for s in outline][-2:] == ["variants", "exists"]

    # lenses: run, until it is known; then the verdict
    assert await session.titles() == ["run all 2 variants", "run", "run"]
    (decided,) = await session.run("verifier.decide", session.uri, "IPI")  # type: ignore[misc]
    assert decided["good"] is True and decided["title"].startswith("never, as expected (")
    titles = await session.titles()
    assert titles[:2] == ["run all 2 variants", "run"]
    assert titles[2].startswith("never, as expected (") and titles[3] == "explain"
    await session.until(lambda: session.refreshed or None)

    # explain, as a page
    page = await session.run("verifier.explain", session.uri, "IPI")
    assert "never" in str(page) and len(session.shown) == 1

    # a change: verdicts are those of the old text; completion in the middle of a word
    session.change("r0 = 1;", "r0 = smp_")
    assert await session.titles() == ["run all 2 variants", "run", "run"]
    offered = await client.text_document_completion_async(
        types.CompletionParams(session.document, session.place("smp_", 4))
    )
    assert isinstance(offered, types.CompletionList)
    (word,) = (i for i in offered.items if i.label == "smp_load_acquire")
    assert word.insert_text_format == types.InsertTextFormat.Snippet
    assert isinstance(word.text_edit, types.TextEdit)
    assert word.text_edit.range.start == session.place("smp_")
    assert {d.severity for d in await session.found()} == {types.DiagnosticSeverity.Error}

    # mended, and renamed
    session.change("r0 = smp_", "r0 = READ_ONCE(flag);")
    session.change("page B = 2;", "page B = 2; int flag;")
    assert await session.found() == []
    asked = types.PrepareRenameParams(session.document, session.place("flag)"))
    prepared = await client.text_document_prepare_rename_async(asked)
    assert isinstance(prepared, types.PrepareRenamePlaceholder) and prepared.placeholder == "flag"
    renamed = await client.text_document_rename_async(
        types.RenameParams(session.document, session.place("flag)"), "ready")
    )
    starts = [e.range.start for e in edits(renamed, session.uri)]
    assert starts == [session.place("flag;"), session.place("flag)")]
    with pytest.raises(JsonRpcException, match="do_flush is declared in line 2 of"):
        await client.text_document_rename_async(
            types.RenameParams(session.document, session.place("do_flush"), "other")
        )

    # saved: all variants are decided
    session.path.write_text(session.text)
    client.text_document_did_save(types.DidSaveTextDocumentParams(session.document))
    while not all("expected" in t for t in (await session.titles())[1::2]):
        await asyncio.sleep(STEP)
    titles = await session.titles()
    assert titles[1].startswith("sometimes, as expected (") and titles[3].startswith("never, as expected (")


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_verdict_that_differs_is_an_error(session: Session) -> None:
    session.change("IPI   never", "IPI   sometimes")
    await session.found()
    await session.run("verifier.decideAll", session.uri)
    (wrong,) = [d for d in await session.found() if d.code == "differs"]
    assert wrong.message.startswith("never, expected sometimes (")
    assert wrong.range.start == session.place("IPI   sometimes")
    (lens,) = [t for t in await session.titles() if t.startswith("never")]
    assert "expected sometimes" in lens


@pytest.mark.slow
@pytest.mark.asyncio
async def test_an_open_include_counts_and_leads_to_the_test(session: Session) -> None:
    await session.found()
    uri = from_fs_path(str(session.path.parent / "helpers.inc")) or ""
    wrong = HELPERS.replace("flush_tlb_local", "flush_tlb_locla")
    item = types.TextDocumentItem(uri, "litmus", 1, HELPERS)
    session.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    session.client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, uri),
            [types.TextDocumentContentChangeWholeDocument(wrong)],
        )
    )

    def errors() -> list[types.Diagnostic] | None:
        known = session.client.diagnostics.get(session.uri, [])
        return [d for d in known if d.severity == types.DiagnosticSeverity.Error] or None

    (found,) = await session.until(errors)
    assert found.range.start == session.place('#include "helpers.inc"')
    assert found.related_information is not None
    first = found.related_information[0]
    assert first.location.uri == uri and first.location.range.start == types.Position(1, 28)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_newer_text_comes_before_an_older_one(session: Session) -> None:
    """A text that takes long to check is given up, and the server answers meanwhile."""
    await session.found()
    many = "".join(f"    [IPI] if (READ_ONCE(x{n}) == {n}) smp_mb();\n" for n in range(400))
    objects = "".join(f"    int x{n};\n" for n in range(400))
    session.change("P1 { }", f"{{\n{objects}}}\nP1 {{\n{many}}}")
    hovered = await session.client.text_document_hover_async(
        types.HoverParams(session.document, session.place("set_pte"))
    )
    assert hovered is not None
    session.change(f"{{\n{objects}}}\nP1 {{\n{many}}}", "P1 { smp_mbb(); }")
    assert [d.code for d in await session.found() if d.severity == types.DiagnosticSeverity.Error] == [
        "unknown-word"
    ]
    assert session.version == 3


@pytest.mark.slow
@pytest.mark.asyncio
async def test_settings_and_a_closed_document(tmp_path: Path) -> None:
    async with connected(
        tmp_path, [*COMMAND, "--stdio"], decideOnSave=False, timeout=5, colour="red"
    ) as session:
        await session.found()
        await session.until(
            lambda: [m for m in session.logged if "colour = 'red' has no effect" in m] or None
        )
        session.client.text_document_did_save(types.DidSaveTextDocumentParams(session.document))
        assert await session.titles() == ["run all 2 variants", "run", "run"]
        session.client.text_document_did_close(types.DidCloseTextDocumentParams(session.document))
        await session.until(lambda: None if session.client.diagnostics[session.uri] else True)
        with pytest.raises(JsonRpcException, match="is not open"):
            await session.run("verifier.decide", session.uri, None)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_server_ends_with_its_editor(tmp_path: Path) -> None:
    """Also while it decides something that would take longer than anybody waits."""
    slow = TEXT.replace("P1 { }", "P1 { " + "WRITE_ONCE(big, big + 1); " * 9 + "}\n" + "\n".join(
        f"P{n} {{ " + "WRITE_ONCE(big, big + 1); " * 9 + "}" for n in range(2, 9)
    )).replace("page A", "int big; page A")  # fmt: skip
    async with connected(tmp_path, COMMAND) as session:
        session.change(TEXT, slow)
        running = asyncio.ensure_future(session.run("verifier.decideAll", session.uri))
        await session.until(lambda: session.refreshed or None)
        assert await session.titles() == ["run all 2 variants", "running …", "running …"]
    with suppress(LimitError, JsonRpcException):
        await running
    process = session.client._server
    assert process is not None
    assert await asyncio.wait_for(process.wait(), WAIT) == 0


@pytest.mark.slow
@pytest.mark.asyncio
async def test_wrong_settings_of_a_project_are_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.verifier]\nkernl = 1\n")
    async with connected(tmp_path, COMMAND) as session:
        (wrong,) = [d for d in await session.found() if d.code == "settings"]
        assert "kernl" in wrong.message


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_text_that_is_too_large_is_told(session: Session) -> None:
    session.change("P1 { }", "P1 { " + "{}" * (MAX_BYTES // 2) + " }")
    hovered = await session.client.text_document_hover_async(
        types.HoverParams(session.document, session.place("set_pte"))
    )
    assert hovered is None
    assert [d.code for d in await session.found()] == ["too-large"]
    assert await session.titles() == []


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_port_is_served(tmp_path: Path) -> None:
    """The same over TCP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "--tcp", str(port)])
    try:
        for _ in range(int(WAIT / STEP)):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(STEP)
        asked = {"processId": None, "rootUri": None, "capabilities": {}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
        body = json.dumps(request).encode()
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        assert (await reader.readline()).startswith(b"Content-")
        writer.close()
    finally:
        process.kill()
        process.wait()


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [
        n for n in sys.modules if n.startswith(("verifier.editor.requests", "verifier.editor.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.setitem(sys.modules, "lsprotocol", None)
    assert main(["lsp"]) == ExitCode.WRONG
    assert "pip install '.[lsp]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tcp", "0"], "1 or more"),
        (["--tcp", "70000"], "at most 65535"),
        (["--tcp", "5007", "--stdio"], "not both"),
    ],
)
def test_a_wrong_call_is_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lsp", *words]) == ExitCode.WRONG
    assert said in capsys.readouterr().err
