"""Assembly in C: which instructions a template has, and the words that these are."""

from __future__ import annotations

import pytest

from verifier.against.assembly import NotInTable, statement, translated, without_asm
from verifier.against.tokens import spelled, tokens

PLACES = r'".pushsection .x,\"a\"\n" ".long 1f - .\n" ".popsection\n" "671:" "\n\tlock; "'
ELSEWHERE = r".pushsection .t\n111:\tud2\n\t.popsection"


def c_of(asm: str) -> str:
    return " ".join(translated(statement(tokens(asm))).split())


@pytest.mark.parametrize(
    ("asm", "has"),
    [
        (f'{PLACES} "addl %1,%0" : "+m" (v->n) : "ir" (i) : "memory"', "atomic_fetch_add((i), &(v->n))"),
        (f'{PLACES} "subq %1,%0" : "+m" (v->n) : "er" (i)', "atomic64_fetch_sub((i), &(v->n))"),
        (f'{PLACES} "incl %0" : "+m" (n)', "atomic_fetch_add(1, &(n))"),
        (f'{PLACES} "decl %[n]" : [n] "+m" (n), "=@cc" "e" (z)', "(z) = (__is) == 0;"),
        (f'{PLACES} "xaddl %0, %1" : "+r" (i), "+m" (n)', "(i) = __was;"),
        ('"xchgq %q0, %1" : "+r" (i), "+m" (*p)', "(i) = xchg(&(*p), (i));"),
        (f'{PLACES} "cmpxchgl %2,%1" : "=a" (r), "+m" (*p) : "r" (n), "0" (o)', "= (o);"),
        (f'{PLACES} "cmpxchgl %[w],%[p]" : [p] "+m" (*p), [o] "+a" (o) : [w] "r" (n)', "cmpxchg(&(*p),"),
        ('"cmpxchgl %2,%1" : "=a" (r), "+m" (*p) : "r" (n), "0" (o)', "cmpxchg_local(&(*p),"),
        (f'{PLACES} "btsq %1,%0" "\\n\\tsetc %2" : "+m" (w) : "Ir" (nr), "q" (c)', "test_and_set_bit((nr),"),
        ('"btrq %1,%0" : : "m" (*a), "Ir" (nr)', "__test_and_clear_bit((nr), &(*a))"),
        ('"lock; addl $0,-4(%%rsp)" ::: "memory", "cc"', "smp_mb();"),
        ('"mfence" ::: "memory"', "mfence();"),
        ('"rep; nop" ::: "memory"', "cpu_relax();"),
        ('"" : : : "memory"', "({ })"),
        ('"movl %%gs:%1, %0" : "=r" (r) : "m" (x)', "(r) = this_cpu_read((x));"),
        ('"movl %1, %%gs:%0" : "+m" (x) : "ri" (v)', "this_cpu_write((x), (v));"),
        ('"addl %1, %%gs:%0" : "+m" (x) : "ri" (v)', "this_cpu_add_return((x), (v))"),
        ('"subq %1,%0" : "+m" (l) : "ir" (i)', "assume(cmpxchg_local(&(l), __was, __is) == __was);"),
        (f'{PLACES} "decl %0; js %l[under]" : : "m" (n) : "memory" : under', "if ((__is) < 0) goto under;"),
        (f'{PLACES} "incl %0\\n\\tjs 111f\\n\\t{ELSEWHERE}" : "+m" (n)', "WARN_ON((__is) < 0);"),
    ],
)  # fmt: skip
def test_what_a_template_means(asm: str, has: str) -> None:
    assert has in c_of(asm)


@pytest.mark.parametrize(
    ("asm", "why"),
    [
        ('"frob %0" : "+m" (n)', "the instruction frob %0 is not in the table"),
        ('"addl $0,-4(%%rsp)"', "it is not LOCK'd"),
        (f'{PLACES} "xaddb %0, %1" : "+q" (i), "+m" (n)', "its width is not known"),
        (f'{PLACES} "mfence"', "mfence is not known"),
        ('"sete %0" : "=q" (z)', "nothing says what it asks"),
        ('"xchgl %0, %%gs:%1" : "+r" (i), "+m" (x)', "LOCK'd, of this CPU's"),
        ('"mov %%cr3,%0" : "=r" (x)', "%%cr3 is no operand"),
        ('FORM "x" : "+m" (n)', "its template is no string"),
    ],
)
def test_what_is_not_known_says_so(asm: str, why: str) -> None:
    with pytest.raises(NotInTable) as caught:
        c_of(asm)
    assert why in str(caught.value)


def test_asm_in_dead_code_is_no_error() -> None:
    told: list[str] = []
    unknown: list[str] = []
    made = without_asm(tokens('if (0) asm volatile ("frob"); else __asm__("mfence");'), told, unknown)
    assert spelled(made) == "if (0)no_word_0(); else({ mfence(); });"
    assert told == ["mfence"] and unknown == ["the instruction frob is not in the table"]
