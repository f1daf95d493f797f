"""The language server: the documents that an editor has open, and the work that goes on for them.

It needs pygls, an extra: ``pip install '.[lsp]'``. ``requests.py`` has what editors can ask.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from verifier import __version__
from verifier.budget import MEMORY
from verifier.editor.bounded import Decided, check, decide, explain
from verifier.editor.files import Files
from verifier.editor.findings import EditorFinding
from verifier.editor.follow import Spot, variants
from verifier.editor.names import KnownNames
from verifier.editor.places import Extent, Lines, Point, Unit, normal
from verifier.editor.scan import MAX_SCANNED, Litmus
from verifier.errors import LimitError, UsageError, VerifierError
from verifier.settings import settings
from verifier.source import Source
from verifier.suite.options import Options

ENDING = 0.05  # seconds between two looks whether work has ended
PAUSE = 0.2  # seconds without a key before a text is checked
SOURCE = "verifier"
DECIDE, DECIDE_ALL, EXPLAIN = "verifier.decide", "verifier.decideAll", "verifier.explain"

_SEVERITY = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}


class OpenDocument:
    """A document of the editor: its text, what is known of its variants, and the work that goes on for it."""

    def __init__(self, uri: str, version: int | None, text: str, unit: Unit) -> None:
        self.uri, self.version, self.text = uri, version, normal(text)
        self.path = to_fs_path(uri) or uri
        self.lines = Lines(self.text, unit)
        self.decided: dict[str | None, Decided] = {}
        self.running: set[str | None] = set()
        self.found: list[EditorFinding] = []
        self.unset = ""  # what is wrong with the settings of its project
        self.closed = threading.Event()  # nobody waits for work on this text any more

    def names(self, files: Files) -> KnownNames:
        """The names of the text. A text that is too large has none."""
        text = self.text if len(self.text) <= MAX_SCANNED else ""
        return KnownNames.of(files.litmus(self.path) or Litmus(Source(self.path, text)), files)


class EditorServer:
    """The server: documents by URI, and what is done with them."""

    def __init__(self) -> None:
        self.lsp = LanguageServer(
            "verifier", f"v{__version__}", text_document_sync_kind=types.TextDocumentSyncKind.Full
        )
        self.files = Files()
        self.documents: dict[str, OpenDocument] = {}
        self.decides_on_save, self.timeout = True, 60.0
        self.busy = 0  # requests that take a while
        self.checks = ThreadPoolExecutor(2, "check")
        self.decisions = ThreadPoolExecutor(1, "decide")
        self.tasks: set[asyncio.Task[object]] = set()

    # -- documents -----------------------------------------------------------------------------------

    def put(self, uri: str, version: int | None, text: str) -> OpenDocument:
        """The editor has a new text. Work on an older one ends."""
        old = self.documents.get(uri)
        if old is not None:
            old.closed.set()
        made = OpenDocument(uri, version, text, self.unit)
        made.found = old.found if old is not None else []
        self.documents[uri] = made
        self.files.put(made.path, made.text)
        return made

    def drop(self, uri: str) -> None:
        """The editor has closed a document."""
        old = self.documents.pop(uri, None)
        if old is not None:
            old.closed.set()
            self.files.drop(old.path)

    def stop(self) -> None:
        """End all work."""
        for uri in list(self.documents):
            self.drop(uri)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A request is being answered that takes a while."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    async def idle(self) -> None:
        """Wait until no such request is left, and its answer is sent."""
        while self.busy:
            await asyncio.sleep(ENDING)
        await asyncio.sleep(ENDING)

    @property
    def unit(self) -> Unit:
        """What columns count."""
        said = self.lsp.workspace.position_encoding
        return "utf-8" if said == "utf-8" else "utf-32" if said == "utf-32" else "utf-16"

    def named(self, uri: str, position: types.Position) -> tuple[OpenDocument, KnownNames, int] | None:
        """A document, its names, and an offset in it; None if it is not open."""
        document = self.documents.get(uri)
        if document is None:
            return None
        offset = document.lines.offset(Point(position.line, position.character))
        return document, document.names(self.files), offset

    def options(self, document: OpenDocument) -> Options:
        """How a document is decided: under the settings of its project, unless they are wrong."""
        try:
            kernel, document.unset = settings(os.path.dirname(document.path) or ".").kernel, ""
        except UsageError as error:
            kernel, document.unset = None, str(error)
        return Options(timeout=self.timeout, memory=MEMORY, kernel=kernel)

    def start(self, work: Callable[[], Coroutine[object, object, object]]) -> None:
        """Begin work, and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(work())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # -- findings ------------------------------------------------------------------------------------

    async def check(self, document: OpenDocument, pause: float) -> None:
        """Publish what is wrong with a text, unless a newer one comes first."""
        await asyncio.sleep(pause)
        if document.closed.is_set():
            return
        loop = asyncio.get_running_loop()
        work = partial(
            check, document.text, document.path, self.frozen(), self.options(document), still_open(document)
        )
        try:
            document.found = await loop.run_in_executor(self.checks, work)
        except LimitError:
            return  # a newer text has come
        except VerifierError as error:
            document.found = [EditorFinding("error", "failed", str(error), 0, 0)]
        if not document.closed.is_set():
            self.publish(document)

    def frozen(self) -> Files:
        """The open texts as they are now."""
        return Files(dict(self.files.open))

    def publish(self, document: OpenDocument) -> None:
        """Publish what is known to be wrong with a text, verdicts that differ among it."""
        found = [*document.found, *self._differing(document)]
        if document.unset:
            found.append(EditorFinding("warning", "settings", document.unset, *_first_line(document)))
        made = [self._diagnostic(document, one) for one in found]
        self.lsp.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(document.uri, made, document.version)
        )

    def _differing(self, document: OpenDocument) -> list[EditorFinding]:
        wrong = [d for d in document.decided.values() if d.good is False]
        if not wrong:
            return []
        known = document.names(self.files).own.variants
        places = {v: (d.start, d.end) for v, d in known.items()}
        first = _first_line(document)
        return [
            EditorFinding("error", "differs", f"{d.title}\n{d.text}", *places.get(d.variant or "", first))
            for d in wrong
        ]

    def _diagnostic(self, document: OpenDocument, one: EditorFinding) -> types.Diagnostic:
        capabilities = self.lsp.client_capabilities.text_document
        publishing = capabilities.publish_diagnostics if capabilities is not None else None
        related = None
        message = one.message
        if publishing is not None and publishing.related_information:
            related = [
                types.DiagnosticRelatedInformation(self.location(document, Spot(*b[:3])), b.message)
                for b in one.related
            ]
        elif one.hint:
            message += f"\n{one.hint}"
        return types.Diagnostic(
            lsp_range(document.lines.extent(one.start, one.end)),
            message,
            severity=_SEVERITY.get(one.severity, types.DiagnosticSeverity.Error),
            code=one.code,
            source=SOURCE,
            related_information=related or None,
        )

    def location(self, document: OpenDocument, spot: Spot) -> types.Location:
        """A place, in the document or in another file."""
        same = os.path.realpath(spot.source.name) == os.path.realpath(document.path)
        lines = document.lines if same else Lines(spot.source.text, document.lines.unit)
        uri = document.uri if same else self._uri(spot.source.name)
        return types.Location(uri, lsp_range(lines.extent(spot.start, spot.end)))

    def _uri(self, path: str) -> str:
        """The URI of a file: the editor's own, if it is open."""
        real = os.path.realpath(path)
        known = next((d.uri for d in self.documents.values() if os.path.realpath(d.path) == real), None)
        return known or from_fs_path(os.path.abspath(path)) or path

    # -- verdicts ------------------------------------------------------------------------------------

    async def decide(self, document: OpenDocument, wanted: Sequence[str | None]) -> list[Decided]:
        """Decide variants, and show each verdict as it comes."""
        loop = asyncio.get_running_loop()
        document.running |= set(wanted)
        self.start(self._refresh)
        done: list[Decided] = []

        def came(one: Decided) -> None:
            document.decided[one.variant] = one
            document.running.discard(one.variant)
            done.append(one)
            if not document.closed.is_set():
                self.publish(document)
                self.start(self._refresh)

        def work() -> None:
            found = decide(
                document.text, document.path, self.frozen(), wanted, self.options(document),
                still_open(document),
                jobs=max(1, (os.cpu_count() or 2) // 2),
            )  # fmt: skip
            for one in found:
                loop.call_soon_threadsafe(came, one)

        try:
            await loop.run_in_executor(self.decisions, work)
        except LimitError:
            pass  # a newer text has come
        finally:
            document.running -= set(wanted)
        await asyncio.sleep(0)  # what came last is noted
        return done

    async def _refresh(self) -> None:
        """Ask the editor to ask for lenses again, if it can."""
        workspace = self.lsp.client_capabilities.workspace
        lens = workspace.code_lens if workspace is not None else None
        if lens is not None and lens.refresh_support:
            with suppress(JsonRpcException):  # then the editor shows the new lenses when it asks next
                await self.lsp.workspace_code_lens_refresh_async(None)

    async def explain(self, document: OpenDocument, variant: str | None) -> str:
        """Why the outcome of a variant is impossible; shown as a page, if the editor can show one."""
        loop = asyncio.get_running_loop()
        work = partial(
            explain, document.text, document.path, self.frozen(), variant, self.options(document),
            still_open(document),
        )  # fmt: skip
        try:
            said = await loop.run_in_executor(self.decisions, work)
        except VerifierError as error:
            said = str(error)
        name = f"{os.path.basename(document.path)}{f'::{variant}' if variant else ''}"
        page = f"# {name}\n\n```\n{said}```\n"
        window = self.lsp.client_capabilities.window
        if window is not None and window.show_document is not None and window.show_document.support:
            with tempfile.NamedTemporaryFile("w", suffix=".md", prefix="explain-", delete=False) as file:
                file.write(page)
            uri = from_fs_path(file.name) or file.name
            with suppress(JsonRpcException):  # the page is the answer, too
                await self.lsp.window_show_document_async(types.ShowDocumentParams(uri))
        return page

    def lenses(self, document: OpenDocument) -> list[types.CodeLens]:
        """A lens for each variant: its verdict, or what runs it; and one for all of them."""
        names = document.names(self.files)
        first = document.lines.extent(0, 0)
        found: list[types.CodeLens] = []
        asked = variants(names.litmus, names)
        for one in asked:
            place = document.lines.extent(one.start, one.end) if one is not None else first
            name = one.name if one is not None else None
            title = self._title(document, name)
            found.append(_lens(place, title, DECIDE, document.uri, name))
            if name in document.decided:
                found.append(_lens(place, "explain", EXPLAIN, document.uri, name))
        if len(asked) > 1:
            found.insert(0, _lens(first, f"run all {len(asked)} variants", DECIDE_ALL, document.uri))
        return found

    def _title(self, document: OpenDocument, name: str | None) -> str:
        if name in document.running:
            return "running …"
        known = document.decided.get(name)
        return known.title if known is not None else "run"


def _first_line(document: OpenDocument) -> tuple[int, int]:
    return 0, len(document.text.partition("\n")[0])


def still_open(document: OpenDocument) -> Callable[[], bool]:
    """Asks whether somebody still waits for answers about a text."""
    return lambda: not document.closed.is_set()


def lsp_range(extent: Extent) -> types.Range:
    """An extent as a message has it."""
    return types.Range(types.Position(*extent.start), types.Position(*extent.end))


def _lens(place: Extent, title: str, command: str, *arguments: str | None) -> types.CodeLens:
    return types.CodeLens(lsp_range(place), types.Command(title, command, arguments=list(arguments)))
