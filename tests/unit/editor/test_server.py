"""A real client talks to ``verifier lsp`` over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

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
WAIT = 60.0  # seconds until a test gives up


class Session:
    """A client with one open test; ``place`` finds positions in its text."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client, self.path = client, folder / "t.litmus"
        self.uri = from_fs_path(str(self.path)) or ""
        self.text, self.version = TEXT, 1

    def place(self, before: str, more: int = 0) -> types.Position:
        """The position of a piece of the text, in units of UTF-16."""
        at = self.text.index(before) + more
        line = self.text.count("\n", 0, at)
        start = self.text.rfind("\n", 0, at) + 1
        return types.Position(line, len(self.text[start:at].encode("utf-16-le")) // 2)

    @property
    def document(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    async def found(self, wanted: int | None = None) -> list[types.Diagnostic]:
        """The diagnostics of the text as it is now."""
        for _ in range(int(WAIT / 0.05)):
            known = self.versions.get(self.uri)
            if known == self.version:
                return list(self.client.diagnostics.get(self.uri, []))
            await asyncio.sleep(0.05)
        pytest.fail("no diagnostics came")

    versions: dict[str, int | None]

    async def change(self, old: str, new: str) -> None:
        self.text = self.text.replace(old, new, 1)
        self.version += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangeWholeDocument(self.text)],
            )
        )

    async def titles(self) -> list[str]:
        found = await self.client.text_document_code_lens_async(types.CodeLensParams(self.document))
        return [lens.command.title for lens in found or [] if lens.command]


@pytest_asyncio.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """A client of a server that has one test open."""
    (tmp_path / "t.litmus").write_text(TEXT)
    (tmp_path / "helpers.inc").write_text(HELPERS)
    config = ClientServerConfig(server_command=[sys.executable, "-m", "verifier.cli", "lsp"])
    client = await config.start()
    assert isinstance(client, LanguageClient)
    made = Session(client, tmp_path)
    made.versions = {}
    usual = client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS]

    def published(params: types.PublishDiagnosticsParams) -> None:
        usual(params)
        made.versions[params.uri] = params.version

    client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS] = published
    await client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"), root_uri=from_fs_path(str(tmp_path))
        )
    )
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(made.uri, "litmus", 1, TEXT))
    )
    yield made
    await client.shutdown_session()


@pytest.mark.asyncio
async def test_try(session: Session) -> None:
    print(await session.found())
    print(await session.client.text_document_hover_async(types.HoverParams(session.document, session.place("set_pte"))))
    print(await session.titles())
    print(await session.client.workspace_execute_command_async(types.ExecuteCommandParams("verifier.decide", arguments=[session.uri, "IPI"])))
    print(await session.titles())
    session.client.text_document_did_save(types.DidSaveTextDocumentParams(session.document))
    await asyncio.sleep(1)
    print(await session.titles())
