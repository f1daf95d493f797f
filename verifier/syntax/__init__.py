"""Reads files, and turns their text into tests. ``load`` picks the parser by the first word of a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from verifier.errors import InputError
from verifier.source import Diagnostic, Source, Span
from verifier.syntax.test import Test
from verifier.syntax.trouble import nearest

if TYPE_CHECKING:
    from verifier.kernel.tree import KernelTree
    from verifier.syntax.includes import ReadFile

MAX_BYTES = 1 << 20
HEADERS = ("X86", "X86_64", "C", "MM")
BEGINNING = f"a test begins with one of {', '.join(HEADERS)}"
# The first words of herd7's tests for machines that this project does not model.
OTHERS = (
    "AArch64", "ARM", "ASL", "BPF", "CPP", "JAVA", "LISA", "MIPS", "PPC", "RISCV",
)  # fmt: skip
OTHER_CODE = "architecture"
NO_TREE = "no-tree"  # of a test that needs a kernel tree where none is given


def _refuse(name: str, code: str, message: str, hint: str = "") -> InputError:
    return InputError([Diagnostic(code, message, None, hint, file=name)])


_KINDS = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


_FLAGS = os.O_RDONLY | sum([getattr(os, flag, 0) for flag in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY")])


def _data(name: str, size: int) -> bytes:
    """What is in a file, without waiting for it, and at most one byte more than a test may have. ``size``:
    how much that seems to be."""
    file = os.open(name, _FLAGS)
    try:
        data = new = os.read(file, min(size, MAX_BYTES) + 1)
        while new and len(data) != size and len(data) <= MAX_BYTES:
            new = os.read(file, min(1 << 16, MAX_BYTES + 1 - len(data)))
            data += new
        return data
    finally:
        os.close(file)


def read(path: str | os.PathLike[str]) -> Source:
    """A file as a source. Raises ``InputError`` unless it is a regular file of text that can be read."""
    name = os.fspath(path)
    try:
        about = os.stat(name)
        kind = stat.S_IFMT(about.st_mode)  # opening a pipe or a device could block for ever
        if kind != stat.S_IFREG:
            hint = "name a file" + (", or '-' for standard input" if kind != stat.S_IFDIR else "")
            raise _refuse(name, "directory" if kind == stat.S_IFDIR else "special",
                          f"this is a {_KINDS.get(kind, 'device')}, not a file", hint)  # fmt: skip
        data = _data(name, about.st_size)
    except BlockingIOError:  # such as of /proc/kmsg
        raise _refuse(name, "unreadable", "no data can be read from it") from None
    except OSError as error:
        raise _refuse(name, "unreadable", error.strerror or str(error)) from None
    except ValueError as error:
        raise _refuse(name, "unreadable", str(error)) from None
    return decode(data, name)


def decode(data: bytes, name: str) -> Source:
    """Bytes as a source. Raises ``InputError`` if they are not UTF-8 text, or more than ``MAX_BYTES``."""
    if len(data) > MAX_BYTES:
        raise _refuse(
            name, "too-large", "the file has more than 1 MiB", "a litmus test has a few dozen lines"
        )
    if b"\0" in data:
        raise _refuse(name, "binary", "the file is not text", "a litmus file is UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse(name, "binary", "the file is not UTF-8 text", "save it as UTF-8") from None
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def load(
    source: Source,
    defines: Mapping[str, int] | None = None,
    *,
    plain: bool = False,
    only: str | None = None,
    tree: KernelTree | None = None,
    reader: ReadFile | None = None,
) -> list[Test]:
    """All tests of a source, one for each variant. ``defines`` override enum constants (``-D n=4``).
    ``plain``: without warnings that need all variants; ``only``: this variant alone; both of C and MM files.
    ``tree``: where the kernel's own text is taken from; ``reader``: what gives the text of included files, if
    not the disk alone.

    Raises ``InputError`` with everything that is wrong with the file.
    """
    from verifier.syntax import layout

    text = source.text
    if not text.strip():
        raise _refuse(source.name, "empty", "the file is empty", BEGINNING)
    start = layout.beginning(source)
    word, *_ = text[start:].split(None, 1) or [""]
    if not word:
        raise _refuse(source.name, "empty", "the file has only comments", BEGINNING)
    if word in ("X86", "X86_64"):
        from verifier.syntax import x86

        return x86.parse(source, defines=defines)
    if word in ("C", "MM"):
        from verifier.syntax import mm

        return mm.parse(source, defines=dict(defines or {}), plain=plain, only=only, tree=tree, reader=reader)
    span = Span(source, start, start + max(1, len(word)))
    if word in OTHERS:
        hint = f"{BEGINNING}; --skip-other skips tests for other architectures"
        raise InputError([Diagnostic(OTHER_CODE, f"this test is for {word}", span, hint)])
    hint = nearest(word, HEADERS) or BEGINNING
    raise InputError([Diagnostic("header", f"unknown kind of test {word[:40]!r}", span, hint)])
