"""Static locals: objects in memory that all calls of their function share, and that are initialised once."""

from __future__ import annotations

from typing import Any

from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.rebuilt import rebuilt


def hoisted(unit: ast.Unit) -> ast.Unit:
    """A unit in which static locals are objects of the initial state: ``f__x`` of ``f()`` (C11 6.2.4)."""
    moved = _Moved({x.name for x in unit.initial if isinstance(x, ast.Object)} | unit.enums.keys())
    functions = {name: replace(f, body=moved.out_of(f.body, name)) for name, f in unit.functions.items()}
    threads = {cpu: replace(t, body=moved.out_of(t.body, f"P{cpu}")) for cpu, t in unit.threads.items()}
    nmis = tuple(replace(t, body=moved.out_of(t.body, f"nmi_P{t.cpu}")) for t in unit.nmis)
    if not moved.objects:
        return unit
    first = len(unit.initial)
    return replace(
        unit,
        functions=functions,
        threads=threads,
        nmis=nmis,
        initial=(*unit.initial, *moved.objects),
        overridable=unit.overridable | set(range(first, first + len(moved.objects))),
    )


class _Moved:
    """The objects that static locals have become. ``names``: of all objects."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.objects: list[ast.Object] = []

    def out_of(self, x: Any, owner: str) -> Any:
        """A part of a function without its static locals."""
        x = rebuilt(x, lambda part: self.out_of(part, owner))
        if not isinstance(x, ast.Block):
            return x
        body: list[ast.Stmt] = []
        given: dict[str, str] = {}
        for statement in x.body:
            if isinstance(statement, ast.Declare) and statement.static:
                given[statement.name] = self._object(statement, owner)
            else:
                body.append(_renamed(statement, given) if given else statement)
        return replace(x, body=tuple(body)) if given else x

    def _object(self, x: ast.Declare, owner: str) -> str:
        name = f"{owner}__{x.name}"
        while name in self.names:
            name += "_"
        self.names.add(name)
        self.objects.append(
            ast.Object(type=x.type, name=name, value=x.init, span=x.span, size=x.size, columns=x.columns)
        )
        return name


def _renamed(x: Any, given: dict[str, str]) -> Any:
    """A statement in which names have become others; a block may declare one anew."""
    if isinstance(x, ast.Ident):
        return replace(x, name=given[x.name]) if x.name in given else x
    if isinstance(x, ast.Block):
        own = {s.name for s in x.body if isinstance(s, ast.Declare)}
        given = {old: new for old, new in given.items() if old not in own}
    return rebuilt(x, lambda part: _renamed(part, given))
