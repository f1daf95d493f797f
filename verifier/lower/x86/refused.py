"""Instructions of x86 that are not read, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifier.lower.x86.table import KNOWN
from verifier.source import Span
from verifier.syntax.trouble import Trouble, nearest

_SYSTEM = (
    "hlt cli sti int int3 into ud2 iret iretd iretq syscall sysret sysretq sysenter sysexit swapgs "
    "rdmsr wrmsr wrmsrns invlpg invpcid invlpgb tlbsync wbinvd wbnoinvd invd lgdt lidt lldt ltr monitor "
    "mwait vmcall vmlaunch vmresume vmrun in out stac clac rdtscp rdtsc rdpid rdrand rdseed xbegin xend "
    "xabort"
)
_STACK = "push pop call enter leave pushf pushfq popf popfq pusha popa"
_STRINGS = "rep repe repz repne repnz movsb movsl movsw stosb stosw stosl stosq lodsb lodsw lodsl lodsq "
_STRINGS += "scasb scasw scasl scasq cmpsb cmpsw cmpsl cmpsq"
_VECTORS = (
    "movd movdqa movdqu movaps movups movapd movupd movss movsd movntdq movntdqa movntps movntpd movntq "
    "maskmovdqu movdir64b vmovdqa vmovdqu vmovaps vmovups vmovntdq vzeroupper emms fxsave fxrstor xsave "
    "xrstor"
)
_NUMBERS = (
    "mul imul div idiv rol ror rcl rcr shld shrd bsf bsr tzcnt lzcnt popcnt bswap movbe xlat aaa daa "
    "cbw cwde cdqe cwd cdq cqo cltq cqto cltd cwtl sahf lahf andn bextr blsi blsr pdep pext mulx rorx adcx "
    "adox"
)
_HINTS = {
    _SYSTEM: "write an MM or a C test, with the kernel's word for it",
    _STACK: "the stack is not modelled: keep the value in a register or an object",
    _STRINGS: "write one mov for each access",
    _VECTORS: "registers have at most 64 bits here: write one mov for each object, or movnti",
    _NUMBERS: "put the result into the initial state, or write it with add, sub, and, or, xor and shifts",
    "jcxz": "write jecxz or jrcxz",
    "movdiri": "write movnti",
    "cldemote": "leave it out: it orders nothing",
}
REFUSED: Mapping[str, str] = MappingProxyType(
    {word: hint for words, hint in _HINTS.items() for word in words.split()}
)


def unknown(word: str, span: Span) -> Trouble:
    """The trouble with an instruction that is not read. One of x86 is not taken for another one."""
    name = next((n for n in (word, word[:-1] if word[-1:] in "bwlq" else word) if n in REFUSED), None)
    if name is None:
        hint = nearest(word, KNOWN)
        return Trouble("unknown-instruction", f"unknown instruction {word!r}", span, hint)
    return Trouble("not-yet", f"the instruction {word!r} is not supported", span, REFUSED[name])
