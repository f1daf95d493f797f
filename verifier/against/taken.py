"""What a call of a kernel function is in a tree, as C that a test can have: the functions that it calls,
down to instructions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from verifier.against.assembly import NO_WORD, without_asm
from verifier.against.definitions import Definitions, closing, without_attributes
from verifier.against.families import Family
from verifier.against.preprocess import KEPT, expand
from verifier.against.tokens import Token, spelled, tokens
from verifier.records import dataclass, field

PREFIX = "kernel_"  # of the tree's functions in a test
MAX_FUNCTIONS = 60
_KEYWORDS = frozenset(
    {
        "if", "while", "for", "do", "switch", "return", "sizeof", "typeof", "__typeof__", "__typeof", "case",
        "else",
        "goto", "typeof_unqual",
    }
) | KEPT  # fmt: skip
_INTEGERS = frozenset(
    {"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__u8", "__u16", "__u32", "__u64", "__s64", "int",
    "long",
     "unsigned", "short", "char", "signed"}
)  # fmt: skip
_AGGREGATES = frozenset({"struct", "union"})
_QUALIFIERS = frozenset({"const", "volatile", "__volatile__", "__const__"})
_DROPPED = frozenset({"__extension__", "__volatile__", "__const__", "__restrict", "__force"})
# Types that are others here.
TYPES: Mapping[str, str] = MappingProxyType(
    {"__s64": "s64", "__u32": "u32", "__u64": "u64", "__u8": "u8", "__u16": "u16"}
)


class NotCompared(Exception):
    """Why a word cannot be compared."""


@dataclass(slots=True)
class TakenCall:
    """A call as C: the expression, the functions that it needs, the instructions in them, and where the
    word is defined."""

    expression: str
    functions: dict[str, str]
    instructions: list[str]
    place: str
    unknown: list[str]

    def why(self, message: str) -> str:
        """Why a test of this text is refused, in other words."""
        found = re.search(rf"'{NO_WORD}(\d+)'", message)
        if found:
            return self.unknown[int(found.group(1))]
        found = re.search(rf"there is no function '{PREFIX}(\w+)'", message)
        if found:
            return f"it calls {found.group(1)}(), which these files do not define"
        return f"its C is not read here: {message}" if message.startswith("unexpected") else message


@dataclass(slots=True)
class _Taking:
    defs: Definitions
    family: Family
    told: list[str] = field(default_factory=list)
    functions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def taken(self, given: list[Token]) -> list[Token]:
        """Expanded tokens as a test has them."""
        sized = self.sized(without_asm(given, self.told, self.unknown))
        return self.called(rewritten(sized, self.family))

    def sized(self, given: list[Token]) -> list[Token]:
        """Tokens without ``sizeof(struct { … })``: nothing says how large it is. A call that nobody can make
        stands for it: it may be code that is never reached."""
        out: list[Token] = []
        at = 0
        while at < len(given):
            if given[at].text == "sizeof" and at + 2 < len(given) and given[at + 2].text in _AGGREGATES:
                end = closing(given, at + 1)
                if any(token.text == "{" for token in given[at:end]):
                    self.unknown.append(f"nothing says how large {spelled(given[at + 2 : end])} is")
                    out += tokens(f"{NO_WORD}{len(self.unknown) - 1}()")
                    at = end + 1
                    continue
            out.append(given[at])
            at += 1
        return out

    def called(self, given: list[Token]) -> list[Token]:
        """Tokens in which each function of the tree has the name that it has in a test."""
        out: list[Token] = []
        for at, token in enumerate(given):
            following = given[at + 1].text if at + 1 < len(given) else ""
            if token.kind == "name" and token.text in self.defs.constants and following != "(":
                out.append(Token("number", str(self.defs.constants[token.text]), token.spaced))
                continue
            if token.kind != "name" or following != "(" or token.text in _KEYWORDS:
                out.append(token)
                continue
            name = token.text
            if name in self.defs.functions or name in self.family.stubs:
                self.function(name)
            elif name.startswith(NO_WORD):
                out.append(token)
                continue
            elif name not in self.missing:
                self.missing.append(name)
            out.append(token._replace(text=PREFIX + name))
        return out

    def function(self, name: str) -> None:
        """Take a function along."""
        if name in self.functions:
            return
        if name in self.family.stubs:
            self.functions[name] = self.family.stubs[name]
            return
        if len(self.functions) > MAX_FUNCTIONS:
            raise NotCompared(f"it calls more than {MAX_FUNCTIONS} functions")
        self.functions[name] = ""
        text = spelled(self.taken(self.defs.tokens(self.defs.functions[name])))
        del self.functions[name]
        self.functions[name] = text  # after those that it calls


def take(defs: Definitions, family: Family, name: str, call: str, result: str) -> TakenCall:
    """What a call means at the end of what a tree compiles; it becomes a function that gives a
    ``result``, and takes the address of its caller's ``old``. Raises ``NotCompared``."""
    macro = defs.macro(name)
    found = defs.functions.get(name)
    if found is None and (macro is None or (macro.parameters is None and spelled(macro.body) in ("", name))):
        raise NotCompared(MISSING)
    taking = _Taking(defs, family)
    made = taking.taken(without_attributes(expand(defs.of, tokens(call), defs.of.time, KEPT - {name})))
    whole = f"{PREFIX}call{sum(map(ord, call))}_{len(call)}"
    text = spelled(made)
    head = f"{family.local} *old" if "&old" in call else "void"
    text = re.sub(r"& ?old\b", "old", text)
    taking.functions[whole] = f"{result} {whole}({head}) {{ {'' if result == 'void' else 'return '}{text}; }}"
    expression = f"{whole}({'&old' if head != 'void' else ''})"
    return TakenCall(
        expression, taking.functions, taking.told, found.place if found else "a macro", taking.unknown
    )


MISSING = "not in this tree"


def rewritten(given: list[Token], family: Family) -> list[Token]:
    """Tokens with what a test has no word for written otherwise. An object is a cell, whatever the type
    of the pointer to it: a cast of one integer pointer to another is left out."""
    out: list[Token] = []
    at = 0
    local: dict[str, list[Token]] = {}  # names of types that are local to a block
    while at < len(given):
        token = given[at]
        if token.text == "typedef":
            end = next(i for i in range(at, len(given)) if given[i].text == ";")
            local[given[end - 1].text] = rewritten(given[at + 1 : end - 1], family)
            at = end + 1
            continue
        if token.text in local:
            out += local[token.text]
            at += 1
            continue
        following = given[at + 1].text if at + 1 < len(given) else ""
        if token.text in _DROPPED:
            at += 1
        elif (name := family.types.get(token.text) or TYPES.get(token.text)) is not None:
            out.append(token._replace(text=name))
            at += 1
        elif token.kind == "text" and not _shown(out):
            out.append(Token("number", "0", token.spaced))  # what nobody looks at
            at += 1
        elif token.text == "->" and following in family.inside:
            out += [Token("mark", "["), Token("number", "0"), Token("mark", "]")]
            at += 2
        elif token.text == "." and following in family.inside:
            at += 2
        elif token.text in ("_Static_assert", "static_assert"):
            at = closing(given, at + 1) + 1
            at += at < len(given) and given[at].text == ";"
        elif token.text == "(" and (end := _cast(given, at)):
            at = end
        elif (after := _pointer(given, at)) and (not out or out[-1].text in "{};"):
            out.append(Token("name", "__auto_type", True))
            at = after
        else:
            out.append(token)
            at += 1
    return out


def _shown(before: list[Token]) -> bool:
    """Is a string after these tokens an argument of a warning, or a part of another string?"""
    if before and before[-1].kind == "text":
        return True
    depth = 0
    for at in range(len(before) - 1, 0, -1):
        depth += (before[at].text == ")") - (before[at].text == "(")
        if depth < 0:
            return before[at - 1].text.startswith("WARN")
    return False


def _words(given: list[Token], at: int) -> int:
    """Where the words of an integer type end; 0 if none stands there."""
    start, known = at, False
    while at < len(given) and given[at].text in _INTEGERS | _QUALIFIERS:
        known |= given[at].text in _INTEGERS
        at += 1
    return at if known and at > start else 0


def _cast(given: list[Token], at: int) -> int:
    """Where a cast to an integer pointer ends; 0 if there is none."""
    end = _words(given, at + 1)
    if not end or end + 1 >= len(given) or given[end].text != "*":
        return 0
    end += 1
    while end < len(given) and given[end].text in _QUALIFIERS:
        end += 1
    following = given[end + 1] if given[end].text == ")" and end + 1 < len(given) else None
    if following is None or not (
        following.kind in ("name", "number", "word") or following.text in ("(", "&", "*")
    ):
        return 0
    return end + 1


def _pointer(given: list[Token], at: int) -> int:
    """Where the name begins of a pointer to an integer that is declared with a value; 0 if there is none."""
    end = _words(given, at)
    if not end or end + 2 >= len(given) or given[end].text != "*":
        return 0
    name = end + 1
    return name if given[name].kind == "name" and given[name + 1].text == "=" else 0


def called_names(text: str) -> set[str]:
    """The names of the tree's functions that a text calls."""
    return set(re.findall(rf"\b{PREFIX}(\w+)\s*\(", text))
