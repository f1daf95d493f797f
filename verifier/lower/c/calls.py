"""Calls to code: the rows of the vocabulary, and functions of the test, which are inlined."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from verifier.lower.c import types as t
from verifier.lower.c.beside import LOCKED, beside
from verifier.lower.c.expressions import Expressions
from verifier.lower.c.parts import Frame, Local, Place, Val
from verifier.lower.c.types import Type
from verifier.lower.code import Assume, Branch, Instruction, Label, Touch, Warn
from verifier.lower.unroll import substitute
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Reg, call
from verifier.program.invalidations import INVALIDATING
from verifier.program.invalidations import row as invalidation
from verifier.program.ops import Kind, Op
from verifier.program.values import FAULT, Ptr
from verifier.program.waits import folded
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import (
    KERNEL,
    OLD,
    If,
    Load,
    Machine,
    Modify,
    Order,
    Pure,
    Special,
    Store,
    Update,
    Warns,
)
from verifier.words.table import (
    KINDS,
    WORDS,
    Parameter,
    Word,
    instead,
)

MAX_DEPTH = 40
MAX_PCID = 4095
WORD = 64  # the bits of an unsigned long


# What the pointers that a word takes lead to.
_POINTS_TO: dict[str, Callable[[Val], Place]] = {
    "entry": lambda given: Place(given.expr, t.PTE),
    "upper": lambda given: Place(given.expr, t.PMD),
    "va": lambda given: Place(given.expr, t.ANY, True),
    "code": lambda given: Place(given.expr, t.CODE),
}


_NO_ADDRESS = frozenset({"page", "mm", "table", "mask", "function", "void", "pte", "pmd"})


def _fitting(value: Expr, row: Expr, place: Place) -> Expr:
    """What a row stores, as the cell keeps it; an argument by itself is converted already."""
    return value if isinstance(row, Reg) or place.type.kind != "int" else t.wrapped(value, place.type)


class Words(Expressions):
    """Adds calls to expressions."""

    @abstractmethod
    def body(self, function: ast.Function) -> None:
        """The statements of a function; see ``Statements``."""

    @abstractmethod
    def handler(self, function: str, cpu: int, info: Val, span: Span) -> tuple[tuple[Instruction, ...], str]:
        """A handler's code on a CPU, and the register of its ``info``; see ``Statements``."""

    def call(self, e: ast.CallExpr) -> Val:
        """A word of the vocabulary, or a function of the test."""
        local = self.local(e.name, False)
        name = local.fixed.function if local is not None and local.fixed is not None else e.name
        if name in self.unit.functions:
            return self.inline(self.unit.functions[name], [self.value(a) for a in e.arguments], e)
        word = WORDS.get(e.name)
        if word is None:
            hint = instead(e.name, self.unit.functions)
            raise Trouble("unknown-word", f"there is no function {e.name!r}", e.span, hint)
        if word.planned:
            what = f" ({word.planned})" if word.planned not in ("SRCU",) else ""
            text = f"{e.name}{what} is not supported yet" if what else f"{word.planned} is not supported yet"
            raise Trouble("not-yet", text, e.span)
        self._arity(word, e)
        leading = len(word.lead) if word.lead and len(e.arguments) > len(word.parameters) else 0
        if leading:
            self._leading(word, e)
        arguments = dict(zip((p.name for p in word.parameters), e.arguments[leading:], strict=False))
        if not word.locked:
            return self._meaning(word, e, arguments)
        self.set(LOCKED, FALSE)
        result = self._meaning(word, e, arguments)
        self.set(LOCKED, FALSE)
        return result

    def _meaning(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        special = next((x for x in word.effects if isinstance(x, Special)), None)
        if special is None:
            return self._effects(word, e, arguments)
        result = Val(Const(0), t.VOID)
        for effect in word.effects:
            if isinstance(effect, Special):
                lower: Callable[[Word, ast.CallExpr, dict[str, ast.CExpr]], Val]
                lower = getattr(self, f"_word_{effect.name}")
                result = lower(word, e, arguments)
            else:
                self._effect(effect, e, {}, {}, {}, {})
        return result

    def _arity(self, word: Word, e: ast.CallExpr) -> None:
        given, wanted = len(e.arguments), len(word.parameters)
        if wanted - word.optional <= given <= wanted or (word.lead and given == wanted + len(word.lead)):
            return
        most = wanted + len(word.lead)
        count = f"{wanted - word.optional} or {most}" if word.optional or word.lead else str(wanted)
        many = f"{count} argument{'s' if most != 1 else ''}"
        raise Trouble("arity", f"{word.name} takes {many}, not {given}", e.span, f"write {word.signature}")

    # -- arguments --------------------------------------------------------------------------------

    def _leading(self, word: Word, e: ast.CallExpr) -> None:
        """Check what the kernel's form takes besides: it names what the entry itself says here."""
        given = [self.argument(word, p, a) for p, a in zip(word.lead, e.arguments, strict=False)]
        entry = e.arguments[len(word.lead)]
        if isinstance(entry, ast.CallExpr) and entry.name == "pte" and len(entry.arguments) == 2:
            va = self.value(entry.arguments[1])
            for at in given:
                if not isinstance(at, Val) or not at.type.kind == va.type.kind == "va":
                    continue
                if isinstance(at.expr, Const) and isinstance(va.expr, Const) and at.expr != va.expr:
                    text = f"{entry.span.text} is no entry for {at.expr.value}"
                    self.warn("entry", text, e.span, f"{word.name} looks at the entry alone")

    def argument(self, word: Word, parameter: Parameter, e: ast.CExpr) -> Val | Place | Local:
        """Evaluate one argument and check that it is of the kind that the word takes."""
        kind = parameter.kind
        if kind == "place":
            return self.memory_place(e)
        if kind == "percpu":
            return self.of_cpu(e, Const(self.cpu))
        if kind == "local":
            place = self.place(e)
            if not isinstance(place, Local):
                raise self.mismatch(word, parameter, "something in memory", e)
            return place
        if kind == "pointer":
            return self.pointer(word, parameter, e)
        if kind == "word":
            return self._wide(word, self.pointer(word, parameter, e), e)
        if kind == "offset":
            return self.offset(word, parameter, e)
        value = self.value(e)
        given = value.type.kind
        fine = given == kind or given == "any"
        if kind == "value":
            fine = given != "void" and value.bits is None
        elif kind in ("number", "bit"):
            fine = given in ("int", "any")
        elif kind in t.CONTENTS:
            more = ("table", "pmd") if kind == "pmd" else ()
            fine = given in ("pte", "page", "any", *more) or value.expr == FALSE
        elif kind == "handle":
            fine = given in ("mm", "table", "pmd", "any")
        elif kind == "target":
            fine = given in ("page", "table", "any")
        elif kind == "vma":
            fine = given in ("mm", "struct", "pointer", "any") or value.expr == FALSE
        elif kind == "pcid":
            fine = given in ("int", "any")
        elif kind == "code":
            fine = given == "any" or (given == "pointer" and value.type.to in (t.CODE, t.ANY))
        elif kind == "mask":
            fine = given in ("mask", "any") or value.bits is not None
        elif kind in ("function", "condition"):
            fine = bool(value.function) or (kind == "condition" and value.expr == FALSE)
        if not fine:
            raise self.mismatch(word, parameter, value.type.words, e)
        if kind == "pcid" and isinstance(value.expr, Const):
            pcid = value.expr.value
            if not (isinstance(pcid, int) and 0 <= pcid <= MAX_PCID):
                raise Trouble("pcid", f"a PCID is a number from 0 to {MAX_PCID}, not {pcid}", e.span)
        if kind == "bit" and isinstance(value.expr, Const):
            self._bit_number(value.expr.value, e)
        return value

    def _bit_number(self, number: object, e: ast.CExpr) -> None:
        """Raise ``Trouble`` for a bit outside the word that the address leads to."""
        if isinstance(number, int) and 0 <= number < WORD:
            return
        hint = ""
        if isinstance(number, int):
            which = {1: "the next word", -1: "the word before"}.get(number // WORD, "another word")
            hint = f"in the kernel that is bit {number % WORD} of {which}: name that word"
        raise Trouble("bit", f"a word has the bits 0 to {WORD - 1}, not {number}", e.span, hint)

    def _wide(self, word: Word, place: Place, e: ast.CExpr) -> Place:
        """Warn of a number that is narrower than the ``unsigned long`` that the kernel's word takes. Files
        of the C dialect are spared: they are written with ``int`` and compared with other tools."""
        if self.memory.mm_file and place.type.kind == "int" and place.type.bits < WORD:
            leads = f"what {e.span.text} leads to has {place.type.bits} bits"
            text = f"{word.name} takes an unsigned long *; {leads}"
            self.warn("width", text, e.span, "declare it unsigned long")
        return place

    def pointer(self, word: Word, parameter: Parameter, e: ast.CExpr) -> Place:
        """What an argument that is an address points to."""
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None:
            named = self.memory.named.get(e.name)
            held = named.type.kind if named and not named.handle and named.size is None else ""
            if held == "int" or (held and named is not None and named.percpu):
                raise self.mismatch(word, parameter, "an object", e, f"write &{e.name}")
        value = self.value(e)
        kind = value.type.kind
        if kind in _NO_ADDRESS or value.bits is not None:
            hint = "its content is A.data" if kind == "page" else ""
            raise self.mismatch(word, parameter, value.type.words, e, hint)
        if value.type.percpu:
            hint = f"write this_cpu_ptr({e.span.text}) or per_cpu_ptr({e.span.text}, cpu)"
            raise self.mismatch(word, parameter, value.type.words, e, hint)
        if kind == "struct":
            return Place(value.expr, value.type, whole=True)
        return self.pointee(value, e)

    def offset(self, word: Word, parameter: Parameter, e: ast.CExpr) -> Val:
        """An address that every CPU has one of. That of a plain object is none; where an address comes
        from memory, its owner knows."""
        named = self.memory.named.get(e.name) if isinstance(e, ast.Ident) else None
        if (
            named is not None
            and named.percpu
            and named.size is None
            and self.local(named.name, False) is None
        ):
            what = "a per-CPU object"
            raise self.mismatch(word, parameter, what, e, f"write &{named.name}")
        value = self.value(e)
        known = isinstance(value.expr, Const) and not value.type.percpu
        if known or value.type.kind not in ("pointer", "struct", "mask", "any"):
            hint = ""
            if isinstance(e, ast.Unary) and e.op == "&" and value.type.kind in ("pointer", "struct"):
                hint = f"{e.operand.span.text} is no per-CPU object; without a CPU it is {e.span.text} itself"
            raise self.mismatch(word, parameter, value.type.words, e, hint)
        return value

    def mismatch(self, word: Word, parameter: Parameter, given: str, e: ast.CExpr, hint: str = "") -> Trouble:
        wanted = KINDS.get(parameter.kind, parameter.kind)
        return Trouble(
            "type", f"{word.name} takes {wanted} here, not {given}", e.span, hint or f"write {word.signature}"
        )

    # -- rows -------------------------------------------------------------------------------------

    def _effects(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        """A word that is a sequence of instructions."""
        env: dict[str, Expr] = {"this_cpu": Const(self.cpu), "cpus": Const(self.memory.cpus)}
        env[KERNEL.name] = KERNEL
        places: dict[str, Place] = {}
        locals_: dict[str, Local] = {}
        types: dict[str, Type] = {}
        target: Place | None = None
        for parameter in word.parameters:
            if parameter.name not in arguments:
                env[parameter.name] = Const(0)
                continue
            node = arguments[parameter.name]
            given = self.argument(word, parameter, node)
            if isinstance(given, Local):
                locals_[parameter.name] = given
            elif isinstance(given, Place):
                target = places[parameter.name] = given
                types[parameter.name] = given.type
                env[parameter.name] = given.addr
                if given.whole and not isinstance(word.effects[0], Pure):
                    raise Trouble(
                        "type", "a struct cannot be read or written whole", node.span, "name a field"
                    )
            else:
                if parameter.kind == "value" and target is not None:
                    given = Val(self.storable(target, given, node), given.type)
                if parameter.kind == "cpu" or parameter.name == "cpu":
                    self.check_cpu(given.expr, node.span)
                if given.bits is not None:
                    return self._constant_bit(word, env, given, e)
                env[parameter.name] = given.expr
                types[parameter.name] = given.type
                if target is not None and parameter.kind in ("pte", "pmd", "table"):
                    self.storable(target, given, node)
                if parameter.kind in _POINTS_TO:
                    target = places[parameter.name] = _POINTS_TO[parameter.kind](given)
        if "m" in types and "cpu" in env:
            bit = call("add", env["m"], env["cpu"])
            env["bit"] = bit
            places["bit"] = Place(bit, t.INT)
        result: Expr = Const(0)
        for effect in word.effects:
            result = self._effect(effect, e, env, places, locals_, types) or result
        if word.result == "same":
            first = word.parameters[0].name
            kind = next((p.type for p in places.values()), types.get(first, t.ANY))
            data = any(p.virtual for p in places.values())
            if word.effects and isinstance(word.effects[0], Pure) and places:
                kind = kind if places[first].whole else Type("pointer", to=kind)
            elif kind.percpu:
                kind = replace(kind, percpu=False)
            elif kind.kind == "int" and isinstance(result, Apply):
                result = t.wrapped(result, kind)
            return Val(result, kind, data=data)
        results = {"void": t.VOID, "number": t.INT, "value": t.ANY}
        return Val(result, results.get(word.result) or Type(word.result))

    def _effect(
        self,
        effect: Any,
        e: ast.CallExpr,
        env: dict[str, Expr],
        places: dict[str, Place],
        locals_: dict[str, Local],
        types: dict[str, Type],
    ) -> Expr | None:
        """Add one instruction; the expression of its result, if it has one."""
        if isinstance(effect, Order):
            if effect.kind:
                self.emit("F", e, kind=effect.kind)
            if effect.beside:
                self.code.append(beside(effect.beside, e.span))
            return None
        if isinstance(effect, Pure):
            return substitute(effect.value, env)
        if isinstance(effect, Machine):
            return self._machine(effect, e, env, locals_)
        if isinstance(effect, If):
            end = self.fresh("if")
            self.code.append(Branch(call("not", substitute(effect.condition, env)), end, e.span))
            for inner in effect.effects:
                self._effect(inner, e, env, places, locals_, types)
            self.code.append(Label(end))
            return None
        if isinstance(effect, Warns):
            self.code.append(Warn(TRUE, e.span))
            return None
        place = places[effect.at]
        if not isinstance(effect, Load) and place.type.kind == "int":
            # A number, as atomic_add() takes it, has the counter's type; bits have it, too.
            for name, kind in types.items():
                if kind.kind == "int" and name not in places:
                    env[name], types[name] = t.converted(env[name], kind, place.type), place.type
        if isinstance(effect, Modify):
            return self._modify(effect, e, env, place)
        if isinstance(effect, Store):
            value = _fitting(substitute(effect.value, env), effect.value, place)
            touch = Touch(place.addr, None, value)
            self.emit("W", e, touch, virtual=place.virtual, kind=effect.kind)
            return None
        if isinstance(effect, Update) and effect.line and self.shared.lines:
            return self._in_line(effect, e, env, place)
        if isinstance(effect, Update):
            self._update(effect, e, env, place)
        else:
            temp = self.fresh()
            env["old"] = Reg(temp)
            self.emit("R", e, Touch(place.addr, temp), virtual=place.virtual, kind=effect.kind)
        if effect.needs != TRUE:
            self.code.append(self._taken(substitute(effect.needs, env), e))
        return self._result_of(effect.result, env, place)

    def _taken(self, free: Expr, e: ast.CallExpr) -> Assume:
        """The end of a wait for one place."""
        span = self.spans.get(id(e), e.span)
        return Assume(free, span, "lock", reads=(span,))

    def _update(self, effect: Update, e: ast.CallExpr, env: dict[str, Expr], place: Place) -> None:
        """A LOCK'd operation, or, where the kernel looks first, a load alone if that is the end of it."""
        looks = substitute(effect.looks, env)
        if looks == FALSE:
            env["old"] = Reg(self._locked(effect, e, env, place))
            return
        found, locked, end = self.fresh(), self.fresh("locked"), self.fresh("end")
        env["old"] = Reg(found)
        if looks != TRUE:
            self.shared.ask_version(looks)
            self.code.append(Branch(call("not", looks), locked, e.span))
        self.emit("R", e, Touch(place.addr, found), virtual=place.virtual)
        goes = substitute(effect.when, env)
        if place.virtual:
            goes = call("and", call("ne", Reg(found), Const(FAULT)), goes)
        self.code += [Branch(call("not", goes), end, e.span), Label(locked)]
        self.set(found, Reg(self._locked(effect, e, dict(env), place)))
        self.code.append(Label(end))

    def _locked(self, effect: Update, e: ast.CallExpr, env: dict[str, Expr], place: Place) -> str:
        """The LOCK'd operation itself; the local that has what it found."""
        temp = self.fresh()
        env["old"] = Reg(temp)
        value = _fitting(substitute(effect.value, env), effect.value, place)
        touch = Touch(place.addr, temp, value, substitute(effect.when, env))
        self.emit("X", e, touch, virtual=place.virtual)
        return temp

    def _in_line(self, effect: Update, e: ast.CallExpr, env: dict[str, Expr], place: Place) -> Expr | None:
        """An operation on a lock that others may wait for in a line which it sees. While somebody stands in
        it, the lock is as taken by a writer to those who do not (MMR 19.4)."""
        line, seen, end = self.memory.line(place.addr), self.fresh(), self.fresh("end")
        env["old"] = Reg(seen)

        def touches(changes: Expr | None = None) -> tuple[list[Touch], Expr]:
            """The lock and its line at one instant; the lock as those see it who give way."""
            lock, others = self.fresh(), self.fresh()
            found = call("ite", call("eq", Reg(others), Const(0)), Reg(lock), Const(-1))
            inner = {**env, "old": found}
            value, when = substitute(effect.value, inner), substitute(effect.when, inner)
            if effect.needs != TRUE:
                when = substitute(effect.needs, inner)
            return [Touch(place.addr, lock, value, when), Touch(line, others)], found

        if effect.line == "gives_way":
            locked = self.fresh("locked")
            looks = substitute(effect.looks, env)
            if looks != FALSE:
                if looks != TRUE:
                    self.shared.ask_version(looks)
                    self.code.append(Branch(call("not", looks), locked, e.span))
                (held, others), found = touches()
                self.emit("R", e, held._replace(value=None, when=TRUE), others)
                self.set(seen, found)
                self.code.append(Branch(call("not", substitute(effect.when, env)), end, e.span))
            self.code.append(Label(locked))
            both, found = touches()
            self.emit("X", e, *both)
            self.set(seen, found)
            self.code.append(Label(end))
            return self._result_of(effect.result, env, place)
        both, found = touches()
        if effect.line == "waits":
            mine = Reg(both[0].into or "") if self.interrupting else found
            when = substitute(effect.needs, {**env, "old": mine})
            both[0] = both[0]._replace(value=substitute(effect.value, {**env, "old": mine}), when=when)
            self.emit("X", e, *both)
            self.code.append(self._taken(when, e))
            return None
        self.emit("X", e, *both)
        self.code.append(Branch(substitute(effect.needs, {**env, "old": found}), end, e.span))
        before, after, lock = self.fresh(), self.fresh(), self.fresh()
        self.emit("X", e, Touch(line, before, call("add", Reg(before), Const(1))))
        inner = {**env, "old": Reg(lock)}
        free = substitute(effect.needs, inner)
        taken = Touch(place.addr, lock, substitute(effect.value, inner), free)
        self.emit("X", e, taken, Touch(line, after, call("sub", Reg(after), Const(1)), free))
        self.code += [self._taken(free, e), Label(end)]
        return None

    def _modify(self, effect: Modify, e: ast.CallExpr, env: dict[str, Expr], place: Place) -> Expr | None:
        """A load and a plain store, by one instruction or by two."""
        temp = self.fresh()
        env["old"] = Reg(temp)
        self.emit("R", e, Touch(place.addr, temp), virtual=place.virtual, joined=not effect.split)
        stored = _fitting(substitute(effect.value, env), effect.value, place)
        self.emit("W", e, Touch(place.addr, None, stored), virtual=place.virtual)
        return self._result_of(effect.result, env, place)

    def _result_of(self, result: Expr | None, env: dict[str, Expr], place: Place) -> Expr | None:
        """What a word gives that reads a place: ``fault``, if the access faulted."""
        if result is None:
            return None
        given, old = substitute(result, env), env["old"]
        if not place.virtual or given == old:
            return given
        return call("ite", call("eq", old, Const(FAULT)), Const(FAULT), given)

    def _machine(
        self, effect: Machine, e: ast.CallExpr, env: dict[str, Expr], locals_: dict[str, Local]
    ) -> Expr | None:
        if effect.op == "T":
            temp = self.fresh()
            self.emit("T", e, Touch(env[effect.va], temp), virtual=True)
            return Reg(temp)
        touches: tuple[Touch, ...] = ()
        into = None
        if effect.register:
            cell = Ptr(f"{self.cpu}:{effect.register}")
            asks = isinstance(effect.value, Apply) and OLD in effect.value.args
            into = self.fresh() if effect.into or asks else None
            inner = env if into is None else {**env, "old": Reg(into)}
            value = None if effect.value is None else substitute(effect.value, inner)
            touches = (Touch(Const(cell), into, value),)
        self.system(effect.op, e, effect.kind, touches=touches, va=env.get(effect.va),
                    pcid=env.get(effect.pcid), serializing=effect.serializing)  # fmt: skip
        if into is not None and effect.into:
            self.store_local(locals_[effect.into], Val(Reg(into), t.BOOL), e)
        return None

    def system(
        self,
        op: Op,
        e: ast.CallExpr,
        kind: Kind,
        *,
        touches: tuple[Touch, ...] = (),
        va: Expr | None = None,
        pcid: Expr | None = None,
        serializing: bool = True,
    ) -> None:
        """Add an instruction of the system kind; if the test has PCIDs, it writes or reads this CPU's.

        ``va`` and ``pcid`` are the word's arguments; the event has those that its kind names.
        """
        own = Const(Ptr(f"{self.cpu}:pcid"))
        if op == "CR3":
            loaded = FALSE if pcid is None else pcid
            self.shared.pcids.add(loaded.value if isinstance(loaded, Const) else None)
            touches = (*touches, Touch(own, None, loaded)) if self.memory.used.pcids else touches
        elif self.memory.used.pcids and op == "INV":
            touches = (*touches, Touch(own, self.fresh()))
        named = invalidation(kind) if op in INVALIDATING else None
        va, pcid = va if named and named.va else None, pcid if named and named.pcid else None
        serializing = serializing and op in ("CR3", "INV", "SER", "TLBSYNC")
        self.emit(op, e, *touches, kind=kind, va=va, pcid=pcid, serializing=serializing)

    def _constant_bit(self, word: Word, env: dict[str, Expr], mask: Val, e: ast.CallExpr) -> Val:
        """``cpumask_test_cpu`` of a mask that is not in memory."""
        if word.name != "cpumask_test_cpu" or mask.bits is None:
            raise Trouble("type", "this mask cannot be changed", e.span)
        cpu = env["cpu"]
        hits = [call("and", call("eq", cpu, Const(k)), bit) for k, bit in enumerate(mask.bits)]
        return Val(call("or", *hits), t.INT)

    # -- words that are more than instructions ------------------------------------------------------

    def _word_assume(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        self._asks_nothing(word, arguments["c"])
        self.code.append(Assume(self.condition(arguments["c"]), e.span))
        return Val(Const(0), t.VOID)

    def _asks_nothing(self, word: Word, node: ast.CExpr) -> None:
        """Warn where a condition is written as a constant."""
        if isinstance(node, ast.Num) or (isinstance(node, ast.Ident) and node.name in ("true", "false")):
            always = "always" if node.span.text not in ("0", "false") else "never"
            text = f"{word.name} of a constant, which {always} holds"
            self.warn("no-effect", text, node.span, "leave it out, or name a condition")

    def _word_warn(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        self._asks_nothing(word, arguments["c"])
        said = arguments.get("format")
        if said is not None and not isinstance(said, ast.Text):
            raise Trouble("type", f"{word.name} takes a string here", said.span, f"write {word.signature}")
        hit = self.held(call("bool", self.condition(arguments["c"])))
        self.code.append(Warn(hit, e.span, said.value if said is not None else ""))
        return Val(hit, t.INT)

    def _word_cond_load(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        found = self.load(self.pointer(word, word.parameters[0], arguments["x"]), e)
        self.frame.scopes.append({"VAL": Local("VAL", fixed=found)})
        try:
            condition = self.truth(self.value(arguments["c"]), arguments["c"])
        finally:
            self.frame.scopes.pop()
        span = self.spans.get(id(e), e.span)
        what = f"until {folded(arguments['c'].span.text)} is true"
        self.code.append(Assume(condition, span, "spin", what, (span,)))
        return found

    def _word_try_cmpxchg(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        place = self.pointer(word, word.parameters[0], arguments[word.parameters[0].name])
        old = arguments["old"]
        local = self.place(old.operand) if isinstance(old, ast.Unary) and old.op == "&" else None
        if not isinstance(local, Local):
            raise Trouble("type", f"{word.name} takes the address of a register here", old.span, "write &r0")
        new = self.storable(place, self.value(arguments["new"]), arguments["new"])
        held = local.fixed or Val(Reg(local.reg), local.type or local.declared or t.ANY)
        before = t.converted(held.expr, held.type, place.type)
        temp, done = self.fresh(), self.fresh()
        equal = call("eq", Reg(temp), before)
        self.emit("X", e, Touch(place.addr, temp, new, equal), virtual=place.virtual)
        self.set(done, equal)
        self.store_local(local, Val(Reg(temp), place.type), e)
        return Val(Reg(done), t.INT)

    def _word_per_cpu(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        return self.load(self.memory_place(e), e)

    # -- functions of the test --------------------------------------------------------------------

    def inline(self, function: ast.Function, arguments: list[Val], e: ast.CallExpr) -> Val:
        """The body of a function in the place of its call."""
        name = function.name
        if len(arguments) != len(function.parameters):
            many = f"{len(function.parameters)} argument{'s' if len(function.parameters) != 1 else ''}"
            raise Trouble("arity", f"{name} takes {many}, not {len(arguments)}", e.span)
        if name in self.stack or len(self.stack) > MAX_DEPTH:
            chain = " -> ".join((*self.stack, name))
            raise Trouble("recursion", f"{name} calls itself ({chain})", e.span, "functions are inlined")
        self.shared.copied(e.span)
        self.fresh_count += 1
        prefix = f"{name}#{self.fresh_count}."
        frame = Frame(
            prefix, f"%return{self.fresh_count}", result=t.of(function.result), site=(name, e.span.start)
        )
        self.enter(frame, function, arguments, e.span)
        self.code.append(Label(frame.end))
        return frame.returned or Val(Const(0), t.VOID)

    def enter(self, frame: Frame, function: ast.Function, arguments: list[Val], span: Span) -> None:
        """Bind parameters and run the body in its own frame."""
        assigned = self.shared.assigned.get(id(function))
        if assigned is None:
            assigned = self.shared.assigned[id(function)] = assigned_names(function.body)
        evaluated = [Val(self.held(a.expr), a.type, a.bits, a.function) for a in arguments]
        self.frames.append(frame)
        self.stack = (*self.stack, function.name)
        try:
            for parameter, value in zip(function.parameters, evaluated, strict=True):
                kind = t.of(parameter.type)
                if (
                    kind.kind in ("mm", "table", "page", "mask")
                    and value.type.kind in t.HANDLES | {"int"}
                    and (value.type.kind != kind.kind and value.expr != FALSE and value.bits is None)
                ):
                    wanted = f"{function.name} takes {kind.words} here, not {value.type.words}"
                    raise Trouble("type", wanted, span)
                if value.type.kind in ("int", "any") and kind is not t.ANY:
                    expr = t.converted(value.expr, value.type, kind)
                    value = Val(expr, kind, value.bits, value.function)
                self.same_pointee(kind, value.type, span)
                local = self.declare(parameter.name, kind if kind.kind == "int" else None)
                if parameter.name in assigned:
                    self.store_local(local, value, parameter)
                else:
                    local.fixed = value
            if t.of(function.result) is not t.VOID:
                self.set(f"{frame.prefix}return", Const(0))
            self.body(function)
        finally:
            self.frames.pop()
            self.stack = self.stack[:-1]


def assigned_names(node: Any) -> set[str]:
    """The names that a statement or expression assigns to, or takes the address of."""
    found: set[str] = set()
    pending = [node]
    while pending:
        x = pending.pop()
        if isinstance(x, tuple):
            pending += x
            continue
        if isinstance(x, ast.Assign) and isinstance(x.target, ast.Ident):
            found.add(x.target.name)
        elif isinstance(x, ast.Unary) and x.op == "&" and isinstance(x.operand, ast.Ident):
            found.add(x.operand.name)
        elif isinstance(x, ast.CallExpr) and x.name.endswith("save"):
            found |= {a.name for a in x.arguments if isinstance(a, ast.Ident)}
        elif isinstance(x, ast.ForEachCpu):
            found.add(x.variable)
        if hasattr(x, "__slots__") and not isinstance(x, Span):
            pending += [getattr(x, s) for s in x.__slots__ if s != "span"]
    return found
