"""``value ?: other``, GNU's conditional without a middle: the value is evaluated once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.style.formatted import formatted
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

STATE = """MM t
{ int x = 3; int y; int n; u8 small = 200; int *p; unsigned int big = 1; spinlock_t l; }
int count(void) { n = n + 1; return n; }
void none(void) { n = 9; }
"""


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("r0 = READ_ONCE(x) ?: READ_ONCE(n); r1 = READ_ONCE(y) ?: 7;", "0:r0 = 3 /\\ 0:r1 = 7"),
        ("r0 = count() ?: 9; r1 = n;", "0:r0 = 1 /\\ 0:r1 = 1"),
        ("r0 = y ?: count(); r1 = x ?: count();", "0:r0 = 1 /\\ 0:r1 = 3 /\\ n = 1"),
        ("int i = 1; r0 = i++ ?: i; r1 = i;", "0:r0 = 1 /\\ 0:r1 = 2"),
        ("int i = 0; r0 = i++ ?: i; r1 = i;", "0:r0 = 1 /\\ 0:r1 = 1"),
        ("r0 = y ?: n ?: x ?: 5;", "0:r0 = 3"),
        ("r0 = x == 3 ?: 7; r1 = y ?: x ? 4 : 5;", "0:r0 = 1 /\\ 0:r1 = 4"),
        ("int *q = p ?: &x; r0 = *q;", "0:r0 = 3"),
        ("r0 = small ?: -1; r1 = (y ?: -1) < 0;", "0:r0 = 200 /\\ 0:r1 = 1"),
        ("r0 = (y ?: big) - 2 > 0;", "0:r0 = 1"),
        ("r0 = 1; if (y ?: x) r0 = 2; while (y ?: 0) { } r1 = 4;", "0:r0 = 2 /\\ 0:r1 = 4"),
        ("spin_trylock(&l) ?: count(); r0 = n;", "0:r0 = 0"),
        ("y ?: none(); x ?: none(); y ? 1 : none(); r0 = n;", "0:r0 = 9"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spelling", ["?:", "? :"])
def test_values(code: str, condition: str, spelling: str) -> None:
    text = f"{STATE}P0 {{ {code.replace('?:', spelling)} }}\n"
    assert holds(f"{text}exists ({condition})")
    assert not holds(f"{text}exists ~({condition})")


def test_it_loads_once_where_the_long_form_loads_twice() -> None:
    def of(code: str) -> list[str]:
        return states(
            f"{STATE}P0 {{ r0 = {code}; }}\nP1 {{ WRITE_ONCE(y, 2); WRITE_ONCE(y, 0); }}\nexists (0:r0 = 0)\n"
        )

    short, long = of("READ_ONCE(y) ?: 5"), of("READ_ONCE(y) ? READ_ONCE(y) : 5")
    assert short == ["0:r0=2;", "0:r0=5;"]
    assert long == ["0:r0=0;", "0:r0=2;", "0:r0=5;"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("r0 = none() ?: 1;", "void is not a condition"),
        ("r0 = x ?: none();", "this has no value"),
        ("r0 = x ? 1 : none();", "this has no value"),
        ("r0 = x ? none() : 1;", "this has no value"),
        ("r0 = x ?:;", "unexpected ';'"),
    ],
)
def test_errors(code: str, said: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nexists (0:r0 = 1)\n")
    assert found[0].message.startswith(said), found[0]


def test_it_is_printed_as_one_sign() -> None:
    text = "MM t\n{ int x; }\nP0 { r0=x?:2; r1 = x ? : 2; }\nexists (0:r0 = 2)\n"
    assert "r0 = x ?: 2; r1 = x ? : 2;" in formatted(Source("t", text))


TEXT = """static inline int pick(int *v) { return READ_ONCE(*v) ?: (IS_ENABLED(CONFIG_NO) ?: 4); }
#define first(a, b) ((a) ?: (b))
static inline int both(int *v, int *w) { return first(READ_ONCE(*v), 0) + (first(0, READ_ONCE(*w)) * 10); }
"""


def test_it_stands_in_the_kernels_text(tmp_path: Path) -> None:
    (tmp_path / "f.h").write_text(TEXT)
    text = """MM t
#kernel "f.h" { pick, both }
#config !CONFIG_NO
{ int x; int y = 2; }
P0 { r0 = pick(&x); r1 = pick(&y); r2 = both(&x, &y); r3 = both(&y, &x); }
exists (0:r0 = 4 /\\ 0:r1 = 2 /\\ 0:r2 = 20 /\\ 0:r3 = 2)
"""
    (test,) = load_all(Source("t", text), tree=KernelTree(str(tmp_path)))
    found = run(test, Options(witnesses=False))
    assert (found.reason, found.observation) == ("", "always")
