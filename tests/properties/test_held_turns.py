"""Loops whose turns take something and give it back need no bound (MMR 20.4): locks, interrupts and softirqs
that are off, RCU readers' sections."""

from __future__ import annotations

from itertools import cycle

import pytest

from tests.effort import times
from tests.properties.test_waiting import check_text
from verifier import explore, solve
from verifier.budget import Budget
from verifier.fuzz.waiting import Waiting
from verifier.lower.build import build
from verifier.model import model
from verifier.program.profiles import PROFILES
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_checked
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.why.audit import audit
from verifier.why.explain import explain

PAIRS = (
    ("spin_lock(&l);", "spin_unlock(&l);"),
    ("spin_lock(&m);", "spin_unlock(&m);"),
    ("spin_lock_irq(&l);", "spin_unlock_irq(&l);"),
    ("spin_lock_irqsave(&m, f);", "spin_unlock_irqrestore(&m, f);"),
    ("spin_lock_bh(&l);", "spin_unlock_bh(&l);"),
    ("spin_lock(&l); spin_lock(&m);", "spin_unlock(&m); spin_unlock(&l);"),
    ("local_irq_disable();", "local_irq_enable();"),
    ("local_bh_disable();", "local_bh_enable();"),
    ("rcu_read_lock();", "rcu_read_unlock();"),
    ("rcu_read_lock(); spin_lock(&m);", "spin_unlock(&m); rcu_read_unlock();"),
    ("i = srcu_read_lock(&s);", "srcu_read_unlock(&s, i);"),
)
# What a loop takes and gives back (A, B), where it looks at V, and does C beside.
FREE = (
    "do {{ {A} {r} = READ_ONCE({V}); {C} {B} }} while (!{r});",
    "for (;;) {{ {A} {r} = READ_ONCE({V}); if ({r}) {{ {B} break; }} {B} {C} }}",
    "for (;;) {{ {A} {r} = READ_ONCE({V}); if ({r}) break; {C} {B} }} {B}",
    "while (!READ_ONCE({V})) {{ {A} {C} {B} }}",
)
HELD = (
    "{A} while (!READ_ONCE({V})) {{ {B} {C} {A} }} {B}",
    "{A} do {{ {B} {C} {A} {r} = READ_ONCE({V}); }} while (!{r}); {B}",
    "{A} for (;;) {{ {r} = READ_ONCE({V}); if ({r}) break; {B} {C} {A} }} {B}",
    "{A} while (!READ_ONCE({V})) {{ if (READ_ONCE({W})) {{ {B} {C} {A} }} }} {B}",
    "{A} for (;;) {{ if (READ_ONCE({V})) break; if (!READ_ONCE({W})) continue; {B} {C} {A} }} {B}",
)


class _Turning(Waiting):
    """Programs with many such loops."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.tasks = False
        self.rows = [
            (30, self.store), (8, self.load), (2, self.spin), (10, self.locked), (2, self.trylock),
            (4, self.call), (2, self.kick), (3, self.window), (32, self.turns), (3, self.section),
            (4, self.grace), (2, self.branch),
        ]  # fmt: skip

    def turns(self) -> list[str]:
        """A loop."""
        if self.depth > 2:
            return []
        takes, gives = self.random.choice(PAIRS)
        beside = self.random.choice(["", "", f"r9 = READ_ONCE({self.some('xyz')});", "smp_mb();"])
        form = self.random.choice(self.random.choice([FREE, HELD]))
        looks = {"V": self.some("xyz"), "W": self.some("xyz"), "r": self.register()}
        return [form.format(A=takes, B=gives, C=beside, **looks)]

    def grace(self) -> list[str]:
        """A grace period."""
        return super().grace() if self.random.random() < 0.6 else ["synchronize_srcu(&s);"]

    def text(self) -> str:
        """With the locals that keep the interrupt flag and the index of a section."""
        lines = super().text().replace("int p; }", "int p; struct srcu_struct s; }").split("\n")
        for name, used in (("unsigned long f;", "f)"), ("int i;", "i =")):
            lines = [x.replace("{", f"{{ {name}", 1) if used in x else x for x in lines]
        return "\n".join(lines)


@pytest.mark.long
@pytest.mark.parametrize("part", range(2))
def test_random_programs(part: int) -> None:
    """The judges agree; and the runs that end are those of the loops turn by turn, up to a bound."""
    count = times(24)
    decided = 0
    for seed, name in zip(range(part * count, (part + 1) * count), cycle(PROFILES), strict=False):
        text, switches = _Turning(seed).text(), PROFILES[name]
        if "while" not in text and "for (" not in text:
            continue
        check_text(text, name)
        (test,) = load(Source("t", text))
        exact, plain = build(test), build(test, 2, exact=False)
        if not switches.spontaneous or not len(plain.cuts) > len(exact.cuts):
            continue
        first = solve.decide(exact, switches=switches, want_states=True, budget=Budget(20))
        second = explore.decide(plain, switches=switches, want_states=True, budget=Budget(20))
        if first.states is None or second.states is None:
            continue
        assert set(second.states) <= set(first.states)
        if not first.cut:
            assert set(second.states) == set(first.states)
            decided += 1
    assert decided > count // 4


SHARED = "{ int x; int y; spinlock_t l; spinlock_t k; struct mutex m; struct srcu_struct s; int pp; }\n"
LOOP = "P0 { do { spin_lock(&l); r0 = READ_ONCE(x); spin_unlock(&l); } while (!r0); }\n"
OFF = "P0 { do { local_irq_disable(); r0 = READ_ONCE(x); local_irq_enable(); } while (!r0); }\nP1 { x = 1; }"
KEPT = {
    "another CPU tries to take it": LOOP + "P1 { r1 = spin_trylock(&l); if (r1) spin_unlock(&l); x = 1; }",
    "another CPU asks whether it is held": LOOP + "P1 { r1 = spin_is_locked(&l); x = 1; }",
    "another CPU gives it back": LOOP + "P1 { spin_unlock(&l); x = 1; }",
    "a handler gives it back": "void h(void *i) { spin_unlock(&l); }\n"
    + LOOP + "P1 { smp_call_function_single(0, h, NULL, 1); x = 1; }",
    "the condition asks for it": LOOP + "P1 { x = 1; }\nlocations [x;]\nexists (ever (l = 1 /\\ x = 1))",
    "a pointer may lead to it": "P0 { spinlock_t *p = READ_ONCE(q); r9 = spin_is_locked(p); "
    + LOOP.removeprefix("P0 {") + "P1 { WRITE_ONCE(q, &l); x = 1; }",
    "a translation leads to it": "P0 { do { spin_lock(&A.data); r0 = READ_ONCE(x); spin_unlock(&A.data); }"
    " while (!r0); }\nP1 { r1 = READ_ONCE(*v); x = 1; }",
    "two names of one lock": "P0 { spinlock_t *p = READ_ONCE(q); do { spin_lock(&k); spin_lock(p); "
    "r0 = READ_ONCE(x); spin_unlock(p); spin_unlock(&k); } while (!r0); }\nP1 { x = 1; }",
    "an NMI asks for the flag": "nmi P0 { if (irqs_disabled()) WRITE_ONCE(y, 1); }\n" + OFF,
    "the condition asks for the flag": OFF + "\nlocations [x;]\nexists (ever (0:irq = off /\\ x = 0))",
    "the turn asks for the flag": "P0 { do { local_irq_disable(); if (irqs_disabled()) r0 = READ_ONCE(x); "
    "else r0 = 2; local_irq_enable(); } while (!r0); }\nP1 { if (READ_ONCE(y)) x = 1; }",
    "a flag of the turn is asked for": "P0 { unsigned long f; do { local_irq_save(f); local_irq_save(r1); "
    "r0 = READ_ONCE(x); local_irq_restore(r1); local_irq_restore(f); } while (!r0); }\nP1 { x = 1; }\n"
    "locations [0:r1; x;]\nexists (0:hang /\\ 0:r1 = 1)",
    "what gives it back tells": "P0 { do { spin_lock(&pp); r0 = READ_ONCE(x); r1 = xchg(&pp, 0); "
    "if (!r1) r0 = 1; } while (!r0); }\nP1 { x = 1; }",
    "a callback leaves interrupts off": "void cb(void *p) { local_irq_disable(); }\n"
    + OFF.replace("{", "{ call_rcu(&pp, cb);", 1),
    "it is given back in one arm": "P0 { do { spin_lock(&l); r0 = READ_ONCE(x); if (READ_ONCE(y)) "
    "spin_unlock(&l); } while (!r0); }\nP1 { x = 1; }",
    "it stores under the lock": "P0 { do { spin_lock(&l); WRITE_ONCE(y, 1); r0 = READ_ONCE(x); "
    "spin_unlock(&l); } while (!r0); }\nP1 { x = 1; }",
    "what it saw is looked at behind the window": "P0 { spin_lock(&l); for (;;) { r0 = READ_ONCE(x); "
    "r1 = r2; r2 = READ_ONCE(y); if (r0) break; spin_unlock(&l); spin_lock(&l); } }\nP1 { x = 1; }",
}  # fmt: skip


def program(text: str) -> str:
    """A file with this program."""
    state = SHARED
    if "READ_ONCE(q)" in text:
        state = state.replace("}", "spinlock_t *q = &k; }")
    if "A.data" in text:
        state = state.replace("}", "page A = 0; mm N { v -> A }; 0..1:cr3 = N; }")
    more = "" if "\nexists" in text else f"\nlocations [x; y; {'0:r0; ' * ('r0 =' in text)}]"
    return f"MM t\n{state}{text}{more}\n"


@pytest.mark.parametrize("name", KEPT)
def test_what_needs_a_bound(name: str) -> None:
    """Somebody could tell that a turn is missing, or it leaves something."""
    (test,) = load_checked(Source("t", program(KEPT[name])))
    assert build(test).cuts


EXACT = {
    "the handler of another CPU takes it, too": "void h(void *i) { spin_lock(&l); spin_unlock(&l); }\n"
    "P0 { do { spin_lock_irq(&l); r0 = READ_ONCE(x); spin_unlock_irq(&l); } while (!r0); }\n"
    "P1 { smp_call_function_single(0, h, NULL, 1); x = 1; }",
    "another CPU waits until it is free": LOOP + "P1 { spin_unlock_wait(&l); x = 1; }",
    "a mutex": "P0 { do { mutex_lock(&m); r0 = READ_ONCE(x); mutex_unlock(&m); } while (!r0); }\n"
    "P1 { mutex_lock(&m); x = 1; mutex_unlock(&m); }",
    "a lock by its address": "P0 { spinlock_t *p = READ_ONCE(q); do { spin_lock(p); r0 = READ_ONCE(x); "
    "spin_unlock(p); } while (!r0); }\nP1 { spin_lock(&k); x = 1; spin_unlock(&k); }",
    "another lock is tried": LOOP + "P1 { r1 = spin_trylock(&k); if (r1) spin_unlock(&k); x = 1; }",
    "an SRCU section": "P0 { int i; do { i = srcu_read_lock(&s); r0 = READ_ONCE(x); "
    "srcu_read_unlock(&s, i); } while (!r0); }\nP1 { synchronize_srcu(&s); x = 1; }",
    "an SRCU section that is left for a while": "P0 { int i = srcu_read_lock(&s); while (!READ_ONCE(x)) { "
    "srcu_read_unlock(&s, i); i = srcu_read_lock(&s); } srcu_read_unlock(&s, i); }\n"
    "P1 { synchronize_srcu(&s); x = 1; }",
    "in a handler": "void h(void *i) { unsigned long f; int r; do { spin_lock_irqsave(&l, f); r = x; "
    "spin_unlock_irqrestore(&l, f); } while (!r); y = 1; }\n"
    "P0 { }\nP1 { smp_call_function_single(0, h, NULL, 1); }\nP2 { x = 1; }",
    "in a callback": "void h(void *i) { int r; do { spin_lock_irq(&l); r = x; spin_unlock_irq(&l); } "
    "while (!r); y = 1; }\nP0 { call_rcu(&pp, h); }\nP1 { x = 1; }",
    "under a condition": "P0 { spin_lock(&l); while (!x) { if (READ_ONCE(y)) { spin_unlock(&l); "
    "cond_resched(); spin_lock(&l); } } spin_unlock(&l); }\n"
    "P1 { WRITE_ONCE(y, 1); spin_lock(&l); x = 1; spin_unlock(&l); }",
    "continue": "P0 { spin_lock(&l); while (!READ_ONCE(x)) { spin_unlock(&l); spin_lock(&l); "
    "if (READ_ONCE(y)) continue; smp_mb(); } r0 = 1; }\nP1 { x = 1; }",
}


@pytest.mark.parametrize("name", EXACT)
def test_what_needs_none(name: str) -> None:
    (test,) = load_checked(Source("t", program(EXACT[name])))
    exact = build(test)
    assert not exact.cuts
    bounded = explore.decide(build(test, 3, exact=False), want_states=True, witnesses=False)
    assert bounded.states == explore.decide(exact, want_states=True, witnesses=False).states
    assert bounded.states == solve.decide(exact, want_states=True, witnesses=False).states


@pytest.mark.long
@pytest.mark.parametrize("name", EXACT)
def test_they_are_explained_and_audited(name: str) -> None:
    """Optional parts are no locks, so that these loops may be followed to their bound only; what is not known
    then is said."""
    (test,) = load_checked(Source("t", program(f"{EXACT[name]}\nlocations [x; y;]\nexists (x = 2)")))
    verdict, machine = run(test, Options()), model(Options().switches)
    assert verdict.observation == "never"
    assert explain(verdict, machine, Budget(20)).reasons
    found = audit(verdict, machine, Budget(20))
    assert "not asked" not in [part.need for part in found.findings]


HANGS = {
    "the value never comes": (LOOP + "P1 { spin_lock(&l); spin_unlock(&l); }", True),
    "the value comes": (LOOP + "P1 { spin_lock(&l); x = 1; spin_unlock(&l); }", False),
    "others get the lock": (LOOP + LOOP.replace("P0", "P1").replace("(x)", "(y)") + "P2 { spin_lock(&l); "
    "x = 1; y = 1; spin_unlock(&l); }", False),
    "who has it waits for ever": (LOOP + "P1 { spin_lock(&l); while (!READ_ONCE(y)) cpu_relax(); }", True),
    "a handler wants it while the loop has it": ("void h(void *i) { spin_lock(&l); spin_unlock(&l); }\n"
    + LOOP + "P1 { smp_call_function_single(0, h, NULL, 0); x = 1; }", True),
    "the same with interrupts off": ("void h(void *i) { spin_lock(&l); spin_unlock(&l); }\n"
    + LOOP.replace("lock(", "lock_irq(") + "P1 { smp_call_function_single(0, h, NULL, 0); x = 1; }", False),
    "its window lets the handler in": ("void h(void *i) { x = 1; }\n"
    "P0 { spin_lock_irq(&l); while (!READ_ONCE(x)) { spin_unlock_irq(&l); spin_lock_irq(&l); } "
    "spin_unlock_irq(&l); }\nP1 { smp_call_function_single(0, h, NULL, 0); }", False),
    "its window lets a grace period end": ("P0 { rcu_read_lock(); while (!READ_ONCE(x)) { "
    "rcu_read_unlock(); rcu_read_lock(); } rcu_read_unlock(); }\nP1 { synchronize_rcu(); x = 1; }", False),
    "no window": ("P0 { rcu_read_lock(); while (!READ_ONCE(x)) cpu_relax(); rcu_read_unlock(); }\n"
    "P1 { synchronize_rcu(); x = 1; }", True),
    "a section on, in an open one": ("P0 { rcu_read_lock(); while (!READ_ONCE(x)) { rcu_read_lock(); "
    "rcu_read_unlock(); } rcu_read_unlock(); }\nP1 { synchronize_rcu(); x = 1; }", True),
    "STI and CLI end no section": ("P0 { local_irq_disable(); while (!READ_ONCE(x)) { local_irq_enable(); "
    "local_irq_disable(); } local_irq_enable(); }\nP1 { synchronize_rcu(); x = 1; }", True),
    "an instruction between them does": ("P0 { local_irq_disable(); while (!READ_ONCE(x)) { "
    "local_irq_enable(); cpu_relax(); local_irq_disable(); } local_irq_enable(); }\n"
    "P1 { synchronize_rcu(); x = 1; }", False),
}  # fmt: skip


@pytest.mark.parametrize("name", HANGS)
def test_hangs(name: str) -> None:
    text, hangs = HANGS[name]
    text = program(f"{text}\nlocations [x; y;]\nexists (hang)")
    for profile in PROFILES:
        assert check_text(text, profile) == hangs


def test_what_was_read_in_front_of_an_inner_loop_stays() -> None:
    """A CPU rests in the inner loop with what the outer one has read before."""
    text = program(
        "P0 { do { r0 = READ_ONCE(x); while (!READ_ONCE(y)) cpu_relax(); } while (!READ_ONCE(x)); }\n"
        "P1 { WRITE_ONCE(x, 1); }\nexists (0:hang /\\ 0:r0 = 0)"
    )
    assert check_text(text, "generic")
    (test,) = load(Source("t", text))
    found = explore.decide(build(test), want_states=True)
    assert found.rests is not None and len(found.rests) == 2


def test_a_hang_says_nothing_of_the_lock_of_each_turn() -> None:
    (test,) = load(Source("t", program(LOOP + "P1 { }\nexists (hang)")))
    hang = solve.decide(build(test)).hang
    assert hang is not None and [wait.held_by for wait in hang.waits] == ["x is 0"]
