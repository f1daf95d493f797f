"""What an editor can ask of the server, message by message."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from verifier.editor.bounded import check, warm
from verifier.editor.complete import Completion, completions
from verifier.editor.follow import OutlineItem, Spot, definition, references, symbols, variants
from verifier.editor.hover import hover
from verifier.editor.rename import NewText, renamable, rename
from verifier.editor.server import (
    DECIDE,
    DECIDE_ALL,
    EXPLAIN,
    PAUSE,
    EditorServer,
    OpenDocument,
    lsp_range,
    still_open,
)
from verifier.errors import LimitError, UsageError
from verifier.suite.options import MAX_SECONDS

_ITEM = {
    "word": types.CompletionItemKind.Function,
    "function": types.CompletionItemKind.Function,
    "object": types.CompletionItemKind.Variable,
    "constant": types.CompletionItemKind.Constant,
    "local": types.CompletionItemKind.Variable,
    "variant": types.CompletionItemKind.EnumMember,
    "keyword": types.CompletionItemKind.Keyword,
    "field": types.CompletionItemKind.Field,
    "file": types.CompletionItemKind.File,
    "type": types.CompletionItemKind.Struct,
}
_SYMBOL = {
    "function": types.SymbolKind.Function,
    "program": types.SymbolKind.Function,
    "object": types.SymbolKind.Variable,
    "constant": types.SymbolKind.Constant,
    "variant": types.SymbolKind.EnumMember,
    "condition": types.SymbolKind.Boolean,
    "struct": types.SymbolKind.Struct,
    "include": types.SymbolKind.File,
    "module": types.SymbolKind.Module,
}


class RequestRefused(JsonRpcException):
    """A request that cannot be done. The message says why, and editors show it."""

    CODE = -32803  # RequestFailed of the protocol


def serve(port: int | None = None) -> None:
    """Serve an editor over standard input and output, or over a port of this machine."""
    warm()
    server = made()
    try:
        if port is None:
            answers = os.fdopen(os.dup(1), "wb")  # pygls closes it
            os.dup2(2, 1)  # what anything else prints is no message
            server.lsp.start_io(stdout=answers)
        else:
            server.lsp.start_tcp("127.0.0.1", port)
    finally:
        server.stop()


def made() -> EditorServer:
    """A server that answers all requests."""
    server = EditorServer()
    _documents(server)
    _looks(server)
    _edits(server)
    _verdicts(server)
    return server


def _documents(server: EditorServer) -> None:
    """Texts come, change, are saved, and go."""
    lsp = server.lsp

    @lsp.feature(types.INITIALIZE)
    def begin(params: types.InitializeParams) -> None:
        _settings(server, params.initialization_options)

    @lsp.feature(types.SHUTDOWN)
    async def end(params: None) -> None:
        server.stop()
        await server.idle()  # pygls fails at requests that end while it cancels them

    @lsp.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configure(params: types.DidChangeConfigurationParams) -> None:
        said = params.settings
        _settings(server, said.get("verifier", said) if isinstance(said, dict) else said)

    @lsp.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        document = server.put(item.uri, item.version, item.text)
        server.start(lambda: server.check(document, 0))

    @lsp.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        text = lsp.workspace.get_text_document(uri).source
        document = server.put(uri, params.text_document.version, text)
        server.start(lambda: server.check(document, PAUSE))
        if document.path.endswith(".inc"):
            _again(server, document)

    @lsp.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        document = server.documents.get(params.text_document.uri)
        if document is not None and server.decides_on_save:
            names = document.names(server.files)
            wanted = [d.name if d else None for d in variants(names.litmus, names)]
            if wanted:
                server.start(lambda: server.decide(document, wanted))

    @lsp.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.drop(uri)
        lsp.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _again(server: EditorServer, changed: OpenDocument) -> None:
    """Check the open tests again: they may include the text that has changed."""
    for uri, old in list(server.documents.items()):
        if old is not changed and not old.path.endswith(".inc"):
            document = server.put(uri, old.version, old.text)
            server.start(lambda document=document: server.check(document, 2 * PAUSE))  # type: ignore[misc]


def _settings(server: EditorServer, said: object) -> None:
    """Take the settings of an editor; wrong ones are told, and have no effect."""
    for name, value in said.items() if isinstance(said, dict) else ():
        if name == "decideOnSave" and isinstance(value, bool):
            server.decides_on_save = value
        elif name == "timeout" and type(value) in (int, float) and 0 < value < MAX_SECONDS:
            server.timeout = float(value)
        else:
            server.lsp.window_log_message(
                types.LogMessageParams(types.MessageType.Warning, _unknown(str(name), value))
            )


def _unknown(name: str, value: object) -> str:
    return (
        f"verifier: the setting {name} = {value!r} has no effect; there are decideOnSave (true or false) and "
        "timeout (seconds)"
    )


def _looks(server: EditorServer) -> None:
    """Requests that change nothing."""
    lsp = server.lsp

    @lsp.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        known = server.named(params.text_document.uri, params.position)
        found = hover(*known[1:]) if known is not None else None
        if known is None or found is None:
            return None
        content = types.MarkupContent(types.MarkupKind.Markdown, found.markdown)
        return types.Hover(content, lsp_range(known[0].lines.extent(found.start, found.end)))

    @lsp.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(trigger_characters=["#", "[", ".", ">", ":", '"', "/"]),
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        known = server.named(params.text_document.uri, params.position)
        if known is None:
            return types.CompletionList(False, [])
        document, names, offset = known
        found = completions(names, offset)
        place = lsp_range(document.lines.extent(found.start, found.end))
        snippets = _snippets(lsp)
        items = [_item(one, place, snippets) for one in found.items]
        return types.CompletionList(False, items)

    @lsp.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(params: types.DefinitionParams) -> types.Location | None:
        known = server.named(params.text_document.uri, params.position)
        spot = definition(*known[1:]) if known is not None else None
        return server.location(known[0], spot) if known is not None and spot is not None else None

    @lsp.feature(types.TEXT_DOCUMENT_REFERENCES)
    def referred(params: types.ReferenceParams) -> list[types.Location]:
        known = server.named(params.text_document.uri, params.position)
        if known is None:
            return []
        document, names, offset = known
        found = references(names, offset)
        if not params.context.include_declaration:
            at = definition(names, offset)
            found = [s for s in found if at is None or s[1:] != at[1:] or s.source.name != at.source.name]
        return [server.location(document, spot) for spot in found]

    @lsp.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlighted(params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        known = server.named(params.text_document.uri, params.position)
        if known is None:
            return []
        document, names, offset = known
        spots: Sequence[Spot] = references(names, offset)
        return [types.DocumentHighlight(lsp_range(document.lines.extent(s.start, s.end))) for s in spots]

    @lsp.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return []
        return [_symbol(document, one) for one in symbols(document.names(server.files))]


def _snippets(lsp: LanguageServer) -> bool:
    text = lsp.client_capabilities.text_document
    item = text.completion.completion_item if text is not None and text.completion is not None else None
    return bool(item is not None and item.snippet_support)


def _item(one: Completion, place: types.Range, snippets: bool) -> types.CompletionItem:
    snippet = one.snippet if snippets else ""
    return types.CompletionItem(
        one.label,
        kind=_ITEM[one.kind],
        detail=one.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, one.markdown) if one.markdown else None,
        text_edit=types.TextEdit(place, snippet or one.label),
        insert_text_format=types.InsertTextFormat.Snippet if snippet else types.InsertTextFormat.PlainText,
    )


def _symbol(document: OpenDocument, one: OutlineItem) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        one.name,
        _SYMBOL[one.kind],
        lsp_range(document.lines.extent(one.start, one.end)),
        lsp_range(document.lines.extent(one.name_start, one.name_end)),
        detail=one.detail or None,
        children=[_symbol(document, child) for child in one.children],
    )


def _edits(server: EditorServer) -> None:
    """Renaming."""
    lsp = server.lsp

    @lsp.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        known = server.named(params.text_document.uri, params.position)
        if known is None:
            return None
        document, names, offset = known
        try:
            one = renamable(names, offset)
        except UsageError as error:
            raise RequestRefused(str(error)) from None
        place = lsp_range(document.lines.extent(one.start, one.end))
        return types.PrepareRenamePlaceholder(place, one.name)

    @lsp.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    async def renamed(params: types.RenameParams) -> types.WorkspaceEdit | None:
        known = server.named(params.text_document.uri, params.position)
        if known is None:
            return None
        document, names, offset = known
        try:
            edits = rename(names, offset, params.new_name)
        except UsageError as error:
            raise RequestRefused(str(error)) from None
        with server.at_work():
            await _refuse_errors(server, document, edits)
        changes = [types.TextEdit(lsp_range(document.lines.extent(e.start, e.end)), e.text) for e in edits]
        return types.WorkspaceEdit(changes={document.uri: changes})


async def _refuse_errors(server: EditorServer, document: OpenDocument, edits: list[NewText]) -> None:
    """Refuse a renaming after which a text without errors would have some. This should never be so."""

    def work() -> str:
        options, files, still = server.options(document), server.frozen(), still_open(document)
        texts = [document.text, _edited(document.text, edits)]
        before, after = (
            [f for f in check(t, document.path, files, options, still) if f.severity == "error"]
            for t in texts
        )
        return after[0].message if after and not before else ""

    try:
        wrong = await asyncio.get_running_loop().run_in_executor(server.checks, work)
    except LimitError:
        return
    if wrong:
        raise RequestRefused(f"the file would then be wrong: {wrong}")


def _edited(text: str, edits: list[NewText]) -> str:
    for one in sorted(edits, reverse=True):
        text = f"{text[: one.start]}{one.text}{text[one.end :]}"
    return text


def _verdicts(server: EditorServer) -> None:
    """Lenses, and the commands behind them."""
    lsp = server.lsp

    @lsp.feature(types.TEXT_DOCUMENT_CODE_LENS)
    def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        document = server.documents.get(params.text_document.uri)
        return server.lenses(document) if document is not None else []

    @lsp.command(DECIDE)
    async def decide(uri: str, variant: str | None) -> list[dict[str, object]]:
        with server.at_work():
            return [d._asdict() for d in await server.decide(_asked(server, uri), [variant])]

    @lsp.command(DECIDE_ALL)
    async def decide_all(uri: str) -> list[dict[str, object]]:
        document = _asked(server, uri)
        names = document.names(server.files)
        wanted = [d.name if d else None for d in variants(names.litmus, names)]
        with server.at_work():
            return [d._asdict() for d in await server.decide(document, wanted)]

    @lsp.command(EXPLAIN)
    async def explain(uri: str, variant: str | None) -> str:
        with server.at_work():
            return await server.explain(_asked(server, uri), variant)


def _asked(server: EditorServer, uri: str) -> OpenDocument:
    """The document that a command is about."""
    document = server.documents.get(uri)
    if document is None:
        raise RequestRefused(f"{uri} is not open")
    return document
