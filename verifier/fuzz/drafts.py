"""Random programs in no language: statements of CPUs, which can be left out one by one.

X86, C and MM spell the same program, as far as they have its statements.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from verifier.records import dataclass, replace

DATA_NAMES = "xyz"
X86_NAMES = ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI")
COMMON = ("write", "write", "write", "read", "read", "read", "mfence", "lfence", "sfence", "locked", "xchg")
WALKING = ("walk", "walk", "entry", "entry", "invlpg", "flush", "cr3", "call")
SPELLED = {
    "mfence": ("MFENCE", "mb();"),
    "lfence": ("LFENCE", "rmb();"),
    "sfence": ("SFENCE", "wmb();"),
}
MM_ONLY = {
    "walk": "{r} = *v;",
    "entry": "set_pte(pte(N, v), v_{value});",
    "invlpg": "invlpg(v);",
    "flush": "flush_tlb_local();",
    "cr3": "load_cr3(N);",
    "call": "smp_call_function(shot, NULL, {value});",
}


@dataclass(frozen=True, slots=True)
class Act:
    """A statement: ``what`` it does, at a place if it needs one, with a value if it needs one."""

    what: str
    place: str = ""
    value: int = 0

    @property
    def reads(self) -> bool:
        """Does it set a register?"""
        return self.what in ("read", "xchg", "walk")


@dataclass(frozen=True, slots=True)
class Sketch:
    """A program: what each CPU does."""

    cpus: tuple[tuple[Act, ...], ...]

    def smaller(self) -> Iterator[Sketch]:
        """The program without one CPU, or without one statement, or with a simpler statement."""
        for i in range(len(self.cpus)):
            yield Sketch(self.cpus[:i] + self.cpus[i + 1 :])
        for i, cpu in enumerate(self.cpus):
            for j, statement in enumerate(cpu):
                yield self._with(i, (*cpu[:j], *cpu[j + 1 :]))
                if statement.what == "xchg":
                    for what in ("read", "write"):
                        yield self._with(i, (*cpu[:j], replace(statement, what=what), *cpu[j + 1 :]))

    def _with(self, cpu: int, statements: tuple[Act, ...]) -> Sketch:
        return Sketch((*self.cpus[:cpu], statements, *self.cpus[cpu + 1 :]))

    def text(self, language: str, name: str = "fuzz") -> str:
        """The program as a file, whose condition shows all that it reads and writes."""
        columns, labels = [], list[str]()
        for number, cpu in enumerate(self.cpus):
            lines, registers = list[str](), 0
            for statement in cpu:
                register = X86_NAMES[registers] if language == "X86" else f"r{registers}"
                lines += _spelled(statement, language, register, f"q{number}")
                if statement.reads:
                    labels.append(f"{number}:{register}")
                    registers += 1
            columns.append(lines)
        places = sorted({s.place for cpu in self.cpus for s in cpu if s.place})
        shown = " ".join(f"{label};" for label in [*labels, *places])
        condition = f"locations [{shown}]\nexists ({(labels or places or ['0:r0'])[0]} = 1)\n"
        if language == "X86":
            return _x86(name, columns) + condition
        if language == "C":
            return self._c(name, columns) + condition
        return self._mm(name, columns, places) + condition

    def _c(self, name: str, columns: list[list[str]]) -> str:
        out = [f"C {name}", "", "{}"]
        for number, lines in enumerate(columns):
            pointers = ", ".join(f"int *{p}" for p in sorted({s.place for s in self.cpus[number] if s.place}))
            count = sum(s.reads for s in self.cpus[number])
            out += ["", f"P{number}({pointers or 'void'})", "{", *(f"\tint r{i};" for i in range(count))]
            out += [*(f"\t{line}" for line in lines), "}"]
        return "\n".join([*out, "", ""])

    def _mm(self, name: str, columns: list[list[str]], places: list[str]) -> str:
        out = [f"MM {name}", "", "{", *(f"    int {place};" for place in places)]
        whats = {s.what for cpu in self.cpus for s in cpu}
        if whats & set(MM_ONLY):
            pages = sorted({0, *(s.value for cpu in self.cpus for s in cpu if s.what == "entry")})
            out += [f"    page v_{i} = {i};" for i in pages] + ["    mm N { v -> v_0 };"]
            out += [f"    {number}:cr3 = N;" for number in range(len(self.cpus))]
        out.append("}")
        if "call" in whats:
            out += ["", "void shot(void *info)", "{", "    invlpg(v);", "}"]
        for number, lines in enumerate(columns):
            out += ["", f"P{number}", "{", *(f"    {line}" for line in lines), "}"]
        return "\n".join([*out, "", ""])


def _spelled(s: Act, language: str, register: str, own: str) -> list[str]:
    """The lines of a statement."""
    if s.what in SPELLED:
        return [SPELLED[s.what][language != "X86"]]
    if language == "X86":
        return {
            "write": [f"MOV [{s.place}],${s.value}"],
            "read": [f"MOV {register},[{s.place}]"],
            "xchg": [f"MOV {register},${s.value}", f"XCHG [{s.place}],{register}"],
            "locked": [f"LOCK INC [{own}]"],
        }[s.what]
    star, amp = ("*", "") if language == "C" else ("", "&")
    if s.what in MM_ONLY:
        return [MM_ONLY[s.what].format(r=register, value=s.value)]
    return {
        "write": [f"WRITE_ONCE({star}{s.place}, {s.value});"],
        "read": [f"{register} = READ_ONCE({star}{s.place});"],
        "xchg": [f"{register} = xchg({amp}{s.place}, {s.value});"],
        "locked": ["smp_mb();"],
    }[s.what]


def _x86(name: str, columns: list[list[str]]) -> str:
    height = max(map(len, columns), default=0)
    rows = [[f"P{cpu}" for cpu in range(len(columns))]]
    rows += [[c[i] if i < len(c) else "" for c in columns] for i in range(height)]
    return f"X86 {name}\n{{ }}\n" + "".join(" " + " | ".join(row) + " ;\n" for row in rows)


def drafted(seed: int, language: str) -> Sketch:
    """A random program, the same for the same seed."""
    choices = random.Random(f"{seed} {language}")
    cpus = choices.choice((2, 2, 3))
    whats = [*COMMON, *(WALKING if language == "MM" and choices.random() < 0.8 else ())]
    places = DATA_NAMES[: choices.choice((2, 2, 3))]
    written = dict.fromkeys([*places, "entry"], 0)

    def statement() -> Act:
        what = choices.choice(whats)
        if what in ("write", "xchg"):
            place = choices.choice(places)
            written[place] += 1
            return Act(what, place, written[place])
        if what == "read":
            return Act(what, choices.choice(places))
        if what == "entry":
            written[what] += 1
            return Act(what, value=written[what])
        return Act(what, value=choices.choice((0, 1)) if what == "call" else 0)

    def crossing(here: str, there: str) -> list[Act]:
        """Store here, and look there: if two CPUs do that the other way round, a store buffer shows."""
        written[here] += 1
        store = Act("entry", "", written[here]) if here == "entry" else Act("write", here, written[here])
        look = Act("walk") if there == "entry" else Act("read", there)
        between = [statement()] if choices.random() < 0.6 else []
        return [*choices.choice(([], [], [statement()])), store, *between, look]

    if choices.random() < 0.6:
        here, there = choices.sample([*places, *(["entry"] if "walk" in whats else [])], 2)
        pair = [tuple(crossing(here, there)), tuple(crossing(there, here))]
        return Sketch((*pair, *[(statement(), statement())] * (cpus - 2)))
    longest = 4 if cpus == 2 else 3
    drawn = [tuple(statement() for _ in range(choices.randint(2, longest))) for _ in range(cpus)]
    if not any(s.place or s.reads for cpu in drawn for s in cpu):
        drawn[0] += (Act("write", places[0], 1),)
    return Sketch(tuple(drawn))
