"""The words that choose between numbers, and the limits of C's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from verifier.program.expressions import Expr
from verifier.words.rows import Special, Word, f, row

# By name, the value and the type that C gives it (include/linux/limits.h, include/vdso/limits.h;
# BITS_PER_LONG: include/asm-generic/bitsperlong.h; BITS_PER_BYTE: include/linux/bits.h).
LIMITS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "U8_MAX": (0xFF, "u8"), "S8_MAX": (0x7F, "s8"), "S8_MIN": (-0x80, "s8"),
        "U16_MAX": (0xFFFF, "u16"), "S16_MAX": (0x7FFF, "s16"), "S16_MIN": (-0x8000, "s16"),
        "U32_MAX": (0xFFFFFFFF, "u32"), "S32_MAX": (0x7FFFFFFF, "s32"), "S32_MIN": (-0x80000000, "s32"),
        "U64_MAX": ((1 << 64) - 1, "u64"), "S64_MAX": ((1 << 63) - 1, "s64"), "S64_MIN": (-(1 << 63), "s64"),
        "INT_MAX": (0x7FFFFFFF, "int"), "INT_MIN": (-0x80000000, "int"),
        "UINT_MAX": (0xFFFFFFFF, "unsigned int"), "ULONG_MAX": ((1 << 64) - 1, "unsigned long"),
        "LONG_MAX": ((1 << 63) - 1, "long"), "LONG_MIN": (-(1 << 63), "long"),
        "SIZE_MAX": ((1 << 64) - 1, "unsigned long"),
        "BITS_PER_LONG": (64, "int"), "BITS_PER_BYTE": (8, "int"),
    }
)  # fmt: skip


def choices() -> Iterator[Word]:
    """All of them."""
    source = "{}(), linux/minmax.h, earlier linux/kernel.h"
    words = partial(row, "Numbers", result="value")

    def chosen(stays: Expr) -> Special:
        """``stays``: where the first number is the value; else it is the other one that is compared."""
        return Special("chosen", "no event", value=stays)

    least, most = f("lt", "x", "y"), f("gt", "x", "y")
    within = f("and", f("gt", "val", "lo"), f("lt", "val", "hi"))
    doc = "the smaller one of two numbers, each evaluated once; their signs agree, as the kernel's macro asks"
    yield words("min(x, y)", chosen(least), doc, source=source.format("min"))
    doc = "the greater one, likewise"
    yield words("max(x, y)", chosen(most), doc, source=source.format("max"))
    doc = "the number, or the limit beyond which it is"
    yield words("clamp(val, lo, hi)", chosen(within), doc, source=source.format("clamp"))
    doc = "the smaller one as numbers of this type, each evaluated once"
    yield words("min_t(type: type, x, y)", chosen(least), doc, source=source.format("min_t"))
    doc = "the greater one, likewise"
    yield words("max_t(type: type, x, y)", chosen(most), doc, source=source.format("max_t"))
    doc = "the number, or the limit beyond which it is, likewise"
    yield words("clamp_t(type: type, val, lo, hi)", chosen(within), doc, source=source.format("clamp_t"))
