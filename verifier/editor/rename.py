"""Renames registers, shared names, variants and labels, where nothing else can come to mean something new."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.editor.declared import REGISTER, Declaration, Declarations
from verifier.editor.keywords import RESERVED
from verifier.editor.names import VALUES, KnownNames, Occurrence
from verifier.errors import UsageError
from verifier.lower.x86.table import REGISTER_NAMES
from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.words.loops import LOOPS
from verifier.words.table import ELSEWHERE, WORDS

_NAME = pattern(r"[A-Za-z_][A-Za-z_0-9]*")
_READS_AS = (
    (pattern(r"\w+_t|_{0,2}[us](8|16|32|64|128)"), "a type"),
    (pattern(r"P\d+"), "a program"),
    (pattern(r"(for_each_\w*cpu\w*|[a-z]*list_for_each_entry\w*)"), "a loop"),
    (pattern(r"_{0,2}GFP_\w*"), "flags of an allocation"),
)
_ABOUT = {"shared": "a shared name", "local": "a local", "variant": "a variant", "label": "a label"}


class NewText(NamedTuple):
    """``text`` in the place of ``start .. end``."""

    start: int
    end: int
    text: str


def renamable(names: KnownNames, offset: int) -> Occurrence:
    """The name at an offset, if it can be renamed. Raises ``UsageError``, which says why not."""
    one = names.at(offset)
    if one is None:
        raise UsageError("there is no name here")
    if one.role == "register":
        raise UsageError(f"{one.name} is a register of the machine")
    if one.role in ("field", "tag"):
        raise UsageError(f"{one.name} is a field or a struct; those are not renamed")
    if one.role not in _ABOUT:
        raise UsageError(f"{one.name} is a word of the language or of the vocabulary")
    if one.role == "shared":
        _own(names, one)
    if one.role == "variant" and one.name not in names.own.variants:
        raise UsageError(f"there is no variant {one.name}")
    if one.role in ("shared", "local") and _both(names, one):
        raise UsageError(f"{one.name} is a local of one program and a shared name, too")
    if one.role == "local":
        _one_group(names, one)
    return one


def rename(names: KnownNames, offset: int, new: str) -> list[NewText]:
    """The edits that give the name at an offset another one: in code, initial values, conditions and guards,
    not in comments. Raises ``UsageError`` where the new name means something already."""
    one = renamable(names, offset)
    if new == one.name:
        return []
    _spelling(names, one, new)
    found = names.same(one)
    taken = _taken(names, one, new)
    if taken is not None:
        line = names.litmus.source.position(taken.start)[0]
        raise UsageError(f"{new} stands in line {line} already")
    if one.role in ("shared", "local"):
        other = names.shared(new)
        if other is not None:
            raise UsageError(f"{new} is declared in {_place(other)}")
        if one.role == "shared":
            _not_in_includes(names, new)
    return [NewText(o.start, o.end, new) for o in found]


def _spelling(names: KnownNames, one: Occurrence, new: str) -> None:
    """Raise ``UsageError`` for a new name that reads as something else."""
    if not _NAME.fullmatch(new):
        raise UsageError(f"{new!r} is not a name: it takes letters, digits and _, and begins with no digit")
    if new in RESERVED:
        raise UsageError(f"{new} is a word of the language")
    if one.role == "variant":
        return
    if names.litmus.assembly:
        if new.lower() in REGISTER_NAMES:
            raise UsageError(f"{new} is a register of the machine")
        return
    if one.role == "local" and names.local(one.name, one.scopes) is None:
        if not REGISTER.fullmatch(new):
            raise UsageError(f"{one.name} is not declared, so its name must be r and a number, such as r7")
        return
    if new in WORDS or new in LOOPS or new in VALUES or new in ELSEWHERE:
        raise UsageError(f"{new} is a word of the vocabulary")
    for form, what in _READS_AS:
        if form.fullmatch(new):
            raise UsageError(f"{new} reads as {what}")
    if one.role == "shared" and REGISTER.fullmatch(new):
        raise UsageError(f"{new} reads as a register")


def _own(names: KnownNames, one: Occurrence) -> None:
    """Raise ``UsageError`` for a shared name that is not the file's own."""
    found = names.shared(one.name)
    if one.name in VALUES or one.name in WORDS:
        raise UsageError(f"{one.name} is a word of the vocabulary")
    if found is None and names.litmus.arch == "MM":
        raise UsageError(f"nothing declares {one.name}")
    if found is not None and found.litmus is not names.litmus:
        raise UsageError(f"{one.name} is declared in {_place(found)}; rename it there")
    _not_in_includes(names, one.name)
    kernel = any(s.kind in ("kernel", "without") for s in names.litmus.sections)
    if kernel and found is not None and found.kind != "address":
        raise UsageError(f"the kernel's text that this test takes may use {one.name}")


def _not_in_includes(names: KnownNames, name: str) -> None:
    """Raise ``UsageError`` if an included file uses a name."""
    for included, _ in names.included:
        other = KnownNames(included.litmus, [i for i, _ in names.included if i is not included])
        use = next((o for o in other.occurrences if o.name == name and o.role == "shared"), None)
        if use is not None:
            source = included.litmus.source
            raise UsageError(f"{source.name} uses {name} in line {source.position(use.start)[0]}")


def _both(names: KnownNames, one: Occurrence) -> bool:
    declared = names.own
    local = any(one.name in known for known in declared.locals.values())
    if one.role == "shared":
        return any(o.role == "local" and o.name == one.name for o in names.occurrences)
    return local and names.shared(one.name) is not None


def _one_group(names: KnownNames, one: Occurrence) -> None:
    """Raise ``UsageError`` if a condition asks about this register and that of another program at once."""
    scopes = {s for o in names.same(one) for s in o.scopes}
    real = {s for s in scopes if _has(names.own, s, one.name) or _uses(names, s, one.name)}
    if len(real) > 1:
        wide = next((o for o in names.same(one) if len(o.scopes) > 1), one)
        line = names.litmus.source.position(wide.start)[0]
        raise UsageError(f"line {line} may mean {one.name} of {' and of '.join(sorted(real))}")


def _has(own: Declarations, scope: str, name: str) -> bool:
    return name in own.locals.get(scope, {})


def _uses(names: KnownNames, scope: str, name: str) -> bool:
    return any(o.role == "local" and o.name == name and o.scopes == (scope,) for o in names.occurrences)


def _taken(names: KnownNames, one: Occurrence, new: str) -> Occurrence | None:
    """Where the new name stands already, so that it could capture or be captured."""
    same: Sequence[Occurrence] = [o for o in names.occurrences if o.name == new]
    if one.role in ("variant", "label"):
        return next(
            (o for o in same if o.role == one.role and (one.role == "variant" or o.scopes == one.scopes)),
            None,
        )
    if one.role == "shared":
        return next(
            (o for o in same if o.role in ("shared", "local", "bound", "word", "value", "opcode")), None
        )
    scopes = {s for o in names.same(one) for s in o.scopes}
    sections = [
        s
        for s in names.litmus.sections
        if s.kind in ("thread", "function", "nmi") and names.own.scope(s) in scopes
    ]
    return next(
        (o for o in same if (o.role == "local" and scopes & set(o.scopes))
         or (o.role in ("shared", "word", "value") and any(s.start <= o.start < s.end for s in sections))),
        None,
    )  # fmt: skip


def _place(found: Declaration) -> str:
    source = found.litmus.source
    return f"line {source.position(found.start)[0]} of {source.name}"
