"""``asm`` statements of a kernel tree as C: which instructions their templates have, and what these do.

Each instruction is one word of the vocabulary, by its mnemonic and its LOCK prefix alone: nothing rests
on the name of the function around it. What the table does not know cannot be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.against.definitions import closing
from verifier.against.tokens import Token, spelled, tokens
from verifier.patterns import pattern
from verifier.records import dataclass, field

ASM = frozenset({"asm", "__asm__", "__asm"})
_QUALIFIERS = frozenset({"volatile", "__volatile__", "__volatile", "inline", "__inline", "goto"})
_SUFFIXES = "bwlq"
WIDTHS = {"b": 8, "w": 16, "l": 32, "q": 64}


class NotInTable(Exception):
    """An ``asm`` statement that this table does not know, and why."""


@dataclass(frozen=True, slots=True)
class AsmOperand:
    """``[name] "constraint" (expression)``."""

    name: str
    constraint: str
    text: str

    @property
    def memory(self) -> bool:
        """Is it in memory, and nowhere else?"""
        return set(self.constraint.strip("+=&*")) <= set("mQo") and bool(self.constraint.strip("+=&*"))


@dataclass(frozen=True, slots=True)
class Executed:
    """``lock xaddl src, dst``: its mnemonic without the suffix of its width."""

    op: str
    suffix: str
    locked: bool
    operands: tuple[str, ...]
    text: str


@dataclass(slots=True)
class AsmStatement:
    """A whole statement: what it executes, what it takes and gives, where it jumps."""

    instructions: list[Executed]
    outputs: list[AsmOperand]
    inputs: list[AsmOperand]
    labels: list[str]
    seen: list[str] = field(default_factory=list)

    def operand(self, name: str) -> AsmOperand | None:
        """What ``%0`` or ``%[name]`` stands for."""
        every = self.outputs + self.inputs
        found = re.fullmatch(r"%[a-zA-Z]?(?:(\d+)|\[(\w+)\])", name)
        if found is None:
            return None
        if found.group(1):
            at = int(found.group(1))
            return every[at] if at < len(every) else None
        return next((o for o in every if o.name == found.group(2)), None)


# -- reading -----------------------------------------------------------------------------------------------


def statement(given: list[Token]) -> AsmStatement:
    """What stands in the brackets of an ``asm``. Raises ``NotInTable``."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in given:
        if token.kind == "mark":
            depth += token.text in ("(", "[")
            depth -= token.text in (")", "]")
            if depth == 0 and token.text == ":":
                parts.append([])
                continue
            if depth == 0 and token.text == "::":
                parts += [[], []]
                continue
        parts[-1].append(token)
    template = "".join(_string(t) for t in parts[0] if t.kind == "text")
    if any(t.kind != "text" for t in parts[0]):
        raise NotInTable(f"its template is no string: {spelled(parts[0])}")
    parts += [[] for _ in range(5 - len(parts))]
    labels = [t.text for t in parts[4] if t.kind == "name"]
    return AsmStatement(_instructions(template), _operands(parts[1]), _operands(parts[2]), labels)


def _string(token: Token) -> str:
    text = token.text[1:-1]
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text, flags=re.DOTALL)


def _operands(given: list[Token]) -> list[AsmOperand]:
    out: list[AsmOperand] = []
    at = 0
    while at < len(given):
        name = constraint = ""
        if given[at].text == "[":
            name, at = given[at + 1].text, at + 3
        while at < len(given) and given[at].kind == "text":
            constraint, at = constraint + _string(given[at]), at + 1
        if at >= len(given) or given[at].text != "(":
            raise NotInTable(f"its operands are not read: {spelled(given)}")
        end = closing(given, at)
        out.append(AsmOperand(name, constraint, spelled(given[at : end + 1])))
        at = end + 2
    return out


_ALTERNATIVE = pattern(r"\.pushsection\s+[^\n;]*.*?\.popsection", re.DOTALL)


def _instructions(template: str) -> list[Executed]:
    """The instructions of a template, without what is in other sections."""
    text = _ALTERNATIVE.sub("\n", template)
    text = re.sub(r"/\*.*?\*/|#[^\n]*", " ", text, flags=re.DOTALL)
    out: list[Executed] = []
    locked = False
    for line in re.split(r"[\n;]", text):
        line = re.sub(r"^\s*(?:[\w.$]+|%=):", "", line.strip()).strip()
        while line:
            word, _, rest = line.partition(" ")
            word = word.strip().lower()
            if word in ("lock", "cs", "ds", "{load}", "{nf}"):
                locked |= word == "lock"
                line = rest.strip()
                continue
            break
        if not line or line.startswith("."):
            continue
        word, _, rest = line.replace("\t", " ").partition(" ")
        arguments = tuple(a.strip() for a in _split(rest))
        op, suffix = _mnemonic(word.lower())
        out.append(Executed(op, suffix, locked, arguments, " ".join(line.split())))
        locked = False
    return out


def _split(text: str) -> list[str]:
    out, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            out.append("")
        else:
            out[-1] += char
    return [o for o in out if o.strip()]


def _mnemonic(word: str) -> tuple[str, str]:
    """A mnemonic, and the suffix of its width."""
    if word in EXECUTES or word in _PLAIN:
        return word, ""
    if word[-1:] in _SUFFIXES and word[:-1] in EXECUTES:
        return word[:-1], word[-1]
    return word, ""


# -- meaning -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Made:
    """The C of one statement while it is made."""

    of: AsmStatement
    lines: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)  # conditions by their code

    def place(self, name: str) -> tuple[str, bool]:
        """The expression in memory that an operand is, and whether it is this CPU's."""
        percpu = False
        found = re.fullmatch(r"%%(gs|fs):(?:\s*)(.*)", name)
        if found:
            percpu, name = True, found.group(2)
        operand = self.of.operand(name)
        if operand is None or not (operand.memory or "m" in operand.constraint):
            raise NotInTable(f"{name} is no operand in memory")
        return operand.text, percpu

    def in_memory(self, name: str) -> bool:
        if name.startswith("%%gs:"):
            return True
        operand = self.of.operand(name)
        return operand is not None and operand.memory

    def value(self, name: str) -> str:
        """What an operand holds."""
        if name.startswith("$"):
            return name[1:].replace("$", "")
        operand = self.of.operand(name)
        if operand is None:
            raise NotInTable(f"{name} is no operand")
        return operand.text

    def tied(self, register: str) -> AsmOperand:
        """The operand in a register that the instruction names itself."""
        for operand in self.of.outputs:
            if register in operand.constraint:
                return operand
        raise NotInTable(f"nothing is in register {register}")

    def initial(self, operand: AsmOperand) -> str:
        """What an output starts with: itself with ``+``, or the input that is tied to it."""
        if "+" in operand.constraint:
            return operand.text
        at = str(self.of.outputs.index(operand))
        for other in self.of.inputs:
            if other.constraint.strip("%&") in (at, operand.constraint.strip("=&+")):
                return other.text
            if operand.name and other.constraint.strip("%&") == f"[{operand.name}]":
                return other.text
        raise NotInTable(f"nothing says what {operand.text} starts with")

    def flag(self, text: str) -> None:
        """What the next conditions ask: the sign and the zero of a value."""
        self.flags = {
            "e": f"({text}) == 0", "z": f"({text}) == 0", "ne": f"({text}) != 0", "nz": f"({text}) != 0",
            "s": f"({text}) < 0", "ns": f"({text}) >= 0",
        }  # fmt: skip

    def carry(self, text: str) -> None:
        self.flags = {"c": f"({text}) != 0", "nc": f"({text}) == 0", "b": f"({text}) != 0"}


_OPERATORS = {"add": "+", "sub": "-", "or": "|", "and": "&", "xor": "^", "inc": "+", "dec": "-"}


def _arithmetic(made: _Made, i: Executed) -> None:
    op = i.op
    if op in ("inc", "dec"):
        value, target = "1", i.operands[0]
    else:
        value, target = made.value(i.operands[0]) if not _is_stack(i) else "0", i.operands[1]
    if _is_stack(i):
        if not i.locked:
            raise NotInTable(f"{i.text}: it is not LOCK'd")
        made.lines.append("smp_mb();")
        return
    word = {"inc": "add", "dec": "sub"}.get(op, op)
    if not made.in_memory(target):
        operand = made.of.operand(target)
        if operand is None:
            raise NotInTable(f"{i.text} is not known")
        made.lines.append(f"{operand.text} {_OPERATORS[op]}= {value};")
        made.flag(operand.text)
        return
    place, percpu = made.place(target)
    if i.locked and not percpu:
        prefix = {"l": "atomic", "q": "atomic64"}.get(i.suffix)
        if prefix is None and op not in ("or", "and", "xor"):
            raise NotInTable(f"{i.text}: its width is not known")
        made.lines.append(f"__auto_type __was = {prefix or 'atomic'}_fetch_{word}({value}, &{place});")
        made.lines.append(f"typeof(__was) __is = __was {_OPERATORS[op]} ({value});")
        made.flag("__is")
        return
    if i.locked:
        raise NotInTable(f"{i.text}: LOCK'd, of this CPU's")
    if percpu:
        if word == "xor":
            raise NotInTable(f"{i.text} of this CPU's")
        if word in ("or", "and"):
            made.lines.append(f"this_cpu_{word}({place}, {value});")
            made.flags = {}
        else:
            made.lines.append(f"__auto_type __is = this_cpu_{word}_return({place}, {value});")
            made.flag("__is")
        return
    _unlocked(made, place, f"{_OPERATORS[op]} ({value})")
    made.flag("__is")


def _unlocked(made: _Made, place: str, change: str) -> None:
    """An instruction without LOCK that changes memory: a load and a store, between which no interrupt
    comes. It is CMPXCHG of what memory holds, which succeeds."""
    made.lines.append(f"__auto_type __was = READ_ONCE({place});")
    made.lines.append(f"typeof(__was) __is = __was {change};")
    made.lines.append(f"assume(cmpxchg_local(&{place}, __was, __is) == __was);")


def _is_stack(i: Executed) -> bool:
    """Is it an operation on the stack, which is a fence and nothing else?"""
    return (
        i.op in ("add", "or")
        and len(i.operands) == 2
        and re.search(r"\(%*[er]sp\)", i.operands[1]) is not None
    )


def _xadd(made: _Made, i: Executed) -> None:
    value = made.value(i.operands[0])
    place, percpu = made.place(i.operands[1])
    operand = made.of.operand(i.operands[0])
    assert operand is not None
    if percpu:
        made.lines.append(f"__auto_type __was = this_cpu_add_return({place}, {value}) - {value};")
    elif i.locked:
        prefix = {"l": "atomic", "q": "atomic64"}.get(i.suffix)
        if prefix is None:
            raise NotInTable(f"{i.text}: its width is not known")
        made.lines.append(f"__auto_type __was = {prefix}_fetch_add({value}, &{place});")
    else:
        _unlocked(made, place, f"+ ({value})")
    made.lines.append(f"{operand.text} = __was;")


def _xchg(made: _Made, i: Executed) -> None:
    register, target = i.operands
    if made.in_memory(register):
        register, target = target, register
    place, percpu = made.place(target)
    if percpu:
        raise NotInTable(f"{i.text}: LOCK'd, of this CPU's")
    operand = made.of.operand(register)
    if operand is None:
        raise NotInTable(f"{i.text} is not known")
    made.lines.append(f"{operand.text} = xchg(&{place}, {made.initial(operand)});")


def _cmpxchg(made: _Made, i: Executed) -> None:
    new = made.value(i.operands[0])
    place, percpu = made.place(i.operands[1])
    accumulator = made.tied("a")
    old = made.initial(accumulator)
    made.lines.append(f"__auto_type __old_value = {old};")
    if percpu:
        if i.locked:
            raise NotInTable(f"{i.text}: LOCK'd, of this CPU's")
        call = f"this_cpu_cmpxchg({place}, __old_value, {new})"
    else:
        call = f"{'cmpxchg' if i.locked else 'cmpxchg_local'}(&{place}, __old_value, {new})"
    made.lines.append(f"__auto_type __found = {call};")
    made.lines.append(f"{accumulator.text} = __found;")
    same = "(__found == __old_value)"
    made.flags = {"e": same, "z": same, "ne": f"!{same}", "nz": f"!{same}"}


def _bit(made: _Made, i: Executed) -> None:
    number = made.value(i.operands[0])
    place, percpu = made.place(i.operands[1])
    if percpu:
        raise NotInTable(f"{i.text}: of this CPU's")
    if i.op == "bt":
        made.lines.append(f"__auto_type __bit = test_bit({number}, &{place});")
    else:
        name = {"bts": "set", "btr": "clear", "btc": "change"}[i.op]
        made.lines.append(
            f"__auto_type __bit = {'' if i.locked else '__'}test_and_{name}_bit({number}, &{place});"
        )
    made.carry("__bit")


def _mov(made: _Made, i: Executed) -> None:
    if len(i.operands) != 2:
        raise NotInTable(f"{i.text} is not known")
    source, target = i.operands
    if made.in_memory(target):
        place, percpu = made.place(target)
        value = made.value(source)
        made.lines.append(
            f"this_cpu_write({place}, {value});" if percpu else f"WRITE_ONCE({place}, {value});"
        )
        return
    operand = made.of.operand(target)
    if operand is None:
        raise NotInTable(f"{i.text} is not known")
    if made.in_memory(source):
        place, percpu = made.place(source)
        value = f"this_cpu_read({place})" if percpu else f"READ_ONCE({place})"
    else:
        value = made.value(source)
    made.lines.append(f"{operand.text} = {value};")


def _set(made: _Made, i: Executed) -> None:
    operand = made.of.operand(i.operands[0])
    asked = made.flags.get(i.op[3:])
    if operand is None or asked is None:
        raise NotInTable(f"{i.text}: nothing says what it asks")
    made.lines.append(f"{operand.text} = {asked};")


def _jump(made: _Made, i: Executed) -> None:
    asked = made.flags.get(i.op[1:])
    if asked is not None and re.fullmatch(r"\d+f", i.operands[0]):  # to another section: an exception
        made.lines.append(f"WARN_ON({asked});")
        return
    found = re.fullmatch(r"%l\[(\w+)\]|%l(\d+)", i.operands[0])
    if asked is None or found is None:
        raise NotInTable(f"{i.text}: nothing says what it asks")
    label = found.group(1)
    if label is None:
        label = made.of.labels[int(found.group(2)) - len(made.of.outputs) - len(made.of.inputs)]
    made.lines.append(f"if ({asked}) goto {label};")


def _exception(made: _Made, i: Executed) -> None:
    """``jmp`` to another section: an exception."""
    if not re.fullmatch(r"\d+f", i.operands[0]):
        raise NotInTable(f"{i.text} is not known")
    made.lines.append("WARN_ON(1);")


def _sbb(made: _Made, i: Executed) -> None:
    """``sbb %0,%0``: all ones where the carry is set."""
    operand = made.of.operand(i.operands[0])
    if operand is None or i.operands[0] != i.operands[1] or "c" not in made.flags:
        raise NotInTable(f"{i.text} is not known")
    made.lines.append(f"{operand.text} = ({made.flags['c']}) ? -1 : 0;")


# Instructions that are one word without operands.
_PLAIN: Mapping[str, str] = MappingProxyType(
    {
        "mfence": "mfence();", "lfence": "lfence();", "sfence": "sfence();", "pause": "cpu_relax();",
        "nop": "",
        "cli": "local_irq_disable();", "sti": "local_irq_enable();", "rep": "cpu_relax();", "hlt": "halt();",
    }
)  # fmt: skip
_CODES = ("e", "z", "ne", "nz", "s", "ns", "c", "nc", "b")
EXECUTES: Mapping[str, Callable[[_Made, Executed], None]] = MappingProxyType(
    {
        **{op: _arithmetic for op in _OPERATORS}, "xadd": _xadd, "xchg": _xchg, "cmpxchg": _cmpxchg,
        **{op: _bit for op in ("bt", "bts", "btr", "btc")}, "mov": _mov, "sbb": _sbb, "jmp": _exception,
        **{f"set{code}": _set for code in _CODES}, **{f"j{code}": _jump for code in _CODES},
    }
)  # fmt: skip


def translated(of: AsmStatement) -> str:
    """The C of a statement: what its instructions do, one after the other. Raises ``NotInTable``."""
    made = _Made(of)
    for i in of.instructions:
        if i.op in _PLAIN:
            if i.locked:
                raise NotInTable(f"{i.text} is not known")
            made.lines.append(_PLAIN[i.op])
        elif i.op in EXECUTES:
            EXECUTES[i.op](made, i)
        else:
            raise NotInTable(f"the instruction {i.text} is not in the table")
    for operand in of.outputs:
        found = re.fullmatch(r"=@cc(\w+)", operand.constraint)
        if found is None:
            continue
        asked = made.flags.get(found.group(1))
        if asked is None:
            raise NotInTable(f"nothing says what {operand.constraint} asks")
        made.lines.append(f"{operand.text} = {asked};")
    return "({ " + " ".join(made.lines) + " })"


NO_WORD = "no_word_"  # what stands for a statement that the table does not know, with its number


def without_asm(given: list[Token], told: list[str], unknowns: list[str]) -> list[Token]:
    """Tokens in which each ``asm`` statement is C; its instructions are added to ``told``, and what the
    table does not know to ``unknowns``. A call that nobody can make stands for that: it may be code that
    is never reached."""
    out: list[Token] = []
    at = 0
    while at < len(given):
        if given[at].text not in ASM:
            out.append(given[at])
            at += 1
            continue
        at += 1
        while given[at].text in _QUALIFIERS:
            at += 1
        end = closing(given, at)
        try:
            made = statement(given[at + 1 : end])
            code = tokens(translated(made))
        except NotInTable as unknown:
            unknowns.append(str(unknown))
            out += tokens(f"{NO_WORD}{len(unknowns) - 1}()")
        else:
            told += [("lock " if i.locked else "") + i.text for i in made.instructions]
            words = {t.text for t in code if t.kind == "name" and _is_word(made, t.text)}
            out += [t._replace(kind="word") if t.text in words else t for t in code]
        at = end + 1
    return out


def _is_word(made: AsmStatement, name: str) -> bool:
    """Is a name one that the translation wrote, and not the tree?"""
    return name in WORDS_OF_ASM and not any(
        re.search(rf"\b{name}\b", o.text) for o in made.outputs + made.inputs
    )


WORDS_OF_ASM = frozenset(
    {
        "smp_mb", "xchg", "cmpxchg", "cmpxchg_local", "test_bit", "READ_ONCE", "WRITE_ONCE", "WARN_ON",
        "assume", "mfence", "lfence", "sfence",
        "cpu_relax", "local_irq_disable", "local_irq_enable", "halt", "this_cpu_read", "this_cpu_write",
        "this_cpu_cmpxchg", "this_cpu_or", "this_cpu_and",
        *(f"this_cpu_{op}_return" for op in ("add", "sub")),
        *(f"{p}_fetch_{op}" for p in ("atomic", "atomic64") for op in ("add", "sub", "or", "and", "xor")),
        *(f"{p}test_and_{op}_bit" for p in ("", "__") for op in ("set", "clear", "change")),
    }
)  # fmt: skip
