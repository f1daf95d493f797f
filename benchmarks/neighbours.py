"""MM tests as lines: one variant of a file by itself, small changes of it, and the smallest that is still so.

A line is *loose* if it can be left out, doubled or moved: a statement, a line of the initial state, or a name
in the list of locations. The result of a change may be no test at all; who asks for it has to try.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

# Statements that some rule of the model is about. Those of the text itself are taken, too.
WORDS = (
    "mfence();", "lfence();", "sfence();", "smp_mb();", "cpuid();", "jump();", "invlpg({va});",
    "flush_tlb_local();", "load_cr3({mm});", "load_cr3_noflush({mm}, 1);", "invlpgb(0, {va});", "tlbsync();",
    "set_pte(pte({mm}, {va}), 0);", "r7 = *{va};", "WRITE_ONCE(*{va}, 5);", "r8 = ptep_get(pte({mm}, {va}));",
    "r9 = xchg({va}, 6);", "ptep_test_and_clear_young(pte({mm}, {va}));", "invpcid_flush_all();",
)  # fmt: skip
OPENING = re.compile(r"(nmi )?P\d+\b.*|void .*\)")


@dataclass(frozen=True)
class Line:
    """A line: in which block it is (``-1``: in none), and whether it is loose."""

    text: str
    block: int = -1
    loose: bool = False
    opens: bool = False  # does it begin its block?


@dataclass(frozen=True)
class Text:
    """A test: its lines without the condition, what is shown, and the condition."""

    lines: tuple[Line, ...]
    shown: tuple[str, ...]
    condition: str

    @property
    def size(self) -> int:
        """How many lines could be left out."""
        return sum(line.loose for line in self.lines) + len(self.shown)

    def written(self, name: str) -> str:
        """The file."""
        inside = [("    " if line.loose else "") + line.text for line in self.lines]
        shown = [f"locations [{' '.join(f'{x};' for x in self.shown)}]"] if self.shown else []
        return "\n".join([f"MM {name}", "", *inside, *shown, self.condition, ""])

    def smaller(self) -> Iterator[Text]:
        """The text without some loose lines, without an empty block, or with less that is shown."""
        at = [i for i, line in enumerate(self.lines) if line.loose]
        for size in (len(at) // 2, len(at) // 4, 2, 1):
            if size:
                for i in range(0, len(at), size):
                    gone = set(at[i : i + size])
                    yield replace(self, lines=tuple(x for j, x in enumerate(self.lines) if j not in gone))
        for i, (first, second) in enumerate(zip(self.lines, self.lines[1:], strict=False)):
            if first.opens and first.block > 0 and second.text == "}":
                yield replace(self, lines=self.lines[:i] + self.lines[i + 2 :])
        for i in range(len(self.shown)):
            yield replace(self, shown=self.shown[:i] + self.shown[i + 1 :])

    def changed(self, choices: random.Random) -> Text:
        """The text with up to three random changes of its statements."""
        lines = list(self.lines)
        bodies = sorted({x.block for x in lines if x.block > 0})
        for _ in range(choices.choice((1, 1, 2, 3))):
            at = [i for i, x in enumerate(lines) if x.block > 0 and x.loose]
            how = choices.choice(("insert", "insert", "insert", "remove", "swap", "move", "double"))
            if how == "insert" or not at:
                block = choices.choice(bodies)
                place = 1 + choices.choice(
                    [i for i, x in enumerate(lines) if x.block == block and x.text != "}"]
                )
                lines.insert(place, Line(self._word(choices), block, True))
                continue
            i = choices.choice(at)
            if how == "remove":
                del lines[i]
            elif how == "double":
                lines.insert(i, lines[i])
            elif how == "swap" and i + 1 < len(lines) and lines[i + 1].block == lines[i].block:
                lines[i], lines[i + 1] = lines[i + 1], lines[i]
            elif how == "move":
                line = lines.pop(i)
                block = choices.choice(bodies)
                lines.insert(_opening(lines, block) + 1, replace(line, block=block))
        return replace(self, lines=tuple(lines))

    def _word(self, choices: random.Random) -> str:
        """A statement: one of ``WORDS``, or one of the text."""
        whole = "\n".join(x.text for x in self.lines)
        pairs = re.findall(r"\bmm (\w+) \{ (\w+) ->", whole) or [("N", "v")]
        mm, va = choices.choice(pairs)
        own = [x.text for x in self.lines if x.block > 0 and x.loose]
        return choices.choice([*(word.format(mm=mm, va=va) for word in WORDS), *own])


def _opening(lines: list[Line], block: int) -> int:
    """Where the line stands that begins a block."""
    return next(i for i, line in enumerate(lines) if line.block == block and line.opens)


def _holds(guard: str, names: set[str]) -> bool:
    """Does a guard hold: ``A | B``, ``A & !B``?"""
    return any(
        all((x.strip().lstrip("!") in names) != x.strip().startswith("!") for x in part.split("&"))
        for part in guard.split("|")
    )


def alone(text: str, variant: str) -> str:
    """A file with only one of its variants."""
    before, found, rest = text.partition("\nvariants {")
    text = before + rest.partition("\n}")[2] if found else text
    out, others = list[str](), False
    for line in text.splitlines():
        guard = re.match(r"(\s*)\[((?:[A-Z0-9_|&! ]|else)+)\] ?(.*)", line)
        if guard is None:
            out.append(line)
        elif guard[2] == "else":
            out += [] if others else [guard[3]]
        elif _holds(guard[2], {variant}):
            out.append(guard[1] + guard[3])
            others = others or not guard[1]
    return "\n".join(out) + "\n"


def lines(text: str) -> Text | None:
    """The lines of a file; None if it has what is no line, such as a loop."""
    text = re.sub(r'"[^"]*"', "", text)  # comments
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    split = re.split(r"^((?:exists|forall|~ *exists)\b)", text, maxsplit=1, flags=re.MULTILINE)
    if len(split) < 3:
        return None
    body, found, condition = split
    shown = re.search(r"^locations \[([^\]]*(?:\[[^\]]*\][^\]]*)*)\]", body, re.MULTILINE)
    body = re.sub(r"^locations .*$", "", body, flags=re.MULTILINE)
    out, depth, block = list[Line](), 0, -1
    for raw in body.splitlines()[1:]:
        line = raw.strip()
        if not line or (depth == 0 and re.match(r"[A-Z]\w*=", line)):
            continue
        whole = re.fullmatch(r"([^{]*)\{(.*)\}", line)
        simple = whole and depth == 0 and ";" not in whole[1] and not whole[1].startswith("enum")
        for part in _parts(whole[1], whole[2]) if whole and simple else [line]:
            if depth == 0 and part.endswith("{"):
                if part != "{" and not OPENING.match(part):
                    return None
                depth, block = 1, block + 1
                out.append(Line(part, block, opens=True))
                continue
            loose = depth == 1 and not set(part) & set("{}")
            out.append(Line(part, block if depth else -1, loose))
            depth += part.count("{") - part.count("}")
    names = [x.strip() for x in shown[1].split(";") if x.strip()] if shown else []
    return Text(tuple(out), tuple(names), " ".join((found + condition).split()))


def _parts(head: str, inside: str) -> list[str]:
    """``P0 { a; b; }`` in lines."""
    return [f"{head.strip()} {{".strip(), *(f"{x.strip()};" for x in inside.split(";") if x.strip()), "}"]


def all_shown(text: Text) -> Text:
    """The text that shows all it writes and reads, as far as names tell."""
    names = list(text.shown)
    whole = "\n".join(x.text for x in text.lines)
    for line in text.lines:
        if line.block == 0:
            names += re.findall(r"^(?:int|atomic_t|code) (\w+)", line.text)
            names += [f"pte({mm}, {va})" for mm, va in re.findall(r"\bmm (\w+) \{ (\w+) ->", line.text)]
    cpu = ""
    for line in text.lines:
        cpu = line.text.split()[0][1:] if re.match(r"P\d+", line.text) else cpu
        names += [f"{cpu}:{reg}" for reg in re.findall(r"^(r\d+) = ", line.text) if cpu]
    names += [f"{page}.data" for page in re.findall(r"\bpage (\w+) =", whole)]
    return replace(text, shown=tuple(dict.fromkeys(names)))


def smallest(text: Text, still: Callable[[Text], bool]) -> Text:
    """The smallest text found that is still so."""
    again = True
    while again:
        again = False
        for candidate in text.smaller():
            if still(candidate):
                text, again = candidate, True
                break
    return text
