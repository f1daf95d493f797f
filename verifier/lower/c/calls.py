"""Calls: words of the vocabulary, and functions of the test, which are inlined."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.arguments import argument
from verifier.lower.c.beside import LOCKED
from verifier.lower.c.bodies import inline
from verifier.lower.c.body import BodyCode, Lines, SpecialCall, line
from verifier.lower.c.effects import WordCall, effect, effects
from verifier.lower.c.parts import Val
from verifier.program.expressions import FALSE, Const
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Special
from verifier.words.table import WORDS, Word, entry_level, instead


def called(b: BodyCode, e: ast.CallExpr) -> Val:
    """A word of the vocabulary, or a function of the test."""
    local = b.local(e.name, False)
    name = local.fixed.function if local is not None and local.fixed is not None else e.name
    if name in b.unit.functions:
        return inline(b, b.unit.functions[name], [b.value(a) for a in e.arguments], e)
    word = WORDS.get(e.name)
    if word is None:
        hint = instead(e.name, b.unit.functions)
        raise Trouble("unknown-word", f"there is no function {e.name!r}", e.span, hint)
    if word.planned:
        raise Trouble("not-yet", f"{e.name} is not supported yet", e.span, word.planned)
    check_arity(word, e)
    leading = len(word.lead) if word.lead and len(e.arguments) > len(word.parameters) else 0
    if leading:
        check_leading(b, word, e)
    arguments = dict(zip((p.name for p in word.parameters), e.arguments[leading:], strict=False))
    if not word.locked:
        return meaning(b, word, e, arguments)
    b.set(LOCKED, FALSE)
    result = meaning(b, word, e, arguments)
    b.set(LOCKED, FALSE)
    return result


def meaning(b: BodyCode, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
    """What a word is: instructions, or something of its own and instructions around that."""
    if not any(isinstance(x, Special) for x in word.effects):
        return effects(b, word, e, arguments)
    result = Val(Const(0), t.VOID)
    for x in word.effects:
        if isinstance(x, Special):
            result = b.special(SpecialCall(word, e, arguments, x))
        else:
            effect(WordCall(b, e), x)
    return result


def check_arity(word: Word, e: ast.CallExpr) -> None:
    """Raise ``Trouble`` for too many or too few arguments."""
    given, wanted = len(e.arguments), len(word.parameters)
    if wanted - word.optional <= given <= wanted or (word.lead and given == wanted + len(word.lead)):
        return
    most = wanted + len(word.lead)
    count = f"{wanted - word.optional} or {most}" if word.optional or word.lead else str(wanted)
    many = f"{count} argument{'s' if most != 1 else ''}"
    raise Trouble("arity", f"{word.name} takes {many}, not {given}", e.span, f"write {word.signature}")


def check_leading(b: BodyCode, word: Word, e: ast.CallExpr) -> None:
    """Check what the kernel's form takes besides: it names what the entry itself says here."""
    given = [argument(b, word, p, a) for p, a in zip(word.lead, e.arguments, strict=False)]
    entry = e.arguments[len(word.lead)]
    if isinstance(entry, ast.CallExpr) and entry_level(entry.name) == "leaf" and len(entry.arguments) == 2:
        va = b.value(entry.arguments[1])
        for at in given:
            if not isinstance(at, Val) or not at.type.kind == va.type.kind == "va":
                continue
            if isinstance(at.expr, Const) and isinstance(va.expr, Const) and at.expr != va.expr:
                text = f"{entry.span.text} is not an entry for {at.expr.value}"
                b.warn("entry", text, e.span, f"{word.name} looks at the entry alone")


CALLS: Lines[BodyCode, Val] = dict((line(ast.CallExpr, called),))
