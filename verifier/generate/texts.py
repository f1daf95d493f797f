"""A cycle as the text of a test: X86 and C as herd7 reads them, or MM.

The condition names the value of every read, and the last value of a location with two writes. So there is one
candidate execution that satisfies it, and the only cycles in its communications and program order go
through every step.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.generate.cycles import spelled
from verifier.generate.names import Titled
from verifier.records import dataclass, field

DATA = "xyzabcdefghijklmno"
ENTRY_NAMES = "vwutsp"
X86_REGISTERS = ("EAX", "EBX")


@dataclass(slots=True)
class Deed:
    """An access: R, W, X or T; the number of its location; the value that it writes, and has to read."""

    type: str
    place: int
    value: int
    seen: int = -1  # by an exchange


@dataclass(slots=True)
class Lane:
    """What a CPU does: accesses, with what is between the two; ``handler``: an interrupt does it."""

    accesses: list[Deed]
    step: int = -1  # which step of the cycle it is, if it is one
    handler: bool = False


@dataclass(slots=True)
class Plan:
    """A test in no language."""

    placed: Titled
    threads: list[Lane] = field(default_factory=list)
    entries: set[int] = field(default_factory=set)  # the locations that are page-table entries
    last: dict[int, int] = field(default_factory=dict)  # how many writes each location has


def plan(placed: Titled) -> Plan:
    """What the CPUs of a test do."""
    made, cycle = Plan(placed), placed.cycle
    # The accesses at the location of each bead: the end of its step, and those of its communications.
    chunks: list[list[Deed]] = []
    for place, bead in enumerate(cycle):
        chunk, written = list[Deed](), 0
        for type_ in (bead.step.target, *(m.target for m in bead.meetings)):
            seen, written = written, written + (type_ in "WX")
            chunk.append(Deed(type_, place, written, seen))
        chunks.append(chunk)
        made.last[place] = written
        if "T" in {a.type for a in chunk}:
            made.entries.add(place)
    for number, bead in enumerate(cycle):
        source, target = chunks[number - 1][-1], chunks[number][0]
        if bead.step.kind.handler:
            made.threads += [Lane([source], number), Lane([target], number, handler=True)]
        else:
            made.threads.append(Lane([source, target], number))
        made.threads += [Lane([a]) for a in chunks[number][1:-1]]
    if placed.rest_first:
        made.threads = [made.threads[-1], *made.threads[:-1]]
    return made


class _Names:
    """Names of locations, in the order of their first access."""

    def __init__(self, made: Plan) -> None:
        data, entries = _letters(DATA), _letters(ENTRY_NAMES)
        self.of: dict[int, str] = {}
        for thread in made.threads:
            for access in thread.accesses:
                if access.place not in self.of:
                    self.of[access.place] = next(entries if access.place in made.entries else data)

    def __getitem__(self, place: int) -> str:
        return self.of[place]


def _letters(letters: str) -> Iterator[str]:
    """The letters, and then letters with numbers."""
    yield from letters
    number = 1
    while True:
        yield from (f"{letter}{number}" for letter in letters)
        number += 1


def written(placed: Titled, language: str) -> str:
    """The text of a cycle's test."""
    return {"X86": _x86, "C": _c, "MM": _mm}[language](plan(placed))


def _between(made: Plan, thread: Lane, language: str, **holes: str) -> str:
    """What a thread does between its two accesses."""
    if thread.step < 0:
        return ""
    word = made.placed.cycle[thread.step].step.kind.word(language)
    assert word is not None, "the edges are of this language"
    return word.format(**holes)


def _finals(made: Plan, names: _Names, equals: str = "=") -> list[str]:
    """What the condition says of the locations."""
    return [
        f"{names[place]}{equals}{count}"
        for place, count in sorted(made.last.items(), key=lambda item: names[item[0]])
        if count > 1 and place not in made.entries
    ]


def _x86(made: Plan) -> str:
    names, columns, wanted = _Names(made), list[list[str]](), list[str]()
    for cpu, thread in enumerate(made.threads):
        lines, registers = list[str](), iter(X86_REGISTERS)
        for number, access in enumerate(thread.accesses):
            between = _between(made, thread, "X86", q=f"q{cpu}") if number else ""
            lines += [between] if between else []
            if access.type == "W":
                lines.append(f"MOV [{names[access.place]}],${access.value}")
            elif access.type == "X":
                register = next(registers)
                lines += [f"MOV {register},${access.value}", f"XCHG [{names[access.place]}],{register}"]
                wanted.append(f"{cpu}:{register}={access.seen}")
            else:
                register = next(registers)
                lines.append(f"MOV {register},[{names[access.place]}]")
                wanted.append(f"{cpu}:{register}={access.value}")
        columns.append(lines)
    height = max(map(len, columns))
    rows = [[f"P{cpu}" for cpu in range(len(columns))]]
    rows += [[c[i] if i < len(c) else "" for c in columns] for i in range(height)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    table = "".join(
        " " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " ;\n"
        for row in rows
    )
    condition = " /\\ ".join([*wanted, *_finals(made, names)])
    name, cycle = made.placed.name, spelled(made.placed.cycle)
    return f'X86 {name}\n"{cycle}"\n{{ }}\n{table}exists ({condition})\n'


def _c(made: Plan) -> str:
    names, wanted = _Names(made), list[str]()
    out = [f"C {made.placed.name}", f'"{spelled(made.placed.cycle)}"', "", "{}"]
    for cpu, thread in enumerate(made.threads):
        lines, registers = list[str](), list[str]()
        for number, access in enumerate(thread.accesses):
            between = _between(made, thread, "C") if number else ""
            lines += [between] if between else []
            line, seen = _accessed(
                access, f"{names[access.place]}", f"r{len(registers)}", made, thread, number
            )
            lines += line
            if seen is not None:
                registers.append(f"r{len(registers)}")
                wanted.append(f"{cpu}:{registers[-1]}={seen}")
        pointers = ", ".join(f"int *{names[a.place]}" for a in thread.accesses)
        out += [
            "",
            f"P{cpu}({pointers})",
            "{",
            *(f"\tint {r};" for r in registers),
            *([""] if registers else []),
        ]
        out += [*(f"\t{line}" for line in lines), "}"]
    condition = " /\\ ".join([*wanted, *_finals(made, names)])
    return "\n".join([*out, "", f"exists ({condition})", ""])


def _accessed(
    access: Deed, pointer: str, register: str, made: Plan, thread: Lane, number: int
) -> tuple[list[str], int | None]:
    """The lines of an access in C, and what it has to read; a step may make it depend on the first read."""
    depends = made.placed.cycle[thread.step].step.kind.depends if number and thread.step >= 0 else ""
    place = f"*({pointer} + (r0 ^ r0))" if depends == "addr" else f"*{pointer}"
    value = f"(r0 ^ r0) + {access.value}" if depends == "data" else str(access.value)
    line, seen = {
        "W": (f"WRITE_ONCE({place}, {value});", None),
        "X": (f"{register} = xchg({pointer}, {value});", access.seen),
        "R": (f"{register} = READ_ONCE({place});", access.value),
    }[access.type]
    if depends == "ctrl":
        return [f"if (r0 == {thread.accesses[0].value}) {{", f"\t{line}", "}"], seen
    return [line], seen


def _mm(made: Plan) -> str:
    names, wanted, handlers = _Names(made), list[str](), list[str]()
    seen: list[str] = []
    bodies: list[str] = []
    for cpu, thread in enumerate(made.threads):
        lines, registers = list[str](), 0
        for number, access in enumerate(thread.accesses):
            at = names[access.place]
            if number:
                lines += _mm_between(made, thread, names, handlers)
            entry = access.place in made.entries
            if not entry and not thread.handler:
                line, seen_here = _accessed(access, f"&{at}", f"r{registers}", made, thread, number)
                lines += [x.replace("\t", "    ").replace(f"*&{at}", at) for x in line]
                if seen_here is not None:
                    wanted.append(f"{cpu}:r{registers} = {seen_here}")
                    registers += 1
                continue
            if access.type == "W":
                lines.append(
                    f"set_pte(pte(N, {at}), {at}_{access.value});"
                    if entry
                    else f"WRITE_ONCE({at}, {access.value});"
                )
                continue
            read = (
                f"*{at}" if access.type == "T" else f"ptep_get(pte(N, {at}))" if entry else f"READ_ONCE({at})"
            )
            value = f"{at}_{access.value}" if entry and access.type == "R" else str(access.value)
            if thread.handler:
                lines += [f"WRITE_ONCE(seen{cpu}, {read});"]
                seen.append(f"seen{cpu}")
                wanted.append(f"seen{cpu} = {value}")
            else:
                lines.append(f"r{registers} = {read};")
                wanted.append(f"{cpu}:r{registers} = {value}")
                registers += 1
        if thread.handler:
            handlers.append(f"void handler{cpu}(void *info) {{ {' '.join(lines)} }}")
            lines = []
        elif thread.step >= 0 and made.placed.cycle[thread.step].step.kind.handler:
            lines += [_between(made, thread, "MM", cpu=str(cpu + 1), h=f"handler{cpu + 1}")]
        bodies.append("\n".join([f"P{cpu}", "{", *(f"    {line}" for line in lines), "}"]))
    wanted += _finals(made, names, " = ")
    wanted += [
        f"pte(N, {names[p]}) = {names[p]}_{made.last[p]}" for p in sorted(made.entries) if made.last[p] > 1
    ]
    blocks = [f'MM {made.placed.name}\n\n"{spelled(made.placed.cycle)}"', _mm_init(made, names, seen)]
    condition = " /\\ ".join(wanted)
    return "\n\n".join([*blocks, *handlers, *bodies, f"exists ({condition})\n"])


def _mm_between(made: Plan, thread: Lane, names: _Names, handlers: list[str]) -> list[str]:
    """What an MM thread does between two accesses; it may need a handler."""
    kind = made.placed.cycle[thread.step].step.kind
    entry = names[thread.accesses[0 if kind.of_source else 1].place]
    if kind.flusher:
        handler = f"void flush_{entry}(void *info) {{ invlpg({entry}); }}"
        if handler not in handlers:
            handlers.append(handler)
    between = _between(made, thread, "MM", v=entry, f=f"flush_{entry}", q="")
    return [between] if between else []


def _mm_init(made: Plan, names: _Names, seen: list[str]) -> str:
    """The initial state."""
    lines = [f"int {names[p]};" for p in sorted(names.of, key=names.of.__getitem__) if p not in made.entries]
    lines += [f"int {name} = -1;" for name in seen]
    entries = sorted(names[p] for p in made.entries)
    for p in sorted(made.entries, key=names.of.__getitem__):
        lines += [f"page {names[p]}_{value} = {value};" for value in range(made.last[p] + 1)]
    if entries:
        lines.append(f"mm N {{ {', '.join(f'{v} -> {v}_0' for v in entries)} }};")
        lines += [f"{cpu}:cr3 = N;" for cpu in range(len(made.threads))]
    return "\n".join(["{", *(f"    {line}" for line in lines), "}"])
