"""The words of x86: registers, instructions, suffixes, conditions of jumps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from verifier.program.expressions import TRUE, Apply, Expr, Reg, call
from verifier.program.ops import Fence, Kind
from verifier.records import NamedTuple


class RegisterName(NamedTuple):
    """A name of a register: bits ``shift`` to ``shift + bits`` of the register ``whole``."""

    whole: str
    bits: int
    shift: int = 0


def _registers() -> dict[str, RegisterName]:
    names: dict[str, RegisterName] = {}
    for letter in "abcd":
        whole = f"r{letter}x"
        for name, bits in ((whole, 64), (f"e{letter}x", 32), (f"{letter}x", 16), (f"{letter}l", 8)):
            names[name] = RegisterName(whole, bits)
        names[f"{letter}h"] = RegisterName(whole, 8, 8)
    for stem in ("si", "di", "bp", "sp"):
        for name, bits in ((f"r{stem}", 64), (f"e{stem}", 32), (stem, 16), (f"{stem}l", 8)):
            names[name] = RegisterName(f"r{stem}", bits)
    for number in range(8, 16):
        for suffix, bits in (("", 64), ("d", 32), ("w", 16), ("b", 8)):
            names[f"r{number}{suffix}"] = RegisterName(f"r{number}", bits)
    for name in ("rip", "cs", "ds", "es", "fs", "gs", "ss"):
        names[name] = RegisterName(name, 64)
    return names


REGISTER_NAMES = _registers()
SUFFIXES = {"b": 8, "w": 16, "l": 32, "q": 64}
ARITHMETIC = {
    "add": "add",
    "adc": "add",
    "sub": "sub",
    "sbb": "sub",
    "and": "bitand",
    "or": "bitor",
    "xor": "bitxor",
}
SHIFTS = {"shl": "shl", "sal": "shl", "shr": "shr", "sar": "shr"}
UNARY = frozenset({"inc", "dec", "neg", "not"})
BITS = {"bt": "", "bts": "bitor", "btr": "bitand", "btc": "bitxor"}
_FENCES: tuple[Fence, ...] = ("mfence", "lfence", "sfence")
FENCES: Mapping[str, Fence] = MappingProxyType({fence: fence for fence in _FENCES})
FLUSHES = frozenset({"clflush", "clflushopt", "clwb"})
_PREFETCHES = frozenset({"prefetcht0", "prefetcht1", "prefetcht2", "prefetchnta", "prefetchw"})
NOTHING = frozenset({"nop", "pause", "endbr64", "endbr32"}) | _PREFETCHES
MOVES = frozenset({"mov", "movabs", "movnti"})
SERIALIZERS: Mapping[str, Kind] = MappingProxyType({"cpuid": "cpuid", "serialize": "serialize"})
DOUBLES = {"cmpxchg16b": 64, "cmpxchg8b": 32}  # the bits of one half
OTHER_OPCODES = frozenset({"movzx", "movsx", "lea", "xchg", "xadd", "cmpxchg", "cmp", "test", "jmp", "ret"})
LOCKABLE = frozenset({*ARITHMETIC, *UNARY, *DOUBLES, "xchg", "xadd", "cmpxchg", "bts", "btr", "btc"})

ZF, SF, CF, OF, PF = (Reg(f"%{f}") for f in ("zf", "sf", "cf", "of", "pf"))


def _jumps() -> dict[str, Expr]:
    zero, less, below = call("bool", ZF), call("ne", SF, OF), call("bool", CF)
    taken = {
        "e": zero, "l": less, "b": below,
        "s": call("bool", SF), "o": call("bool", OF), "p": call("bool", PF),
        "le": call("or", zero, less), "be": call("or", zero, below),
    }  # fmt: skip
    jumps = {f"j{k}": v for k, v in taken.items()} | {f"jn{k}": call("not", v) for k, v in taken.items()}
    for alias, name in {
        "jz": "je", "jnz": "jne", "jc": "jb", "jnc": "jnb", "jpe": "jp", "jpo": "jnp",
        "jg": "jnle", "jge": "jnl", "jng": "jle", "jnge": "jl", "jlt": "jl", "jgt": "jnle",
        "ja": "jnbe", "jae": "jnb", "jna": "jbe", "jnae": "jb",
    }.items():  # fmt: skip
        jumps[alias] = jumps[name]
    return jumps


JUMPS = _jumps()
_SUFFIXED = {name[1:]: condition for name, condition in JUMPS.items() if name not in ("jlt", "jgt")}
BYTE_SETS = {f"set{name}": condition for name, condition in _SUFFIXED.items()}
CONDITIONAL_MOVES = {f"cmov{name}": condition for name, condition in _SUFFIXED.items()}
COUNTED = {
    "loop": TRUE, "loope": call("bool", ZF), "loopz": call("bool", ZF),
    "loopne": call("not", ZF), "loopnz": call("not", ZF),
}  # fmt: skip
ZERO_JUMPS = {"jecxz": 32, "jrcxz": 64}
CARRIES = frozenset({"stc", "clc", "cmc"})
KNOWN = frozenset(
    {
        *ARITHMETIC,
        *SHIFTS,
        *UNARY,
        *BITS,
        *FENCES,
        *SERIALIZERS,
        *FLUSHES,
        *NOTHING,
        *MOVES,
        *OTHER_OPCODES,
        *JUMPS,
        *BYTE_SETS,
        *CONDITIONAL_MOVES,
        *COUNTED,
        *ZERO_JUMPS,
        *CARRIES,
        *DOUBLES,
    }
)


# No suffix says the size of their operands.
UNSIZED = frozenset(
    {
        *FENCES,
        *SERIALIZERS,
        *FLUSHES,
        *_PREFETCHES,
        *JUMPS,
        *BYTE_SETS,
        *COUNTED,
        *ZERO_JUMPS,
        *CARRIES,
        *DOUBLES,
    }
)


class Opcode(NamedTuple):
    """An instruction's name without its suffixes; ``source``: the narrower width of ``movzbl``."""

    name: str
    bits: int = 0
    source: int = 0


@lru_cache(maxsize=512)
def decode(word: str) -> Opcode | None:
    """The opcode of a word in lower case; None if there is none of that name."""
    if word in KNOWN:
        return Opcode(word)
    stem, suffix = word[:-1], SUFFIXES.get(word[-1:], 0)
    if suffix and stem in KNOWN and stem not in UNSIZED:
        return Opcode(stem, suffix)
    extending = re.fullmatch(r"mov([sz])([bwl])([wlq])", word)
    if extending:
        source, bits = SUFFIXES[extending[2]], SUFFIXES[extending[3]]
        if source < bits and word != "movzlq":
            return Opcode(f"mov{extending[1]}x", bits, source)
    return Opcode("movsx", 64, 32) if word == "movsxd" else None


def locals_of(expr: Expr) -> Iterator[str]:
    """The locals an expression mentions."""
    if isinstance(expr, Reg):
        yield expr.name
    elif isinstance(expr, Apply):
        for a in expr.args:
            yield from locals_of(a)


# The flags that an instruction reads.
FLAGS_READ = {
    **{
        name: frozenset(locals_of(condition))
        for name, condition in (JUMPS | BYTE_SETS | CONDITIONAL_MOVES | COUNTED).items()
    },
    **dict.fromkeys(("adc", "sbb", "cmc"), frozenset({CF.name})),
}


# The instructions that are read, with what they are here.
GROUPS: Mapping[str, tuple[Iterable[str], str]] = MappingProxyType(
    {
        "moves": ({*MOVES, "movzx", "movsx", "lea"}, "`movnti` is a non-temporal store (2.6)"),
        "arithmetic": (
            {*ARITHMETIC, *UNARY, *SHIFTS},
            "of memory a load and a store, with LOCK one instant (2.1)",
        ),
        "carry": (CARRIES, "flags alone"),
        "bits": (BITS, "likewise; `bt` only reads"),
        "conditions": ({*BYTE_SETS, *CONDITIONAL_MOVES}, "`cmov` loads in any case"),
        "pairs": (
            DOUBLES,
            "two words of memory: `uint64_t x[2]`, or of `cmpxchg8b` `uint32_t x[2]`",
        ),
        "exchange": ({"xchg", "xadd", "cmpxchg"}, "`xchg` of memory is LOCK'd with or without the prefix"),
        "comparison": ({"cmp", "test"}, "flags alone"),
        "jumps": ({"jmp", "ret", *JUMPS, *COUNTED, *ZERO_JUMPS}, "to a label of the column; `ret` ends it"),
        "fences": (FENCES, "2.3 to 2.5"),
        "serializing": (SERIALIZERS, "9.1, 9.2; what CPUID leaves in `eax` to `edx` is not known"),
        "cache lines": (FLUSHES, "order nothing (2.6)"),
        "nothing": (NOTHING, "no event"),
    }
)


def reference() -> str:
    """The table of instructions, for the documentation."""
    lines = ["| | instructions | |", "|---|---|---|"]
    for title, (words, note) in GROUPS.items():
        lines.append(f"| {title} | {', '.join(f'`{word}`' for word in sorted(words))} | {note} |")
    lockable = ", ".join(f"`{word}`" for word in sorted(LOCKABLE))
    lines.append(f"| with LOCK | {lockable} | their first operand in memory, or either one of an exchange |")
    return "\n".join(lines) + "\n"
