"""What a test takes at a revision, and whether that differs from what it takes at another one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from verifier.errors import InputError, LimitError
from verifier.kernel.git import Repository
from verifier.kernel.tree import KernelTree, Unreadable
from verifier.lower.build import build
from verifier.lower.c.kernel import resolved
from verifier.records import dataclass, fields, is_dataclass
from verifier.revisions.rows import Change, How
from verifier.revisions.shortcuts import NameMeanings, tokens
from verifier.source import Diagnostic, Source, Span
from verifier.suite.load import load_all
from verifier.syntax import ast, load
from verifier.syntax.kernel import UNREADABLE, Cutter, Excerpt
from verifier.syntax.test import Test

# Of a syntax tree: where things stand, what its text is cut from, and what was asked of it.
_COMPARED = 4  # how many takings of a variant are compared with those of a new commit
_BESIDE = frozenset({"span", "cutter", "kernel"})


@dataclass(frozen=True, slots=True)
class Taking:
    """What a variant takes at a revision.

    ``texts``     the definitions, without comments and layout;
    ``meaning``   a digest of the test with these definitions in it: two that have the same are the same
                  test; empty if there are errors;
    ``test``      the variant; None if there are errors.
    """

    texts: Mapping[Excerpt, str]
    meaning: str = ""
    test: Test | None = None
    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def key(self) -> object:
        """Equal for equal texts of equal meaning, and for equal errors, wherever they stand."""
        said = tuple((d.code, re.sub(r"\d+", "", d.message)) for d in self.errors)
        return self.meaning, tuple(sorted(self.texts.items())), said


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What all variants take at a revision."""

    takings: Mapping[str, Taking]

    @property
    def key(self) -> object:
        """Equal if all takings are."""
        return tuple((variant, taking.key) for variant, taking in self.takings.items())


class _Listing(KernelTree):
    """A tree that has nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.place, self.names = "", list[str]()

    def source(self, path: str) -> Source:
        """Raise ``Unreadable``."""
        if path not in self.names:
            self.names.append(path)
        raise Unreadable("")


class Reader:
    """Reads a test at the revisions of a repository. ``variants`` are those of the test that are asked for;
    None stands for a file without variants."""

    def __init__(
        self,
        source: Source,
        repository: Repository,
        variants: Sequence[str | None],
        defines: Mapping[str, int],
    ) -> None:
        self.source_file, self.repository = source, repository
        self.variants, self.defines = tuple(variants), defines
        self.paths = self._named()
        self._earlier: dict[str | None, list[tuple[NameMeanings, Taking]]] = {v: [] for v in self.variants}
        self._built: set[str] = set()
        self._by_files: dict[object, Snapshot] = {}
        self._by_key: dict[object, Snapshot] = {}

    def _named(self) -> list[str]:
        """The files that the test names, whatever tree it is about. Raises ``InputError`` for a test that is
        wrong in itself."""
        listing = _Listing()
        for variant in self.variants:
            try:
                load(self.source_file, self.defines, only=variant, tree=listing)
            except InputError as error:
                own = [d for d in error.diagnostics if d.code != UNREADABLE]
                if own:
                    raise InputError(own) from None
        return listing.names

    def at(self, commit: str) -> Snapshot:
        """What the test takes at a commit. Equal snapshots are one."""
        while True:
            before = len(self.paths)
            files = tuple(self.repository.file(commit, path) for path in self.paths)
            if files not in self._by_files:
                made = Snapshot({v or "": self._taking(v, commit) for v in self.variants})
                if len(self.paths) > before:
                    continue
                self._by_files[files] = self._by_key.setdefault(made.key, made)
            return self._by_files[files]

    def _taking(self, variant: str | None, commit: str) -> Taking:
        """What a variant takes at a commit."""
        for names, taking in reversed(self._earlier[variant]):
            if names.holds(self.repository, commit):
                return taking
        made = self._read(variant, commit)
        if made.test is not None:
            unit = made.test.tree
            words = [*_words(unit), *_words(unit.kernel), *made.texts.values(), *(e.name for e in made.texts)]
            others = {p: self.repository.file(commit, p) for p in self.paths if p not in unit.cutter.files}
            self._earlier[variant].append((NameMeanings(unit.cutter, words, others), made))
            del self._earlier[variant][:-_COMPARED]
        return made

    def _read(self, variant: str | None, commit: str) -> Taking:
        tree = KernelTree(f"{self.repository.directory}@{commit}")
        try:
            (test,) = load_all(self.source_file, self.defines, tree, variant)
            self._note(tree)
            found = resolved(test.tree)
            meant = meaning(found.unit)
            self._build(test, meant)
        except InputError as error:
            self._note(tree)
            return Taking({}, errors=error.diagnostics)
        cutter = test.tree.cutter
        assert isinstance(cutter, Cutter)
        texts = {piece: tokens(text) for piece, text in cutter.taken.items()}
        return Taking(texts, meant, test, warnings=tuple(found.warnings))

    def _build(self, test: Test, meant: str) -> None:
        """Raise ``InputError`` for what is wrong with the test as a program. Each program is built once."""
        if meant not in self._built:
            with suppress(LimitError):  # the verdict will say so
                build(test, 0)
            self._built.add(meant)

    def _note(self, tree: KernelTree) -> None:
        """Remember files that the tree was asked for besides, such as its Makefile."""
        self.paths += sorted(tree.asked - set(self.paths))


def differences(old: Snapshot, new: Snapshot) -> tuple[Change, ...]:
    """Which definitions differ between two snapshots, in any variant; empty if one has errors."""
    found: dict[Excerpt, How] = {}
    for variant, taking in new.takings.items():
        before, after = old.takings[variant].texts, taking.texts
        if old.takings[variant].errors or taking.errors:
            continue
        for piece in [*after, *(p for p in before if p not in after)]:
            if before.get(piece) != after.get(piece):
                found.setdefault(
                    piece, "added" if piece not in before else "removed" if piece not in after else "changed"
                )
    order = {"function": 0, "object": 1, "macro": 2, "struct": 3, "enum": 4}
    chosen = sorted(found.items(), key=lambda item: (order[item[0].kind], item[0]))
    return tuple(Change(piece.file, piece.kind, piece.name, how) for piece, how in chosen)


def meaning(tree: object) -> str:
    """A digest of a syntax tree that does not depend on where it stands."""
    digest = hashlib.sha256()
    for word in _words(tree):
        digest.update(word.encode(errors="surrogatepass") + b"\0")
    return digest.hexdigest()


def _words(x: object) -> Iterator[str]:
    if isinstance(x, Span):
        return
    if is_dataclass(x) and not isinstance(x, type):
        yield f"<{type(x).__name__}"
        for f in fields(x):
            if f.name not in _BESIDE:
                yield from _words(getattr(x, f.name))
        yield ">"
    elif isinstance(x, dict):
        yield "{"
        for key in sorted(x, key=str):
            yield from _words(key)
            yield from _words(x[key])
        yield "}"
    elif isinstance(x, tuple | list):
        yield f"({type(x).__name__}"
        for part in x:
            if not isinstance(part, ast.Empty):  # such as a call that is dropped
                yield from _words(part)
        yield ")"
    elif isinstance(x, frozenset | set):
        yield "set"
        yield from sorted(str(list(_words(part))) for part in x)
    else:
        yield f"{type(x).__name__} {x!r}"
