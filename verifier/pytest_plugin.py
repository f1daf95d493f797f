"""Lets pytest collect ``.litmus`` files. Each variant is a test; a file with errors is one failing test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle

    from verifier.kernel.tree import KernelTree
    from verifier.results import Verdict
    from verifier.suite.lasting import Lasting
    from verifier.suite.options import Options
    from verifier.suite.twins import Alike
    from verifier.syntax.test import Test


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--verifier-judge``, ``-profile``, ``-timeout``, ``-memory``, ``-kernel`` and ``-strict``."""
    from verifier.budget import MEMORY

    group = parser.getgroup("verifier", "litmus tests")
    group.addoption(
        "--verifier-judge",
        choices=("z3", "explorer", "both"),
        default="z3",
        help="the judge that decides litmus tests",
    )
    group.addoption(
        "--verifier-profile", default="generic", metavar="NAME", help="the machine that litmus tests run on"
    )
    group.addoption(
        "--verifier-timeout", type=float, default=60.0, metavar="S", help="seconds for each litmus test"
    )
    group.addoption(
        "--verifier-memory", type=int, default=MEMORY, metavar="MB", help="memory for each litmus test"
    )
    group.addoption(
        "--verifier-kernel",
        metavar="DIR[@REV]",
        help="a kernel's source, for litmus tests about its text (default: kernel of [tool.verifier])",
    )
    group.addoption(
        "--verifier-strict", action="store_true", help="treat warnings about litmus tests as errors"
    )


_TREE: pytest.StashKey[KernelTree | None] = pytest.StashKey()
_OPTIONS: pytest.StashKey[Options] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and find the kernel tree that they or the project's settings name."""
    from verifier.errors import UsageError
    from verifier.settings import settings
    from verifier.suite.load import tree_at
    from verifier.suite.options import Options

    option = config.getoption
    try:
        options = config.stash[_OPTIONS] = Options(
            judge=option("--verifier-judge"),
            timeout=option("--verifier-timeout"),
            profile=option("--verifier-profile"),
            memory=option("--verifier-memory"),
        )
        _ = options.switches  # complain about an unknown profile
        place = config.getoption("--verifier-kernel")
        place = settings(config.invocation_params.dir).kernel if place is None else place
        config.stash[_TREE] = None if place is None else tree_at(place)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a ``.litmus`` file."""
    if file_path.suffix == ".litmus":
        return LitmusFile.from_parent(parent, path=file_path)
    return None


_SEEN = pytest.StashKey["tuple[Path, Alike]"]()


class LitmusWarning(pytest.PytestWarning):
    """Something in a litmus file is allowed, but almost certainly a mistake."""


def _alike(item: pytest.Item) -> Alike:
    """The memory of an item's file for equal variants. The session keeps that of one file at a time."""
    from verifier.suite.twins import Alike

    path, alike = item.session.stash.get(_SEEN, (None, None))
    if alike is None or path != item.path:
        alike = Alike()
        item.session.stash[_SEEN] = item.path, alike
    return alike


_LASTING: pytest.StashKey[Lasting] = pytest.StashKey()


def _decide(test: Test, session: pytest.Session) -> Verdict:
    """The verdict on a test, by the process of this session, or by one of its own if there is none."""
    from verifier.suite.decide import run_alone
    from verifier.suite.lasting import Lasting
    from verifier.suite.worker import forks

    options = session.config.stash[_OPTIONS]
    if options.judge != "explorer":
        import_module("verifier.solve")  # load Z3 once here, and not in every process
    if _LASTING not in session.stash and forks():
        collected = [item.test for item in session.items if isinstance(item, LitmusItem)]
        session.stash[_LASTING] = Lasting(collected, options)
    lasting = session.stash.get(_LASTING, None)
    if lasting is None or test not in lasting:
        return run_alone(test, options)
    return lasting.verdict(test)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the process that decides tests."""
    lasting = session.stash.get(_LASTING, None)
    if lasting is not None:
        lasting.end()


class LitmusFile(pytest.File):
    """A litmus file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a variant."""
        from verifier.errors import InputError, VerifierError, unexpected
        from verifier.suite.load import load_checked
        from verifier.syntax import NO_TREE, read

        try:
            tests = load_checked(read(self.path), tree=self.config.stash[_TREE])
        except InputError as error:
            if {d.code for d in error.diagnostics} == {NO_TREE}:
                yield Treeless.from_parent(self, name="no-tree")
            else:
                yield BrokenFile.from_parent(self, name="error", problem=str(error))
            return
        except VerifierError as error:
            yield BrokenFile.from_parent(self, name="error", problem=str(error))
            return
        except Exception as error:  # it is this file's alone; the others are collected
            yield BrokenFile.from_parent(self, name="error", problem=str(unexpected(error, str(self.path))))
            return
        for test in tests:
            yield LitmusItem.from_parent(self, name=test.variant or test.name, test=test)


class _Item(pytest.Item):
    """Has no fixtures, and says so: plugins look for them in every item."""

    funcargs: ClassVar[Mapping[str, object]] = {}


class BrokenFile(_Item):
    """A file that has errors or cannot be read. It fails with its diagnostics."""

    def __init__(self, *, problem: str, **more: Any) -> None:
        super().__init__(**more)
        self.problem = problem

    def runtest(self) -> None:
        """Fail with the problem."""
        raise LitmusFailure(self.problem)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str:
        """The diagnostics, without a traceback."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file's path, its first line, and a title."""
        return self.path, 0, f"{self.path.name}: error"


class Treeless(_Item):
    """A file about the text of a kernel, where no kernel's tree is given. It is skipped."""

    def runtest(self) -> None:
        """Skip."""
        pytest.skip("it is about a kernel's own text; --verifier-kernel DIR names a tree")

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file's path, its first line, and a title."""
        return self.path, 0, f"{self.path.name}: no-tree"


class LitmusFailure(Exception):
    """A test fails. The report shows the text of this exception."""


class LitmusItem(_Item):
    """One variant of a litmus file."""

    def __init__(self, *, test: Test, **more: Any) -> None:
        super().__init__(**more)
        self.test = test

    def runtest(self) -> None:
        """Decide the test in another process. Fail on an unexpected or unknown verdict, or an error."""
        from verifier.errors import VerifierError
        from verifier.render.story import text

        option = self.config.getoption
        try:
            verdict = _decide(self.test, self.session)
        except VerifierError as error:
            raise LitmusFailure(str(error)) from None
        self.user_properties.append(("observation", verdict.observation))
        self.user_properties.append(("hangs", verdict.hangs))
        found = {d.key: d for d in (*verdict.warnings, *_alike(self).add(verdict))}
        warnings = [d.render() for d in found.values()]
        if verdict.exit_code:
            raise LitmusFailure("\n".join([text(verdict), *warnings]))
        if warnings and option("--verifier-strict"):
            raise LitmusFailure("\n".join(warnings))
        for warning in warnings:
            self.warn(LitmusWarning(warning))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """Verdict, expectation and story; other exceptions get a traceback."""
        if isinstance(excinfo.value, LitmusFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file's path, the line of the condition, and the test's id."""
        line = self.test.span.line - 1 if self.test.span else 0
        return self.path, line, self.test.id
