"""A preprocessor (C11 6.10) over the files of a kernel tree, as an x86-64 SMP kernel compiles them.

Includes are followed. Each name means what the last ``#define`` before it says: a definition is expanded
only when someone asks for it, with the macros of the place where it stands. A configuration option that
``OPTIONS`` does not have is not set.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from verifier.against.tokens import Token, spelled, tokens
from verifier.budget import Budget
from verifier.kernel.conditions import Condition, Config, Malformed
from verifier.kernel.tree import KernelTree, Unreadable
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field

# The options of the kernel that is looked at: what arch/x86/Kconfig always selects, and SMP.
OPTIONS = (
    "X86", "X86_64", "64BIT", "SMP", "MMU", "X86_CMPXCHG64", "X86_CMPXCHG", "X86_CX8", "X86_TSC",
    "QUEUED_SPINLOCKS",
    "QUEUED_RWLOCKS", "ARCH_USE_QUEUED_SPINLOCKS", "ARCH_USE_QUEUED_RWLOCKS", "RWSEM_XCHGADD_ALGORITHM",
    "GENERIC_BUG", "BUG", "X86_LOCAL_APIC", "RWSEM_SPIN_ON_OWNER", "MUTEX_SPIN_ON_OWNER", "PHYS_ADDR_T_64BIT",
    "ARCH_HAS_PTE_SPECIAL", "HAVE_ARCH_TRANSPARENT_HUGEPAGE", "TRANSPARENT_HUGEPAGE", "TREE_RCU",
    "HAVE_SETUP_PER_CPU_AREA", "CC_HAS_ASM_GOTO", "CC_HAS_ASM_FLAG_OUTPUTS", "AS_HAS_ASM_GOTO",
    "ARCH_HAS_REFCOUNT",
)  # fmt: skip
# What the compiler and the Makefile define.
DEFINED: Mapping[str, str] = MappingProxyType(
    {
        **{f"CONFIG_{name}": "1" for name in OPTIONS},
        "CONFIG_NR_CPUS": "64", "CONFIG_PGTABLE_LEVELS": "4", "CONFIG_HZ": "250",
        "CONFIG_X86_L1_CACHE_SHIFT": "6",
        "CONFIG_X86_INTERNODE_CACHE_SHIFT": "6", "CONFIG_RCU_FANOUT": "64", "CONFIG_RCU_FANOUT_LEAF": "16",
        "__KERNEL__": "1", "__x86_64__": "1", "__GNUC__": "12", "__GNUC_MINOR__": "2",
        "__GNUC_PATCHLEVEL__": "0",
        "__STDC_VERSION__": "201112L", "__CHAR_BIT__": "8", "__SIZEOF_INT__": "4", "__SIZEOF_LONG__": "8",
        "__SIZEOF_POINTER__": "8", "__SIZEOF_INT128__": "16", "__GCC_ASM_FLAG_OUTPUTS__": "1",
        "CC_HAVE_ASM_GOTO": "1",
        "CC_USING_FENTRY": "1",
        "__FILE__": '""', "__LINE__": "0", "__BYTE_ORDER__": "1234", "__ORDER_LITTLE_ENDIAN__": "1234",
    }
)  # fmt: skip
# What C has no macro for: the compiler's own functions, as macros of their arguments.
BUILTIN: Mapping[str, str] = MappingProxyType(
    {
        "__builtin_constant_p(x)": "0", "__builtin_expect(x, y)": "(x)",
        "__builtin_expect_with_probability(x, y, z)": "(x)", "__has_attribute(x)": "0",
        "__has_builtin(x)": "0",
        "__has_feature(x)": "0", "__has_include(x)": "0", "__builtin_types_compatible_p(a, b)": "1",
    }
)  # fmt: skip
# Names that stay: the words that every definition may use, and how a type of a value is asked for.
KEPT = frozenset(
    {
        "READ_ONCE", "WRITE_ONCE", "__unqual_scalar_typeof", "TYPEOF_UNQUAL", "WARN", "WARN_ONCE", "WARN_ON",
        "WARN_ON_ONCE",
        "BUG_ON",
    }
)  # fmt: skip
_COMMENT = pattern(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'', re.DOTALL)
_DIRECTIVE = pattern(r"^[ \t]*#[ \t]*(\w*)(.*)$", re.MULTILINE)
_DEFINE = pattern(r"\s*(\w+)(\(([^()]*)\))?(.*)$", re.DOTALL)
_INCLUDE = pattern(r'\s*[<"]([^>"]+)[>"]')
_PLACES = ("arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi")
MAX_DEPTH = 100


class Defined(NamedTuple):
    """A macro. ``parameters`` is None without brackets; ``rest`` is the parameter that takes all further
    arguments."""

    name: str
    parameters: tuple[str, ...] | None
    body: tuple[Token, ...]
    rest: str = ""


class ActiveText(NamedTuple):
    """Active text of a file, which begins at ``start`` of the whole; ``line`` of ``path`` is its first
    one; ``time``: how many directives came before it."""

    start: int
    path: str
    line: int
    time: int


@dataclass(slots=True)
class Preprocessed:
    """What the compiler sees, with macros not yet expanded. ``missing``: files that the tree does not
    have."""

    tree: KernelTree
    text: str = ""
    pieces: list[ActiveText] = field(default_factory=list)
    macros: dict[str, tuple[list[int], list[Defined | None]]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    time: int = 0

    def piece(self, at: int) -> ActiveText:
        """What an offset belongs to."""
        return self.pieces[bisect_right(self.pieces, at, key=lambda p: p.start) - 1]

    def place(self, at: int) -> str:
        """The file and the line of an offset."""
        piece = self.piece(at)
        return f"{piece.path}:{piece.line + self.text.count(chr(10), piece.start, at)}"

    def macro(self, name: str, time: int) -> Defined | None:
        """What a name means at a time."""
        found = self.macros.get(name)
        if found is None:
            return None
        at = bisect_right(found[0], time) - 1
        return found[1][at] if at >= 0 else None

    def define(self, made: Defined | None, name: str) -> None:
        times, values = self.macros.setdefault(name, ([], []))
        times.append(self.time)
        values.append(made)


def preprocessed(tree: KernelTree, roots: Sequence[str], budget: Budget) -> Preprocessed:
    """The text of some files of a tree, in this order, with all that they include."""
    made = Preprocessed(tree)
    for name, value in DEFINED.items():
        made.define(Defined(name, None, tuple(tokens(value))), name)
    for head, value in BUILTIN.items():
        name, _, rest = head.partition("(")
        parameters = tuple(p.strip() for p in rest.rstrip(")").split(","))
        made.define(Defined(name, parameters, tuple(tokens(value))), name)
    pieces: list[str] = []
    reader = _Reader(made, pieces, budget)
    for root in ("include/linux/kconfig.h", "include/linux/compiler_types.h", *roots):
        reader.file(root, 0)
    made.text = "".join(pieces)
    return made


class _Reader:
    """Follows directives."""

    def __init__(self, made: Preprocessed, pieces: list[str], budget: Budget) -> None:
        self.made, self.pieces, self.budget = made, pieces, budget
        self.length = 0
        self.once: set[str] = set()
        self.guards: dict[str, str] = {}  # by file, the macro that keeps it from being read again

    def file(self, path: str, depth: int) -> bool:
        """Read a file; False if the tree has none."""
        if path in self.once or depth > MAX_DEPTH:
            return True
        guard = self.guards.get(path)
        if guard and self.made.macro(guard, self.made.time) is not None:
            return True
        try:
            text = self.made.tree.source(path).text
        except Unreadable:
            return False
        self.made.read.add(path)
        self.budget.tick()
        self._text(path, _bare(text), depth)
        return True

    def _text(self, path: str, text: str, depth: int) -> None:
        stack: list[tuple[bool, bool, bool]] = []  # around, taken, active
        active, at, line, counted = True, 0, 1, 0
        guard = re.match(r"\s*#[ \t]*ifndef[ \t]+(\w+)[ \t]*\n\s*#[ \t]*define[ \t]+(\w+)[ \t]*\n", text)
        if guard and guard.group(1) == guard.group(2):
            self.guards[path] = guard.group(1)
        for found in _DIRECTIVE.finditer(text):
            if active:
                line += text.count("\n", counted, at)
                counted = at
                self._piece(path, text[at : found.start()], line)
            at = found.end()
            self.made.time += 1
            word, rest = found.group(1), found.group(2)
            if word in ("if", "ifdef", "ifndef"):
                holds = active and self._holds(word, rest)
                stack.append((active, holds, active and holds))
            elif word in ("elif", "else") and stack:
                around, taken, _ = stack[-1]
                holds = around and not taken and (word == "else" or self._holds("if", rest))
                stack[-1] = around, taken or holds, holds
            elif word == "endif" and stack:
                stack.pop()
            elif active and word == "define":
                self._define(rest)
            elif active and word == "undef":
                self.made.define(None, rest.strip())
            elif active and word == "include":
                self._include(path, rest, depth)
            elif active and word == "pragma" and rest.strip() == "once":
                self.once.add(path)
            active = stack[-1][2] if stack else True
        if active:
            line += text.count("\n", counted, at)
            self._piece(path, text[at:], line)

    def _piece(self, path: str, text: str, line: int) -> None:
        if text.strip():
            self.made.pieces.append(ActiveText(self.length, path, line, self.made.time))
            self.pieces.append(text + "\n")
            self.length += len(text) + 1

    def _holds(self, word: str, rest: str) -> bool:
        if word != "if":
            name = rest.split()[0] if rest.split() else ""
            return (self.made.macro(name, self.made.time) is not None) == (word == "ifdef")
        rest = re.sub(
            r"\bdefined\s*(?:\(\s*(\w+)\s*\)|(\w+))",
            lambda m: str(int(self.made.macro(m[1] or m[2], self.made.time) is not None)),
            rest,
        )
        made = spelled(expand(self.made, tokens(rest), self.made.time))
        made = re.sub(r"\b[A-Za-z_]\w*\b", "0", made)
        try:
            return bool(Condition(made, Config({})).value)
        except (Malformed, ValueError):
            return False

    def _define(self, rest: str) -> None:
        found = _DEFINE.match(rest)
        if found is None:
            return
        name, brackets, inside, body = found.groups()
        parameters: tuple[str, ...] | None = None
        variadic = ""
        if brackets is not None:
            names = [p.strip() for p in inside.split(",") if p.strip()]
            if names and names[-1].endswith("..."):
                variadic = names.pop()[:-3].strip() or "__VA_ARGS__"
            parameters = tuple(names)
        self.made.define(Defined(name, parameters, tuple(tokens(body.strip())), variadic), name)

    def _include(self, path: str, rest: str, depth: int) -> None:
        found = _INCLUDE.match(rest)
        if found is None:
            found = _INCLUDE.match(spelled(expand(self.made, tokens(rest), self.made.time)).replace(" ", ""))
            if found is None:
                return
        name = found.group(1)
        if name.startswith("generated/"):  # of another configuration
            return
        here = path.rsplit("/", 1)[0]
        places = ([here] if '"' in rest else []) + list(_PLACES)
        if any(self.file(f"{place}/{name}", depth + 1) for place in places):
            return
        if name.startswith("asm/") and self.file(f"include/asm-generic/{name[4:]}", depth + 1):
            return
        self.made.missing.add(name)


def _bare(text: str) -> str:
    """A text without comments, each logical line in one line; the number of lines stays."""
    text = _COMMENT.sub(lambda m: m[0] if m[0][0] in "\"'" else " " + "\n" * m[0].count("\n"), text)
    if "\\\n" not in text:
        return text
    out: list[str] = []
    owed = 0
    for line in text.split("\n"):
        if line.endswith("\\"):
            out.append(line[:-1] + " ")
            owed += 1
        else:
            out.append(line + "\n" * (owed + 1))
            owed = 0
    return "".join(out)


# -- expanding ---------------------------------------------------------------------------------------------


def expand(
    made: Preprocessed, given: Iterable[Token], time: int, kept: frozenset[str] = frozenset()
) -> list[Token]:
    """Tokens with the macros of a time replaced (6.10.3). Names in ``kept`` stay."""
    out: list[Token] = []
    pending = list(given)[::-1]
    while pending:
        token = pending.pop()
        if token.kind != "name" or token.text in kept or token.text in token.hidden:
            out.append(token)
            continue
        macro = made.macro(token.text, time)
        if macro is None:
            out.append(token)
        elif macro.parameters is None:
            hidden = token.hidden | {macro.name}
            pending += _placed(made, macro, {}, hidden, time, token.spaced, kept)[::-1]
        elif pending and pending[-1].text == "(":
            found = _arguments(pending)
            if found is None:
                out.append(token)
                continue
            arguments, end = found
            hidden = (token.hidden & end.hidden) | {macro.name}
            named = _named(macro, arguments)
            pending += _placed(made, macro, named, hidden, time, token.spaced, kept)[::-1]
        else:
            out.append(token)
    return out


def _arguments(pending: list[Token]) -> tuple[list[list[Token]], Token] | None:
    """The arguments of a call, taken from the end of what is pending; and its last bracket."""
    depth, at = 0, len(pending) - 1
    arguments: list[list[Token]] = [[]]
    while at >= 0:
        token = pending[at]
        if token.kind == "mark":
            if token.text in ("(", "[", "{"):
                depth += token.text == "("
            if token.text == ")":
                depth -= 1
                if depth == 0:
                    del pending[at:]
                    return arguments, token
            if token.text == "," and depth == 1:
                arguments.append([])
                at -= 1
                continue
            if token.text == "(" and depth == 1:
                at -= 1
                continue
        arguments[-1].append(token)
        at -= 1
    return None


def _named(macro: Defined, arguments: list[list[Token]]) -> dict[str, list[Token]]:
    parameters = macro.parameters or ()
    named = dict(zip(parameters, arguments, strict=False))
    for name in parameters[len(arguments) :]:
        named[name] = []
    if macro.rest:
        more: list[Token] = []
        for i, argument in enumerate(arguments[len(parameters) :]):
            more += ([Token("mark", ",")] if i else []) + argument
        named[macro.rest] = more
    return named


def _placed(
    made: Preprocessed,
    macro: Defined,
    named: Mapping[str, list[Token]],
    hidden: frozenset[str],
    time: int,
    spaced: bool,
    kept: frozenset[str],
) -> list[Token]:
    """The body of a macro with its arguments in their places."""
    out: list[Token] = []
    body = macro.body
    at = 0
    expanded: dict[str, list[Token]] = {}
    while at < len(body):
        token = body[at]
        following = body[at + 1] if at + 1 < len(body) else None
        if token.text == "#" and macro.parameters is not None and following and following.text in named:
            text = spelled(named[following.text]).strip()
            quoted = re.sub(r'["\\]', lambda m: "\\" + m[0], text) if '"' in text or "\\" in text else text
            out.append(Token("text", f'"{quoted}"', token.spaced))
            at += 2
            continue
        if token.text == "##" and out and following is not None:
            right = list(named[following.text]) if following.text in named else [following]
            if out[-1].text == "," and following.text == macro.rest:
                if not right:
                    out.pop()
                out += right
            elif right and out[-1].kind == "empty":
                out[-1:] = right
            elif right:
                left = out.pop()
                out += [*tokens(left.text + right[0].text), *right[1:]]
            at += 2
            continue
        if token.kind == "name" and token.text in named:
            if following is not None and following.text == "##":
                out += named[token.text] or [Token("empty", "")]
            else:
                if token.text not in expanded:
                    expanded[token.text] = expand(made, named[token.text], time, kept)
                out += expanded[token.text]
        else:
            out.append(token)
        at += 1
    made_tokens = [t._replace(hidden=t.hidden | hidden) for t in out if t.kind != "empty"]
    if made_tokens:
        made_tokens[0] = made_tokens[0]._replace(spaced=spaced or made_tokens[0].spaced)
    return made_tokens
