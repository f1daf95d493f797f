"""``dataclass`` and ``NamedTuple`` as in the standard library, without the cost at import.

The standard library writes the methods of each class as text and compiles it while the class is made, which
took a quarter of the time of a small test. Here a method is compiled when it is first called. Type checkers
see the names of the standard library, whose functions (``dataclasses.fields``, …) also take these classes.
Only the arguments that this project uses are there.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]  # as namedtuple does
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

__all__ = ["NamedTuple", "dataclass", "field", "fields", "is_dataclass", "replace"]

_MISSING: Final = object()
_FIELDS = "__record_fields__"


class _Field:
    """A field of a record; ``type`` is the text of its annotation."""

    __slots__ = ("compare", "default", "default_factory", "init", "name", "repr", "type")

    def __init__(
        self, default: object, default_factory: object, init: bool, repr: bool, compare: bool
    ) -> None:
        self.name = self.type = ""
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare


def _field(
    *,
    default: object = _MISSING,
    default_factory: object = _MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
) -> _Field:
    return _Field(default, default_factory, init, repr, compare)


# -- dataclasses --------------------------------------------------------------------------------------------


_codes: dict[
    str, CodeType
] = {}  # by text: functions of many classes differ in nothing but the names of fields


def _function(name: str, text: str, names: Sequence[str], known: dict[str, Any], owner: type) -> Any:
    """A method of ``owner``. Its text names the fields ``a0``, ``a1``, …, and may use what is ``known``."""
    code = _codes.get(text)
    if code is None:
        made: dict[str, Any] = {}
        exec(text, made)
        code = _codes[text] = made[name].__code__
    real = {f"a{i}": n for i, n in enumerate(names)}
    code = code.replace(
        co_varnames=tuple([real.get(n, n) for n in code.co_varnames]),
        co_names=tuple([real.get(n, n) for n in code.co_names]),
    )
    function = FunctionType(code, known, name)
    function.__qualname__ = f"{owner.__qualname__}.{name}"
    function.__module__ = owner.__module__
    return function


def _given(cls: type, f: _Field, i: int, value: str, known: dict[str, Any]) -> str:
    """The line that gives field ``i`` of a frozen object a value; it uses what is ``known``."""
    if hasattr(slot := cls.__dict__.get(f.name), "__set__"):
        known[f"set{i}"] = slot.__set__  # type: ignore[union-attr]
        return f" set{i}(self, {value})\n"
    known |= {"set": object.__setattr__, f"name{i}": f.name}
    return f" set(self, name{i}, {value})\n"


def _initializer(cls: type, frozen: bool) -> Any:
    known: dict[str, Any] = {"missing": _MISSING}
    parameters, lines, defaults = ["self"], [], []
    found: tuple[_Field, ...] = getattr(cls, _FIELDS)
    for i, f in enumerate(found):
        value = f"a{i}"
        if f.init:
            parameters.append(value)
        if f.default_factory is not _MISSING:
            known[f"make{i}"] = f.default_factory
            value = f"make{i}() if a{i} is missing else a{i}"
            defaults.append(_MISSING)
        elif f.default is not _MISSING and f.init:
            defaults.append(f.default)
        elif not f.init:
            known[f"default{i}"] = f.default
            value = f"default{i}"
        if not frozen:
            lines.append(f" self.a{i} = {value}\n")
        else:
            lines.append(_given(cls, f, i, value, known))
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    text = f"def __init__({', '.join(parameters)}):\n{''.join(lines) or ' pass'}"
    function = _function("__init__", text, [f.name for f in found], known, cls)
    function.__defaults__ = tuple(defaults)
    return function


def _values(cls: type, name: str) -> tuple[str, list[str]]:
    """The values that are compared, of the object in the variable ``name``, as a text for ``_function``; and
    the names of their fields."""
    names = [f.name for f in getattr(cls, _FIELDS) if f.compare]
    return "(" + "".join(f"{name}.a{i}," for i in range(len(names))) + ")", names


def _equality(cls: type) -> Any:
    mine, names = _values(cls, "self")
    other, _ = _values(cls, "other")
    text = (
        "def __eq__(self, other):\n"
        " if other.__class__ is self.__class__:\n"
        f"  return {mine} == {other}\n"
        " return NotImplemented\n"
    )
    return _function("__eq__", text, names, {}, cls)


def _hashing(cls: type) -> Any:
    mine, names = _values(cls, "self")
    return _function("__hash__", f"def __hash__(self):\n return hash({mine})\n", names, {}, cls)


@recursive_repr()
def _repr(self: Any) -> str:
    parts = (f"{f.name}={getattr(self, f.name)!r}" for f in getattr(self, _FIELDS) if f.repr)
    return f"{self.__class__.__qualname__}({', '.join(parts)})"


def _frozen(self: object, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r}")


def _reader(cls: type, names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """Reads these fields, all at once."""
    return attrgetter(*names) if len(names) > 1 else lambda record: [getattr(record, n) for n in names]


def _state(cls: type) -> Callable[[Any], Sequence[Any]]:
    read = _reader(cls, [f.name for f in getattr(cls, _FIELDS)])
    return lambda self: read(self)


def _restorer(cls: type) -> Any:
    found: tuple[_Field, ...] = getattr(cls, _FIELDS)
    known: dict[str, Any] = {}
    lines = [_given(cls, f, i, f"state[{i}]", known) for i, f in enumerate(found)]
    text = f"def __setstate__(self, state):\n{''.join(lines) or ' pass'}"
    return _function("__setstate__", text, [f.name for f in found], known, cls)


def _later(cls: type, name: str, make: Callable[[], Any]) -> None:
    """Give a class a method that is compiled when it is first called."""

    def first(*args: object, **kwargs: object) -> object:
        method = make()
        setattr(cls, name, method)
        return method(*args, **kwargs)

    setattr(cls, name, first)


class _StandardFields:
    """``__dataclass_fields__``, for the functions of the standard library: made when they ask for it."""

    def __get__(self, _: object, cls: type) -> dict[str, Any]:
        import dataclasses

        made: dict[str, Any] = {}
        for f in getattr(cls, _FIELDS):
            given = {n: v for n in ("default", "default_factory") if (v := getattr(f, n)) is not _MISSING}
            made[f.name] = dataclasses.field(init=f.init, repr=f.repr, compare=f.compare, **given)
            made[f.name].name, made[f.name].type = f.name, f.type
            made[f.name].kw_only = False
            made[f.name]._field_type = dataclasses._FIELD  # type: ignore[attr-defined]
        return made


def _fields_of(cls: type) -> tuple[_Field, ...]:
    """The fields of a class that is being made; those of its bases come first."""
    found: dict[str, _Field] = {}
    for base in cls.__mro__[-1:0:-1]:
        found |= {f.name: f for f in base.__dict__.get(_FIELDS, ())}
    for name, kind in cls.__annotations__.items():
        given = cls.__dict__.get(name, _MISSING)
        f = given if isinstance(given, _Field) else _Field(given, _MISSING, True, True, True)
        f.name, f.type = name, kind
        found[name] = f
    return tuple(found.values())


def _with_slots(cls: type, names: list[str]) -> type:
    """The class again, with slots for these fields, as far as its bases have none."""
    body = dict(cls.__dict__)
    inherited = {n for base in cls.__mro__[1:-1] for n in base.__dict__.get("__slots__", ())}
    body["__slots__"] = tuple(n for n in names if n not in inherited)
    for name in (*names, "__dict__", "__weakref__"):
        body.pop(name, None)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _made(cls: type, frozen: bool, slots: bool, eq: bool) -> type:
    own = cls.__dict__
    found = _fields_of(cls)
    hashed = own.get("__hash__") is not None
    compared = eq and "__eq__" not in own
    if slots:
        cls = _with_slots(cls, [f.name for f in found])
    else:
        for f in found:
            if isinstance(own.get(f.name), _Field):
                delattr(cls, f.name) if f.default is _MISSING else setattr(cls, f.name, f.default)
    attributes: dict[str, object] = {
        _FIELDS: found,
        "__dataclass_fields__": _StandardFields(),
        "__match_args__": tuple([f.name for f in found if f.init]),
    }
    if "__repr__" not in own:
        attributes["__repr__"] = _repr
    if frozen:
        attributes |= {"__setattr__": _frozen, "__delattr__": _frozen}
    for name, value in attributes.items():
        setattr(cls, name, value)
    if frozen and slots and "__getstate__" not in own:
        _later(cls, "__getstate__", lambda: _state(cls))
        _later(cls, "__setstate__", lambda: _restorer(cls))
    _later(cls, "__init__", lambda: _initializer(cls, frozen))
    if compared:
        _later(cls, "__eq__", lambda: _equality(cls))
    if eq and not hashed:
        if frozen:
            _later(cls, "__hash__", lambda: _hashing(cls))
        else:
            cls.__hash__ = None  # type: ignore[assignment]
    return cls


def _dataclass(
    cls: type | None = None, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> type | Callable[[type], type]:
    if cls is not None:
        return _made(cls, frozen, slots, eq)
    return lambda cls: _made(cls, frozen, slots, eq)


def _fields(record: object) -> tuple[_Field, ...]:
    found: tuple[_Field, ...] = getattr(record, _FIELDS)
    return found


def _is_dataclass(x: object) -> bool:
    return hasattr(x, _FIELDS)


def _replace(record: Any, /, **changes: object) -> Any:
    cls = record.__class__
    read = _READERS.get(cls)
    if read is None:
        names = cls.__match_args__  # the fields that it is made of
        get = _reader(cls, names)
        read = _READERS[cls] = lambda record: dict(zip(names, get(record), strict=True))
    values = read(record)
    values.update(changes)
    return cls(**values)


_READERS: dict[type, Callable[[Any], dict[str, Any]]] = {}


# -- tuples -------------------------------------------------------------------------------------------------


class _Tuple(tuple[Any, ...]):
    """What all named tuples share."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _field_defaults: Mapping[str, object] = {}

    @classmethod
    def _make(cls, values: Iterable[object]) -> _Tuple:
        made = tuple.__new__(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self, /, **changes: object) -> _Tuple:
        made = self._make(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"Got unexpected field names: {list(changes)!r}")
        return made

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        parts = (f"{n}={v!r}" for n, v in zip(self._fields, self, strict=True))
        return f"{self.__class__.__name__}({', '.join(parts)})"

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)


def _maker(cls: Any) -> Any:
    values = "".join(f"a{i}, " for i in range(len(cls._fields)))
    text = f"def __new__(_cls, {values}):\n return new(_cls, ({values}))\n"
    function = _function("__new__", text, cls._fields, {"new": tuple.__new__}, cls)
    function.__defaults__ = tuple(cls._field_defaults.values())
    return function


class _Named(type):
    """Makes the classes that have ``NamedTuple`` as their base; they are no instances of it."""

    def __new__(mcs, name: str, _: tuple[type, ...], body: dict[str, Any]) -> Any:
        names = tuple(body.get("__annotations__", ()))
        defaults = {n: body[n] for n in names if n in body}
        body |= {n: _tuplegetter(i, f"Alias for field number {i}") for i, n in enumerate(names)}
        body |= {"__slots__": (), "_fields": names, "_field_defaults": defaults, "__match_args__": names}
        cls: Any = type(name, (_Tuple,), body)

        def first(_cls: type, /, *args: object, **kwargs: object) -> object:
            cls.__new__ = made = _maker(cls)
            return made(_cls, *args, **kwargs)

        cls.__new__ = first
        return cls


if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, is_dataclass, replace
    from typing import NamedTuple
else:
    dataclass, field, fields, is_dataclass, replace = _dataclass, _field, _fields, _is_dataclass, _replace
    NamedTuple = type.__new__(_Named, "NamedTuple", (), {})
