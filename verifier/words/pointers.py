"""The words about pointers that stand for errors, the kernel's error numbers, and the sizes of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from verifier.program.expressions import FALSE, TRUE, Expr, Reg
from verifier.program.values import FIRST_ERROR
from verifier.words.rows import Pure, Special, Word, f, row

# By name (include/uapi/asm-generic/errno-base.h, errno.h; include/linux/errno.h).
ERROR_NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "EPERM": 1, "ENOENT": 2, "ESRCH": 3, "EINTR": 4, "EIO": 5, "ENXIO": 6, "E2BIG": 7, "ENOEXEC": 8,
        "EBADF": 9, "ECHILD": 10, "EAGAIN": 11, "EWOULDBLOCK": 11, "ENOMEM": 12, "EACCES": 13, "EFAULT": 14,
        "ENOTBLK": 15, "EBUSY": 16, "EEXIST": 17, "EXDEV": 18, "ENODEV": 19, "ENOTDIR": 20, "EISDIR": 21,
        "EINVAL": 22, "ENFILE": 23, "EMFILE": 24, "ENOTTY": 25, "ETXTBSY": 26, "EFBIG": 27, "ENOSPC": 28,
        "ESPIPE": 29, "EROFS": 30, "EMLINK": 31, "EPIPE": 32, "EDOM": 33, "ERANGE": 34, "EDEADLK": 35,
        "ENAMETOOLONG": 36, "ENOSYS": 38, "ENODATA": 61, "ETIME": 62, "EOVERFLOW": 75, "EOPNOTSUPP": 95,
        "ETIMEDOUT": 110, "EALREADY": 114, "EINPROGRESS": 115, "ESTALE": 116, "ECANCELED": 125,
        "EHWPOISON": 133, "ERESTARTSYS": 512,
    }
)  # fmt: skip


def _is_error(value: str) -> Expr:
    """``IS_ERR_VALUE()``."""
    return f("ge", f("u64", value), FIRST_ERROR)


def pointers() -> Iterator[Word]:
    """All of them."""
    words = partial(row, "Pointers")
    source = "{}(), linux/err.h"
    doc = "the pointer that stands for an error, from -4095 to -1"
    made = Special("err_ptr", "no event")
    yield words("ERR_PTR(error: error)", made, doc, result="value", source=source.format("ERR_PTR"))
    doc, number = "the error that a pointer stands for", Pure(f("s64", "ptr"))
    yield words("PTR_ERR(ptr)", number, doc, result="long", source=source.format("PTR_ERR"))
    asks = partial(words, result="number")
    doc, wrong = "does a pointer stand for an error?", _is_error("ptr")
    yield asks("IS_ERR(ptr)", Pure(wrong), doc, source=source.format("IS_ERR"))
    either = Pure(f("or", f("not", "ptr"), wrong))
    doc = "is it NULL, or does it stand for an error?"
    yield asks("IS_ERR_OR_NULL(ptr)", either, doc, source=source.format("IS_ERR_OR_NULL"))
    doc = "is a number, as an unsigned long, one from -4095 to -1?"
    yield asks("IS_ERR_VALUE(x)", Pure(_is_error("x")), doc, source=source.format("IS_ERR_VALUE"))
    given = Pure(f("ite", wrong, f("s32", "ptr"), 0))
    doc = "the error that a pointer stands for, or 0"
    yield asks("PTR_ERR_OR_ZERO(ptr)", given, doc, source=source.format("PTR_ERR_OR_ZERO"))
    doc = "the pointer itself, as one to something else"
    yield words("ERR_CAST(ptr)", Pure(Reg("ptr")), doc, result="value", source=source.format("ERR_CAST"))
    size = partial(Special, "array_size", "no event")
    source = "ARRAY_SIZE(), linux/array_size.h, earlier linux/kernel.h"
    doc = "how many elements an array has"
    yield words("ARRAY_SIZE(arr: array)", size(value=FALSE), doc, result="ulong", source=source)
    source = "ARRAY_END(), linux/array_size.h (version unchecked)"
    doc = "the end of an array, &arr[ARRAY_SIZE(arr)]"
    yield words("ARRAY_END(arr: array)", size(value=TRUE), doc, result="value", source=source)
