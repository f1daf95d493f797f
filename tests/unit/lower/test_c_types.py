"""Integers have their C types: what expressions are, compared with a compiler; what objects hold."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.judges import states
from verifier import explore
from verifier.errors import InputError
from verifier.lower.build import build
from verifier.lower.c import types as t
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.ast import CType

OBJECTS: dict[str, tuple[str, int]] = {
    "a": ("u8", 200),
    "b": ("s8", -3),
    "c": ("u16", 65535),
    "d": ("s16", -2),
    "e": ("u32", 4000000000),
    "f": ("int", -7),
    "g": ("u64", 18446744073709551615),
    "h": ("s64", -9),
    "t": ("bool", 1),
    "i": ("long", 1099511627776),
    "z": ("size_t", 0),
}

# What `cc -fwrapv` (gcc 12, x86-64) prints, and what it has to be here.
EXPRESSIONS: dict[str, int] = {
    "f < e": 0,
    "f < c": 1,
    "-1 < e": 0,
    "-1 < c": 1,
    "-1 < g": 0,
    "h < e": 1,
    "h < g": 1,
    "b == c": 0,
    "~0 == g": 1,
    "~0u == g": 0,
    "-1 == g": 1,
    "a + a": 400,
    "a << 24": -939524096,
    "(u8)(a << 1)": 144,
    "f >> 1": -4,
    "e >> 1": 2000000000,
    "-f / 2u": 3,
    "f / 2": -3,
    "f % 4": -3,
    "f % 4u": 1,
    "h % 4ul": 3,
    "d * e": 589934592,
    "d * 1u == -2": 1,
    "c * c": -131071,
    "e * e": 1983905792,
    "e + e": 3705032704,
    "g + 1": 0,
    "i << 23": -9223372036854775808,
    "-a": -200,
    "~a": -201,
    "-e": 294967296,
    "!g": 0,
    "-t": -1,
    "(s8)a": -56,
    "(u16)-1": 65535,
    "(bool)256": 1,
    "(bool)(f + 7)": 0,
    "(u32)h": 4294967287,
    "(s32)e": -294967296,
    "(u64)f": 18446744073709551609,
    "(s64)e": 4000000000,
    "0xffffffff": 4294967295,
    "4294967295": 4294967295,
    "0x7fffffff + 1": -2147483648,
    "2147483647 + 1": -2147483648,
    "-2147483648": -2147483648,
    "0xffffffffffffffff": 18446744073709551615,
    "1 ? -1 : 1u": 4294967295,
    "t ? f : e": 4294967289,
    "(a ? b : c)": -3,
    "b >> 1": -2,
    "(u8)b >> 1": 126,
    "(b & 0xff) == 253": 1,
    "b == 253": 0,
    "(u8)b == 253": 1,
    "a & b": 200,
    "a | b": -3,
    "a ^ b": -203,
    "c == -1": 0,
    "(s16)c == -1": 1,
    "e == -294967296": 1,
    "(s32)e == -294967296": 1,
    "1 << 31": -2147483648,
    "1u << 31": 2147483648,
    "1UL << 32": 4294967296,
    "h / -2": 4,
    "h >> 2": -3,
    "(u64)h >> 60": 15,
    "t + t": 2,
    "t << 7": 128,
    "~(((5u) ? (((b) / 2)) : (2)))": 0,
    "c": 65535,
    "((4294967295) / 3u)": 1431655765,
    "((((4294967295) == (h))) + (((2) / f)))": 0,
    "i": 1099511627776,
    "((((4294967295) > ((s8)(c)))) / f)": 0,
    "(short)(((((7) ^ (1ull))) / h))": 0,
    "((i) < (((((3000000000u) ? (d) : (f))) >> 1)))": 0,
    "7": 7,
    "(s8)(((((g) <= (~0UL))) | (((255) - (255)))))": 1,
    "((((((d) >> 7)) >> 1)) < (-1))": 0,
    "((((((0) - (h))) >> 1)) ^ ((unsigned char)(((a) != (0)))))": 5,
    "((1UL<<63) - (((((255) * (~0UL))) ^ (0x7fffffff))))": 9223372039002259202,
    "1ull": 1,
    "e": 4000000000,
    "((((((-1) % 2)) < (g))) >> 0)": 0,
    "((((((c) % -7L)) / h)) | (((((h) % f)) << 31)))": -4294967296,
    "d": -2,
    "((0) ? (0xffffffff) : (((((-1) <= (c))) << 1)))": 2,
    "((t) | (0x8000000000000000))": 9223372036854775809,
    "(char)(2)": 2,
    "(((s64)(5u)) % h)": 5,
    "((((((-5L) ? (h) : (5u))) >= (((0) + (a))))) << 7)": 0,
    "((1UL<<63) >> 7)": 72057594037927936,
    "((((f) * (-(z)))) < (-(((0) * (1)))))": 0,
    "t": 1,
    "(((bool)(((5u) - (4294967295)))) / 10ul)": 0,
    "((5u) || (((((-5L) / f)) && (((1ull) / h)))))": 1,
    "-1": -1,
    "((((~(g)) << 0)) * (((!(5u)) > (((-5L) % 3u)))))": 0,
    "((((((255) ? (1) : (e))) == (((5u) ? (z) : (5u))))) >> 0)": 0,
    "((!(((a) && (1)))) << 0)": 0,
    "0x7fffffff": 2147483647,
    "((((i) != (0xffffffff))) << 1)": 2,
    "((((!(h)) ? (+(~0UL)) : ((s16)(1ull)))) >> 1)": 0,
    "((((((d) << 7)) / 10ul)) | ((unsigned char)(0xffffffff)))": 1844674407370955263,
    "+(!(((255) < (h))))": 1,
    "2": 2,
    "((-((short)(c))) | ((u64)(((b) >= (2)))))": 1,
    "((a) <= (b))": 0,
    "(((s64)(((0x7fffffff) - (f)))) ^ ((short)(((b) | (1)))))": 2147483643,
    "+(2)": 2,
    "(short)(((b) != (b)))": 0,
    "-(((((3000000000u) ? (0x7fffffff) : (z))) | (-(h))))": 18446744071562067969,
    "-5L": -5,
    "(((u64)(b)) ? (((((2) / 2)) >> 0)) : ((u64)(((7) << 1))))": 1,
    "(s8)(((((h) > (~0UL))) ? (((a) >> 1)) : (((b) | (b)))))": -3,
    "(unsigned char)((s8)(((7) ? (0x8000000000000000) : (a))))": 0,
    "3000000000u": 3000000000,
    "((d) % h)": -2,
    "((((f) == (((i) > (b))))) % h)": 0,
    "((b) < (1ull))": 0,
    "((3000000000u) ^ ((((int)(-1)) * (((255) && (1ull))))))": 1294967295,
    "(u16)(((255) ^ (~0UL)))": 65280,
    "((((~(1UL<<63)) ^ (((a) << 31)))) != ((char)(((5u) * (1)))))": 1,
    "+(-1)": -1,
    "((((((h) ^ (g))) << 31)) * (((!(f)) && (((-1) + (0))))))": 0,
    "+(((((255) ? (~0UL) : (b))) << 7))": 18446744073709551488,
    "!(((((e) << 7)) % 3u))": 1,
    "(u16)(((e) >> 31))": 1,
    "(u16)(0x8000000000000000)": 0,
    "((((g) < (((~0UL) == (f))))) % 2)": 0,
    "-(((((0xffffffff) + (2))) >= (((~0UL) != (d)))))": -1,
    "-(0x7fffffff)": -2147483647,
    "(((((u8)(d)) / -7L)) * (((e) >= (((c) >= (4294967295))))))": -36,
    "(((bool)(((0x8000000000000000) >= (d)))) & ((s8)(1ull)))": 0,
    "(char)(((0) != (-5L)))": 1,
    "!((((short)(t)) << 31))": 0,
    "((1ull) >> 1)": 0,
    "((((((3000000000u) >> 0)) >= ((u64)(4294967295)))) % 3u)": 0,
    "((((((4294967295) || (f))) > (2))) ^ (-(((1) >= (f)))))": -1,
    "+(((2) << 7))": 256,
    "((((((~0UL) + (1))) == (c))) % 10ul)": 0,
    "((((((5u) ^ (a))) > (c))) > (-(((f) % -7L))))": 0,
    "(((u64)(((-5L) <= (c)))) > (((((i) / 10ul)) >= ((s8)(7)))))": 0,
    "((d) | (((((0xffffffff) + (e))) >> 1)))": 4294967295,
    "((((((5u) ^ (4294967295))) % h)) >> 31)": 0,
    "((((((2) ^ (0xffffffff))) / -7L)) >> 7)": -4793491,
    "((((((-1) % 3u)) >> 0)) ^ ((unsigned long)(-(b))))": 3,
    "((~0UL) << 7)": 18446744073709551488,
    "((i) < (((((b) ^ (4294967295))) > (((255) / 2)))))": 0,
    "((((((c) + (3000000000u))) << 31)) && (((~0UL) >> 1)))": 1,
    "(((u64)(((h) && (-5L)))) + (!(((5u) << 7))))": 1,
    "(((u16)(((0x7fffffff) ? (b) : (0)))) / f)": -9361,
    "((((1ull) < (((255) + (z))))) && (g))": 1,
    "((+(((z) ^ (d)))) ^ ((((s16)(1UL<<63)) << 31)))": 18446744073709551614,
    "((i) == (((0x7fffffff) | (~0UL))))": 0,
    "((((((-1) >> 1)) % 10ul)) / 10ul)": 0,
    "(unsigned char)((u16)(((f) / f)))": 1,
    "((((~(0)) + ((int)(a)))) >> 31)": 0,
    "((0) >= ((int)(((4294967295) && (i)))))": 0,
    "((((d) >= ((u32)(255)))) % 2)": 1,
    "1": 1,
    "(((((s16)(4294967295)) % h)) == ((u8)(((2) <= (-1)))))": 0,
    "b": -3,
    "!((((u8)(-1)) ? (((4294967295) < (7))) : (e)))": 1,
    "(bool)(((((0) * (h))) ? (!(i)) : (((b) && (0xffffffff)))))": 1,
    "0": 0,
    "((1) >> 7)": 0,
    "((h) > ((((int)(e)) > ((unsigned char)(5u)))))": 0,
    "((0x7fffffff) && (((~(d)) + (((d) >> 31)))))": 0,
    "((((((3000000000u) << 31)) % h)) != (!(+(3000000000u))))": 0,
    "((i) == (((((g) * (0xffffffff))) <= (~(2)))))": 0,
    "((-1) && (((c) / f)))": 1,
    "((((((~0UL) << 7)) << 1)) >> 7)": 144115188075855870,
    "(u32)(((((c) ^ (3000000000u))) == (h)))": 0,
    "((((((7) % -7L)) & (((a) >> 1)))) << 1)": 0,
    "((((((1ull) / 3u)) ^ (((1) ? (4294967295) : (255))))) / 3u)": 1431655765,
    "(((((s16)(d)) - (((-1) % 3u)))) - (((i) * (((0) == (7))))))": 4294967294,
    "(short)(b)": -3,
    "(((((u8)(0)) % 2)) & (((1UL<<63) >= (((-5L) << 0)))))": 0,
    "((((((i) * (e))) << 7)) / f)": 1111745736585173869,
    "((((((7) || (5u))) & (i))) << 7)": 0,
    "((t) >> 1)": 0,
    "((z) >> 31)": 0,
    "((-(7)) % 2)": -1,
    "0x8000000000000000": 9223372036854775808,
    "((-(4294967295)) && (((((b) & (255))) >= ((u32)(~0UL)))))": 0,
    "(u16)(((((b) || (g))) << 7))": 128,
    "5u": 5,
    "((((((c) / f)) >= (((7) << 1)))) >= ((u32)(1ull)))": 0,
    "((((((1UL<<63) << 7)) % f)) > (g))": 0,
    "(unsigned long)(((1UL<<63) >> 31))": 4294967296,
    "(((u32)(e)) == (((g) <= (0x7fffffff))))": 0,
    "((((5u) << 0)) << 31)": 2147483648,
    "((1) | (t))": 1,
    "((!(((~0UL) % 3u))) >= (b))": 1,
    "((z) + ((int)(((255) == (1ull)))))": 0,
    "((2) ? (((3000000000u) ^ (((1) | (a))))) : (z))": 3000000201,
    "((((3000000000u) >= (((c) + (e))))) / -7L)": 0,
}

# The target of an assignment afterwards.
ASSIGNMENTS: dict[str, int] = {
    "a = e": 0,
    "a = -1": 255,
    "b = a": -56,
    "b = 128": -128,
    "c += 1": 0,
    "c -= g": 0,
    "d = 40000": -25536,
    "d *= d": 4,
    "e += 400000000": 105032704,
    "e = f": 4294967289,
    "e = -f": 7,
    "f = g": -1,
    "f = e": -294967296,
    "f += e": -294967303,
    "g = f": 18446744073709551609,
    "g = e": 4000000000,
    "g -= h": 8,
    "h = e": 4000000000,
    "h = g": -1,
    "h <<= 60": 8070450532247928832,
    "t = 256": 1,
    "t = f + 7": 0,
    "t = a": 1,
    "t += 1": 1,
    "t ^= 1": 0,
    "i *= i": 0,
    "i |= e": 1103511627776,
    "a++": 201,
    "b--": -4,
    "c++": 0,
    "a += 56": 0,
    "a -= 201": 255,
    "b *= 50": 106,
    "d >>= 1": -1,
    "e >>= 4": 250000000,
    "a <<= 1": 144,
    "a /= b": 190,
    "a %= 7": 4,
    "f /= 2": -3,
    "f /= 2u": 2147483644,
    "f %= 4": -3,
    "h %= 4u": -1,
    "g >>= 1": 9223372036854775807,
    "g = i = f": 18446744073709551609,
    "a = b = 300": 44,
    "z = f": 18446744073709551609,
    "z--": 18446744073709551615,
    "z -= 1": 18446744073709551615,
    "a &= b": 200,
    "a |= 0x100": 200,
    "c ^= -1": 0,
    "e = ~e": 294967295,
    "f = (u8)f": 249,
    "h = (s32)e": -294967296,
    "g = (s8)a": 18446744073709551560,
    "g = c << 16": 18446744073709486080,
}


def warnings(text: str) -> list[str]:
    """The messages of all warnings of the only test in a text."""
    (test,) = load(Source("t", text))
    return [w.message for w in build(test).warnings]


def errors(text: str) -> list[str]:
    """The messages of all errors."""
    with pytest.raises(InputError) as caught:
        for test in load(Source("t", text)):
            build(test)
    return [d.message for d in caught.value.diagnostics]


def results(initial: str, before: str, expressions: list[str]) -> list[int]:
    """What expressions come to, one after the other in one program."""
    code = " ".join(f"r{k} = {x};" for k, x in enumerate(expressions))
    asked = " /\\ ".join(f"0:r{k} = 0" for k in range(len(expressions)))
    (line,) = states(f"MM t\n{{ {initial} }}\nP0 {{ {before} {code} }}\nexists ({asked})\n")
    found = dict(item.split("=") for item in line.rstrip(";").split("; "))
    return [int(found[f"0:r{k}"]) for k in range(len(expressions))]


DECLARED = " ".join(f"{kind} {name} = {value};" for name, (kind, value) in OBJECTS.items())
BATCH = 10


@pytest.mark.parametrize("part", range(0, len(EXPRESSIONS), BATCH))
@pytest.mark.parametrize("where", ["memory", "locals"])
def test_expressions_are_what_a_compiler_makes_of_them(part: int, where: str) -> None:
    chosen = list(EXPRESSIONS)[part : part + BATCH]
    found = results(*((DECLARED, "") if where == "memory" else ("int unused;", DECLARED)), chosen)
    assert dict(zip(chosen, found, strict=True)) == {x: EXPRESSIONS[x] for x in chosen}


@pytest.mark.parametrize("statement", ASSIGNMENTS)
def test_assignments_are_what_a_compiler_makes_of_them(statement: str) -> None:
    target = statement.split()[0].rstrip("+-")
    for initial, before in ((DECLARED, ""), ("int unused;", DECLARED)):
        assert results(initial, f"{before} {statement};", [target]) == [ASSIGNMENTS[statement]]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_tables_are_a_compilers(tmp_path: Path) -> None:
    shown = [(x, "") for x in EXPRESSIONS] + [(x.split()[0].rstrip("+-"), f"{x};") for x in ASSIGNMENTS]
    lines = [f"{{ {C_DECLARED} {before} SHOW({x}); }}" for x, before in shown]
    source = tmp_path / "table.c"
    source.write_text(C_HEAD + "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n")
    program = tmp_path / "table"
    subprocess.run(["cc", "-w", "-fwrapv", "-o", program, source], check=True)
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    assert list(map(int, printed)) == [*EXPRESSIONS.values(), *ASSIGNMENTS.values()]


C_DECLARED = " ".join(
    f"{kind} {name} = {value}{'UL' if value >= 1 << 63 else ''};" for name, (kind, value) in OBJECTS.items()
)
C_HEAD = """
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long s64;
#define SHOW(e) \\
    do { __auto_type v = (e); printf((__typeof__(v))-1 > 0 ? "%lu\\n" : "%ld\\n", (long)v); } while (0)
"""

NOTHING = [
    "f / z",
    "f % z",
    "j / k",
    "j % k",
    "h / (b + 3)",
    "f << (a - 168)",
    "f >> (b + 2)",
    "i << (a - 136)",
]


@pytest.mark.parametrize("where", ["memory", "locals"])
@pytest.mark.parametrize("expression", NOTHING)
def test_what_is_undefined_in_c_has_no_value(expression: str, where: str) -> None:
    declared = f"{DECLARED} int j = 1 << 31; s8 k = -1;".replace("1 << 31", "0x80000000")
    initial, before = (declared, "") if where == "memory" else ("int unused;", declared)
    text = f"MM t\n{{ {initial} }}\nP0 {{ {before} r0 = {expression}; }}\nexists (0:r0 = 0)\n"
    assert states(text) == ["0:r0=undef;"]


LITERALS = {
    "1": (32, True), "2147483647": (32, True), "2147483648": (64, True), "0x7fffffff": (32, True),
    "0x80000000": (32, False), "0xffffffff": (32, False), "0x100000000": (64, True), "1u": (32, False),
    "4294967296u": (64, False), "1L": (64, True), "1ul": (64, False), "0xffffffffffffffff": (64, False),
    "9223372036854775807": (64, True), "1ULL": (64, False), "1LL": (64, True), "020000000000": (32, False),
}  # fmt: skip


@pytest.mark.parametrize("text", LITERALS)
def test_literals_have_the_first_type_that_holds_them(text: str) -> None:
    digits = text.lower().rstrip("ul")
    value = int(digits, 8) if digits.startswith("0") and digits.isdigit() else int(digits, 0)
    kind = t.literal(value, text)
    assert (kind.bits, kind.signed) == LITERALS[text]


TYPES = {
    "u8": (8, False), "s8": (8, True), "__u16": (16, False), "s16": (16, True), "u32": (32, False),
    "int32_t": (32, True), "uint32_t": (32, False), "__s64": (64, True), "u64": (64, False),
    "uint64_t": (64, False), "size_t": (64, False), "unsigned long": (64, False), "long": (64, True),
    "unsigned": (32, False), "short": (16, True), "unsigned short int": (16, False), "char": (8, True),
    "unsigned char": (8, False), "long long": (64, True), "unsigned long long": (64, False),
    "int": (32, True), "bool": (8, False), "_Bool": (8, False), "atomic_t": (32, True),
    "atomic64_t": (64, True),
    "atomic_long_t": (64, True), "refcount_t": (32, False), "ssize_t": (64, True), "uintptr_t": (64, False),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_the_types_of_x86_64(name: str) -> None:
    kind = t.of(CType(name))
    assert (kind.kind, kind.bits, kind.signed) == ("int", *TYPES[name])


KEPT = {
    "u16 y = 65543": ("y", 7), "u8 y = -1": ("y", 255), "s8 y = 200": ("y", -56), "bool y = 2": ("y", 1),
    "int y = 0xffffffff": ("y", -1), "u64 y = -1": ("y", 2**64 - 1), "s64 y = 0xffffffffffffffff": ("y", -1),
    "atomic_t y = ATOMIC_INIT(0x80000000)": ("y", -(2**31)), "atomic64_t y = ATOMIC64_INIT(-1)": ("y", -1),
    "u64 y = 0xffffffff + 1": ("y", 0), "u64 y = 0xffffffffUL + 1": ("y", 2**32),
    "u8 y[2] = {1, 511}": ("y[1]", 255), "refcount_t y = -1": ("y", 2**32 - 1),
    "short y = 32768": ("y", -32768), "int y = 1 << 3 | 6 & 3": ("y", 10), "int y = -7 / 2": ("y", -3),
    "u64 y = ~0UL >> 1": ("y", 2**63 - 1), "int y = 1 << 31": ("y", -(2**31)),
    "u64 y = 1UL << 63 | 1": ("y", 2**63 + 1), "u64 y = -1 / 2U": ("y", 2**31 - 1),
    "int y = (2 + 3) * 4 % 7 ^ 1": ("y", 7), "int y[1 << 1] = {1, ~2}": ("y[1]", -3),
}  # fmt: skip


@pytest.mark.parametrize("item", KEPT)
def test_initial_values_are_converted(item: str) -> None:
    place, value = KEPT[item]
    label = place if "[" in place else f"[{place}]"
    text = f"MM t\n{{ {item}; percpu u8 z = 3; 0:z = 257; }}\nP0 {{ }}\nlocations [{place}]\n"
    assert states(text + f"exists ({place} = {value} /\\ 0:z = 1)\n") == [f"0:z=1; {label}={value};"]


OPERATIONS = {
    "u8 x = 255": {"x++": 0, "xchg(&x, 300)": 44, "cmpxchg(&x, 511, 7)": 7, "x = x + x": 254},
    "u16 x = 1": {"xchg(&x, -1)": 65535, "x -= 2": 65535, "WRITE_ONCE(x, 1 << 20)": 0},
    "u32 x = 4294967295": {"x++": 0, "atomic_inc(&x)": 0, "cmpxchg(&x, -1, 1)": 1,
                            "atomic_sub(2, &x)": 2**32 - 3},
    "atomic_t x = ATOMIC_INIT(2147483647)": {
        "atomic_inc(&x)": -(2**31), "atomic_add(2147483647, &x)": -2, "atomic_set(&x, 4294967295)": -1,
        "atomic_or(0x80000000, &x)": -1, "atomic_xchg(&x, 1UL << 33)": 0,
        "atomic_andnot(1UL << 32, &x)": 2**31 - 1,
        "atomic_add_unless(&x, 1, 0x7fffffffUL)": 2**31 - 1,
        "atomic_add_unless(&x, 1, 0x17fffffffUL)": 2**31 - 1,
    },
    "atomic64_t x = ATOMIC64_INIT(2147483647)": {"atomic64_inc(&x)": 2**31, "atomic64_dec(&x)": 2**31 - 2},
    "unsigned long x": {"set_bit(63, &x)": 2**63, "__set_bit(63, &x)": 2**63, "change_bit(0, &x)": 1},
    "long x": {"set_bit(63, &x)": -(2**63)},
    "refcount_t x = 1": {"refcount_inc(&x)": 2, "refcount_sub_and_test(2, &x)": 3 * 2**30},
    "bool x": {"x = 256": 1, "WRITE_ONCE(x, 0x100)": 1, "xchg(&x, 2)": 1, "x += 2": 1},
    "percpu u8 x = 255": {"this_cpu_inc(x)": 0, "this_cpu_write(x, 257)": 1, "this_cpu_sub(x, 256)": 255,
                          "this_cpu_xchg(x, -2)": 254, "raw_cpu_or(x, 0x100)": 255},
}  # fmt: skip


@pytest.mark.parametrize(("item", "statement"), [(i, s) for i, all_ in OPERATIONS.items() for s in all_])
def test_what_is_stored_is_converted(item: str, statement: str) -> None:
    place = "0:x" if item.startswith("percpu") else "x"
    (line,) = states(f"MM t\n{{ {item}; }}\nP0 {{ {statement}; }}\nexists ({place} = 0)\n")
    assert line.strip("[];").replace("]", "").split("=")[1] == str(OPERATIONS[item][statement])


GIVEN = {
    "atomic_inc_return(&c)": -(2**31), "atomic_fetch_add(1, &c)": 2**31 - 1, "atomic_read(&c)": 2**31 - 1,
    "this_cpu_inc_return(k)": 0, "this_cpu_sub_return(k, 256)": 255, "x = 300": 44, "x++": 200, "++x": 201,
    "x += 100": 44, "xchg(&x, 1)": 200, "x << 1": 400, "narrow(513)": 1, "truth(256)": 1, "signed(255)": -1,
    "takes(-1) == 4294967295": 1, "refcount_read(&n)": 2**32 - 1, "refcount_read(&n) > 0": 1,
    "(x = 256) == 0": 1, "smp_load_acquire(&x) + 100": 300, "test_and_set_bit(63, &w)": 0,
    "w - 1 > 0": 1, "f(&x)": 201, "READ_ONCE(x) == (s8)200": 0, "sw(u)": 7, "*(&u) == -1": 1,
}  # fmt: skip


@pytest.mark.parametrize("expression", GIVEN)
def test_what_calls_and_words_give(expression: str) -> None:
    initial = "atomic_t c = ATOMIC_INIT(2147483647); percpu u8 k = 255; u8 x = 200; refcount_t n = -1;"
    initial += " unsigned long w; u32 u = -1;"
    functions = "u8 narrow(int a) { return a; } bool truth(int a) { return a; } s8 signed(u8 a) { return a; }"
    functions += " unsigned takes(unsigned a) { return a; } u64 f(u8 *p) { return *p + 1; }"
    functions += " int sw(u32 a) { switch (a) { case 1: return 3; case -1: return 7; } return 9; }"
    functions = functions.replace("signed(", "sign(")
    code = f"P0 {{ r0 = {expression.replace('signed(', 'sign(')}; }}"
    (line,) = states(f"MM t\n{{ {initial} }}\n{functions}\n{code}\nexists (0:r0 = 0)\n")
    assert line == f"0:r0={GIVEN[expression]};"


def test_a_local_that_the_initial_state_gives_a_value_has_its_declared_type() -> None:
    text = "MM t\n{ int x; 0:got = 300; }\nP0 { u8 got; r0 = got; got += 212; }\n"
    text += "exists (0:got = 0 /\\ 0:r0 = 44)\n"
    assert states(text) == ["0:got=0; 0:r0=44;"]


def test_words_whose_type_nobody_gives_are_64_bits() -> None:
    text = (
        "MM t\n{ mm N { .gen = 0 }; u64 g = -1; page A = 1; mm M { v -> A }; 0:cr3 = M; }\nP0 { N->gen = -1;"
    )
    text += " r0 = N->gen == ~0UL; r1 = N->gen == -1; r2 = g == N->gen; N->gen = g; r3 = N->gen == -1;"
    text += " r4 = N->gen == 0xffffffff; *v = -1; r5 = *v == g; u8 b = N->gen; r6 = b; }\n"
    text += (
        "exists (0:r0=1 /\\ 0:r1=1 /\\ 0:r2=1 /\\ 0:r3=1 /\\ 0:r4=0 /\\ 0:r5=1 /\\ 0:r6=255 /\\ N.gen=-1)\n"
    )
    (line,) = states(text)
    assert line == "0:r0=1; 0:r1=1; 0:r2=1; 0:r3=1; 0:r4=0; 0:r5=1; 0:r6=255; N.gen=18446744073709551615;"


CONDITIONS = {
    "g = -1": True, "g = 18446744073709551615": True, "g != -1": False, "g < 0": False, "g > 5": True,
    "w = 0xffffffff": True, "w = -1": True, "w < 0": True, "w < 0xffffffff": False, "b = -1": True,
    "b = 255": True, "b > -1": True, "-1 = g": True, "h = 0xffffffffffffffff": True, "1 > h": True,
    "0:r0 = -1": True, "0:r0 = 0xffffffffffffffff": True, "0:r1 = 255": True, "0:r2 = -1": True,
    "0:r2 = 4294967295": True, "0:r2 < 0": True, "0:u = -1": True, "0:u > 7": True, "a[1] = -1": True,
}  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_compare_as_c_does(condition: str) -> None:
    text = "MM t\n{ u64 g = -1; int w = -1; u8 b = 255; s64 h = -1; u16 a[2] = {0, 65535}; }\n"
    text += "P0 { r0 = g; r1 = b; r2 = w; u32 u = -1; }\n" + f"exists ({condition})\n"
    (test,) = load(Source("t", text))
    for decided in (decide(build(test)), explore.decide(build(test))):
        assert decided.reachable == CONDITIONS[condition]
    assert not build(test).warnings


WARNED = {
    ("u16 y = 65543;", "", "y = 7"): "65543 does not fit into u16: it becomes 7",
    ("u8 y[2] = {1, 256};", "", "y[1] = 0"): "256 does not fit into u8: it becomes 0",
    ("s8 y;", "y = 300;", "y = 44"): "300 does not fit into s8: it becomes 44",
    ("u16 y;", "WRITE_ONCE(y, 0x10000);", "y = 0"): "65536 does not fit into u16: it becomes 0",
    ("int y;", "u8 a = 256; y = a;", "y = 0"): "256 does not fit into u8: it becomes 0",
    ("u8 y;", "", "y = 300"): "u8 is 0 to 255, never 300",
    ("int y;", "", "y = 0x100000000"): "s32 is -2147483648 to 2147483647, never 4294967296",
    ("bool y;", "y = 2;", "y = 2"): "bool is 0 to 1, never 2",
    ("int y;", "y = y << 32;", "y = 0"): "a shift by 32 of what has 32 bits is undefined in C",
    ("int y;", "y = 1 << -1;", "y = 0"): "a shift by -1 of what has 32 bits is undefined in C",
}  # fmt: skip


@pytest.mark.parametrize("case", WARNED)
def test_what_loses_bits_is_told(case: tuple[str, str, str]) -> None:
    initial, code, condition = case
    text = f"MM t\n{{ {initial} }}\nP0 {{ {code} }}\nexists ({condition})\n"
    assert warnings(text) == [WARNED[case]]


@pytest.mark.parametrize("code", ["y = -1;", "y = 0xffff;", "y = ~0;", "u64 g = ~0; y = g;"])
def test_all_bits_set_is_no_loss(code: str) -> None:
    assert warnings(f"MM t\n{{ u16 y; }}\nP0 {{ {code} }}\nexists (y = -1)\n") == []


REFUSED = {
    "u8 *p = &x;": "this points to s32, not to u8",
    "r0 = *(u64 *)&x;": "this points to s32, not to u64",
    "g(&x);": "this points to s32, not to u32",
    "p = &y;": "this points to u8, not to s32",
}


@pytest.mark.parametrize("code", REFUSED)
def test_an_object_is_accessed_as_what_it_is(code: str) -> None:
    text = f"MM t\n{{ int x; u8 y; int *p; }}\nvoid g(u32 *q) {{ }}\nP0 {{ {code} }}\nexists (x = 0)\n"
    assert errors(text) == [REFUSED[code]]


def test_a_register_keeps_what_it_is_given() -> None:
    text = (
        "MM t\n{ u64 g = -1; int w = -1; int c; }\nP0 { if (READ_ONCE(c)) r0 = g; else r0 = w; r1 = r0 == -1;"
    )
    text += " while (r2 < 2) { r3 = r4 == 4294967295; r4 = 4294967295; r2 = r2 + 1; } }\nP1 { c = 1; }\n"
    text += "exists (0:r0 = -1 /\\ 0:r1 = 1 /\\ 0:r3 = 1)\n"
    assert states(text) == ["0:r0=-1; 0:r1=1; 0:r3=1;", "0:r0=18446744073709551615; 0:r1=1; 0:r3=1;"]


def test_c_files_keep_addresses_in_integers() -> None:
    text = "C t\n{ int x = 5; int y = 4294967297; }\nP0(int *x, long *p, int *y) { WRITE_ONCE(*p, (long)x);"
    text += " int r0 = READ_ONCE(*p); int r1 = *r0; int r2 = *y; unsigned r3 = -1; }\n"
    text += "exists (0:r0 = x /\\ 0:r1 = 5 /\\ 0:r2 = 1 /\\ 0:r3 = -1)\n"
    assert states(text) == ["0:r0=x; 0:r1=5; 0:r2=1; 0:r3=4294967295;"]
