"""What words of counters give and store is what C calculates with the kernel's types, whatever a test says of
the counter: as a field with a definition, as one without, as an object."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest

from tests.judges import holds, states
from verifier import check
from verifier.source import Source
from verifier.syntax import load
from verifier.words.declared import COUNTERS
from verifier.words.table import WORDS, Word

# The kernel's type of each counter: bits, whether what its functions give has a sign, how they begin.
TYPES = {
    "atomic_t": (32, True, "atomic"),
    "refcount_t": (32, False, "refcount"),
    "atomic64_t": (64, True, "atomic64"),
    "atomic_long_t": (64, True, "atomic_long"),
    "local_t": (64, True, "local"),
    "local64_t": (64, True, "local64"),
}
NARROW = (0, 1, 3, -1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xC0000000)
WIDE = (0, 1, 3, -1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, -(1 << 63))
BY, NEW, OTHER = 3, 0xFFFFFFFF, 7  # what words take: an addend, a new value, and one to compare with
SATURATED = -(1 << 30)

Done = tuple[int | None, int]  # what a word gives, and what is stored then


def wrapped(x: int, bits: int, signed: bool) -> int:
    """A number as one of C's integers."""
    x &= (1 << bits) - 1
    return x - (1 << bits) if signed and x >> (bits - 1) else x


SUMS: dict[str, Callable[[int], int]] = {
    "add": lambda x: x + BY,
    "sub": lambda x: x - BY,
    "inc": lambda x: x + 1,
    "dec": lambda x: x - 1,
    "and": lambda x: x & BY,
    "or": lambda x: x | BY,
    "xor": lambda x: x ^ BY,
    "andnot": lambda x: x & ~BY,
}


def counted(op: str, x: int, bits: int) -> Done:
    """What a word does to a signed counter: include/linux/atomic/atomic-arch-fallback.h."""
    first, _, rest = op.partition("_")
    new = wrapped(SUMS[first](x), bits, True) if first in SUMS else x
    if op in SUMS:
        return None, new
    if op.startswith("fetch_") and rest in SUMS:
        return x, wrapped(SUMS[rest](x), bits, True)
    given = wrapped(NEW, bits, True)
    less = wrapped(x - 1, bits, True)
    known: dict[str, Done] = {
        "read": (x, x),
        "cond_read": (x, x),
        "set": (None, given),
        "xchg": (x, given),
        "cmpxchg": (x, OTHER if x == given else x),
        "try_cmpxchg": (int(x == given), OTHER if x == given else x),
        f"{first}_return": (new, new),
        f"{first}_and_test": (int(new == 0), new),
        f"{first}_negative": (int(new < 0), new),
        "inc_not_zero": (int(x != 0), x + 1 if x else x),
        "inc_unless_negative": (int(x >= 0), x + 1 if x >= 0 else x),
        "dec_unless_positive": (int(x <= 0), x - 1 if x <= 0 else x),
        "dec_if_positive": (less, less if less >= 0 else x),
        "add_unless": (int(x != given), x + BY if x != given else x),
        "fetch_add_unless": (x, x + BY if x != given else x),
    }
    result, stored = known[op]
    return result if result is None else wrapped(result, bits, True), wrapped(stored, bits, True)


def referenced(op: str, x: int) -> Done:
    """What a word does to a reference count, of which x is the int inside: include/linux/refcount.h."""
    by = 1 if op.startswith(("inc", "dec")) else BY
    up, down = wrapped(x + by, 32, True), wrapped(x - by, 32, True)
    if op == "read":
        return wrapped(x, 32, False), x
    if op == "set":
        return None, wrapped(NEW, 32, True)
    if op in ("add", "inc"):
        return None, SATURATED if x <= 0 or up < 0 else up
    if op == "dec":
        return None, SATURATED if x <= 1 else down
    if op in ("add_not_zero", "inc_not_zero"):
        return int(x != 0), x if x == 0 else SATURATED if x < 0 or up < 0 else up
    if op in ("sub_and_test", "dec_and_test"):
        return int(x == by), SATURATED if x <= 0 or down < 0 else down
    if op == "dec_if_one":
        return int(x == 1), 0 if x == 1 else x
    assert op == "dec_not_one"
    return int(x != 1), x if x in (SATURATED, 0, 1) else down


def operation(word: Word, prefix: str) -> str:
    """What is behind the prefix of a word, without its order."""
    return re.sub("_(relaxed|acquire|release)$", "", word.name.removeprefix(f"{prefix}_"))


def call(word: Word, place: str) -> str:
    """A call with the arguments that the models know."""
    given = {
        "i": hex(NEW) if word.name.endswith(("_set", "_set_release")) else str(BY), "a": str(BY),
        "u": hex(NEW), "n": hex(NEW), "old_value": hex(NEW), "old": "&old", "c": "VAL != 123456",
        "new": str(OTHER) if "cmpxchg" in word.name else hex(NEW),
    }  # fmt: skip
    return f"{word.name}({', '.join(given.get(p.name, place) for p in word.parameters)})"


WORDS_OF_COUNTERS = [
    word
    for word in WORDS.values()
    if word.declared in COUNTERS and any(p.kind == "pointer" for p in word.parameters)
]


@pytest.mark.parametrize("word", WORDS_OF_COUNTERS, ids=lambda word: word.name)
def test_counters_are_those_of_c(word: Word) -> None:
    bits, signed, prefix = TYPES[word.declared]
    values, op = (NARROW, WIDE)[bits == 64], operation(word, prefix)
    code, asked, expected = [], [], {}
    every = list(enumerate(product(values, ("&d.f", "&u.f", "&o"))))
    for at, (value, of) in every:
        place, x = f"{of}{at}", wrapped(value, bits, True)
        result, stored = referenced(op, x) if prefix == "refcount" else counted(op, x, bits)
        begin = f"{'int' if bits == 32 else 's64'} old = {NEW:#x};" if "try_cmpxchg" in op else ""
        made = call(word, place)
        code.append(f"{{ {begin} {made if result is None else f'r{at} = {made}'}; }}")
        code.append(f"long q{at} = {prefix}_read({place});")
        asked += [f"0:q{at}"] + [f"0:r{at}"] * (result is not None)
        expected[f"0:q{at}"] = wrapped(stored, bits, signed)
        if result is not None:
            expected[f"0:r{at}"] = result
    fields = " ".join(f"{word.declared} f{at};" for at, (_, of) in every if of == "&d.f")
    initial = [
        "struct declared d { " + ", ".join(f".f{at} = {v}" for at, (v, of) in every if of == "&d.f") + " };",
        "struct open u { " + ", ".join(f".f{at} = {v}" for at, (v, of) in every if of == "&u.f") + " };",
        *(f"{word.declared} o{at} = {v};" for at, (v, of) in every if of == "&o"),
    ]
    longs = " ".join(f"long r{at} = 0;" for at, _ in every)
    text = f"MM t\nstruct declared {{ {fields} }};\n{{ {' '.join(initial)} }}\n"
    text += f"P0 {{ {longs} {' '.join(code)} }}\nlocations [{'; '.join(asked)}]\nexists (true)\n"
    (line,) = states(text)
    found = dict(part.strip().split("=") for part in line.strip(";").split(";"))
    assert {name: int(value) for name, value in found.items()} == expected


@pytest.mark.parametrize("held", ["", "int", "unsigned int", "u64", "s64", "atomic_t", "refcount_t"])
def test_a_counter_under_another_type(held: str) -> None:
    """What a word gives is of the kernel's type, whatever the memory is declared as."""
    begin = f"struct s {{ {held} c; }};" if held else ""
    code = "refcount_set(&x.c, -1); r0 = refcount_read(&x.c) == 0xffffffff; r1 = refcount_read(&x.c) > 0; "
    code += "r2 = atomic_read(&x.c) < 0; atomic_set(&x.c, 0x7fffffff); r3 = atomic_inc_return(&x.c) < 0; "
    code += "r4 = refcount_read(&x.c) == 0x80000000; refcount_inc(&x.c); long r5 = refcount_read(&x.c);"
    text = f"MM t\n{begin}\n{{ struct s x {{ .c = 0 }}; }}\nP0 {{ {code} }}\n"
    text += "locations [0:r0; 0:r1; 0:r2; 0:r3; 0:r4; 0:r5]\nexists (true)\n"
    assert states(text) == [f"0:r0=1; 0:r1=1; 0:r2=1; 0:r3=1; 0:r4=1; 0:r5={0xC0000000};"]


@pytest.mark.parametrize("value", ["-1", "0xffffffff"])
@pytest.mark.parametrize("given", ["-1", "0xffffffff"])
@pytest.mark.parametrize("word", ["atomic", "refcount"])
def test_a_condition_asks_for_a_counter_without_a_definition(word: str, given: str, value: str) -> None:
    """It holds what it would hold after a store of the constant, as a declared one does."""
    stored = f"MM t\n{{ page A {{ .c = 0 }}; }}\nP0 {{ {word}_set(&A.c, {given}); }}\n"
    first = f"MM t\n{{ page A {{ .c = {given} }}; }}\nP0 {{ r0 = {word}_read(&A.c); }}\n"
    assert holds(f"{stored}exists (A.c = {value})\n") and holds(f"{first}exists (A.c = {value})\n")


def test_a_counter_of_a_page_that_a_virtual_address_leads_to() -> None:
    text = "MM t\n{ page A = 0x7fffffff; mm N { v -> A, w -> none }; 0:cr3 = N; }\n"
    text += "P0 { r0 = atomic_inc_return(v) < 0; r1 = atomic_read(v) < 0; r2 = atomic_inc_return(w); }\n"
    assert states(text + "locations [0:r0; 0:r1; 0:r2]\nexists (true)\n") == ["0:r0=1; 0:r1=1; 0:r2=fault;"]


@pytest.mark.parametrize("value", ["-1", "0xffffffffffffffff", "0", "0x8000000000000000"])
def test_the_last_bit_of_a_word_without_a_type(value: str) -> None:
    code = "change_bit(63, &s.f); r0 = s.f == ({0} ^ (1UL << 63)); change_bit(63, &s.f); r1 = s.f == {0}; "
    code += "clear_bit(63, &s.f); r2 = s.f == ({0} & ~(1UL << 63)); set_bit(63, &s.f); "
    code += "r3 = s.f == ({0} | (1UL << 63));"
    text = f"MM t\n{{ struct s s {{ .f = {value} }}; }}\nP0 {{ {code.format(value + 'UL')} }}\n"
    text += "locations [0:r0; 0:r1; 0:r2; 0:r3]\nexists (true)\n"
    assert states(text) == ["0:r0=1; 0:r1=1; 0:r2=1; 0:r3=1;"]


def test_sums_without_a_type_are_words_of_64_bits() -> None:
    text = "MM t\n{ percpu struct s x = { .f = 0xffffffffffffffff }; }\n"
    text += "P0 { r0 = this_cpu_inc_return(x.f); this_cpu_dec(x.f); r1 = this_cpu_read(x.f) == -1; }\n"
    assert states(text + "locations [0:r0; 0:r1]\nexists (true)\n") == ["0:r0=0; 0:r1=1;"]


def test_numbers_of_cpus_have_no_sign() -> None:
    code = "r0 = cpumask_weight(&m) > -1; r1 = cpumask_first(&m) > -1; r2 = cpumask_any_but(&m, 0) > -1; "
    code += "r3 = num_online_cpus() > -1; r4 = nr_cpu_ids > -1;"
    text = f"MM t\n{{ cpumask_t m = {{0}}; }}\nP0 {{ {code} }}\n"
    text += "locations [0:r0; 0:r1; 0:r2; 0:r3; 0:r4]\nexists (true)\n"
    assert states(text) == ["0:r0=0; 0:r1=0; 0:r2=0; 0:r3=0; 0:r4=0;"]


def test_a_counter_makes_no_counter_of_another_struct() -> None:
    text = (
        "MM t\n{ struct foo F = { .v = 0 }; struct bar G = { .v = 0 }; }\n"
        "P0 { atomic_set(&F.v, 1); G.v = 0x180000000; }\nexists (G.v = 0x180000000)\n"
    )
    (test,) = load(Source("t", text))
    verdict = check(test)
    assert verdict.observation == "always" and not verdict.warnings
