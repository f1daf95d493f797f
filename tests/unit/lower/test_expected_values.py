"""``try_cmpxchg(&x, &old, new)`` finds and leaves ``*old`` where the pointer leads: in a local, in one of a
caller, in memory."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong

# Each word with what it needs, how it is called with a pointer to the old value, and the type of this value.
WORDS = {
    **{
        f"try_cmpxchg{order}": ("int x = 5;", f"try_cmpxchg{order}(&x, {{}}, 7)", "int")
        for order in ("", "_relaxed", "_acquire", "_release")
    },
    "try_cmpxchg64": ("u64 x = 5;", "try_cmpxchg64(&x, {}, 7)", "u64"),
    "try_cmpxchg_local": ("u64 x = 5;", "try_cmpxchg_local(&x, {}, 7)", "u64"),
    "atomic_try_cmpxchg": ("atomic_t x = 5;", "atomic_try_cmpxchg(&x, {}, 7)", "int"),
    "atomic_try_cmpxchg_acquire": ("atomic_t x = 5;", "atomic_try_cmpxchg_acquire(&x, {}, 7)", "int"),
    "atomic64_try_cmpxchg": ("atomic64_t x = 5;", "atomic64_try_cmpxchg(&x, {}, 7)", "s64"),
    "atomic_long_try_cmpxchg": ("atomic_long_t x = 5;", "atomic_long_try_cmpxchg(&x, {}, 7)", "long"),
    "local_try_cmpxchg": ("local_t x = 5;", "local_try_cmpxchg(&x, {}, 7)", "long"),
    "this_cpu_try_cmpxchg": ("percpu int x = 5;", "this_cpu_try_cmpxchg(x, {}, 7)", "int"),
    "try_cmpxchg128": ("u128 x = 5;", "try_cmpxchg128(&x, {}, 7)", "u128"),
    "try_cmpxchg128_local": ("u128 x = 5;", "try_cmpxchg128_local(&x, {}, 7)", "u128"),
}
# Where the old value is: what the test defines, what P0 declares, the pointer, and the value.
PLACES = {
    "a local": ("", "{type} old = {old};", "&old", "old"),
    "a local of a caller": (
        "int try(void *unused, {type} *old) {{ return {word}; }}\n", "{type} old = {old};", "old", "old",
    ),
    "a field of a local": ("struct s {{ {type} old; }};\n", "struct s it = {{ .old = {old} }};", "&it.old",
                           "it.old"),
    "an array": ("", "{type} old[1] = {{ {old} }};", "old", "old[0]"),
}  # fmt: skip


def program(word: str, place: str, old: int) -> str:
    """A test in which P0 tries it once; r0 is the result, r1 what is in ``*old`` then."""
    declared, call, kind = WORDS[word]
    before, local, pointer, value = PLACES[place]
    given = {"type": kind, "old": old, "word": call.format(pointer)}
    tried = "try(NULL, &old)" if "try(" in before else given["word"]
    head = f"MM t\n{before.format(**given)}{{ {declared} }}\n"
    return f"{head}P0 {{ {local.format(**given)} r0 = {tried}; r1 = (u64){value}; }}\n"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", WORDS)
def test_it_leaves_what_was_found(word: str, place: str) -> None:
    x = "0:x" if "percpu" in WORDS[word][0] else "x"
    for old, done in ((5, 1), (6, 0)):
        text = program(word, place, old)
        assert holds(f"{text}exists (0:r0 = {done} /\\ 0:r1 = 5 /\\ {x} = {7 if done else 5})")
        assert not holds(f"{text}exists (~ (0:r0 = {done} /\\ 0:r1 = 5))")


SHARED = "MM t\nstruct s { int old; };\n{ int x = 5; struct s it { .old = %d }; struct s *p = &it; }\n"


@pytest.mark.parametrize("pointer", ["&it.old", "&p->old"])
def test_what_lies_in_memory_is_read_before_and_written_after(pointer: str) -> None:
    text = SHARED % 6 + f"P0 {{ r0 = try_cmpxchg(&x, {pointer}, 7); }}\nP1 {{ WRITE_ONCE(it.old, 5); }}\n"
    found = states(f"{text}locations [it.old; x; 0:r0;]\nexists (x = 5)")
    # The store of P1 comes in front: it succeeds. Between: what fails writes 5 as well.
    assert found == ["0:r0=0; [x]=5; it.old=5;", "0:r0=1; [x]=7; it.old=5;"]


def test_a_try_that_succeeds_leaves_it_alone() -> None:
    text = SHARED % 5 + "P0 { r0 = try_cmpxchg(&x, &it.old, 7); }\nP1 { WRITE_ONCE(it.old, 9); }\n"
    assert not holds(f"{text}exists (0:r0 = 1 /\\ it.old = 5)")
    assert holds(f"{text}exists (0:r0 = 1 /\\ it.old = 9)")
    assert holds(f"{text}exists (0:r0 = 0 /\\ it.old = 5)")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("try_cmpxchg(&x, 5, 7);", "try_cmpxchg takes the address of the old value here, not a number"),
        ("u8 old = 5; u8 *q = &b; try_cmpxchg(&x, q, 7);", "this points to u8, not to s32"),
        ("try_cmpxchg(&x, &it, 7);", "takes the address of the old value here, not a struct"),
    ],
)
def test_what_is_no_address_of_such_a_value_is_an_error(code: str, message: str) -> None:
    state = "struct s { int old; };\n{ int x = 5; u8 b; struct s it; }"
    text = f"MM t\n{state}\nP0 {{ {code} }}\nexists (x = 5)"
    assert any(message in said.message for said in wrong(text))
