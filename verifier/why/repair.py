"""What would mend a test whose bad outcome is possible: the smallest changes of its text, cheapest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import combinations_with_replacement

from verifier.budget import MEMORY, Budget
from verifier.errors import InputError, InternalError, LimitError, UsageError
from verifier.records import dataclass, field, replace
from verifier.source import Source, Span
from verifier.suite.options import Options
from verifier.suite.pool import alone
from verifier.suite.worker import forks, tell
from verifier.syntax import ast, load
from verifier.syntax.kernel import Cutter
from verifier.syntax.test import Test
from verifier.why.activities import Activities, activities
from verifier.why.costs import COSTS, costs
from verifier.why.edits import Edit, Edits, InBlock
from verifier.why.found import Repair, Repairs, Status
from verifier.why.insertions import MOST, Insertions, Instructed, offered
from verifier.why.judging import Effect, Judged, compared, effect, judged
from verifier.why.mending import Mending, halves, merged
from verifier.why.regions import Regions
from verifier.why.sites import Site, Vocabulary, based, bodies, own, shared
from verifier.why.texts import KernelWriter, Writer, changed, patch, same, together
from verifier.why.trees import Trees

MAX_ANSWERS = 12  # of one cost
MANY_EVENTS = 250  # events of a program for which the first answers are enough
LAST_FORKS = 5_000  # that the explorer may see where the last place of an answer is tried
Word = tuple[str, str]  # a word and its argument


Hear = Callable[[str], None]


def repair(
    test: Test,
    options: Options | None = None,
    cost: Mapping[str, int] | None = None,
    hear: Hear | None = None,
) -> Repairs:
    """The smallest changes after which the bad outcome of a test is impossible.

    The bad outcome is what ``exists`` or ``~exists`` asks for, or what ``forall`` excludes. ``cost``
    overrides costs of the table ``costs.COSTS``. ``options.timeout`` is for all of it, in seconds. ``hear``
    gets what is being tried.

    Raises ``UsageError`` for an assembly test, a test without a condition, or an unknown kind of edit;
    ``InputError`` for a wrong test; ``InternalError`` if the judges disagree.
    """
    options = options or Options()
    table = costs(cost)
    _ = options.switches
    if not isinstance(test.tree, ast.Unit):
        raise UsageError(f"{test.source.name}: only C and MM tests can be repaired")
    if not test.asks:
        raise UsageError(f"{test.source.name}: there is no condition, so there is nothing to repair")
    start = time.perf_counter()
    search = _Search(test, options, table, hear)
    return replace(search.run(), seconds=time.perf_counter() - start)


def repair_alone(
    test: Test, options: Options, cost: Mapping[str, int] | None = None, hear: Hear | None = None
) -> Repairs:
    """``repair`` in a process of its own, with ``options.limits``; in this one if the system cannot fork."""
    if not forks():
        return repair(test, options, cost, hear)
    import_module("verifier.lower.c.file")  # here, so that each process need not do it
    start = time.perf_counter()
    heard: list[str] = []

    def listen(text: str) -> None:
        heard[:] = [text]
        if hear is not None:
            hear(text)

    try:
        found = alone(
            lambda: _sent(repair(test, options, cost, tell)), options.limits, test.source.name, listen
        )
    except LimitError as lost:
        reason = "; ".join([str(lost), *(f"the last that was tried: {text}" for text in heard)])
        return Repairs(test, "unknown", (), False, reason, seconds=time.perf_counter() - start)
    return replace(found, test=test)


def _sent(found: Repairs) -> Repairs:
    return replace(found, test=replace(found.test, tree=None))


@dataclass
class _Search:
    """Looks for the repairs of a test, from the cheapest edits on, until one loses no good outcome."""

    test: Test
    options: Options
    cost: Mapping[str, int]
    hear: Hear | None = None
    tried: int = 0
    hanging: int = 0
    unsure: str = ""  # why some change could not be decided
    found: list[tuple[Mending, Repair]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = Budget(self.options.timeout, self.options.memory or MEMORY, self.hear)
        self.base = Judged(None)
        self.engine: Insertions | None = None
        self.too_large = False
        self.bodies: list[Site] = []
        self.untried: tuple[str, ...] = ()
        self.family: list[Test] = []
        self.asking = ""  # what is being tried, for a search that ends early
        self.trees = Trees(self.test)
        self.helping: list[Edit] = []  # one judge says so, the other is not asked yet
        self.writer = Writer(self.test.source, self.test.variant)
        self.done: Activities | None = None  # what good runs do

    def run(self) -> Repairs:
        """All of it."""
        self.budget.tell("the test as it is")
        self.base = judged(self.test, self.options, self.budget)
        if self.base.possible is not True:
            status: Status = "unknown" if self.base.possible is None else "impossible"
            reason = self.base.reason
            if status == "unknown":
                reason += "; no edit was tried, as both judges must know the test as it is"
            known = self.base.possible is False
            hangs = known and self._hangs
            return Repairs(self.test, status, (), known, reason, hangs=hangs, ends=self.base.ends)
        reason = ""
        try:
            self.family = self._loaded(())
            alone = len(self.family) == 1
            others = [t for t in self.family if t.variant != self.test.variant]
            self.writer = Writer(self.test.source, None if alone else self.test.variant, shared(others))
            units = [t.tree for t in others]
            maker = Edits(self.test, self.writer, self.cost, self.base.witness, self._writer, units)
            sites = bodies(self.test)
            self._levels(maker, [b for b in sites if b.within is not None and maker.touched(b)])
            if not self.found:  # else what the kernel's text does is mended there, and not in the test
                self._levels(maker, [b for b in sites if b.within is None])
        except LimitError as limit:
            reason = f"{limit}{self._not_asked()}"
        reason = reason or self.unsure
        ranked = sorted(self.found, key=lambda x: (not x[1].clean, x[0].cost, x[0].edits[0].line))
        repairs = tuple(r for _, r in ranked)
        status = "repaired" if repairs else "unknown" if reason else "none"
        return Repairs(
            self.test,
            status,
            repairs,
            not reason,
            reason,
            self.tried,
            self.hanging,
            self.untried,
            self._hangs,
        )

    @property
    def _hangs(self) -> bool:
        """Do some runs of the test hang, which its condition does not ask for?"""
        return not self.base.judges_hangs and (bool(self.base.stuck) or not self.base.ends)

    def _step(self, what: str, cost: int, number: int = 0, of: int = 0) -> None:
        """Something is tried, of this cost: number ``number`` of ``of``, if there are several."""
        if self.budget.listener is not None:
            self.budget.tell(f"{what} of cost {cost}" + "," * bool(of), number, of)
        which = f" {number} to {of} of {of}" if number < of else f" {number} of {of}" if of else ""
        self.asking = f"{what}{which} of cost {cost}, and all that costs more"
        self.budget.enter(f"trying {what.removesuffix('s')}s")

    def _not_asked(self) -> str:
        """What there was no time for."""
        said = f"; not tried: {self.asking}" if self.asking else ""
        if self.helping:
            said += "; one judge says that this helps, the other was not asked: "
            said += "; ".join(e.told for e in self.helping)
        return said

    # -- levels of cost -----------------------------------------------------------------------------------

    def _levels(self, maker: Edits, chosen: Sequence[Site]) -> None:
        """Try edits in some blocks, one level of cost after the other."""
        if not chosen:
            return
        self.bodies, self.too_large = list(chosen), False
        edits, words = maker.all(chosen), self._words()
        if any(b.within is not None for b in chosen):
            tried = {e.kind for e in edits} | {x.word for x in offered(chosen, words, maker.callees.known)}
            self.untried = tuple(kind for kind in COSTS if kind not in tried)
        sums = {
            sum(chosen) for n in range(1, MOST + 1)
            for chosen in combinations_with_replacement([self.cost[w] for w, _ in words], n)
        }  # fmt: skip
        cheap = [w for w in words if self.cost[w[0]] == min(self.cost[x] for x, _ in words)]
        dear = [self.cost[w] for w, _ in words if (w, _) not in cheap]
        begun: list[Word] = []
        try:
            for level in sorted(sums | {e.cost for e in edits}):
                self._step("insertions", level)
                wanted = words if dear and level >= min(dear) else cheap
                if wanted != begun and not self.too_large:
                    self._begin(wanted)
                    begun = wanted
                if level in sums:
                    self._confirmed([self._inserted(s) for s in self._sets(level)])
                single = [*self._one_by_one(wanted), *edits]
                self._confirmed(list(self._single([e for e in single if e.cost == level])))
                self.helping = []
                if any(repair.clean for _, repair in self.found):
                    return
                if (
                    self.found
                    and self.base.program is not None
                    and len(self.base.program.events) >= MANY_EVENTS
                ):
                    self.unsure = self.unsure or (
                        f"edits of a cost above {level} are not tried, as the program is large"
                    )
                    return
        finally:
            self._end()

    def _words(self) -> list[Word]:
        """The instructions that may help if they are inserted."""
        program = self.base.program
        if program is None:
            return []
        found: list[Word] = [("smp_mb", "")]
        if program.world.vas:
            found += [("invlpg", va.base) for va in program.world.vas if not va.off]
            found.append(("flush_tlb_local", ""))
        bare = any(e.op == "SEND" and e.kind == "x2apic" for e in program.events)
        found += [("mfence", ""), ("lfence", "")] if bare else []
        if program.world.vas or bare or any(e.op == "IF" for e in program.events):
            found.append(("sync_core", ""))
        return found

    def _one_by_one(self, words: Sequence[Word]) -> list[Edit]:
        """Insertions as edits of their own, if a solver for all of them is too large or too slow."""
        if not self.too_large:
            return []
        return [
            self._inserted((x,)).edits[0] for x in offered(self.bodies, words, Vocabulary(self.test.tree))
        ]

    def _begin(self, words: Sequence[Word]) -> None:
        """Make a solver for these words, which knows the answers of an older one. It may take half of the
        time that is left, so that the other edits are tried, too."""
        answers: list[tuple[Instructed, ...]] = []
        if self.engine is not None:
            answers = [tuple(self.engine.offered[i] for i in s) for s in self.engine.found]
        self._end()
        left = self.budget.left()
        budget = Budget(None if left is None else left / 2, self.budget.memory, self.hear)
        try:
            self.engine = Insertions(self.test, self.bodies, words, self.cost, self.options, budget)
        except InputError:
            return  # some word does not fit into this test
        except LimitError as limit:
            self._give_up(limit)
            return
        for chosen in answers:
            self.engine.known(chosen)

    def _give_up(self, limit: LimitError) -> None:
        self.too_large = True
        self.unsure = self.unsure or f"several insertions together are not tried: {limit}"

    def _end(self) -> None:
        if self.engine is not None:
            self.engine.__exit__()
        self.engine = None

    def _sets(self, level: int) -> Iterator[tuple[Instructed, ...]]:
        """The sets of insertions up to a cost that were not given yet."""
        try:
            if self.engine is not None:
                yield from (chosen for _, chosen in self.engine.sets(level))
        except LimitError as limit:
            self._give_up(limit)
            self._end()

    def _inserted(self, chosen: tuple[Instructed, ...]) -> Mending:
        edits = []
        for x in chosen:
            text = f"{x.text};"
            edits.append(
                Edit(
                    x.word, self.cost[x.word], x.text, _line(x.body, x.at),
                    lambda at, body=x.body, text=text: self._writer(body.block.span).inserted(body, at, text),  # type: ignore[misc]
                    x.body, x.at,
                    change=lambda at, body=x.body, text=text: InBlock(body.key, ((at, text),)),  # type: ignore[misc]
                )
            )  # fmt: skip
        return Mending(tuple(edits), tuple((e.at, e.at) for e in edits))

    def _single(self, edits: Sequence[Edit]) -> Iterator[Mending]:
        """Those of single edits that make the outcome impossible."""
        regions: list[Edit] = []
        failed: set[tuple[object, str]] = set()  # places, and what does not help there
        helping: dict[tuple[object, str], Edit] = {}
        wide = Regions(self.base.program, self.test.tree, edits)
        known: dict[int, Effect | None] = {}  # of the widest regions
        for number, edit in enumerate(sorted(edits, key=lambda e: bool(e.weaker)), 1):
            self._step("edit", edit.cost, number, len(edits))
            where = edit.body.key if edit.body is not None else None, edit.at
            if any(edit.contains(r) for r in regions) or (where, edit.weaker) in failed:
                continue
            around = wide.around(edit)
            if around is not None:
                if id(around) not in known:
                    known[id(around)] = self._effect(around)
                if known[id(around)] == "fails":
                    continue
            found = known[id(edit)] if id(edit) in known else self._effect(edit)
            if found is None:
                continue
            self.hanging += found == "hangs"
            if found == "fails":
                failed.add((where, edit.what))
            elif found == "helps":
                helping.pop((where, edit.weaker), None)
                helping[where, edit.what] = edit
                self.helping = list(helping.values())
                regions += [edit] if edit.region is not None else []
        for edit in helping.values():
            yield Mending((edit,), ((edit.at, edit.at),))

    def _effect(self, edit: Edit) -> Effect | None:
        """What a single edit does; None if it cannot be written."""
        tree = self.trees.changed((edit,), (edit.at,))
        test = replace(self.test, tree=tree) if tree is not None else self._changed((edit,), (edit.at,))
        if test is None:
            return None
        self.tried += 1
        try:
            likely = self.base.dead if tree is not None else ()
            found = effect(test, self.options, self.budget, self.base, likely)
        except InputError:
            return None
        except LimitError as limit:
            if self.budget.over:
                raise
            self.unsure = self.unsure or f"{edit.told}: {limit}"  # too large; others may not be
            return None
        if tree is not None and found != "fails" and self._changed((edit,), (edit.at,)) is None:
            return None
        return found

    def _changed(self, edits: Sequence[Edit], places: Sequence[int]) -> Test | None:
        """The test of this variant with edits; None if no way to write them is right."""
        ways = [list(e.ways(at)) for e, at in zip(edits, places, strict=True)]
        for writing in together(ways):
            sources = changed(self._sources(), writing)
            if sources is not None:
                try:
                    (test,) = self._loaded(sources, only=self.test.variant)
                except InputError:
                    continue
                if self.trees.meant(test, edits, places):
                    return test
        return None

    # -- files --------------------------------------------------------------------------------------------

    def _sources(self) -> list[Source]:
        """The test's own file, and those of the kernel tree that it takes text from."""
        cutter = self.test.tree.cutter
        theirs = [f.source for f in cutter.files.values()] if isinstance(cutter, Cutter) else []
        return [self.test.source, *theirs]

    def _before(self, changed: Source) -> Source:
        """A file as it was."""
        return next(s for s in self._sources() if s.name == changed.name)

    def _writer(self, span: Span) -> Writer:
        """What writes edits of the file in which something is."""
        cutter, name = self.test.tree.cutter, span.source.name
        if name == self.test.source.name or not isinstance(cutter, Cutter) or name not in cutter.files:
            return self.writer
        file = cutter.files[name]
        return KernelWriter(file.source, file.active)

    def _exact(self, source: Source) -> bool:
        """Can a patch of a file be written?"""
        cutter = self.test.tree.cutter
        theirs = source.name != self.test.source.name and isinstance(cutter, Cutter)
        return not theirs or cutter.tree.exact(source.name)

    def _loaded(self, sources: Sequence[Source], only: str | None = None) -> list[Test]:
        """The tests of the file, or one variant, where some files have other texts."""
        own = next((s for s in sources if s.name == self.test.source.name), self.test.source)
        cutter = self.test.tree.cutter
        tree = cutter.tree if isinstance(cutter, Cutter) else None
        theirs = [s for s in sources if s is not own]
        if tree is not None and theirs:
            tree = tree.edited(theirs)
        return load(own, self.options.defines, plain=True, only=only, tree=tree)

    # -- answers ------------------------------------------------------------------------------------------

    def _confirmed(self, answers: list[Mending]) -> None:
        """Ask both judges about answers; equal ones become one."""
        alike = merged(answers)
        for number, answer in enumerate(alike[:MAX_ANSWERS], 1):
            self._step("answer", answer.cost, number, min(len(alike), MAX_ANSWERS))
            self._confirm(answer)
        if len(alike) > MAX_ANSWERS:
            self.unsure = self.unsure or f"there are more than {MAX_ANSWERS} answers of cost {alike[0].cost}"

    def _confirm(self, answer: Mending) -> None:
        first = [low for low, _ in answer.spread]
        last = [high for _, high in answer.spread]
        written = self._written(answer, first)
        if written is None:
            if answer.places > 1:  # perhaps only the first place cannot be written
                for half in halves(answer):
                    self._confirm(half)
            return
        sources, test = written
        after = judged(test, self.options, self.budget, self.base)
        if first != last and after.possible is not None:
            again = self._changed(answer.edits, last)
            other = None if again is None else judged(again, self.options, self.budget, self.base, LAST_FORKS)
            if other is None or not after.alike(other):
                for half in halves(answer):
                    self._confirm(half)
                return
        self._accept(answer, sources, test, after)

    def _accept(self, answer: Mending, sources: Sequence[Source], test: Test, after: Judged) -> None:
        if after.possible is None:
            if not after.wrong:
                self.unsure = self.unsure or f"{' and '.join(answer.told())}: {after.reason}"
            return
        if after.possible:
            if len(answer.edits) > 1 or answer.edits[0].kind == "smp_mb":
                raise InternalError(
                    f"{self.test.source.name}: one solver says that it helps to "
                    f"{' and '.join(answer.told())}, another one that it does not; please report this with "
                    "the file"
                )
            return
        if after.hangs_more_than(self.base):
            self.hanging += 1
            return
        lost, beside, gained = compared(self.base, after)
        repair = Repair(
            changes=answer.told(),
            kinds=tuple(e.kind for e in answer.edits),
            cost=answer.cost,
            places=answer.places,
            lost=lost,
            beside=beside,
            idle=self._idle(test),
            gained=gained,
            patch="".join(patch(self._before(s), s) for s in sources),
        )
        self.found.append((answer, repair))

    def _idle(self, test: Test) -> tuple[str, ...]:
        """What good runs did before a change, and none does after it; not asked of a large program."""
        if self.base.program is None or len(self.base.program.events) >= MANY_EVENTS:
            return ()
        try:
            if self.done is None:
                self.done = activities(self.test, self.options, self.budget)
            return self.done.missing(activities(test, self.options, self.budget), self.test.source.name)
        except LimitError:
            return ()

    def _written(self, answer: Mending, places: Sequence[int]) -> tuple[list[Source], Test] | None:
        """The changed file and its test; all other variants stay as they are."""
        ways = [list(e.ways(at)) for e, at in zip(answer.edits, places, strict=True)]
        kept = {t.variant: t for t in self.family}
        for writing in together(ways):
            sources = changed(self._sources(), writing)
            if sources is None or not all(map(self._exact, sources)):
                continue
            try:
                tests = self._loaded(sources)
            except InputError:
                continue
            others = [t for t in tests if t.variant != self.test.variant]
            test = next(t for t in tests if t.variant == self.test.variant)
            if self.trees.meant(test, answer.edits, places) and all(
                same(own(t.tree), own(kept[t.variant].tree)) for t in others if not based(t, self.test)
            ):
                return sources, test
        return None


def _line(body: Site, at: int) -> int:
    s = body.statements
    return s[at - 1].span.line if at else s[at].span.line if s else body.block.span.line
