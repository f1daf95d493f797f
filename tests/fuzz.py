"""Sends mutated files through the whole verifier: ``python -m tests.fuzz [--seconds N] [--seed S]``.

It deletes, repeats and swaps tokens and lines of the files below ``litmus/``, and inserts pieces of other
files, strange characters and numbers. Each result goes through ``load``, ``check`` with a short timeout,
JSON, herd7's log and the story. These may raise only the errors of this project. Any other exception is a
find, and so is an ``InternalError``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import InputError, InternalError, VerifierError
from verifier.render.herd import herd
from verifier.render.json import Document
from verifier.render.story import text as story
from verifier.results import Verdict
from verifier.suite.decide import run
from verifier.suite.load import load_checked
from verifier.suite.options import Options
from verifier.syntax import decode

LITMUS = Path(__file__).resolve().parent.parent / "litmus"
TOKEN = re.compile(r"\w+|/\\|\\/|[-+*/<>=!|&]{2}|\n|[^\w\s]")
STRANGE = (
    "0",
    "-1",
    "010",
    "09",
    "0x",
    "9" * 5000,
    "-" + "9" * 5000,
    "0x" + "f" * 5000,
    "01:cr3",
    "P01",
    "P99",
    "P99999",
    "[A]",
    "[else]",
    "[!F]",
    "nmi P3 { }",
    "\0",
    "\ufeff",
    "\u00e9\u0660\u00b2",
    "\u2028",
    "\r",
    "\t",
    '"',
    "(*",
    "*)",
    "/*",
    "*/",
    "//",
    "<<",
    ">>",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    "|",
    "~",
    "%",
    "&",
    "::",
    '#include "x"',
    "exists",
    "forall",
    "filter (x = 1)",
    "locations [x]",
    "observed x=1;",
    "with a: exists",
    "ever (",
    "fault",
    "goto x;",
    "x:",
    "struct x { int a; };",
    "expect never;",
    "unroll 1;",
    "variants { }",
    "init_mm",
    "page v;",
    "NULL",
    "r0",
    "<",
    "1:tlb[v@99 -> A]",
    "/\\",
    "%rax",
    "$1",
    "lock;",
    "int *p = &p;",
    "= x",
    "-> A",
    "1 << 63",
    "* 9223372036854775807",
)
SECONDS = 1.0  # for each test
SLOW = 20.0  # an input that takes longer in all is a find


@dataclass(frozen=True)
class Found:
    """An input with a wrong result; ``what`` describes it."""

    what: str
    name: str
    text: str


def corpus() -> list[tuple[str, str]]:
    """The names and texts of the files to mutate."""
    return [(str(f), f.read_text(encoding="utf-8")) for f in sorted(LITMUS.rglob("*.litmus"))]


def mutant(random: random.Random, files: list[tuple[str, str]]) -> tuple[str, str]:
    """The name and the text of a file with one to four changes. The name is kept for its includes."""
    name, text = random.choice(files)
    if random.random() < 0.1:
        _, other = random.choice(files)
        text = text[: random.randrange(len(text))] + other[random.randrange(len(other)) :]
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        text = random.choice((_lines, _tokens, _tokens, _tokens))(random, text)
    return name, text


def _lines(random: random.Random, text: str) -> str:
    lines = text.split("\n")
    _change(random, lines, lambda: random.choice(STRANGE))
    return "\n".join(lines)


def _tokens(random: random.Random, text: str) -> str:
    spans = [m.span() for m in TOKEN.finditer(text)]
    if not spans:
        return random.choice(STRANGE)
    tokens = [text[: spans[0][0]]]
    for (a, b), (after, _) in zip(spans, [*spans[1:], (len(text), 0)], strict=True):
        tokens += [text[a:b], text[b:after]]
    _change(random, tokens, lambda: random.choice(STRANGE))
    return "".join(tokens)


def _change(random: random.Random, parts: list[str], strange: Callable[[], str]) -> None:
    i, j = random.randrange(len(parts)), random.randrange(len(parts))
    kind = random.randrange(6)
    if kind == 0:
        del parts[i : i + random.choice((1, 1, 2, 5))]
    elif kind == 1:
        parts.insert(j, parts[i])
    elif kind == 2:
        parts[i], parts[j] = parts[j], parts[i]
    elif kind == 3:
        parts[i] = parts[j]
    else:
        parts.insert(i, f" {strange()} ") if kind == 4 else parts.__setitem__(i, strange())


def document(verdicts: list[Verdict], errors: list[VerifierError] | None = None) -> str:
    """The verdicts and errors as one JSON document."""
    page = Document()
    body = ",".join(page.result(v, states=True) for v in verdicts)
    for error in errors or []:
        page.error(error)
    return page.opening + body + page.closing(empty=not verdicts)


def trial(name: str, text: str, judge: str = "z3") -> str:
    """The wrong result of an input; empty if all is well."""
    start = time.perf_counter()
    try:
        source = decode(text.encode("utf-8", "surrogatepass"), name)
        for test in load_checked(source):
            try:
                verdict = run(test, Options(timeout=SECONDS, states=True, judge=judge))
            except InputError as error:
                str(error)
                continue
            json.loads(document([verdict]))
            story(verdict, 20)
            if verdict.states is not None:
                herd(verdict)
            for warning in (*test.warnings, *(verdict.program.warnings if verdict.program else ())):
                warning.render()
            if time.perf_counter() - start > SLOW:
                return f"takes longer than {SLOW:.0f} seconds"
    except InternalError as error:
        return f"InternalError: {str(error).splitlines()[0]}"
    except VerifierError as error:
        json.loads(document([], [error]))
        str(error)
    except Exception as error:  # this is a find
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        return f"{type(error).__name__} at {where}: {str(error)[:200]}"
    return f"takes longer than {SLOW:.0f} seconds" if time.perf_counter() - start > SLOW else ""


def shrunk(found: Found, seconds: float = 20.0) -> Found:
    """The find after a short search for an input with fewer lines and tokens."""
    end = time.perf_counter() + seconds
    kind = found.what.split(":")[0]

    def same(text: str) -> bool:
        return trial(found.name, text).split(":")[0] == kind

    text = found.text
    for split in (lambda t: t.splitlines(keepends=True), lambda t: re.findall(r"\w+|\s+|[^\w\s]", t)):
        parts = split(text)
        size = max(1, len(parts) // 2)
        while size and time.perf_counter() < end:
            at = 0
            while at < len(parts) and time.perf_counter() < end:
                less = parts[:at] + parts[at + size :]
                if same("".join(less)):
                    parts = less
                else:
                    at += size
            size //= 2
        text = "".join(parts)
    return Found(found.what, found.name, text)


def hunt(seed: int, *, inputs: int | None = None, seconds: float | None = None) -> Iterator[Found | None]:
    """Try mutants. Yields a find or None for each."""
    choices = random.Random(seed)
    files, end = corpus(), time.perf_counter() + (seconds if seconds is not None else 1e9)
    tried = 0
    while (inputs is None or tried < inputs) and time.perf_counter() < end:
        tried += 1
        name, text = mutant(choices, files)
        what = trial(name, text)
        yield Found(what, name, text) if what else None


def main() -> int:
    """Run the command. Returns 1 if there is a find."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tried, kinds = 0, dict[str, int]()
    for found in hunt(arguments.seed, seconds=arguments.seconds):
        tried += 1
        if found is None:
            continue
        kind = found.what[:80]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] == 1:
            small = shrunk(found)
            print(f"--- {small.what}\n    {small.name}\n{small.text}\n---", flush=True)
    print(f"{tried} inputs tried, {len(kinds)} kinds of finds")
    for kind, count in kinds.items():
        print(f"{count:6} {kind}")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
