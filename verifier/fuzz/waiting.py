"""Random programs in which CPUs wait: for locks, values, handlers, grace periods, and to be woken. Many of
them hang."""

from __future__ import annotations

import random
from collections.abc import Callable

LOCK_NAMES, OBJECT_NAMES, HANDLER_NAMES = "lm", "xyz", "hg"


class Waiting:
    """Writes the text of one program, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cpus = self.random.choice([2, 2, 2, 3])
        self.rows: list[tuple[int, Callable[[], list[str]]]] = [
            (14, self.store), (12, self.load), (11, self.spin), (11, self.locked), (4, self.trylock),
            (5, lambda: ["smp_mb();"]), (8, self.window), (9, self.call), (5, self.branch),
            (4, self.section), (4, self.grace), (3, lambda: [] if self.inside else ["call_rcu(&p, cb);"]),
            (3, self.retry), (3, self.update), (4, self.halt), (4, self.kick), (3, self.softirqs),
        ]  # fmt: skip
        self.tasks = self.random.random() < 0.3  # do tasks sleep and wake each other?
        if self.tasks:
            self.rows += [(9, self.sleep), (12, self.wake)]

    def text(self) -> str:
        """The program, as an MM file that shows all that it writes and reads."""
        out = ["MM t"] + ['#include "linux/wait.inc"'] * self.tasks
        out.append("{ int x; int y; int z; spinlock_t l; spinlock_t m; int p; }")
        for name, most in (("h", 2), ("g", 2), ("cb", 1)):
            out.append(
                f"void {name}(void *info) {{ {' '.join(self.body(-1, self.random.randint(0, most)))} }}"
            )
        shown: list[str] = []
        for cpu in range(self.cpus):
            body = " ".join(self.body(cpu, self.random.randint(1, 4 if self.cpus == 2 else 3)))
            out.append(f"P{cpu} {{ {body} }}")
            shown += [f"{cpu}:{reg}" for reg in self.regs if f"{reg} =" in body]
        if self.random.random() < 0.15:
            out.append(f"nmi P0 {{ {' '.join(self.body(-1, 1))} }}")
        out.append(f"locations [x; y; z; l; m; {' '.join(f'{reg};' for reg in shown)}]")
        return "\n".join([*out, "exists (x = 1)"])

    def body(self, cpu: int, size: int) -> list[str]:
        """Statements of a CPU, or of a handler (-1)."""
        self.cpu, self.inside, self.depth, self.regs = cpu, cpu < 0, 0, list[str]()
        return self.block(size)

    def block(self, size: int) -> list[str]:
        """Some statements."""
        weights, makers = zip(*self.rows, strict=True)
        out: list[str] = []
        self.depth += 1
        for _ in range(size):
            (maker,) = self.random.choices(makers, weights)
            out += maker()
        self.depth -= 1
        return out

    def some(self, options: str) -> str:
        """One of several letters."""
        return self.random.choice(options)

    def register(self) -> str:
        """A register to read into."""
        reg = f"r{len(self.regs)}" if len(self.regs) < 3 else self.random.choice(self.regs)
        self.regs += [] if reg in self.regs else [reg]
        return reg

    def around(self, before: str, after: str, ends: float) -> list[str]:
        """Up to two statements between two others; the second of these may be missing."""
        inner = self.block(self.random.randint(0, 2)) if self.depth < 4 else []
        return [before, *inner, *([after] if self.random.random() < ends else [])]

    def store(self) -> list[str]:
        """A store of a small number."""
        return [f"WRITE_ONCE({self.some(OBJECT_NAMES)}, {self.random.randint(0, 2)});"]

    def load(self) -> list[str]:
        """A load."""
        return [f"{self.register()} = READ_ONCE({self.some(OBJECT_NAMES)});"]

    def spin(self) -> list[str]:
        """A loop that waits for a value."""
        return [f"while ({self.random.choice(['!', ''])}READ_ONCE({self.some(OBJECT_NAMES)})) cpu_relax();"]

    def locked(self) -> list[str]:
        """A lock, which may be kept."""
        lock = self.some(LOCK_NAMES)
        return self.around(f"spin_lock(&{lock});", f"spin_unlock(&{lock});", 0.9)

    def trylock(self) -> list[str]:
        """A trylock that is never given back."""
        return [f"{self.register()} = spin_trylock(&{self.some(LOCK_NAMES)});"]

    def window(self) -> list[str]:
        """A window with interrupts off, which may not end."""
        if self.inside:
            return []
        return self.around("local_irq_disable();", "local_irq_enable();", 0.85)

    def call(self) -> list[str]:
        """A call of another CPU."""
        if self.inside:
            return []
        other = self.random.choice([c for c in range(self.cpus) if c != self.cpu])
        return [f"smp_call_function_single({other}, {self.some(HANDLER_NAMES)}, NULL, {self.some('110')});"]

    def branch(self) -> list[str]:
        """Statements that depend on what was read."""
        if not self.regs or self.depth > 2:
            return []
        return [f"if ({self.random.choice(self.regs)}) {{", *self.block(self.random.randint(1, 2)), "}"]

    def section(self) -> list[str]:
        """An RCU reader, which may not end."""
        return self.around("rcu_read_lock();", "rcu_read_unlock();", 0.9)

    def softirqs(self) -> list[str]:
        """A window with softirqs off, which may not end."""
        lock = self.some(LOCK_NAMES)
        before, after = self.random.choice(
            [
                ("local_bh_disable();", "local_bh_enable();"),
                (f"spin_lock_bh(&{lock});", f"spin_unlock_bh(&{lock});"),
            ]
        )
        return self.around(before, after, 0.85)

    def grace(self) -> list[str]:
        """A grace period."""
        return [] if self.inside else ["synchronize_rcu();"]

    def halt(self) -> list[str]:
        """A halt, perhaps with interrupts off."""
        return [] if self.inside else [self.random.choice(["halt();", "safe_halt();"])]

    def kick(self) -> list[str]:
        """A bare write of an interrupt, mostly of a CPU to itself, or of an NMI. Two may be merged."""
        if self.inside:
            return []
        cpu = self.cpu if self.random.random() < 0.6 else self.random.randrange(self.cpus)
        word = self.random.choice(["icr_write", "icr_write", "icr_write_mmio", "send_nmi"])
        return [f"apic_{word}({cpu}, {self.some(HANDLER_NAMES)});"]

    def retry(self) -> list[str]:
        """The reader of a sequence count."""
        x = self.some(OBJECT_NAMES)
        turn = f"r8 = READ_ONCE({x}); smp_rmb(); r9 = READ_ONCE({self.some(OBJECT_NAMES)}); smp_rmb();"
        return [f"do {{ {turn} }} while ((r8 & 1) || READ_ONCE({x}) != r8);"]

    def sleep(self) -> list[str]:
        """Sleep unless a flag is set. The state may be set without a barrier, or too late."""
        if self.inside:
            return []
        sets = self.random.choice(["set_current_state(2);", "__set_current_state(2);"])
        test = f"if (!READ_ONCE({self.some(OBJECT_NAMES)}))"
        return (
            [sets, test, "schedule();"]
            if self.random.random() < 0.8
            else [f"{test} {{", sets, "schedule(); }"]
        )

    def wake(self) -> list[str]:
        """Set a flag and wake a task, perhaps the own one."""
        cpu = self.random.randrange(self.cpus)
        return [f"WRITE_ONCE({self.some(OBJECT_NAMES)}, 1);", f"wake_up_process(cpu_curr({cpu}));"]

    def update(self) -> list[str]:
        """A loop that tries to take a flag."""
        return [f"while (cmpxchg(&{self.some(OBJECT_NAMES)}, 0, 1)) cpu_relax();"]
