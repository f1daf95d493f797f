"""What the words of the language itself mean, in a sentence each: for hovers and completion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# At the top level of a file.
TOP: Mapping[str, str] = MappingProxyType(
    {
        "variants": "`variants { … }` lists the variants of the test, each with its expected verdict.",
        "expect": '`expect never "why";` is the expected verdict of a file without variants.',
        "unroll": "`unroll 4;` is how often a CPU may jump backwards.",
        "enum": "`enum { n = 2 };` declares constants. `-D n=4` gives one another value.",
        "nmi": "`nmi P1 { … }` is an NMI that strikes CPU 1 at most once, at any instant.",
        "struct": "`struct foo { int a; };` gives the types of the fields.",
    }
)
DIRECTIVES: Mapping[str, str] = MappingProxyType(
    {
        "include": '`#include "linux/smp.inc"` adds the functions and initial values of a file, which is '
        "looked for beside the test and in `litmus/`.",
        "kernel": '`#kernel "file" { names }` takes these definitions from a file of the kernel tree that '
        "`--kernel` names.",
        "config": "`#config NAME, !NAME, NAME = value` configures the kernel's text.",
        "without": "`#without name` leaves out calls of it in the kernel's text; `name = value`: they "
        "give this value.",
    }
)
EXPECTED_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "never": "No run that ends reaches the outcome.",
        "sometimes": "Some runs reach the outcome, others do not.",
        "always": "Every run that ends reaches the outcome.",
        "deadlock": "No run ends.",
        "hangs": "Some run hangs: it comes to a point where a CPU waits for ever.",
    }
)
FINALS: Mapping[str, str] = MappingProxyType(
    {
        "exists": "`exists (…)` asks whether some run ends in a state of which this is true.",
        "forall": "`forall (…)` asks whether this is true of all final states.",
        "filter": "`filter (…)` leaves out the runs whose final state it is not true of.",
        "locations": "`locations [x; 0:r1]` lists what is shown of final states.",
        "final": "`final (…)` is a condition without a quantifier.",
        "observed": "`observed` lists final states, as herd7 does.",
    }
)
CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "ever": "`ever (…)` asks about one instant of the run, instead of its end.",
        "fault": "`fault(v)` asks whether an access to `v` faulted; `1:r1 = fault`, whether that access did.",
        "tlb": "`1:tlb[v -> A]` asks whether CPU 1 may still use this translation; `v@2`: under PCID 2.",
        "hang": "`hang` asks whether the run hangs, `1:hang` whether CPU 1 waits for ever in it.",
        "some": "`some c in 1..n: …` asks about some CPU of a range.",
        "all": "`all c in 1..n: …` asks about all CPUs of a range.",
        "in": "`some c in 1..n: …`, `all c in 1..n: …` ask about the CPUs of a range.",
        "not": "`not` negates, as `~` does.",
        "and": "`and` joins two observed states.",
    }
)
CPU_STATES: Mapping[str, str] = MappingProxyType(
    {
        "cr3": "`1:cr3 = N`: the address space that CPU 1 is in.",
        "irq": "`1:irq = off`: may handlers run on CPU 1?",
        "pcid": "`1:pcid = 1`: the PCID that is current on CPU 1.",
        "tlb": "`1:tlb = { v -> A, w@2 -> B }`: what CPU 1 has cached at first.",
        "pending": "`1:pending = f`: interrupts that came to CPU 1 before the test; each runs a handler.",
        "warn": "`1:warn`: was the condition of a `WARN_ON` true on CPU 1?",
        "hang": "`1:hang`: does CPU 1 wait for ever?",
    }
)
DECLARED_AS: Mapping[str, str] = MappingProxyType(
    {
        "page": "`page A = 1;` is a page and what it holds.",
        "mm": "`mm N { v -> A };` is an address space: it maps the virtual address `v` to page `A`.",
        "table": "`table T { v -> A };` is a page table: `mm N { v -> T };` has two levels.",
        "cpumask": "`cpumask m = {0, 1};` is a set of CPUs.",
        "code": "`code insn[2] = {1, 2};` are instruction words.",
        "percpu": "`percpu int y = 1;` is one object for each CPU.",
    }
)
OTHER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "guard": "`guard(spinlock)(&l);` takes a lock that is given back wherever its scope is left.",
        "scoped_guard": "`scoped_guard(mutex, &m) { … }` holds a lock for one statement.",
        "VAL": "In the condition of `smp_cond_load_acquire()`: the value that was read.",
    }
)
STATEMENT_WORDS = (
    "break", "case", "continue", "default", "do", "else", "for", "goto", "if", "return", "sizeof", "switch",
    "while",
)  # fmt: skip
TYPE_WORDS = (
    "unsigned", "signed", "long", "int", "char", "short", "void", "bool", "_Bool", "const", "volatile",
    "static", "inline", "extern", "__always_inline", "noinline", "__auto_type", "__init", "__rcu", "__percpu",
    "__user", "__iomem", "typeof", "__typeof__", "__typeof",
)  # fmt: skip
TAGS = ("struct", "union", "enum", "typedef")
ELSE = "`[else]`, right after guarded alternatives, stands for all other variants."

RESERVED = frozenset(
    {
        *TOP,
        *EXPECTED_WORDS,
        *FINALS,
        *CONDITIONS,
        *CPU_STATES,
        *DECLARED_AS,
        *STATEMENT_WORDS,
        *TYPE_WORDS,
        *TAGS,
        "else",
        "with",
        *OTHER_WORDS,
    }
)
"""KnownNames that nothing in a test can be given."""
