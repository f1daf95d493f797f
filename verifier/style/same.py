"""Whether two texts are the same but for the space between their tokens, and mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.source import Source, Span
from verifier.style.outline import is_assembly, outline
from verifier.style.tokens import comment_lines, tokens
from verifier.syntax import layout
from verifier.syntax.grammars import Node, is_tree


def same(before: Source, after: Source) -> str:
    """What differs between two texts; empty if nothing does. Raises ``InputError`` if one is wrong."""
    herd = is_assembly(before)
    for one, other in zip(_tokens(before, herd), _tokens(after, herd), strict=False):
        if one != other:
            return f"{one!r} became {other!r}"
    if len(list(_tokens(before, herd))) != len(list(_tokens(after, herd))):
        return "it has more tokens, or fewer"
    meaning = _assembly if herd else _file
    return "" if meaning(before) == meaning(after) else "its tree is another one"


def _tokens(source: Source, herd: bool) -> Iterator[object]:
    bare = layout.uncomment(source, herd=herd)
    for token in tokens(source.text, bare):
        yield comment_lines(token.text) if token.kind == "comment" else token.text


def _assembly(source: Source) -> object:
    from verifier.syntax import x86

    (test,) = x86.parse(source)
    head = (test.name, test.arch, test.doc, test.meta, test.expected, test.quantifier, test.condition)
    return head, without_places(test.tree)


def _file(source: Source) -> object:
    found = outline(source)
    lines = [" ".join(source.text[a:b].split()) for a, b in found.lines]
    rest = [(without_places(s.final), [_words(g) for g in s.guards]) for s in found.segments]
    return found.arch, found.first, found.result, lines, _words(found.tree), rest


def _words(tree: Node) -> object:
    """A tree without places. In a token that is no string, space means nothing."""
    if not is_tree(tree):
        text = str(tree)
        return text if text[:1] in ('"', "'") else "".join(text.split())
    return tree.data, [_words(child) for child in tree.children]


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
