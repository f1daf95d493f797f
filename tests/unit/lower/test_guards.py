"""Lock guards: the words that they stand for, and where a lock is given back."""

from __future__ import annotations

import pytest

from verifier.errors import InputError
from verifier.lower.c.file import lower
from verifier.lower.code import Emit
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.guards import GUARDS
from verifier.words.table import WORDS

OBJECTS = """int x; spinlock_t s; raw_spinlock_t w; struct mutex m; struct rw_semaphore r; rwlock_t k;
    struct srcu_struct u;"""
ARGUMENTS = {
    "mutex": "&m",
    "rwsem": "&r",
    "spinlock": "&s",
    "raw": "&w",
    "read": "&k",
    "write": "&k",
    "srcu": "&u",
}


def code(program: str, functions: str = "") -> list[str]:
    """The texts of the instructions of P0; the end of a guard is ``end of …``."""
    (test,) = load(Source("t", f"MM t\n{{ {OBJECTS} }}\n{functions}\nP0 {{ {program} }}\nexists (x = 1)\n"))
    return [i.text for i in lower(test).threads[0] if isinstance(i, Emit) and i.op in ("X", "W")]


TAKE, LEAVE = "guard(mutex)(&m)", "end of guard(mutex)(&m)"


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_is_its_two_words(name: str) -> None:
    row = GUARDS[name]
    given = ARGUMENTS.get(name.partition("_")[0], "") if row.arguments else ""
    begin, end = WORDS[row.begin], WORDS[row.end]
    assert len(begin.parameters) == row.arguments + (row.keeps == "flags")
    assert len(end.parameters) == row.arguments + bool(row.keeps)

    def ops(text: str) -> list[tuple[str, str]]:
        whole = f"MM t\n{{ {OBJECTS} }}\nP0 {{ {text} }}\nexists (x = 1)\n"
        (test,) = load(Source("t", whole))
        return [(i.op, i.kind) for i in lower(test).threads[0] if isinstance(i, Emit)]

    kept = {"flags": f"{given}, flags" if given else "flags", "": given, "index": given}[row.keeps]
    ended = f"{given}, i" if row.keeps == "index" else kept
    first = f"i = {row.begin}({kept})" if row.keeps == "index" else f"{row.begin}({kept})"
    plain = f"unsigned long flags; int i; {first}; WRITE_ONCE(x, 1); {row.end}({ended});"
    assert ops(f"guard({name})({given}); WRITE_ONCE(x, 1);") == ops(plain)
    scoped = f"scoped_guard({name}{', ' if given else ''}{given}) WRITE_ONCE(x, 1);"
    assert ops(scoped) == ops(plain)


@pytest.mark.parametrize(
    ("program", "texts"),
    [
        ("{ guard(mutex)(&m); x = 1; } x = 2;", [TAKE, "x = 1", LEAVE, "x = 2"]),
        ("guard(mutex)(&m); x = 1;", [TAKE, "x = 1", LEAVE]),
        ("guard(mutex)(&m); { guard(spinlock)(&s); } x = 1;",
         [TAKE, "guard(spinlock)(&s)", "end of guard(spinlock)(&s)", "x = 1", LEAVE]),
        ("guard(mutex)(&m); guard(spinlock)(&s);",
         [TAKE, "guard(spinlock)(&s)", "end of guard(spinlock)(&s)", LEAVE]),
        ("while (1) { guard(mutex)(&m); break; } x = 1;", [TAKE, LEAVE, LEAVE, "x = 1"]),
        ("guard(mutex)(&m); while (1) { break; } x = 1;", [TAKE, "x = 1", LEAVE]),
        ("{ guard(mutex)(&m); goto out; } out: x = 1;", [TAKE, LEAVE, LEAVE, "x = 1"]),
        ("guard(mutex)(&m); goto out; out: x = 1;", [TAKE, "x = 1", LEAVE]),
        ("switch (READ_ONCE(x)) { case 1: { guard(mutex)(&m); break; } } x = 1;",
         [TAKE, LEAVE, LEAVE, "x = 1"]),
        ("scoped_guard (mutex, &(m) ) { x = 1; }",
         ["scoped_guard (mutex, &(m) )", "x = 1", "end of scoped_guard (mutex, &(m) )"]),
        ("scoped_guard(mutex, &m) x = 1;",
         ["scoped_guard(mutex, &m)", "x = 1", "end of scoped_guard(mutex, &m)"]),
    ],
)  # fmt: skip
def test_where_the_lock_is_given_back(program: str, texts: list[str]) -> None:
    assert code(program) == texts


def verdict(text: str) -> Verdict:
    (test,) = load(Source("t", text))
    return run(test, Options(judge="both"))


JUMPS = """MM t
{{ spinlock_t l; int x; }}
P0 {{ r0 = 0; for (int i = 0; i < 2; i++) {{ {body} r0 = r0 + 1; }} }}
"""


@pytest.mark.parametrize("word", ["break", "continue"])
def test_a_jump_leaves_a_scoped_guard_alone(word: str) -> None:
    """It is a loop that turns once (include/linux/cleanup.h)."""
    text = JUMPS.format(body=f"scoped_guard(spinlock, &l) {{ x = 1; {word}; x = 2; }}")
    found = verdict(f"{text}exists (~(0:r0 = 2 /\\ x = 1 /\\ l = 0))\n")
    assert found.observation == "never"
    (said,) = [w for w in found.warnings if w.code == "scoped-guard"]
    assert f"this {word} leaves scoped_guard()" in said.message


def test_a_jump_out_of_a_block_with_a_guard_leaves_the_loop() -> None:
    text = JUMPS.format(body="{ guard(spinlock)(&l); x = 1; break; }")
    assert verdict(f"{text}exists (~(0:r0 = 0 /\\ l = 0))\n").observation == "never"


def test_a_return_has_its_value_before_the_lock_is_given_back() -> None:
    (test,) = load(
        Source(
            "t",
            f"MM t\n{{ {OBJECTS} }}\nint f(void) {{ guard(mutex)(&m); return READ_ONCE(x); }}\n"
            "P0 { r0 = f(); }\nexists (0:r0 = 1)\n",
        )
    )
    ops = [i.op for i in lower(test).threads[0] if isinstance(i, Emit)]
    assert ops[:3] == ["X", "R", "X"]


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("guard(spinlok)(&s);", "did you mean 'spinlock'"),
        ("guard(spinlock)();", "write guard(spinlock)(&l)"),
        ("guard(rcu)(&s);", "write guard(rcu)()"),
        ("guard(mutex)(m);", "write &m"),
        ("goto in; { guard(mutex)(&m); in: x = 1; }", "into the scope of a guard"),
        ("goto in; guard(mutex)(&m); in: x = 1;", "into the scope of a guard"),
        ("switch (READ_ONCE(x)) { case 1: guard(mutex)(&m); break; case 2: x = 2; }", "use a block"),
    ],
)
def test_what_is_wrong(program: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        code(program)
    found = [f"{d.message} {d.hint}" for d in caught.value.diagnostics]
    assert any(says in text for text in found), found
    assert all(d.span is not None for d in caught.value.diagnostics)
