"""Records behave as the classes of the standard library that they stand for."""

from __future__ import annotations

import dataclasses
import pickle
import typing
from typing import Any

import pytest

from verifier import records

KINDS = ("standard", "ours")
TEXT = """
@dataclass(frozen=True, slots=True)
class Node:
    name: str
    size: int = 3
    span: object = field(default=None, compare=False)
    parts: list = field(default_factory=list, repr=False, compare=False)

@dataclass(slots=True)
class Counter:
    by: dict = field(default_factory=dict)
    count: int = 0
    told: object = field(default=None, init=False, repr=False)
    def __post_init__(self):
        self.count += 1

@dataclass(slots=True, eq=False)
class Lone:
    value: int

@dataclass(slots=True)
class Base:
    first: int

@dataclass(slots=True)
class More(Base):
    second: int = 2

@dataclass
class Open:
    value: int = 1
    rest: list = field(default_factory=list)

@dataclass(frozen=True, slots=True)
class Own:
    value: int
    def __hash__(self):
        return 7
    def __repr__(self):
        return "own"

class Point(NamedTuple):
    x: int
    y: int = 0
    @property
    def total(self):
        return self.x + self.y
"""


def _classes(kind: str) -> dict[str, Any]:
    source = records if kind == "ours" else dataclasses
    known: dict[str, Any] = {n: getattr(source, n) for n in ("dataclass", "field", "fields", "replace")}
    known["NamedTuple"] = records.NamedTuple if kind == "ours" else typing.NamedTuple
    known["__name__"] = __name__
    exec(TEXT, known)
    return known


CLASSES = {kind: _classes(kind) for kind in KINDS}
USES = [
    "Node('a')",
    "Node(name='a', size=4)",
    "Node('a', 1, 2, [3]).parts",
    "Node('a').parts is Node('a').parts",
    "Node('a', span=1) == Node('a', span=2)",
    "Node('a') == Node('b')",
    "Node('a').__eq__(1)",
    "hash(Node('a', span=1)) == hash(Node('a', 3, 2))",
    "Node('a') in {Node('a')}",
    "replace(Node('a', 1, parts=[2]), size=5).parts",
    "[f.name for f in fields(Node('a'))]",
    "Node.__slots__",
    "Node.__match_args__",
    "Counter()",
    "Counter({1: 2}, 4).count",
    "Counter() == Counter()",
    "Counter().told",
    "Counter.__hash__",
    "Lone(1) == Lone(1)",
    "Lone(1) in {Lone(1)}",
    "More(1)",
    "More(1, 3) == More(1, 3)",
    "More(1) == Base(1)",
    "[f.name for f in fields(More)]",
    "More.__slots__",
    "Open()",
    "vars(Open(2))",
    "Open.value",
    "hasattr(Open, 'rest')",
    "{Own(1): 2}",
    "hash(Own(1))",
    "Own(1) == Own(1)",
    "Point(1)",
    "Point(1, y=2).total",
    "Point(1) == (1, 0)",
    "Point(1)._replace(y=5)",
    "Point(1)._asdict()",
    "Point._make([1, 2])",
    "Point._fields",
    "Point._field_defaults",
    "Point.__match_args__",
    "hash(Point(1))",
    "hasattr(Point(1), '__dict__')",
    "hasattr(Node('a'), '__dict__')",
    "repr(Node)",
    "Point.y.__doc__",
]
ERRORS = [
    "Node()",
    "Node('a', 1, 2, 3, 4)",
    "Node('a', other=1)",
    "Counter(told=1)",
    "hash(Counter())",
    "Point()",
    "Point(1, 2, 3)",
    "Point(1, z=2)",
    "Point._make([1])",
    "Point(1)._replace(z=2)",
    "setattr(Point(1), 'x', 2)",
    "setattr(Node('a'), 'name', 'b')",
    "delattr(Node('a'), 'name')",
    "setattr(Lone(1), 'other', 2)",
    "replace(Node('a'), other=1)",
]


@pytest.mark.parametrize("use", USES)
def test_a_use_gives_what_the_standard_library_gives(use: str) -> None:
    standard, ours = (eval(use, CLASSES[kind]) for kind in KINDS)
    assert repr(ours) == repr(standard)


@pytest.mark.parametrize("use", ERRORS)
def test_an_error_is_that_of_the_standard_library(use: str) -> None:
    found = []
    for kind in KINDS:
        with pytest.raises(Exception) as error:
            eval(use, CLASSES[kind])
        found.append(error.type)
    assert found[0] is found[1]


@records.dataclass(frozen=True, slots=True)
class Sent:
    """Goes through a pipe."""

    name: str
    at: tuple[int, int] = (0, 0)


class Pair(records.NamedTuple):
    """Goes through a pipe."""

    left: int
    right: str = ""


@pytest.mark.parametrize("value", [Sent("a"), Sent("b", (1, 2)), Pair(1), Pair(2, "x")])
def test_a_record_survives_a_pipe(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_the_standard_library_takes_a_record() -> None:
    value = Sent("a")
    assert dataclasses.is_dataclass(value)
    assert [(f.name, f.type) for f in dataclasses.fields(value)] == [
        ("name", "str"),
        ("at", "tuple[int, int]"),
    ]
    assert dataclasses.replace(value, at=(3, 4)) == Sent("a", (3, 4))
    assert dataclasses.asdict(value) == {"name": "a", "at": (0, 0)}


def test_a_record_that_holds_itself_can_be_shown() -> None:
    @records.dataclass(slots=True, eq=False)
    class Ring:
        next: Any = None

    ring = Ring()
    ring.next = ring
    assert repr(ring).endswith("Ring(next=...)")
