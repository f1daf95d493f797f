"""Which instructions would have to be inserted where: one solver answers for all sets of them.

Each instruction that may be inserted has a local that is 1 where it is there (``lower.optional``). The more
of them are there, the fewer executions are left. So the smallest sets without the outcome are the smallest
ones that have an instruction of each correction, which is what an execution with the outcome lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from verifier.budget import Budget
from verifier.lower.build import lower
from verifier.lower.code import Branch, Emit, Instruction, Label, Lowered
from verifier.lower.optional import OptionalPart, PartKind
from verifier.model import model as model_of
from verifier.program.expressions import Reg, call
from verifier.records import dataclass, replace
from verifier.source import Source, Span
from verifier.suite.options import Options
from verifier.suite.shorten import short_program
from verifier.syntax import ast
from verifier.syntax.test import Test
from verifier.why.engine import Engine
from verifier.why.sites import Key, Site, Vocabulary
from verifier.why.trees import Rewriting, inserting

MOST = 3  # instructions in a set


@dataclass(frozen=True, slots=True)
class Instructed:
    """An instruction that may be inserted: ``word(argument)``, before statement ``at`` of a block."""

    word: str
    argument: str
    body: Site
    at: int

    @property
    def text(self) -> str:
        """How it is written."""
        return f"{self.word}({self.argument})"


def offered(bodies: Sequence[Site], words: Sequence[tuple[str, str]], known: Vocabulary) -> list[Instructed]:
    """Each word in each place whose text knows it. The kernel's text does not know the test's addresses."""
    return [
        Instructed(word, argument, b, at)
        for b in bodies
        for at in b.places()
        for word, argument in words
        if b.within is None or word == "smp_mb" or (not argument and known.calls(b, word))
    ]


_KINDS: Mapping[str, PartKind] = {
    "smp_mb": "barrier", "mfence": "barrier", "lfence": "barrier", "sync_core": "serialization",
}  # fmt: skip


class Insertions:
    """Finds the smallest sets of instructions of some words.

    Raises ``LimitError`` if that takes too long, ``InputError`` if a word does not fit anywhere. Close it
    after use (it is a context manager).
    """

    def __init__(
        self,
        test: Test,
        bodies: Sequence[Site],
        words: Sequence[tuple[str, str]],
        cost: Mapping[str, int],
        options: Options,
        budget: Budget,
    ) -> None:
        self.budget = budget
        self.offered = offered(bodies, words, Vocabulary(test.tree))
        self.cost = [cost[x.word] for x in self.offered]
        code, self.parts = _optional(test, self.offered, budget)
        _, program = short_program(test, code, options.switches, options.unroll, budget)
        self.engine = Engine(
            program,
            self.parts,
            model_of(options.switches, options.model),
            test.quantifier != "forall",
            budget,
        )
        self.corrections: list[frozenset[int]] = []
        self.found: list[frozenset[int]] = []
        try:
            self.hopeless = not self.offered or self.engine.possible(self.parts)
        except BaseException:
            self.engine.__exit__()
            raise

    def __enter__(self) -> Insertions:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.__exit__()

    def sets(self, most: int) -> Iterator[tuple[int, tuple[Instructed, ...]]]:
        """The smallest sets of a cost up to ``most`` that were not given yet, each with its cost."""
        while not self.hopeless:
            self.budget.tell(f"insertions of cost {most} at most, set", len(self.corrections) + 1)
            found = self._hitting(most)
            if found is None:
                return
            parts = [self.parts[i] for i in sorted(found)]
            absent = [p for i, p in enumerate(self.parts) if i not in found]
            if self.engine.possible(parts, absent):
                self.corrections.append(self._correction(found))
                self.corrections.sort(key=len)
                continue
            self.found.append(found)
            yield sum(self.cost[i] for i in found), tuple(self.offered[i] for i in sorted(found))

    def known(self, chosen: Sequence[Instructed]) -> None:
        """A set is an answer already: sets that contain it are none."""
        self.found.append(frozenset(self.offered.index(x) for x in chosen))

    def _correction(self, present: frozenset[int]) -> frozenset[int]:
        """Instructions of which one at least has to be added to ``present``: as few as possible."""
        there = present | self._in_model()
        rest = [i for i in range(len(self.parts)) if i not in there]
        size = len(rest)
        while rest and size:
            left: list[int] = []
            for start in range(0, len(rest), size):
                some = [i for i in rest[start : start + size] if i not in there]
                if some and self.engine.possible([self.parts[j] for j in {*there, *some}]):
                    there |= self._in_model()
                else:
                    left += some
            rest, size = [i for i in left if i not in there], size // 2
        return frozenset(range(len(self.parts))) - there

    def _in_model(self) -> set[int]:
        on, solver = self.engine.on, self.engine.solver
        if not solver.found:
            return set()
        return {i for i, p in enumerate(self.parts) if solver.value(on[p])}

    def _hitting(self, most: int) -> frozenset[int] | None:
        """A cheapest set that has an instruction of each correction, without an answer inside it."""
        best: tuple[int, frozenset[int]] | None = None

        def search(chosen: frozenset[int], cost: int) -> None:
            nonlocal best
            self.budget.tick()
            if cost > most or (best is not None and cost >= best[0]):
                return
            if any(answer <= chosen for answer in self.found):
                return
            open_ = next((c for c in self.corrections if not c & chosen), None)
            if open_ is None:
                best = cost, chosen
            elif len(chosen) < MOST:
                for i in sorted(open_, key=lambda i: (self.cost[i], i)):
                    search(chosen | {i}, cost + self.cost[i])

        search(frozenset(), 0)
        return best[1] if best is not None else None


def _optional(test: Test, chosen: Sequence[Instructed], budget: Budget) -> tuple[Lowered, list[OptionalPart]]:
    """The code of a test with all instructions, each of them optional."""
    sources: dict[str, Source] = {}
    spans: dict[tuple[str, int], int] = {}  # by the source and the place that stand for an instruction
    put: dict[Key, dict[int, list[ast.Stmt]]] = {}
    for i, x in enumerate(chosen):
        source = sources.setdefault(x.text, Source(test.source.name, test.source.text))
        span = Span(source, i, i)
        spans[x.text, i] = i
        arguments = (ast.Ident(x.argument, span),) if x.argument else ()
        made = ast.ExprStmt(ast.CallExpr(x.word, arguments, span), span)
        put.setdefault(x.body.key, {}).setdefault(x.at, []).append(made)
    changes = {k: inserting({at: tuple(s) for at, s in row.items()}) for k, row in put.items()}
    lowered = lower(replace(test, tree=Rewriting(changes).unit(test.tree)), budget)
    fakes = {id(s) for s in sources.values()}
    parts = [
        OptionalPart(f"%insert{i}", _KINDS.get(x.word, "flush"), x.text, x.body.block.span, frozenset())
        for i, x in enumerate(chosen)
    ]
    asked = _Asked(fakes)
    threads = [asked.code(code) for code in lowered.threads]
    nmis = [(cpu, asked.code(code)) for cpu, code in lowered.nmis]
    pending = [p._replace(code=asked.code(p.code)) for p in lowered.pending]
    options: dict[str, int | None] = {p.name: None for p in parts}
    return replace(lowered, threads=threads, nmis=nmis, pending=pending, options=options), parts


class _Asked:
    """Makes code ask for the instructions that are optional."""

    def __init__(self, fakes: set[int]) -> None:
        self.fakes = fakes
        self.made: dict[int, tuple[tuple[Instruction, ...], tuple[Instruction, ...]]] = {}
        self.labels = 0

    def code(self, code: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
        """The code of a thread or a handler."""
        if id(code) not in self.made:
            self.made[id(code)] = code, tuple(self._code(code))
        return self.made[id(code)][1]

    def _code(self, code: tuple[Instruction, ...]) -> Iterator[Instruction]:
        open_: tuple[int, str] | None = None
        for x in code:
            number = self._number(x)
            if open_ is not None and number != open_[0]:
                yield Label(open_[1])
                open_ = None
            if number is not None and open_ is None:
                self.labels += 1
                open_ = number, f"%insert{self.labels}"
                yield Branch(call("not", Reg(f"%insert{number}")), open_[1], x.span)
            if isinstance(x, Emit) and x.targets:
                x = x._replace(targets=tuple(t._replace(code=self.code(t.code)) for t in x.targets))
            yield x
        if open_ is not None:
            yield Label(open_[1])

    def _number(self, x: Instruction) -> int | None:
        """The number of the instruction that it belongs to."""
        return x.span.start if x.span is not None and id(x.span.source) in self.fakes else None
