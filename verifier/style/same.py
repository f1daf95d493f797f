"""Whether two texts are the same but for the space between their tokens, and mean the same."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from verifier.records import NamedTuple
from verifier.source import Source, Span
from verifier.style.outline import is_assembly, outline
from verifier.style.tokens import comment_lines, tokens
from verifier.syntax import layout
from verifier.syntax.grammars import Node, is_tree


def same(before: Source, after: Source) -> str:
    """What differs between two texts; empty if nothing does. Raises ``InputError`` if one is wrong."""
    herd = is_assembly(before)
    told = _assembly if herd else _file
    one, other = told(before), told(after)
    for a, b in zip_longest(one.words, other.words):
        if a != b:
            return f"{a!r} became {b!r}"
    return "" if one.meaning == other.meaning else "its tree is another one"


class _Told(NamedTuple):
    """A text without space: the lines of its head, then its tokens and comments; and what it means."""

    words: list[object]
    meaning: object


def _told(source: Source, head: int, bare: layout.Uncommented, meaning: object) -> _Told:
    lines = [line.strip() for line in source.text[:head].split("\n")]
    found = tokens(source.text, bare, head)
    words = [comment_lines(token.text) if token.kind == "comment" else token.text for token in found]
    return _Told([*filter(None, lines), *words], meaning)


def _assembly(source: Source) -> _Told:
    from verifier.syntax import x86

    (test,) = x86.parse(source)
    head = (test.name, test.arch, test.doc, test.meta, test.expected, test.quantifier, test.condition)
    bare = layout.uncomment(source, herd=True)
    return _told(source, x86.table(source).start, bare, (head, without_places(test.tree)))


def _file(source: Source) -> _Told:
    found = outline(source)
    lines = [" ".join(source.text[a:b].split()) for a, b in found.lines]
    rest = [(without_places(s.final), [_words(g) for g in s.guards]) for s in found.segments]
    meaning = found.arch, found.first, found.result, lines, _words(found.tree), rest
    return _told(source, found.head, found.bare, meaning)


def _words(tree: Node) -> list[object]:
    """A tree without places: its nodes, each with the number of its children, and its tokens.

    In a token that is no string, space means nothing."""
    found, pending = list[object](), [tree]
    while pending:
        node = pending.pop()
        if is_tree(node):
            found.append((node.data, len(node.children)))
            pending += reversed(node.children)
        else:
            text = str(node)
            found.append(text if text[:1] in ('"', "'") else "".join(text.split()))
    return found


def without_places(value: object) -> object:
    """A value without places."""
    if isinstance(value, Span | Source):
        return None
    if isinstance(value, dict):
        return {key: without_places(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value).__name__, [without_places(v) for v in value]
    names: Iterable[str] | None = getattr(type(value), "__dataclass_fields__", None)
    if names is not None:
        return type(value).__name__, [without_places(getattr(value, name)) for name in names]
    return value
