"""Families of words: ``atomic{,64,_long}_{add,sub}(i, &v)`` stands for six rows of the vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType

from verifier.patterns import pattern
from verifier.records import dataclass
from verifier.words.rows import Word

# What the names of a family differ in, each in the order in which it is shown.
_TYPES = (
    ("atomic", "atomic64", "atomic_long"),
    ("local", "local64"),
    ("this_cpu", "__this_cpu", "raw_cpu"),
)
_OPERATIONS = ("add", "sub", "inc", "dec", "and", "or", "xor", "andnot")
_ORDERS = ("", "_relaxed", "_acquire", "_release")
_TYPE = pattern(r"(atomic64|atomic_long|atomic|local64|local|this_cpu|__this_cpu|raw_cpu)(?=_)")
_OPERATION = pattern(rf"(?<=_)({'|'.join(_OPERATIONS)})(?=_|$)")
_ORDER = pattern(r"(_relaxed|_acquire|_release)?$")
_PART = pattern(r"\w+|\W")


@dataclass(frozen=True, slots=True)
class WordFamily:
    """Words that differ in their type, operation or order alone. ``name`` has the choices in braces, and so
    have ``doc`` and ``source``, where the rows differ; a single word is a family of its own."""

    name: str
    members: tuple[Word, ...]
    doc: str
    source: str

    @property
    def signature(self) -> str:
        """How its words are written."""
        first = self.members[0]
        return self.name if first.planned else self.name + first.signature[len(first.name) :]


@dataclass(frozen=True, slots=True)
class _Name:
    """The parts of a name: what comes before and after the operation, and the choices."""

    type: str
    before: str
    operation: str
    after: str
    order: str

    @property
    def frame(self) -> tuple[str, ...]:
        """What all words of a family share."""
        kind = next((types[0] for types in _TYPES if self.type in types), "")
        return kind, self.before, self.after, "O" if self.operation else ""


def families(words: Sequence[Word]) -> list[WordFamily]:
    """The words as families, each where its first member stands."""
    together: dict[tuple[object, ...], list[Word]] = {}
    for word in words:
        together.setdefault(_key(word), []).append(word)
    found = [family for members in together.values() for family in _families(members)]
    place = {word.name: number for number, word in enumerate(words)}
    return sorted(found, key=lambda family: place[family.members[0].name])


def single(word: Word) -> WordFamily:
    """A word as a family of its own."""
    return WordFamily(word.name, (word,), word.doc, word.source)


def _parts(name: str) -> _Name:
    of_type = _TYPE.match(name)
    kind = of_type[0] if of_type else ""
    order = _ORDER.search(name)
    assert order is not None
    rest = name[len(kind) : order.start()]
    operation = _OPERATION.search(rest)
    if operation is None:
        return _Name(kind, rest, "", "", order[0])
    return _Name(kind, rest[: operation.start()], operation[0], rest[operation.end() :], order[0])


def _key(word: Word) -> tuple[object, ...]:
    """Equal for words of one family: they take the same, and do the same but for the operation."""
    parts = _parts(word.name)
    doc = word.doc.replace(parts.operation.upper(), "OP") if parts.operation else word.doc
    shown = word.signature[len(word.name) :]
    return word.group, parts.frame, shown, word.events, word.rule, word.planned, doc, len(_split(word.source))


def _families(words: list[Word]) -> Iterator[WordFamily]:
    """One family, if every choice goes with every other one; else one for each operation, or each word."""
    cuts: tuple[Callable[[_Name], object], ...] = (lambda _: "", lambda n: n.operation, lambda n: n)
    for cut in cuts:
        groups: dict[object, list[Word]] = {}
        for word in words:
            groups.setdefault(cut(_parts(word.name)), []).append(word)
        if all(map(_complete, groups.values())):
            yield from map(_family, groups.values())
            return


def _choices(words: list[Word]) -> tuple[list[str], list[str], list[str]]:
    names = [_parts(word.name) for word in words]
    types = [t for known in (*_TYPES, ("",)) for t in known if any(n.type == t for n in names)]
    operations = [o for o in ("", *_OPERATIONS) if any(n.operation == o for n in names)]
    return types, operations, [o for o in _ORDERS if any(n.order == o for n in names)]


def _complete(words: list[Word]) -> bool:
    there = {(n.type, n.operation, n.order) for n in (_parts(word.name) for word in words)}
    return there == set(product(*_choices(words)))


def _family(words: list[Word]) -> WordFamily:
    if len(words) == 1:
        return single(words[0])
    types, operations, orders = _choices(words)
    parts = _parts(words[0].name)
    name = f"{_braced(types)}{parts.before}{_braced(operations)}{parts.after}{_braced(orders)}"
    docs, sources = [word.doc for word in words], [word.source for word in words]
    return WordFamily(
        name, tuple(words), _merged(docs), _merged(sources, {tuple(w.name for w in words): name})
    )


def _braced(choices: Sequence[str]) -> str:
    """``atomic{,64,_long}``: what the choices share, and what each adds."""
    if len(choices) == 1:
        return choices[0]
    shared = choices[0] if all(choice.startswith(choices[0]) for choice in choices) else ""
    return f"{shared}{{{','.join(choice[len(shared) :] for choice in choices)}}}"


def _merged(texts: Sequence[str], known: Mapping[tuple[str, ...], str] = MappingProxyType({})) -> str:
    """Texts of as many words, with braces around those that differ, or around their parts that do.

    ``known``: what stands for some columns of words."""
    out = ""
    for column in zip(*map(_split, texts), strict=True):
        parts = [word.split("_") for word in column]
        if column in known:
            out += known[column]
        elif len({len(p) for p in parts}) == 1:
            out += "_".join(_braced(list(dict.fromkeys(part))) for part in zip(*parts, strict=True))
        else:
            out += _braced(list(dict.fromkeys(column)))
    return out


def _split(text: str) -> list[str]:
    return [found.group() for found in _PART.finditer(text)]
