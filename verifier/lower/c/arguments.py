"""The arguments of a word: what is given for each kind of parameter, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.access import decide_within
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.contents import MAX_PCID
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.places import memory_place, of_cpu, place_of, pointee
from verifier.program.expressions import FALSE, Const
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.declared import COUNTERS, LOCK_WORDS, declaration, is_shared, type_of
from verifier.words.rows import Pure
from verifier.words.table import (
    CONSTANT_MASKS,
    NAMED_VALUES,
    ROOTS,
    VALUE_KINDS,
    WORDS,
    Word,
    WordParameter,
)

WORD = 64  # the bits of an unsigned long

_NO_ADDRESS = frozenset({"page", "mm", "table", "mask", "function", "void", "pte", "pmd"})

# The kinds of values that parameters take, where these are not just what they are called.
_TAKES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "number": ("int",),
        "index": ("int",),
        "cpu": ("int",),
        "bit": ("int",),
        "error": ("int",),
        "pcid": ("int",),
        "root": ("upper", "mm"),
        "cr3": ("int",),
        "addr": ("va", "int"),
        "pte": ("pte", "page"),
        "pmd": ("pte", "page", "table", "pmd"),
        "handle": ("mm", "table", "pmd"),
        "target": ("page", "table"),
        "in table": ("entry", "upper"),
        "vma": ("mm", "struct", "pointer"),
        "code": ("pointer",),
        "freed": ("struct", "pointer"),
    }
)
# What is passed on, or what a register may be, too.
_NOT_FOLLOWED = frozenset({"value", "number", *t.ENTRIES, *t.CONTENTS})
# What is named, and may be declared in one way.
_DECLARED = frozenset(
    {
        "pointer", "word", "wide", "domain", "offset", "local", "mask", "struct", "code", "fetched",
        "pte", "pmd", "mm", "page", "percpu", "percpu wide",
    }
)  # fmt: skip
_C_NAMES = MappingProxyType(
    {t.INT: "int", t.UINT: "unsigned int", t.LONG: "long", t.ULONG: "unsigned long", t.BOOL: "bool"}
)
_OR_NULL = frozenset({*t.CONTENTS, "vma", "freed"})  # or 0


def argument(b: BodyCode, word: Word, parameter: WordParameter, e: ast.CExpr) -> Val | MemoryPlace | Local:
    """Evaluate one argument and check that it is of the kind that the word takes."""
    kind = parameter.kind
    is_known(b, word, parameter, e)
    if kind in _PLACES:
        return check_bits(word, parameter, _PLACES[kind](b, word, parameter, e), e)
    if kind == "local":
        place = place_of(b, e)
        if not isinstance(place, Local):
            raise mismatch(word, parameter, "something in memory", e)
        return place
    if kind == "accessor":
        if isinstance(e, ast.Ident) and (e.name in b.unit.functions or e.name in WORDS):
            return Val(Const(0), t.FUNCTION, function=e.name)
        raise mismatch(word, parameter, "this", e)
    if kind == "offset":
        return offset_of(b, word, parameter, e)
    value = b.value(e)
    if kind not in _NOT_FOLLOWED:
        has_address(word, parameter, value, e)
    if kind == "domain":
        return domain(word, parameter, value, e)
    if not fits(kind, value):
        hint = other_level(word, kind, value.type.kind, e)
        if (kind, value.type.kind) == ("va", "int") and not isinstance(value.expr, Const):
            hint = "declare it void *: an integer in memory is a number here"
        raise mismatch(word, parameter, value.type.words, e, hint)
    if kind == "pcid" and isinstance(value.expr, Const):
        pcid = value.expr.value
        if not (isinstance(pcid, int) and 0 <= pcid <= MAX_PCID):
            raise Trouble("pcid", f"a PCID is a number from 0 to {MAX_PCID}, not {pcid}", e.span)
    if kind == "addr" and isinstance(value.expr, Const) and isinstance(value.expr.value, int):
        raise mismatch(word, parameter, "a constant", e)
    if kind == "bit":
        return bit_of_word(b, value, e)
    return value


def is_known(b: BodyCode, word: Word, parameter: WordParameter, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for a name that nothing declares, with the declaration that the word asks for."""
    e = e.operand if isinstance(e, ast.Unary) and e.op == "&" else e
    usual = parameter.kind in _DECLARED or parameter.name == "flags"
    if not isinstance(e, ast.Ident) or not usual or b.local(e.name) is not None:
        return
    if e.name in b.memory.named or e.name in b.unit.enums or e.name in b.unit.functions:
        return
    if (
        b.memory.stands_for_more(e.name)
        or e.name in NAMED_VALUES
        or e.name in CONSTANT_MASKS
        or e.name in ROOTS
    ):
        return
    made = declaration(word, parameter, e.name)
    hint = f"put it into the initial state: {made}" if is_shared(parameter) else f"declare it: {made}"
    raise b.memory.unknown(e.name, e.span, hint)


def has_address(word: Word, parameter: WordParameter, value: Val, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for the address of a local that a word would follow: a local is a register."""
    if value.local is None:
        return
    name = value.local.reg.rpartition(".")[2].rstrip("'")
    wanted, of = type_of(word, parameter), value.local.declared or value.local.type or t.ANY
    if t.is_memory(wanted):
        hint = f"declare it {wanted} {name}; or put it into the initial state"
    else:
        kind = wanted if parameter.kind == "word" else _C_NAMES.get(of, wanted)
        hint = f"declare {kind} {name}[1]; and write {name}, or put it into the initial state"
    text = f"{name} is a register, not in memory, and {word.name} takes the address of something in memory"
    raise Trouble("address", text, e.span, hint)


def given(b: BodyCode, use: SpecialCall, name: str) -> Val:
    """The argument of that name of a special word. It has to be a value."""
    parameter = next(p for p in use.word.parameters if p.name == name)
    value = argument(b, use.word, parameter, use.arguments[name])
    assert isinstance(value, Val)
    return value


def fits(kind: str, value: Val) -> bool:
    """Is a value what a parameter of a kind takes?"""
    of = value.type.kind
    if kind == "value":
        return of != "void" and value.bits is None
    if kind in ("function", "condition"):
        return bool(value.function) or (kind == "condition" and value.expr == FALSE)
    if of == "any" or of in _TAKES.get(kind, (kind,)):
        return kind != "code" or of == "any" or value.type.to in (t.CODE, t.ANY)
    if kind == "mask":
        return value.bits is not None
    return kind in _OR_NULL and value.expr == FALSE


def bit_of_word(b: BodyCode, value: Val, e: ast.CExpr) -> Val:
    """The number of a bit. Raises ``Trouble`` for a constant beyond the word."""
    if isinstance(value.expr, Const):
        check_bit(value.expr.value, e)
        return value
    value = replace(value, expr=b.held(value.expr))
    decide_within(b, value.expr, WORD, e.span)
    return value


def check_bit(number: object, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for a bit outside the word that the address leads to."""
    if isinstance(number, int) and 0 <= number < WORD:
        return
    hint = ""
    if isinstance(number, int):
        which = {1: "the next word", -1: "the word before"}.get(number // WORD, "another word")
        hint = f"in the kernel that is bit {number % WORD} of {which}: name that word"
    raise Trouble("bit", f"a word has the bits 0 to {WORD - 1}, not {number}", e.span, hint)


def check_width(b: BodyCode, word: Word, place: MemoryPlace, e: ast.CExpr) -> MemoryPlace:
    """Warn of a number that is narrower than the ``unsigned long`` that the kernel's word takes. Files
    of the C dialect are spared: they are written with ``int`` and compared with other tools."""
    if b.memory.mm_file and place.type.kind == "int" and place.type.bits < WORD:
        leads = f"what {e.span.text} leads to has {place.type.bits} bits"
        text = f"{word.name} takes an unsigned long *; {leads}"
        b.warn("width", text, e.span, "declare it unsigned long")
    return place


def as_counter(
    b: BodyCode, word: Word, parameter: WordParameter, place: MemoryPlace, e: ast.CExpr
) -> MemoryPlace:
    """What a word of a counter takes, as the counter that the kernel has there: the word reads and stores
    numbers of that type, whatever else the test says of the place. Where it says nothing, the memory keeps
    what is stored with its sign, as ``v.counter`` has it."""
    first = next(p for p in word.parameters if p.kind == "pointer")
    if word.declared not in COUNTERS or parameter is not first or place.whole or not b.memory.mm_file:
        return place
    kind, was = t.written(word.declared), place.type
    if was is t.ANY:
        if isinstance(e, ast.Unary) and isinstance(e.operand, ast.FieldExpr) and not place.virtual:
            b.memory.counters.setdefault(e.operand.name, set()).add(kind.bits)
        return replace(place, type=kind, kept=t.INT if kind.bits == t.INT.bits else t.LONG)
    if was.kind != "int" or t.wide(was) or t.plain(was) == kind:
        return place
    return replace(place, type=kind, other=FALSE, kept=place.kept or t.plain(was))


def pointed_to(b: BodyCode, word: Word, parameter: WordParameter, e: ast.CExpr) -> MemoryPlace:
    """What an argument that is an address points to."""
    if isinstance(e, ast.Ident) and b.local(e.name, False) is None:
        named = b.memory.named.get(e.name)
        held = named.type.kind if named and not named.handle and named.size is None else ""
        if held == "int" or (held and named is not None and named.percpu):
            raise mismatch(word, parameter, "an object", e, hint=f"write &{e.name}")
    value = b.value(e)
    has_address(word, parameter, value, e)
    kind = value.type.kind
    if kind in _NO_ADDRESS or value.bits is not None:
        hint = "its content is A.data" if kind == "page" else ""
        raise mismatch(word, parameter, value.type.words, e, hint=hint)
    if value.type.percpu:
        hint = f"write this_cpu_ptr({e.span.text}) or per_cpu_ptr({e.span.text}, cpu)"
        raise mismatch(word, parameter, value.type.words, e, hint=hint)
    if kind == "struct":
        return MemoryPlace(value.expr, value.type, whole=True)
    if kind == "int" and isinstance(value.expr, Const) and b.memory.mm_file:
        raise mismatch(word, parameter, value.type.words, e)
    return pointee(b, value, e)


def check_bits(word: Word, parameter: WordParameter, place: MemoryPlace, e: ast.CExpr) -> MemoryPlace:
    """Raise ``Trouble`` for an integer of 128 bits, which a few words take, and nothing else."""
    wide = parameter.kind in ("wide", "percpu wide")
    if wide and not t.wide(place.type):
        of = t.words(place.type) if place.type.kind == "int" else place.type.words
        hint = "declare it u128; of two words in a struct, write cmpxchg_double(&p->a, &p->b, …)"
        raise mismatch(word, parameter, of, e, hint)
    if not wide and t.wide(place.type) and not any(isinstance(x, Pure) for x in word.effects):
        text = f"{word.name} of {t.words(place.type)}: no plain instruction reads or writes 128 bits at once"
        hint = "use its name, which is two loads or two stores; or cmpxchg128()"
        raise Trouble("type", text, e.span, hint)
    return place


_PLACES: Mapping[str, Callable[[BodyCode, Word, WordParameter, ast.CExpr], MemoryPlace]] = MappingProxyType(
    {
        "place": lambda b, word, parameter, e: memory_place(b, e),
        "percpu": lambda b, word, parameter, e: of_cpu(b, e, Const(b.cpu)),
        "percpu wide": lambda b, word, parameter, e: of_cpu(b, e, Const(b.cpu)),
        "pointer": lambda b, word, parameter, e: as_counter(
            b, word, parameter, pointed_to(b, word, parameter, e), e
        ),
        "wide": lambda b, word, parameter, e: pointed_to(b, word, parameter, e),
        "word": lambda b, word, parameter, e: check_width(b, word, pointed_to(b, word, parameter, e), e),
    }
)


def offset_of(b: BodyCode, word: Word, parameter: WordParameter, e: ast.CExpr) -> Val:
    """The address of a per-CPU object; that of a plain object is an error. Where an address comes
    from memory, its owner knows."""
    named = b.memory.named.get(e.name) if isinstance(e, ast.Ident) else None
    if named is not None and named.percpu and named.size is None and b.local(named.name, False) is None:
        what = "a per-CPU object"
        raise mismatch(word, parameter, what, e, hint=f"write &{named.name}")
    value = b.value(e)
    known = isinstance(value.expr, Const) and not value.type.percpu
    if known or value.type.kind not in ("pointer", "struct", "mask", "any"):
        hint = ""
        if isinstance(e, ast.Unary) and e.op == "&" and value.type.kind in ("pointer", "struct"):
            hint = f"{e.operand.span.text} is not a per-CPU object; without a CPU, write {e.span.text}"
            if word.declared in LOCK_WORDS and isinstance(e.operand, ast.Ident):
                hint = f"put it into the initial state: {declaration(word, parameter, e.operand.name)}"
        raise mismatch(word, parameter, value.type.words, e, hint=hint)
    return value


def domain(word: Word, parameter: WordParameter, value: Val, e: ast.CExpr) -> Val:
    """The address of a ``struct srcu_struct``."""
    kind = value.type.to or value.type
    if (kind.kind, kind.tag) == (t.SRCU.kind, t.SRCU.tag) and not value.type.percpu:
        return value
    raise mismatch(word, parameter, value.type.words, e, "declare struct srcu_struct s; and write &s")


def mismatch(word: Word, parameter: WordParameter, given: str, e: ast.CExpr, hint: str = "") -> Trouble:
    """The error about an argument that is not what the word takes."""
    wanted = VALUE_KINDS.get(parameter.kind, parameter.kind)
    return Trouble(
        "type", f"{word.name} takes {wanted} here, not {given}", e.span, hint or f"write {word.signature}"
    )


def other_level(word: Word, wanted: str, given: str, e: ast.CExpr) -> str:
    """What to write where an entry, or the content of one, is of another level than the word's: the word for
    that level, or what makes the content of a leaf of that of an upper entry. Empty for all else."""
    if (wanted, given) not in (("pte", "pmd"), ("entry", "upper"), ("upper", "entry")):
        return ""
    if given == "pmd" and word.at("entry") is not None:
        leaf = f"mk_pte(pmd_page({e.span.text}))"
        return f"an upper entry may hold a table; of a large page, write {leaf}, and ask pmd_dirty() for D"
    return f"write {WORDS[word.twin].signature}" if word.twin else "there is no such word for that level"
