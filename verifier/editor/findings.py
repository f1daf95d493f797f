"""The errors and the warnings of a text that is being edited, each with its exact place."""

from __future__ import annotations

import os
from collections.abc import Iterator

from verifier.budget import Budget
from verifier.editor.files import Files
from verifier.editor.places import normal
from verifier.editor.scan import Litmus
from verifier.errors import InputError, LimitError, VerifierError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.records import NamedTuple
from verifier.results import warnings_of, wrong_expectations
from verifier.source import Diagnostic, Source, Span
from verifier.suite.load import load_all
from verifier.syntax import NO_TREE, decode, load


class Beside(NamedTuple):
    """More about a finding, at another place or at the same one."""

    source: Source
    start: int
    end: int
    message: str


class EditorFinding(NamedTuple):
    """An error, a warning or a note (``severity``) about ``start .. end`` of the text."""

    severity: str
    code: str
    message: str
    start: int
    end: int
    related: tuple[Beside, ...] = ()
    hint: str = ""


def diagnostics(
    text: str, path: str, files: Files, budget: Budget | None = None, tree: KernelTree | None = None
) -> list[EditorFinding]:
    """What is wrong with the text of a test or an include, all at once; ``path`` says where its includes are.

    What is wrong in an included file is found at the ``#include`` that leads there. ``tree``: of tests about
    the kernel's own text. If ``budget`` ends, a note says so. Of an include there are the errors of its text;
    what its functions do with the names of a test, only the test shows.
    """
    text = normal(text)
    try:
        source = decode(text.encode("utf-8", "surrogatepass"), path)
    except InputError as error:
        return [_made(Source(path, text), d, {}) for d in error.diagnostics]
    included = path.endswith(".inc")
    asked = _including(path) if included else source
    lines = {} if included else _lines(source, files)
    found = list(_diagnostics(asked, files, None if included else budget or Budget(), tree))
    if included:
        here = os.path.realpath(path)
        found = [d for d in found if d.code != NO_TREE and (d.span is None or _same(d.span, here))]
        return _once(_made(source, _moved(d, source), {}) for d in found)
    return _once(_made(source, d, lines) for d in found)


def _same(span: Span, real: str) -> bool:
    return os.path.realpath(span.source.name) == real


def _including(path: str) -> Source:
    """A test that does nothing but include a file."""
    folder, name = os.path.split(path)
    return Source(os.path.join(folder, "include.litmus"), f'MM include\n#include "{name}"\nP0 {{ }}\n')


def _moved(d: Diagnostic, source: Source) -> Diagnostic:
    """A diagnostic about the text that is open."""
    span = d.span
    return (
        d
        if span is None
        else Diagnostic(d.code, d.message, Span(source, span.start, span.end), d.hint, d.severity)
    )


def _diagnostics(
    source: Source, files: Files, budget: Budget | None, tree: KernelTree | None
) -> Iterator[Diagnostic]:
    """Everything that ``verifier check`` says of a text before it decides; without a budget, its programs are
    not built."""
    try:
        if budget is None:
            for test in load(source, tree=tree, reader=files.read):
                yield from test.warnings
            return
        tests = load_all(source, tree=tree, reader=files.read)
        for test in tests:
            try:
                wrong = wrong_expectations(test)
                yield from wrong
                yield from warnings_of(test, build(test, 0, budget))
            except InputError as error:
                yield from test.warnings
                yield from error.diagnostics
    except InputError as error:
        yield from error.diagnostics
    except LimitError as limit:
        yield Diagnostic("limit", f"not everything is checked here: {limit}", None, severity="note")
    except RecursionError:
        yield Diagnostic("nesting", "nested too deeply", None, file=source.name)
    except VerifierError as error:
        yield Diagnostic("failed", str(error), None)


def _lines(source: Source, files: Files) -> dict[str, tuple[int, int]]:
    """The ``#include`` lines that lead to the included files, by real path."""
    litmus = Litmus(source)
    return {
        os.path.realpath(i.litmus.source.name): (i.line.start, i.line.end) for i in files.includes(litmus)
    }


def _made(source: Source, d: Diagnostic, lines: dict[str, tuple[int, int]]) -> EditorFinding:
    """A diagnostic as editors show it."""
    severity = "note" if d.code == NO_TREE else d.severity
    span = d.span
    if span is not None and span.source.name == source.name:
        start, end = span.start, span.end
        related = [Beside(source, start, end, d.hint)] if d.hint else []
        return EditorFinding(
            severity, d.code, d.message, start, min(end, len(source.text)), tuple(related), d.hint
        )
    first = (0, len(source.text.partition("\n")[0]))
    if span is None:
        return EditorFinding(severity, d.code, d.message, *first, (), d.hint)
    start, end = lines.get(os.path.realpath(span.source.name), first)
    related = [Beside(span.source, span.start, span.end, d.message)]
    if span.called is not None:
        called = span.called
        related.append(Beside(called.source, called.start, called.end, "the function is called here"))
    if d.hint:
        related.append(Beside(span.source, span.start, span.end, d.hint))
    line, column = span.source.position(span.start)
    message = f"{os.path.basename(span.source.name)}:{line}:{column}: {d.message}"
    return EditorFinding(severity, d.code, message, start, end, tuple(related), d.hint)


def _once(found: Iterator[EditorFinding]) -> list[EditorFinding]:
    """Each finding once, in the order of the text."""
    kept = {(f.severity, f.code, f.message, f.start, f.end): f for f in found}
    return sorted(kept.values(), key=lambda f: (f.start, f.end, f.message))
