"""Gathers the parts of a C or MM file, and those of its includes, for one variant."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.kernel.scan import Definition
from verifier.kernel.tree import KernelTree
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import NO_TREE
from verifier.syntax.ast import (
    Braced,
    Configured,
    Function,
    Ident,
    Initial,
    KernelFile,
    KernelText,
    Mapping,
    Object,
    Omitted,
    StructDef,
    Thread,
    Unit,
)
from verifier.syntax.condition import Final
from verifier.syntax.grammars import Node
from verifier.syntax.includes import Part
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import optional_at
from verifier.syntax.numbers import MAX_BITS
from verifier.syntax.statics import hoisted
from verifier.syntax.tree import Builder
from verifier.syntax.trouble import Trouble, nearest, the_first
from verifier.syntax.variants import Guards


class Gathered:
    """The parts of a file, gathered for one variant. ``defines`` override constants."""

    def __init__(
        self, guards: Guards, variant: str | None, defines: dict[str, int], tree: KernelTree | None = None
    ) -> None:
        self.guards, self.variant, self.defines, self.tree = guards, variant, defines, tree
        self.enums: dict[str, int] = {}
        self.initial: list[Initial] = []
        self.included: set[int] = set()  # the indices in ``initial`` of what comes from an include
        self.functions: dict[str, Function] = {}
        self.threads: dict[int, Thread] = {}
        self.nmis: list[Thread] = []
        self.structs: list[StructDef] = []
        self.files: list[KernelFile] = []
        self.config: list[Configured] = []
        self.without: list[Omitted] = []

    def unit(self, arch: str, final: Final) -> Unit:
        """The tree of the variant. Names that are declared twice are errors."""
        self._objects_twice()
        self._structs_twice()
        self._constants_twice()
        asked, cutter = self._kernel()
        made = Unit(
            arch=arch,
            enums=self.enums,
            initial=tuple(self.initial),
            functions=self.functions,
            threads=self.threads,
            nmis=tuple(n for n in self.nmis if self._has_cpu(n)),
            final=final,
            structs=tuple(self.structs),
            kernel=asked,
            cutter=cutter,
            overridable=frozenset(self.included),
        )
        return hoisted(made)

    def _kernel(self) -> tuple[KernelText | None, Cutter | None]:
        """What the variant takes of the kernel's text: its functions and objects are added."""
        if not self.files:
            for span in [*(x.span for x in self.config), *(x.span for x in self.without)]:
                hint = 'name a file of the kernel: #kernel "arch/x86/mm/tlb.c" { … }'
                self.guards.trouble("kernel", "this is about the kernel's text, of which there is none",
                                    span, hint)  # fmt: skip
            for item in self.initial:
                mark = optional_at(item)
                if mark is not None:
                    text = "'?' asks whether the kernel's text has a field, and there is no such text"
                    self.guards.trouble("optional", text, mark, "leave '?' out, or name a file by #kernel")
            return None, None
        asked = KernelText(tuple(self.files), tuple(self.config), tuple(self.without))
        if self.tree is None:
            hint = "say where the kernel's source is: --kernel DIR, or --kernel DIR@REV"
            self.guards.trouble(
                NO_TREE, "this test is about the text of a kernel tree", asked.files[0].span, hint
            )
            return asked, None
        cutter = Cutter(self.tree, asked, self.guards.troubles)
        for one in asked.files:
            if one.path in cutter.files:
                self._taken(cutter, one)
        return asked, cutter

    def _taken(self, cutter: Cutter, one: KernelFile) -> None:
        """The functions and objects of a file that the test names."""
        file = cutter.files[one.path]
        for name in one.names:
            try:
                found = cutter.find(name, file)
                if isinstance(found, Definition) and found.kind == "function":
                    self._function(cutter.function(file, found))
                elif isinstance(found, Definition) and found.kind == "object":
                    self.included.add(len(self.initial))
                    self.initial.append(cutter.object(file, found))
            except Trouble as trouble:
                if name.optional and trouble.diagnostic.code == "missing":
                    continue
                if trouble.diagnostic not in self.guards.troubles:
                    self.guards.troubles.append(trouble.diagnostic)

    def add(self, part: Part) -> None:
        """Add a part. Its constants come first, because the rest may use them."""
        builder = Builder(part.source, self.guards, self.variant, included=part.included)
        items = builder.chosen(part.tree.children, "guarded_top")
        for item in items:
            if item.data == "enum":
                builder.enum(item, self.enums, self.defines)
        for at, item in enumerate(items):
            if item.data == "initial":
                made = builder.initial(item)
                if part.included:
                    self.included |= set(range(len(self.initial), len(self.initial) + len(made)))
                self.initial += made
            elif item.data == "function":
                self._function(_function(builder, part, at, item))
            elif item.data == "thread":
                for thread in builder.thread(item, self.enums):
                    self._thread(thread)
            elif item.data == "struct_def":
                self.structs.append(builder.struct(item))
            elif item.data == "typedef":
                self.structs.append(builder.typedef(item))
            elif item.data == "kernel":
                self.files.append(builder.kernel(item))
            elif item.data == "config":
                self.config += builder.config(item, self.enums)
            elif item.data == "without":
                self.without += builder.without(item)
            elif item.data == "nmi":
                self.nmis.append(builder.nmi(item))

    def check_defines(self, header: Span) -> None:
        """Report the errors in ``defines``, at ``header``."""
        for name, value in self.defines.items():
            if abs(value) >> MAX_BITS:
                self.guards.trouble("number", f"{name} is too large", header, f"numbers have {MAX_BITS} bits")
            if name not in self.enums:
                hint = nearest(name, self.enums) or "-D sets a constant of an enum"
                self.guards.trouble("define", f"there is no constant {name!r} to define", header, hint)

    def _function(self, function: Function) -> None:
        """Add a function. A function of the test overrides an included one."""
        old = self.functions.get(function.name)
        if old is not None and old.included == function.included:
            self._twice(f"{function.name}() is defined twice", function.span, old.span)
        stands_in = old is not None and old.included and not function.included
        self.functions[function.name] = replace(function, overrides=True) if stands_in else function

    def _thread(self, thread: Thread) -> None:
        """Add the program of a CPU."""
        if thread.cpu in self.threads:
            self._twice(f"P{thread.cpu} has two programs", thread.span, self.threads[thread.cpu].span)
        self.threads[thread.cpu] = thread

    def _has_cpu(self, nmi: Thread) -> bool:
        """Does the CPU of an NMI exist? If not, this is an error."""
        there = nmi.cpu <= max(self.threads, default=0)
        if not there:
            hint = f"write P{nmi.cpu} {{ }} for a CPU without a program"
            self.guards.trouble("no-cpu", f"there is no CPU {nmi.cpu}", nmi.span, hint)
        return there

    def _structs_twice(self) -> None:
        seen: dict[str, Span] = {}
        for struct in self.structs:
            if struct.fields and struct.name in seen:
                self._twice(f"struct {struct.name} is defined twice", struct.span, seen[struct.name])
            elif struct.fields:
                seen[struct.name] = struct.span
            places: dict[str, Span] = {}
            for one in struct.fields:
                if one.name and one.name in places:
                    self._twice(f"struct {struct.name} has two fields {one.name}", one.span, places[one.name])
                places.setdefault(one.name, one.span)

    def _constants_twice(self) -> None:
        """Constants whose name something else has, too."""
        threads = (*self.threads.values(), *self.nmis)
        named = [(f.name, f.span) for f in self.functions.values()]
        named += [one for item in self.initial for one in _names(item)]
        named += [(p.name, p.span) for thread in threads for p in thread.parameters]
        for name, span in named:
            if name in self.enums:
                hint = "give one of them another name"
                self.guards.trouble("duplicate", f"{name} is a constant of an enum already", span, hint)

    def _objects_twice(self) -> None:
        seen: dict[tuple[bool, str], Span] = {}
        for i, item in enumerate(self.initial):
            if isinstance(item, Object):
                key = (i in self.included, item.name)
                if key in seen:
                    self._twice(f"{item.name} is declared twice", item.span, seen[key])
                seen.setdefault(key, item.span)

    def _twice(self, message: str, span: Span, first: Span) -> None:
        self.guards.trouble("duplicate", message, span, the_first(first, span))


def _names(item: Initial) -> Iterator[tuple[str, Span]]:
    """What an item of the initial state declares, or gives a value to: objects, and virtual addresses."""
    if isinstance(item, Object):
        yield item.name, item.span
        for part in item.value.items if isinstance(item.value, Braced) else ():
            if isinstance(part, Mapping) and isinstance(part.va, Ident):
                yield part.va.name, part.va.span
    elif item.cpus is None and isinstance(item.place, Ident):
        yield item.place.name, item.place.span


def _function(builder: Builder, part: Part, at: int, item: Node) -> Function:
    """A function; that of an include is made once, unless there is something to say of it."""
    known, said = part.functions.get(at), len(builder.guards.troubles)
    if known is None:
        known = builder.function(item, part.included)
        if part.included and len(builder.guards.troubles) == said:
            part.functions[at] = known
    return known
