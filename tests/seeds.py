"""Prints docs/seeds.md: the claims of the five documents that the corpus began with, and their verdicts."""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import verifier
from verifier.cli import main
from verifier.program.waits import place
from verifier.why.answers import named

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "seeds.md"
CORPUS = ROOT / "litmus" / "linux"
_HEAD = """# Five documents, claim by claim

The corpus began with five documents about who must be interrupted when page tables change: patches, a review
and a source file. They make statements about ordering, or rely on them. This page lists the statements, says
whether they hold, which tests decide that, and why.

How to read the tables:

- *never* and *sometimes* say whether the outcome that must not happen can happen. The command
  `verifier check FILE::VARIANT` prints a run.
- In variant F the protocol is meant to be right. In B something is left out or changed. V is another question
  worth asking. L takes a comment to the letter.
- Where a claim is about what is needed, the last column has the answer of `verifier audit`
  ([why.md](why.md)).
- The model is that of x86 ([memory-model.md](memory-model.md)). Where other machines differ, the tables say
  so. If *sc* forbids an outcome, the outcome needs a store buffer. If *sparc64* forbids it, it needs a page
  walk at a time when no access asks for one.

This page is printed from [seeds.toml](seeds.toml) and the files below `litmus/linux`. The command
`pytest tests/unit/test_seeds.py` decides every variant that is named here and compares; with
`--update-golden` it prints the page anew.

The answers to {claims} claims:

{counts}.

Further down are [the slip](#the-slip-in-the-comment-of-switch_mm) in the comment of switch_mm(),
[three questions](#questions) to the maintainers, and [all entries](#all-entries).
"""
_QUESTIONS = """## Questions

The runs in this section are runs of the model. They are not known bugs: the model lets a processor do
whatever the manuals do not exclude.
[open-questions.md](open-questions.md) asks the first and the third, and three more, of real kernels' text.
"""
_ENTRIES = """## All entries

Ids with S have the number of the document. Entries with K come from elsewhere. Entries with N were written
later.

| entry | title | file | can happen | cannot happen |
|---|---|---|---|---|"""
ANSWERS = {
    "holds": "as the document has it",
    "in part": "only under a condition, or only as far as the last column says",
    "slip": "the words, or the code, do not say what is meant",
    "open": "a question to the maintainers",
}


class Expected(NamedTuple):
    """An expectation of a file, under ``profile`` and ``settings`` of ``verifier.check``."""

    word: str
    where: str = ""
    profile: str = "generic"
    settings: tuple[tuple[str, str], ...] = ()


@cache
def data() -> dict[str, Any]:
    """The content of docs/seeds.toml."""
    return tomllib.loads((ROOT / "docs" / "seeds.toml").read_text())


@cache
def variants(file: str) -> dict[str, verifier.Test]:
    """The tests of a file below litmus/linux, by variant."""
    return {t.variant or "": t for t in verifier.load(CORPUS / file)}


def deciders(paths: list[str]) -> Iterator[tuple[str, str]]:
    """(file, variant) of each decider in ``file::variant,variant``."""
    for path in paths:
        file, _, names = path.partition("::")
        for name in names.split(","):
            yield file, name


def expectations(test: verifier.Test) -> list[Expected]:
    """The expectations of a variant: first the one under the generic profile, then the others."""
    found = [Expected(test.expected or "unknown")]
    for e in test.otherwise:
        if e.switch:
            found.append(Expected(e.word, f"`{'='.join(e.switch)}`", settings=(e.switch,)))
        elif e.profile:
            found.append(Expected(e.word, e.profile, profile=e.profile))
    return found


@cache
def page() -> str:
    """The text of docs/seeds.md."""
    return "\n".join([*_head(), *_claims(), *_slip(), *_questions(), *_index()]) + "\n"


def _head() -> Iterator[str]:
    answers = [str(c["answer"]) for c in data()["claim"]]
    counts = [f"- **{a}** ({answers.count(a)}): {meaning}" for a, meaning in ANSWERS.items() if a in answers]
    yield _HEAD.format(claims=len(answers), counts=";\n".join(counts))


def _claims() -> Iterator[str]:
    for seed in data()["seed"]:
        yield f"## {seed['number']}. {seed['title']}"
        yield ""
        yield seed["about"]
        yield ""
        yield "| | claim | | decided by | why |"
        yield "|---|---|---|---|---|"
        for claim in sorted(data()["claim"], key=lambda c: str(c["number"])):
            if claim["number"].startswith(seed["number"]):
                yield _row(
                    claim["number"], claim["says"], f"**{claim['answer']}**",
                    "<br>".join(_verdicts(claim["by"])),
                    "<br>".join([claim["why"], *_audited(claim.get("audit", []))]),
                )  # fmt: skip
        yield ""


def _verdicts(paths: list[str]) -> Iterator[str]:
    """A line for each variant. The first variant of a file has the file's name before it."""
    last = ""
    for file, name in deciders(paths):
        test = variants(file)[name]
        link = "" if file == last else f"{_link(file)} "
        last = file
        yield f"{link}{name} {_expected(test)}{': ' if test.comment else ''}{test.comment}"


@cache
def audits(file: str, name: str) -> verifier.Audit:
    """The audit of a variant."""
    return verifier.audit(variants(file)[name])


def _audited(asked: list[str]) -> Iterator[str]:
    """What ``verifier audit`` says of the parts of a variant: ``file::variant: kind word, kind word``."""
    for line in asked:
        place, _, parts = line.partition(": ")
        file, _, name = place.partition("::")
        said = [_found(audits(file, name), *part.rsplit(" ", 1)) for part in parts.split(", ")]
        yield f"*audit* of {Path(file).stem} {name}: {'; '.join(said)}."


def _found(audit: verifier.Audit, kind: str, word: str) -> str:
    file = audit.verdict.test.source.name
    found = [f for f in audit.findings if f.kind == kind and f.text.partition("(")[0].split(" ")[-1] == word]
    assert found, f"{audit.verdict.test.id}: no {kind} of {word}"
    own = [f for f in found if f.span.source.name == file] or found
    needs = {(f.need, f.joint): place(f.span, file) for f in own}
    what = f"`{word}()`" if kind == "barrier" else f"the {kind} of `{word}()`"
    said = []
    for (need, joint), where in needs.items():
        unless = f", unless {' or '.join(_named(named(p, file)) for p in joint)} is missing" if joint else ""
        said.append(f"{what}{f' ({where})' if len(needs) > 1 else ''} is {need}{unless}")
    return "; ".join(said)


def _named(text: str) -> str:
    """A part's name without its place, with its word as code."""
    return re.sub(r"(\w+\(\))", r"`\1`", text.partition(" (")[0])


def _expected(test: verifier.Test) -> str:
    first, *rest = expectations(test)
    return f"*{first.word}*{_elsewhere(rest, '*')}"


def _slip() -> Iterator[str]:
    slip = data()["slip"]
    yield "## The slip in the comment of switch_mm"
    yield ""
    yield slip["text"].strip()
    yield ""
    for run in slip["run"]:
        yield run["text"].strip()
        yield ""
        yield from _told(run["test"])
    yield slip["history"].strip()
    yield ""


def _questions() -> Iterator[str]:
    yield _QUESTIONS
    for number, question in enumerate(data()["question"], 1):
        yield f"### {number}. {question['title']}"
        yield ""
        yield f"About {', '.join(question['claims'])}. {question['asks'].strip()}"
        yield ""
        for run in question["runs"]:
            yield from _told(run)
        yield f"**What the model assumes.** {question['model'].strip()}"
        yield ""
        yield "**What would make it harmless.**"
        yield ""
        yield question["harmless"].strip()
        yield ""
        if "litmus" in question:
            yield f"```litmus\n{question['litmus'].strip()}\n```"
            yield ""
        yield f"**What we do not know.** {question['unknown'].strip()}"
        yield ""


def _told(path: str) -> Iterator[str]:
    """The output of the verifier for a test."""
    out = io.StringIO()
    with redirect_stdout(out):
        main(["check", str(CORPUS / path)])
    yield "```"
    yield out.getvalue().rstrip()
    yield "```"
    yield ""


def _index() -> Iterator[str]:
    yield _ENTRIES
    for entry, file in entries():
        tests = list(variants(file).values())
        can, cannot = _listed(tests, "sometimes", "always"), _listed(tests, "never")
        yield _row(entry, data()["entry"][entry], _link(file), can, cannot)


def entries() -> list[tuple[str, str]]:
    """(Id, file) of all files below litmus/linux that are entries."""
    found = []
    for path in CORPUS.rglob("*.litmus"):
        file = path.relative_to(CORPUS).as_posix()
        entry = next(iter(variants(file).values())).meta.get("Id")
        if entry:
            found.append((entry, file))
    return sorted(found, key=lambda row: ("SKN".find(row[0][0]), row))


def _listed(tests: list[verifier.Test], *words: str) -> str:
    """The variants with one of these expectations, each with its expectations under other profiles."""
    out = []
    for test in tests:
        first, *rest = expectations(test)
        if first.word in words:
            out.append((test.variant or "the only one") + _elsewhere(rest))
    return ", ".join(out)


def _elsewhere(expected: list[Expected], mark: str = "") -> str:
    """`` (amd, sc: never)``."""
    words = dict.fromkeys(e.word for e in expected)
    told = [f"{', '.join(e.where for e in expected if e.word == w)}: {mark}{w}{mark}" for w in words]
    return f" ({'; '.join(told)})" if told else ""


def _link(file: str) -> str:
    return f"[{Path(file).stem}](../litmus/linux/{file})"


def _row(*cells: str) -> str:
    text = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| {text} |"
