"""What can be written at a place: the words of the vocabulary, and the names that the file knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

from verifier.editor.hover import code, declaration, keyword, setting, vocabulary
from verifier.editor.keywords import (
    CONDITIONS,
    CPU_STATES,
    DECLARED_AS,
    DIRECTIVES,
    EXPECTED_WORDS,
    FINALS,
    STATEMENT_WORDS,
    TAGS,
    TOP,
    TYPE_WORDS,
)
from verifier.editor.names import KnownNames
from verifier.editor.scan import WITH_CODE, Section, cells
from verifier.lower.x86.table import KNOWN, REGISTER_NAMES
from verifier.program.profiles import PROFILES, Switches
from verifier.program.values import ATTRIBUTES
from verifier.records import NamedTuple
from verifier.syntax import HEADERS
from verifier.syntax.grammars import folder
from verifier.words.guards import GUARDS
from verifier.words.loops import LOOPS
from verifier.words.table import INITIALIZERS, NAMED_VALUES, WORDS, Word

ItemKind = Literal[
    "word", "function", "object", "constant", "local", "variant", "keyword", "field", "file", "type"
]
MAX_PATHS = 500  # includes that are offered


class Completion(NamedTuple):
    """Something to write in the place of ``start .. offset``. ``snippet``: with ``${1:argument}``."""

    label: str
    kind: ItemKind
    snippet: str = ""
    detail: str = ""
    markdown: str = ""


class Completions(NamedTuple):
    """What can be written in the place of ``start .. end``."""

    start: int
    end: int
    items: tuple[Completion, ...]


def completions(names: KnownNames, offset: int) -> Completions:
    """What can be written at an offset. Where nothing is known, there is nothing."""
    litmus = names.litmus
    start = offset
    while start and (litmus.text[start - 1].isalnum() or litmus.text[start - 1] == "_"):
        start -= 1
    if litmus.in_comment(offset):
        return Completions(start, offset, ())
    line = litmus.text[litmus.text.rfind("\n", 0, start) + 1 : start]
    if line.lstrip().startswith("#"):
        return _directive(names, line, start, offset)
    if _in_string(names, offset):
        return Completions(start, offset, ())
    if offset <= litmus.start or not litmus.tokens:
        first = not litmus.bare[:start].strip()
        heads = [_key(w, "the kind of test") for w in HEADERS] if first else []
        return Completions(
            start, offset, tuple(heads or (_top(names) if "\n" in litmus.text[:start] else ()))
        )
    return Completions(start, offset, tuple(_once(_at(names, start))))


def _once(items: Iterable[Completion]) -> Iterator[Completion]:
    seen: set[str] = set()
    for item in items:
        if item.label not in seen:
            seen.add(item.label)
            yield item


def _in_string(names: KnownNames, offset: int) -> bool:
    number = names.litmus.at(offset)
    if number is None:
        return False
    token = names.litmus.tokens[number]
    return token.kind == "string" and token.start < offset < token.end


def _directive(names: KnownNames, line: str, start: int, offset: int) -> Completions:
    """After ``#``: the directives; in the quotes of an include: files."""
    before, quote, path = line.partition('"')
    if quote and "include" in before:
        begin = start - len(path)
        return Completions(begin, offset, tuple(_files(names)))
    if before.strip(" \t") in ("#",):
        return Completions(start, offset, tuple(_key(w, text) for w, text in DIRECTIVES.items()))
    return Completions(start, offset, ())


def _files(names: KnownNames) -> Iterator[Completion]:
    from pathlib import Path

    beside, library = Path(names.litmus.source.name).parent, folder("litmus")
    found = [str(p.relative_to(library)) for p in sorted(library.rglob("*.inc"))[:MAX_PATHS]]
    with suppress(OSError):
        found += sorted(p.name for p in beside.glob("*.inc"))[:MAX_PATHS]
    for name in dict.fromkeys(found):
        yield Completion(name.replace(os.sep, "/"), "file")


def _at(names: KnownNames, start: int) -> Iterator[Completion]:
    """What fits at a place after the head."""
    litmus = names.litmus
    number = litmus.before(start)
    before = litmus.tokens[number - 1].text if number else ""
    section = litmus.section_at(start)
    if litmus.assembly:
        yield from _assembly(names, section, start)
    elif _guard(names, number, section):
        yield from _variants(names)
    elif section is None or _behind(section, start, names):
        yield from _top(names)
    elif section.kind in WITH_CODE:
        yield from _code(names, section, number, before)
    elif section.kind == "final":
        if litmus.text[start - 1] == "\n":
            yield from _top(names)
        yield from _condition(names, number, before)
    elif section.kind == "initial":
        yield from _initial(names, number, before)
    elif section.kind in ("variants", "expect"):
        yield from _expectation(names, before)
    elif section.kind == "struct":
        yield from _types(names)
    else:
        yield from _values(names)


def _behind(section: Section, start: int, names: KnownNames) -> bool:
    """Is a place behind the last token of a section, which is closed?"""
    last = names.litmus.tokens[section.last]
    return start >= last.end and last.text in ("}", ";")


def _guard(names: KnownNames, number: int, section: Section | None) -> bool:
    """Is a place inside the brackets of a guard?"""
    tokens, at = names.litmus.tokens, number - 1
    while at >= 0 and (tokens[at].text in ("!", "&", "|", "(", ")") or tokens[at].kind == "name"):
        at -= 1
    if at < 0 or tokens[at].text != "[" or not names.own.variants:
        return False
    if at == 0 or section is None or tokens[at].start < section.start:
        return True
    if section.kind == "final":
        return names.litmus.first_on_line(at)
    return tokens[at - 1].text in ("{", "}", ";", "]", ")", ",", ":")


# -- items ----------------------------------------------------------------------------------------------


def _key(word: str, markdown: str = "", snippet: str = "") -> Completion:
    return Completion(word, "keyword", snippet, markdown=markdown)


_TOP_SNIPPETS = {
    "variants": 'variants {\n    ${1:F} ${2|never,sometimes,always|} "${3:why}";\n}',
    "expect": 'expect ${1|never,sometimes,always,deadlock|} "${2:why}";',
    "unroll": "unroll ${1:4};",
    "enum": "enum { ${1:name} = ${2:1} };",
    "nmi": "nmi P${1:0} {\n    $0\n}",
    "struct": "struct ${1:name} {\n    $0\n};",
}


def _top(names: KnownNames) -> Iterator[Completion]:
    """What can begin a section."""
    if names.litmus.assembly:
        return
    for word, said in TOP.items():
        yield _key(word, said, _TOP_SNIPPETS.get(word, ""))
    cpus = [low for rs in names.own.groups.values() for low, _ in rs]
    cpu = max(cpus, default=-1) + 1
    yield Completion(f"P{cpu}", "keyword", f"P{cpu} {{\n    $0\n}}", markdown=f"The program of CPU {cpu}.")
    for word in ("exists", "forall", "filter", "locations"):
        yield _key(word, FINALS[word], f"{word} [${{1:x}};]" if word == "locations" else f"{word} ($0)")
    yield from _types(names)


def _types(names: KnownNames) -> Iterator[Completion]:
    seen = {t.text for t in names.litmus.tokens if t.text.endswith("_t") and t.kind == "name"}
    known = (
        "u8",
        "u16",
        "u32",
        "u64",
        "s32",
        "s64",
        "atomic_t",
        "atomic64_t",
        "atomic_long_t",
        "refcount_t",
        "spinlock_t",
        "rwlock_t",
    )
    for word in (*TYPE_WORDS, *TAGS, *known, *sorted(seen - set(known))):
        yield Completion(word, "type")
    for declared in names.every:
        for name in declared.structs:
            yield Completion(f"struct {name}", "type")


def _variants(names: KnownNames) -> Iterator[Completion]:
    for name, found in names.own.variants.items():
        yield Completion(name, "variant", detail=found.text, markdown=code(found.text))
    yield _key("else", keyword("else"))


def _shared(names: KnownNames) -> Iterator[Completion]:
    """Objects, constants and functions of the file and of its includes."""
    for declared in names.every:
        for name, found in declared.shared.items():
            where = "" if found.litmus is names.litmus else os.path.basename(found.litmus.source.name)
            if found.kind == "function":
                _, _, taken = found.text.partition("(")
                said = [
                    p.replace("*", " ").split()[-1]
                    for p in taken.rstrip(")").split(",")
                    if p.strip() not in ("", "void")
                ]
                yield Completion(
                    name, "function", call(name, said), where or found.text, declaration(found, names)
                )
            else:
                kind: ItemKind = "constant" if found.kind == "constant" else "object"
                yield Completion(name, kind, "", where or found.text, declaration(found, names))


def call(name: str, arguments: Iterable[str]) -> str:
    """A call as a snippet: ``f(${1:a}, ${2:b})``."""
    shown = ", ".join(f"${{{at}:{a}}}" for at, a in enumerate(arguments, 1))
    return f"{name}({shown})"


def _needed(word: Word) -> list[str]:
    """The arguments that a word cannot do without, as its signature has them."""
    _, _, taken = word.signature.partition("(")
    taken = taken.rpartition(")")[0]
    depth, out = 0, ""
    for c in taken:  # without what is in brackets
        depth += (c == "[") - (c == "]")
        out += c if depth == 0 and c != "]" else ""
    return [a.strip() for a in out.split(",") if a.strip()]


def _words() -> Iterator[Completion]:
    for name, word in WORDS.items():
        if not word.planned:
            yield Completion(name, "word", call(name, _needed(word)), word.doc, vocabulary(name))
    for name, loop in LOOPS.items():
        taken = ("cpu", *loop.masks)
        yield Completion(
            name, "word", f"{call(name, taken)} {{\n    $0\n}}", "loop over CPUs", vocabulary(name)
        )
    for name, guard in GUARDS.items():
        end = "(${1:&l})" if guard.arguments else "()"
        yield Completion(
            f"guard({name})", "word", f"guard({name}){end};", f"{guard.begin}, {guard.end}", vocabulary(name)
        )


def _values(names: KnownNames) -> Iterator[Completion]:
    yield from _shared(names)
    for word in NAMED_VALUES:
        yield Completion(word, "constant", markdown=vocabulary(word))


def _fields(names: KnownNames) -> Iterator[Completion]:
    for declared in names.every:
        for name, found in declared.fields.items():
            yield Completion(name, "field", detail=found.text)
    for o in names.occurrences:
        if o.role == "field":
            yield Completion(o.name, "field")


def _locals(names: KnownNames, scopes: Iterable[str]) -> Iterator[Completion]:
    wanted = set(scopes)
    for scope in wanted:
        for name, found in names.own.locals.get(scope, {}).items():
            yield Completion(name, "local", detail=found.text)
    for o in names.occurrences:
        if o.role in ("local", "register") and wanted & set(o.scopes):
            yield Completion(o.name, "local", detail="a register")


def _code(names: KnownNames, section: Section, number: int, before: str) -> Iterator[Completion]:
    """Inside a function or a program."""
    tokens = names.litmus.tokens
    if before in (".", "->"):
        yield from _fields(names)
        return
    if before in TAGS:
        yield from (Completion(n, "type") for d in names.every for n in d.structs)
        return
    if before == "(" and number > 1 and tokens[number - 2].text in ("guard", "scoped_guard"):
        yield from (Completion(n, "word", detail=g.signature) for n, g in GUARDS.items())
        return
    yield from _locals(names, [names.own.scope(section)])
    yield from _values(names)
    yield from _words()
    yield from (_key(w) for w in STATEMENT_WORDS)
    if before in ("{", "}", ";", ")", "]", ""):
        yield from _types(names)
    yield from (Completion(a, "constant", markdown=vocabulary(a)) for a in ATTRIBUTES)


def _condition(names: KnownNames, number: int, before: str) -> Iterator[Completion]:
    """Inside a condition."""
    tokens = names.litmus.tokens
    if before == ".":
        yield from _fields(names)
        return
    if before == ":" and number > 1:
        cpu = tokens[number - 2].text.lstrip("P")
        groups = names.own.groups_of(int(cpu) if cpu.isdecimal() else None)
        yield from _locals(names, groups)
        yield from (_key(w, said) for w, said in CPU_STATES.items())
        yield from (Completion(n, "object") for d in names.every for n, f in d.shared.items() if f.percpu)
        return
    yield from (_key(w, said, "ever ($0)" if w == "ever" else "") for w, said in CONDITIONS.items())
    yield from (_key(w, said) for w, said in FINALS.items())
    yield from _values(names)
    for name in ("mk_pte", "pte", "pmd", "mm_cpumask"):
        yield Completion(name, "word", call(name, _needed(WORDS[name])), WORDS[name].doc, vocabulary(name))
    yield Completion("fault", "constant", markdown=CONDITIONS["fault"])


def _initial(names: KnownNames, number: int, before: str) -> Iterator[Completion]:
    """Inside the initial state."""
    if before == ".":
        yield from _fields(names)
        return
    tokens = names.litmus.tokens
    if before == ":" and number > 1:
        cpu = tokens[number - 2].text.lstrip("P")
        yield from (_key(w, said) for w, said in CPU_STATES.items() if w not in ("warn", "hang"))
        yield from _locals(names, names.own.groups_of(int(cpu) if cpu.isdecimal() else None))
        yield from (Completion(n, "object") for d in names.every for n, f in d.shared.items() if f.percpu)
        return
    if before in ("{", ";", "]", "percpu"):
        yield from (_key(w, said) for w, said in DECLARED_AS.items())
        yield from _types(names)
        yield Completion(
            "mm_cpumask", "word", "mm_cpumask(${1:N}) = {${2:0}};", markdown=vocabulary("mm_cpumask")
        )
    yield from _values(names)
    yield from (Completion(w, "word", f"{w}(${{1:0}})") for w in INITIALIZERS)
    yield from (Completion(a, "constant", markdown=vocabulary(a)) for a in ATTRIBUTES)


def _expectation(names: KnownNames, before: str) -> Iterator[Completion]:
    """Inside ``variants`` or ``expect``."""
    if before == ":":
        yield from _variants(names)
        return
    yield from (_key(w, said) for w, said in EXPECTED_WORDS.items())
    yield from (Completion(p, "constant", markdown=setting(p)) for p in PROFILES)
    yield from (Completion(s, "constant", f"{s}=", markdown=setting(s)) for s in Switches._fields)


def _assembly(names: KnownNames, section: Section | None, start: int) -> Iterator[Completion]:
    """In one of herd7's files for X86."""
    if section is not None and section.kind == "table":
        cell = next((c for c in cells(names.litmus, section) if c.start <= start <= c.end), None)
        if cell is None or not names.litmus.bare[cell.start : start].split():
            yield from (Completion(w.upper(), "word") for w in sorted(KNOWN))
            return
    wide = names.litmus.arch == "X86_64"
    for name, register in REGISTER_NAMES.items():
        if register.bits == 64 if wide else register.bits == 32 and not name.startswith("r"):
            yield Completion(name if wide else name.upper(), "local", detail=f"{register.bits} bits")
    if section is None or section.kind == "final":
        yield from (_key(w, FINALS[w]) for w in ("exists", "forall", "filter", "locations"))
    seen: Mapping[str, None] = dict.fromkeys(o.name for o in names.occurrences if o.role == "shared")
    yield from (Completion(n, "object") for n in seen)
