"""Checks, decides and explains texts in expendable processes, so that no text can hang an editor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import TypeVar

from verifier.budget import MEMORY, Budget
from verifier.editor.files import Files
from verifier.editor.findings import EditorFinding, diagnostics
from verifier.editor.places import normal
from verifier.errors import InputError, LimitError, UsageError, VerifierError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.records import NamedTuple
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all, tree_at
from verifier.suite.options import Options
from verifier.suite.pool import Raised, alone, each_alone
from verifier.suite.worker import Limits, forks
from verifier.syntax.test import Test

T = TypeVar("T")
Still = Callable[[], bool]
"""Does somebody still wait for the answer?"""

CHECKING = 10.0  # seconds for the errors of a text


class Decided(NamedTuple):
    """What is known of a variant (None: of a file without variants). ``title``: in a few words; ``good``:
    is it as expected? None if nothing is expected. ``text``: as ``verifier check`` prints it."""

    variant: str | None
    title: str
    good: bool | None
    text: str


_WARM = (
    "MM warm\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n",
    "X86 warm\n{ }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
)


def warm() -> None:
    """Load what deciding needs once, and not in each process. A process must not be forked while another
    thread imports something, so this comes before there are threads."""
    for name in ("solve", "execution.matter", "suite.shorten", "render.story", "render.why"):
        import_module(f"verifier.{name}")
    for text in _WARM:
        for test in load_all(Source("warm", text)):
            build(test, 0)


def _kernel(options: Options) -> KernelTree | None:
    return tree_at(options.kernel) if options.kernel else None


def check(text: str, path: str, files: Files, options: Options, still: Still) -> list[EditorFinding]:
    """What is wrong with a text: ``diagnostics``, in a process of its own. If that does not end in time, this
    is all that is found. Raises ``LimitError`` if nobody waits any more."""

    def work() -> list[EditorFinding]:
        return diagnostics(text, path, files, Budget(CHECKING / 2), _kernel(options))

    try:
        return _alone(work, Limits(MEMORY, CHECKING), path, still)
    except (LimitError, UsageError) as error:
        if not still():
            raise
        first = len(normal(text).partition("\n")[0])
        severity = "error" if isinstance(error, UsageError) else "note"
        return [EditorFinding(severity, "limit", f"not everything is checked here: {error}", 0, first)]


def decide(
    text: str,
    path: str,
    files: Files,
    variants: Sequence[str | None],
    options: Options,
    still: Still,
    jobs: int = 1,
) -> Iterator[Decided]:
    """What the verifier says of variants, one after the other. Raises ``LimitError`` if nobody waits any
    more."""
    source = Source(path, normal(text))

    def work(variant: str | None) -> Decided:
        return _told(variant, run(_test(source, files, variant, options), options))

    tasks = [partial(work, v) for v in variants]
    found: Iterator[Decided | Raised]
    found = each_alone(tasks, options.limits, path, jobs, wanted=still) if forks() else map(_tried, tasks)
    for variant, one in zip(variants, found, strict=True):
        yield _failed(variant, one.error) if isinstance(one, Raised) else one


def explain(text: str, path: str, files: Files, variant: str | None, options: Options, still: Still) -> str:
    """Why the outcome of a variant is impossible, or a run that leads to it, as ``verifier explain`` says it.

    Raises ``VerifierError`` as that does, and ``LimitError`` if nobody waits any more.
    """
    source = Source(path, normal(text))

    def work() -> str:
        import verifier
        from verifier.render.why import explanation

        test = _test(source, files, variant, options)
        return explanation(verifier.explain(test, timeout=options.timeout))

    seconds = options.limits.seconds
    return _alone(work, Limits(options.memory, seconds and 2 * seconds), path, still)


def _alone(work: Callable[[], T], limits: Limits, path: str, still: Still) -> T:
    return alone(work, limits, path, wanted=still) if forks() else work()


def _tried(work: Callable[[], Decided]) -> Decided | Raised:
    try:
        return work()
    except VerifierError as error:
        return Raised(error)


def _test(source: Source, files: Files, variant: str | None, options: Options) -> Test:
    """The test of a variant. Raises ``InputError``, also for a variant that does not exist."""
    tests = load_all(source, tree=_kernel(options), only=variant, reader=files.read)
    found = next((t for t in tests if t.variant == variant), None)
    if found is None:
        raise UsageError(f"there is no variant {variant}" if variant else "the file has variants")
    return found


def _told(variant: str | None, verdict: Verdict) -> Decided:
    """A verdict in a few words: "never, as expected (23 ms)"."""
    from verifier.render.story import text

    said = verdict.observation + (", may hang" if verdict.hangs else "")
    good = verdict.as_expected
    if verdict.observation == "unknown" and verdict.reason:
        said += f": {verdict.reason}"
    elif good:
        said += ", as expected"
    elif good is False:
        said += f", expected {verdict.wanted}" if verdict.wanted else ", not as expected"
    if verdict.observation == "unknown":
        good = None
    return Decided(variant, f"{said} ({_time(verdict.seconds)})", good, text(verdict))


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _failed(variant: str | None, error: Exception) -> Decided:
    """What takes the place of a verdict where there is none."""
    if isinstance(error, InputError):
        return Decided(variant, "it has errors", None, str(error))
    word = "unknown" if isinstance(error, LimitError) else "failed"
    return Decided(variant, f"{word}: {str(error).splitlines()[0]}", None, str(error))
