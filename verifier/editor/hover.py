"""What an editor shows of the name under the pointer, as Markdown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from verifier.editor.declared import Declaration
from verifier.editor.keywords import (
    CONDITIONS,
    CPU_STATES,
    DECLARED_AS,
    DIRECTIVES,
    ELSE,
    EXPECTED_WORDS,
    FINALS,
    OTHER_WORDS,
    TOP,
)
from verifier.editor.names import KnownNames, Occurrence
from verifier.lower.x86.table import REGISTER_NAMES, decode
from verifier.model.rules import Statement, rules
from verifier.program.profiles import CHOICES, PROFILES
from verifier.program.values import ATTRIBUTES
from verifier.records import NamedTuple
from verifier.syntax.includes import find_include
from verifier.words.guards import GUARDS
from verifier.words.loops import LOOPS
from verifier.words.table import CONSTANT_MASKS, NAMED_VALUES, WORDS, Word


class HoverText(NamedTuple):
    """What is shown of ``start .. end``, as Markdown."""

    start: int
    end: int
    markdown: str


def hover(names: KnownNames, offset: int) -> HoverText | None:
    """What is shown at an offset; None if there is nothing to say."""
    one = names.at(offset)
    if one is None:
        return _of_path(names, offset)
    said = _of(names, one)
    return HoverText(one.start, one.end, said) if said else None


def _of_path(names: KnownNames, offset: int) -> HoverText | None:
    """The file that an ``#include`` names."""
    section = names.litmus.section_at(offset)
    if section is None or section.kind != "include" or not section.name:
        return None
    path = find_include(names.litmus.source, section.name)
    said = (
        f"`{os.fspath(path)}`"
        if path
        else f"There is no file `{section.name}` beside the test or in `litmus/`."
    )
    found = next((i for i in names.included if path and i[0].litmus.source.name == os.fspath(path)), None)
    if found is not None:
        text, (start, end) = found[0].litmus.text, next(iter(found[0].litmus.comments), (0, 0))
        if not text[:start].strip() and end:
            said += f"\n\n{plain(text[start:end])}"
    return HoverText(section.start, section.end, said)


def _of(names: KnownNames, one: Occurrence) -> str:
    name, role = one.name, one.role
    if role == "shared":
        found = names.shared(name)
        return declaration(found, names) if found is not None else ""
    if role == "local":
        return _local(names, one)
    if role == "variant":
        variant = names.own.variants.get(name)
        return code(variant.text) if variant is not None else ""
    if role in ("tag", "field"):
        found = names.struct(name) if role == "tag" else names.field(name)
        return declaration(found, names) if found is not None else ""
    if role in ("word", "value"):
        return vocabulary(name)
    if role == "setting":
        return setting(name)
    if role == "opcode":
        return _opcode(name)
    if role == "register":
        known = REGISTER_NAMES.get(name.lower())
        return f"{known.bits} bits of register `{known.whole}`" if known else ""
    return keyword(name, role == "state")


# -- the vocabulary -------------------------------------------------------------------------------------


def vocabulary(name: str) -> str:
    """A word of the vocabulary, a loop or a value; empty if there is none of that name."""
    if name in WORDS:
        return word_text(WORDS[name])
    if name in LOOPS:
        return f"{code(LOOPS[name].signature)}\n\nA loop over CPUs: the body runs once for each CPU."
    if name in GUARDS:
        guard = GUARDS[name]
        said = f"Begins with `{guard.begin}`, and ends with `{guard.end}` wherever its scope is left."
        return f"{code(guard.signature)}\n\n{said}"
    if name in OTHER_WORDS:
        return OTHER_WORDS[name]
    if "for_each_entry" in name:
        return "A loop over the structs of a list; it is unrolled."
    if name in ATTRIBUTES:
        return "An attribute of a page-table entry: `mk_pte(A, ro | nx)`."
    if name in NAMED_VALUES:
        value = NAMED_VALUES[name]
        return f"`{name}` is {value if value < 4096 else hex(value)}."
    if name in CONSTANT_MASKS:
        return f"A mask that contains {'all CPUs' if CONSTANT_MASKS[name] else 'no CPU'}."
    return "The kernel's own address space." if name == "init_mm" else ""


def word_text(word: Word) -> str:
    """What a word is on x86, what it means, the rules that this rests on, and where it was read from."""
    out = [code(word.signature)]
    if word.planned:
        return f"{out[0]}\n\nThis version knows the word, and does not decide it: {word.planned}."
    out.append(f"On x86: {word.events}.")
    if word.doc:
        out.append(f"{sentence(word.doc)}")
    numbers = [n.strip() for n in word.rule.split(",") if n.strip()]
    said = [rule_line(n) for n in numbers]
    if said:
        out.append("\n".join(f"- {line}" for line in said))
    if word.source:
        out.append(f"Read from: {word.source}")
    return "\n\n".join(out)


def rule_line(number: str) -> str:
    """A rule of the memory model by its number or its title: both, and its source."""
    known: Mapping[str, Statement] = rules()
    found = known.get(number) or next((r for r in known.values() if r.title == number), None)
    return f"rule {found.number}, {found.title} ({found.source})" if found else f"rule {number}"


def setting(name: str) -> str:
    """A profile or a switch that an expectation names."""
    if name in PROFILES:
        return f"The profile `{name}`: what is expected on this kind of machine."
    named = [r for r in rules().values() if name in r.switches]
    if not named:
        return ""
    values = f" Its values: {', '.join(f'`{v}`' for v in CHOICES[name])}." if name in CHOICES else ""
    return f"The switch `{name}`.{values}\n\n" + "\n".join(f"- {rule_line(r.number)}" for r in named)


def keyword(name: str, state: bool = False) -> str:
    """A word of the language itself; ``state``: after ``1:``."""
    if state:
        return CPU_STATES.get(name, "")
    if name == "else":
        return ELSE
    tables = (TOP, DIRECTIVES, EXPECTED_WORDS, FINALS, CONDITIONS, DECLARED_AS)
    return next((t[name] for t in tables if name in t), "")


_OPCODES = {
    "mfence": "2.3", "lfence": "2.4", "sfence": "2.5", "movnti": "2.6", "xchg": "2.1",
}  # fmt: skip


def _opcode(name: str) -> str:
    found = decode(name.lower())
    if found is None:
        return "This instruction is not known here."
    width = f", {found.bits} bits" if found.bits else ""
    rule = _OPCODES.get(found.name)
    return f"`{found.name.upper()}`{width}" + (f"\n\n- {rule_line(rule)}" if rule else "")


# -- declarations ---------------------------------------------------------------------------------------


def declaration(found: Declaration, names: KnownNames) -> str:
    """A declaration, the comment that belongs to it, and the file if it is another one."""
    out = [code(found.text)]
    comment = comment_of(found)
    if comment:
        out.append(comment)
    if found.litmus is not names.litmus:
        out.append(f"from `{found.litmus.source.name}`, line {found.litmus.source.position(found.start)[0]}")
    return "\n\n".join(out)


def _local(names: KnownNames, one: Occurrence) -> str:
    found = names.local(one.name, one.scopes)
    where = " or ".join(s.partition("@")[0] for s in one.scopes)
    given = _given(names, one)
    if found is None:
        first = next((o for o in names.same(one)), one)
        line = names.litmus.source.position(first.start)[0]
        said = (
            f"A register of `{where}`, first in line {line}." if where else "A register that no program has."
        )
    elif found.kind == "parameter":
        said = f"{code(found.text)}\n\nA parameter of `{where}()`."
    else:
        line = found.litmus.source.position(found.start)[0]
        said = f"{code(found.text)}\n\nA local of `{where}`, declared in line {line}."
    return "\n\n".join([said, *(f"At first: `{g}`" for g in given)])


def _given(names: KnownNames, one: Occurrence) -> Iterable[str]:
    """The initial values of a register."""
    litmus = names.litmus
    for section in (s for s in litmus.sections if s.kind == "initial"):
        for o in names.same(one):
            if section.start < o.start < section.end:
                start = litmus.bare.rfind("\n", 0, o.start) + 1
                end = min(
                    e
                    for e in (litmus.bare.find(";", o.end), litmus.bare.find("\n", o.end), section.end)
                    if e >= 0
                )
                yield litmus.bare[max(start, section.start + 1) : end].rpartition(";")[2].strip()


def comment_of(found: Declaration) -> str:
    """The comment right before a declaration, or behind it on its line."""
    litmus = found.litmus
    line = litmus.text.find("\n", found.text_end)
    line = len(litmus.text) if line < 0 else line
    before = [
        litmus.text[start:end]
        for start, end in litmus.comments
        if end <= found.text_start
        and not litmus.text[end : found.text_start].strip()
        and _own_line(litmus.text, start)
    ]
    behind = [
        litmus.text[s:e] for s, e in litmus.comments if found.text_start <= s < line and found.text_end <= s
    ]
    return plain((before[-1:] or behind[:1] or [""])[0])


def _own_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def plain(comment: str) -> str:
    """The text of a comment, on one line."""
    for mark in ("/*", "*/", "(*", "*)", "//"):
        comment = comment.removeprefix(mark).removesuffix(mark)
    return " ".join(word for word in comment.split() if word != "*")


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def code(text: str) -> str:
    """A block of code."""
    return f"```c\n{text}\n```"
