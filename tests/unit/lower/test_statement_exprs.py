"""Statement expressions, ``typeof`` and ``__auto_type``: extensions of GNU C that kernel headers use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds
from tests.texts import warned, wrong
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

KEPT = "the address of a local can be passed to a function, which may follow it, and not be kept"
STATE = """MM t
{ atomic_t c = 1; int x; int y = 5; u8 small = 255; struct foo s { .a = 3 }; struct foo *p = &s;
  cpumask_t m = {1}; page A = 0; page B = 0; mm N { v -> A }; }
struct foo { int a; u64 *q; };
"""


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("r0 = ({ int a = 2; a + 1; });", "0:r0 = 3"),
        ("r0 = ({ READ_ONCE(y); }) + ({ int a = 1; a; });", "0:r0 = 6"),
        ("int a = 1; r0 = ({ int a = 7; a++; a; }) + a;", "0:r0 = 9"),
        ("int a = 1; r0 = ({ a; }) + ({ a = 4; a; });", "0:r0 = 5"),
        ("({ if (READ_ONCE(y)) WRITE_ONCE(x, 2); });", "x = 2"),
        ("r0 = ({ int i = 0; do { i++; } while (i < 2); i; });", "0:r0 = 2"),
        ("r0 = 1; r0 = ({ if (READ_ONCE(y)) goto out; 9; }); out: ;", "0:r0 = 1"),
        ("r0 = ({ ({ ({ 4; }); }); });", "0:r0 = 4"),
        (
            "r0 = READ_ONCE(x) ? ({ WRITE_ONCE(y, 1); 1; }) : ({ WRITE_ONCE(y, 2); 2; });",
            "0:r0 = 2 /\\ y = 2",
        ),
        ("r0 = READ_ONCE(x) && ({ WRITE_ONCE(y, 1); 1; });", "0:r0 = 0 /\\ y = 5"),
        # the type of an expression, which is not evaluated
        ("r0 = ({ typeof(small) t = small; t += 2; t; });", "0:r0 = 1"),
        ("r0 = ({ typeof(small + 0) t = small; t += 2; t; });", "0:r0 = 257"),
        (
            "r0 = 1; typeof(r0 = 2) t = 0; typeof(xchg(&x, 4)) u = 0; r1 = t + u;",
            "0:r0 = 1 /\\ x = 0 /\\ 0:r1 = 0",
        ),
        ("__unqual_scalar_typeof(small) t = 300 + READ_ONCE(x); r0 = t;", "0:r0 = 44"),
        (
            "typeof(u8) t = READ_ONCE(y) - 6; typeof(unsigned long *) q = NULL; r0 = t; r1 = !q;",
            "0:r0 = 255 /\\ 0:r1 = 1",
        ),
        ("r0 = (typeof(small))(READ_ONCE(y) - 6);", "0:r0 = 255"),
        ("const typeof(&x) q = &x; *q = 3;", "x = 3"),
        ("typeof(x) *q = &x; WRITE_ONCE(*q, 3);", "x = 3"),
        ("r0 = ({ typeof(*p) q = *p; q.a = 4; q.a; });", "0:r0 = 4 /\\ s.a = 3"),
        ("r0 = ({ typeof(p) q = p; q->a = 4; q->a; });", "0:r0 = 4 /\\ s.a = 4"),
        ("typeof(p) *q = &p; WRITE_ONCE((*q)->a, 6);", "s.a = 6"),
        ("r0 = ({ typeof(m) q; cpumask_copy(&q, &m); cpumask_test_cpu(1, &q); });", "0:r0 = 1"),
        ("r0 = ({ __auto_type t = small; t += 2; t; });", "0:r0 = 1"),
        ("__auto_type q = p; q->a = 8;", "s.a = 8"),
        (
            "typeof(READ_ONCE(*pte(N, v))) e = READ_ONCE(*pte(N, v)); set_pte(pte(N, v), B); r0 = e;",
            "0:r0 = A",
        ),
        # sizes of numbers and of addresses
        (
            "r0 = sizeof(small) + sizeof(int) * 10; r1 = sizeof(*p->q) + sizeof(&x) + sizeof(void *);",
            "0:r0 = 41 /\\ 0:r1 = 24",
        ),
        ("r0 = 1; r1 = sizeof(r0 = 2);", "0:r0 = 1 /\\ 0:r1 = 4"),
        # the address of a local, in another one that stays as it is
        ("int k = 1; int *q = &k; *q = 4; r0 = k + *q;", "0:r0 = 8"),
        ("u32 k = 0; int *q = (int *)&k; *q = -1; r0 = *q < 0; r1 = k > 1;", "0:r0 = 1 /\\ 0:r1 = 1"),
        # the lock is given back where the statement expression ends, after its value
        (
            "spinlock_t *l = &k; r0 = ({ guard(spinlock)(l); READ_ONCE(k); }); r1 = READ_ONCE(k);",
            "0:r0 = 1 /\\ 0:r1 = 0",
        ),
    ],
)  # fmt: skip
def test_values(code: str, condition: str) -> None:
    text = STATE.replace("int x;", "int x; spinlock_t k;") if "&k" in code else STATE
    text += f"P0 {{ {code} }}\nP1 {{ }}\n"
    assert holds(f"{text}exists ({condition})")
    assert not holds(f"{text}exists ~({condition})")


def test_a_loop_of_cmpxchg_in_a_statement_expression_is_exact() -> None:
    text = """MM t
{ atomic_t c = 1; }
int unless(atomic_t *v, int u) {
    return ({ int old = atomic_read(v); do { if (old == u) break; }
        while (!atomic_try_cmpxchg(v, &old, old + 1)); old; });
}
P0 { r0 = unless(&c, 0); }
P1 { r0 = unless(&c, 0); }
"""
    assert holds(f"{text}exists (0:r0 = 1 /\\ 1:r0 = 2 /\\ c = 3)")
    assert not holds(f"{text}exists (0:r0 = 1 /\\ 1:r0 = 1)")


def test_a_spin_may_wait_for_a_statement_expression() -> None:
    text = "MM t\n{ int x; int y; }\n"
    text += "P0 { while (({ typeof(x) a = READ_ONCE(x); !a; })) cpu_relax(); r0 = READ_ONCE(y); }\n"
    text += "P1 { WRITE_ONCE(y, 1); WRITE_ONCE(x, 1); }\n"
    assert not holds(f"{text}exists (0:r0 = 0)") and holds(f"{text}exists (0:r0 = 1)")


@pytest.mark.parametrize(
    ("code", "code_of", "text"),
    [
        ("r0 = ({ int a = 1; });", "type", "this has no value"),
        ("r0 = ({ });", "type", "this has no value"),
        ("r0 = ({ int a = 1; a; }) + a;", "unknown-name", "there is no 'a'"),
        ("r0 = sizeof(*p);", "sizeof", "the size of a struct is not known here"),
        ("int k = 1; int *q = &k; q = &x; r0 = *q;", "address", KEPT),
        ("__auto_type t; r0 = 1;", "type", "t has no value that gives it a type"),
        ("typeof(nothing) t = 1; r0 = t;", "unknown-name", "there is no 'nothing'"),
        ("r0 = ({ WRITE_ONCE(nothing, 1); 1; });", "unknown-name", "there is no 'nothing'"),
    ],
)
def test_errors(code: str, code_of: str, text: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nexists (0:r0 = 1)")
    assert (code_of, text) in [(d.code, d.message) for d in found]


@pytest.mark.parametrize(
    "text",
    [
        "struct foo { typeof(int *) a; typeof(1 + 1) b; };",
        "int f(typeof(1) a) { return a; }",
        "typeof(1) f(int a) { return a; }",
    ],
)
def test_typeof_of_an_expression_is_for_code(text: str) -> None:
    found = wrong(f"MM t\n{{ int x; }}\n{text}\nP0 {{ WRITE_ONCE(x, 1); }}\nexists (x = 1)")
    assert ("not-yet", "typeof stands outside of code") in [(d.code, d.message) for d in found]


def test_a_statement_expression_alone_is_no_mistake(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = "MM t\n{ int x; }\nP0 { ({ barrier(); }); ({ WRITE_ONCE(x, 1); 0; }); }\n"
    text += "expect always;\nexists (x = 1)\n"
    assert warned(capsys, tmp_path, text) == ""


HEADER = """
#define fetch_unless(v, u) ({					\\
	typeof(atomic_read(v)) ___c = atomic_read(v);		\\
	typeof(___c) ___u = u;					\\
	while (___c != ___u && !atomic_try_cmpxchg((v), &___c, ___c + 1)) \\
		;						\\
	___c; })
#define store_it(p, e)	({ dropped_call(e); WRITE_ONCE(*p, e); })

static inline int both(atomic_t *v, int *p)
{
	store_it(p, 2);
	return fetch_unless(v, 1 + 1) + ({ helper(); });
}
"""


@pytest.mark.parametrize(("without", "value"), [("helper = 4", 5), ("helper = 9", 10)])
def test_macros_of_the_kernels_text(without: str, value: int, tmp_path: Path) -> None:
    (tmp_path / "f.h").write_text(HEADER)
    text = f"""MM t
#kernel "f.h" {{ both }}
#without {without}, dropped_call
{{ atomic_t c = 1; int x; }}
P0 {{ r0 = both(&c, &x); }}
exists (0:r0 = {value} /\\ c = 2 /\\ x = 2)
"""
    (test,) = load_all(Source("t", text), tree=KernelTree(str(tmp_path)))
    found = run(test, Options(witnesses=False))
    assert (found.reason, found.observation) == ("", "always")
