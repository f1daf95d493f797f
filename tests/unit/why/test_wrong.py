"""Parts without which some run is wrong: nothing is known of it, so they are not redundant."""

from __future__ import annotations

import pytest

import verifier
from verifier import explore, solve
from verifier.budget import Budget
from verifier.lower.build import lower, unrolled
from verifier.lower.optional import given, optional
from verifier.program.answer import Answer
from verifier.render.why import audit as shown
from verifier.render.why import audit_object, explanation_object
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.test import Test

WRONG = "else a run is wrong"
ITEMS = "struct item { struct item *next; int v; };"
WAIT = f"""MM null
{ITEMS}
{{ struct item a = {{ .v = 1 }}; struct item *p = &a; int seen; }}
void f(void *info) {{ struct item *q = READ_ONCE(p); WRITE_ONCE(seen, READ_ONCE(q->v)); }}
P0 {{ smp_call_function_single(1, f, NULL, 1); WRITE_ONCE(p, NULL); }}
P1 {{ }}
exists (seen = 2)
"""
GRACE = f"""MM freed
{ITEMS}
{{ struct item a = {{ .next = &b }}; struct item b; struct item *head = &a; int x; }}
P0 {{ WRITE_ONCE(head, NULL); synchronize_rcu(); kfree(&a); }}
P1 {{
    struct item *p;
    rcu_read_lock();
    p = READ_ONCE(head);
    if (p) {{
        p = READ_ONCE(p->next);
        if (READ_ONCE(p->next)) WRITE_ONCE(x, 1);
    }}
    rcu_read_unlock();
}}
exists (x = 1)
"""
LOCK = f"""MM locked
{ITEMS}
{{ struct item a = {{ .next = &b }}; struct item b; struct item *head = &a; spinlock_t l; int x; }}
P0 {{ spin_lock(&l); WRITE_ONCE(head, NULL); kfree(&a); spin_unlock(&l); }}
P1 {{
    struct item *p;
    spin_lock(&l);
    p = READ_ONCE(head);
    if (p) {{
        p = READ_ONCE(p->next);
        WRITE_ONCE(x, READ_ONCE(p->v));
    }}
    spin_unlock(&l);
}}
exists (x = 1)
"""
BUFFERS = """MM buffers
{{ u64 bits; int width = 64; int x; int y; int c; int done; }}
P0 {{ WRITE_ONCE(x, 1); {0}; if (READ_ONCE(y) == 0) {{ WRITE_ONCE(c, 1); }} }}
P1 {{ WRITE_ONCE(y, 1); {0}; r0 = READ_ONCE(x); if (r0 == 0 && READ_ONCE(c) == 1) {{ {1} }} }}
{2}
exists (c = 2)
"""
SHIFT = "if (1UL << READ_ONCE(width)) WRITE_ONCE(bits, 1);"
UNDEFINED = BUFFERS.format("smp_mb()", SHIFT, "")
LOCKED = BUFFERS.format("xchg(&done, 1)", SHIFT, "")
LIMIT = BUFFERS.format("smp_mb()", 'model_limit(1, "so far");', "")
# A run that is wrong lets CPU 2 wait for ever; all others let it go on.
HANGS = BUFFERS.format("smp_mb()", SHIFT, "P2 { while (!READ_ONCE(done)) cpu_relax(); }").replace(
    f"{{ {SHIFT} }}", f"{{ {SHIFT} }} else {{ WRITE_ONCE(done, 1); }}"
)
TESTS = {
    "wait": (WAIT, {("wait", 5)}, "line 4 to an address that belongs to no object: READ_ONCE(q->v)"),
    "grace": (GRACE, {("grace period", 4), ("reader", 7)}, "line 11 to an address that belongs to no object"),
    "lock": (
        LOCK, {(kind, line) for kind in ("LOCK", "lock") for line in (4, 7)},
        "line 11 to an address that belongs to no object: READ_ONCE(p->v)",
    ),
    "undefined": (UNDEFINED, {("barrier", 3), ("barrier", 4)}, "a shift by 64 of what has 64 bits"),
    "locked": (LOCKED, {("LOCK", 3), ("LOCK", 4)}, "a shift by 64 of what has 64 bits"),
    "limit": (LIMIT, {("barrier", 3), ("barrier", 4)}, "beyond a limit of the model (line 4): so far"),
}  # fmt: skip


def loaded(text: str) -> Test:
    (test,) = load(Source("t.litmus", text))
    return test


def without(test: Test, absent: set[str], only: bool = False) -> list[Answer]:
    """Both judges about a test without some parts; with ``only``: without all others but IPIs."""
    code, parts = optional(lower(test, Budget()))
    there = {p.name for p in parts if (p.name in absent) == only or (only and p.kind == "IPI")}
    program = unrolled(test, given(code, there))
    return [judge.decide(program, witnesses=False) for judge in (solve, explore)]


@pytest.mark.parametrize("name", TESTS)
def test_a_part_that_keeps_runs_from_being_wrong_is_needed(name: str) -> None:
    text, parts, told = TESTS[name]
    found = verifier.audit(loaded(text))
    assert not found.gap and found.verdict.observation == "never"
    assert {(f.kind, f.span.line) for f in found.findings if f.need == WRONG} == parts
    for f in found.findings:
        assert (told in f.wrong) is (f.need == WRONG), f.text
        assert f.part is not None
        answers = without(loaded(text), {f.part.name})
        assert [x.bad is not None for x in answers] == [f.need == WRONG] * 2, f.text
    said = " ".join(shown(found).split())
    assert (
        "Else a run is wrong: without it" in said and f"A run is wrong: {found.findings[-1].wrong}." in said
    )
    (first, *_) = (f for f in audit_object(found)["findings"] if f["need"] == WRONG)  # type: ignore[attr-defined]
    assert told in first["wrong"] and first["run"] is None


@pytest.mark.parametrize("name", TESTS)
def test_a_set_of_parts_suffices_only_if_no_run_is_wrong_with_it(name: str) -> None:
    text, parts, told = TESTS[name]
    found = verifier.explain(loaded(text))
    assert found.reasons and found.complete and not found.gap
    for reason in found.reasons:
        names = {p.name for p in reason.parts}
        for x in without(loaded(text), names, only=True):
            assert x.bad is None and x.reachable is False
        for p in reason.guards:
            assert all(x.bad is not None for x in without(loaded(text), names - {p.name}, only=True))
        assert told in reason.wrong and reason.guards == reason.parts
        assert reason.off_cycles("t.litmus").startswith("Some run is wrong without ")
    assert any({(p.kind, p.span.line) for p in r.parts} == parts for r in found.reasons)
    object_ = explanation_object(found)["reasons"][0]  # type: ignore[index]
    assert told in object_["wrong"] and object_["guards"]


def test_a_wrong_run_may_hang() -> None:
    found = verifier.audit(loaded(HANGS))
    assert found.verdict.observation == "never" and found.verdict.hangs is False
    assert [(f.kind, f.need) for f in found.findings] == [("barrier", WRONG)] * 2
    assert all("a shift by 64" in f.wrong for f in found.findings)
    (reason,) = verifier.explain(loaded(HANGS)).reasons
    assert [p.span.line for p in reason.guards] == [3, 4] and "a shift by 64" in reason.wrong


def test_a_part_that_two_others_stand_in_for_is_needed_with_the_other() -> None:
    """Each of two barriers in a row is enough to keep a run from being wrong."""
    found = verifier.audit(loaded(UNDEFINED.replace("smp_mb(); r0", "smp_mb(); mb(); r0")))
    first, *two = found.findings
    assert first.need == WRONG and [f.need for f in two] == ["redundant"] * 2
    assert [f.joint for f in two] == [(two[1].part,), (two[0].part,)]


def test_what_has_no_wrong_run_is_asked_nothing_more() -> None:
    text = UNDEFINED.replace(SHIFT, "WRITE_ONCE(c, 2);")
    found = verifier.audit(loaded(text))
    assert [(f.need, f.wrong) for f in found.findings] == [("needed", "")] * 2
    assert all(not r.guards and not r.wrong for r in verifier.explain(loaded(text)).reasons)
