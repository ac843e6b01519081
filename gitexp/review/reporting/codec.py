"""Values from JSON: a report that somebody else's job wrote is data, and every type is checked.

Dataclasses are read by their annotations. Keys that no field has are passed over, since the JSON
of a report also says what follows from other fields.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments

T = TypeVar("T")

_UNUSUAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_DEEPEST = 60


class _Wrong(ValueError):
    """A value that does not fit, and where."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


def decode(kind: type[T], data: Any, *, file: str) -> T:
    """Return the value of a dataclass that JSON data describes.

    Raises:
        InvalidDocuments: a field is missing, or holds something else than its annotation says.
    """
    try:
        return cast(T, _decoded(kind, data, ""))
    except _Wrong as exc:
        problem = Problem(file=file, place=exc.place, message=str(exc))
        raise InvalidDocuments(
            [problem], hint="Make it again with `gitexp report --format json`."
        ) from exc


def _decoded(kind: Any, data: Any, place: str) -> Any:
    if kind is Any:
        return _bounded(data, place, _DEEPEST)
    if hasattr(kind, "__supertype__"):  # a NewType
        return _decoded(kind.__supertype__, data, place)
    if dataclasses.is_dataclass(kind):
        return _object(cast(type, kind), data, place)
    if (origin := get_origin(kind)) is not None:
        return _generic(origin, get_args(kind), data, place)
    return _simple(kind, data, place)


def _simple(kind: Any, data: Any, place: str) -> Any:
    if kind is float:
        return _number(data, place)
    if kind is type(None) and data is None:
        return None
    if kind in (str, int, bool) and type(data) is kind:
        return data
    raise _Wrong(place, f"{_name(data)} stands where {getattr(kind, '__name__', kind)} belongs")


def _number(data: Any, place: str) -> float:
    if isinstance(data, str) and data in _UNUSUAL:
        return _UNUSUAL[data]
    if isinstance(data, bool) or not isinstance(data, (int, float)):
        raise _Wrong(place, f"{_name(data)} stands where a number belongs")
    try:
        return float(data)
    except OverflowError as exc:
        raise _Wrong(place, "the number is too large") from exc


def _generic(origin: Any, arguments: tuple[Any, ...], data: Any, place: str) -> Any:
    if origin in (Union, types.UnionType):
        return _either(arguments, data, place)
    if origin is Literal:
        if data in arguments and not isinstance(data, (list, dict)):
            return data
        raise _Wrong(place, f"it is none of {', '.join(map(repr, arguments))}")
    if origin is tuple:
        return _items(arguments, data, place)
    return _mapping(arguments[1], data, place)


def _either(kinds: tuple[Any, ...], data: Any, place: str) -> Any:
    """Return what an optional value holds."""
    if data is None and type(None) in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not type(None))
    return _decoded(kind, data, place)


def _items(kinds: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _Wrong(place, f"{_name(data)} stands where a list belongs")
    if kinds[-1:] == (...,):
        kinds = (kinds[0],) * len(data)
    if len(kinds) != len(data):
        raise _Wrong(place, f"{len(data)} values stand where {len(kinds)} belong")
    pairs = enumerate(zip(kinds, data, strict=True))
    return tuple(_decoded(kind, item, f"{place}[{n}]") for n, (kind, item) in pairs)


def _mapping(kind: Any, data: Any, place: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise _Wrong(place, f"{_name(data)} stands where an object belongs")
    return {key: _decoded(kind, item, f"{place}.{key[:80]}") for key, item in data.items()}


def _object(kind: type, data: Any, place: str) -> Any:
    if not isinstance(data, Mapping):
        raise _Wrong(place, f"{_name(data)} stands where an object belongs")
    hints = _hints(kind)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        where = f"{place}.{field.name}" if place else field.name
        if field.name in data:
            given[field.name] = _decoded(hints[field.name], data[field.name], where)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Wrong(where, "it is missing")
    return kind(**given)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _bounded(data: Any, place: str, depth: int) -> Any:
    """Return any JSON value that is not nested too deeply to be shown."""
    if not depth:
        raise _Wrong(place, "it is nested too deeply")
    if isinstance(data, list):
        return [_bounded(item, place, depth - 1) for item in data]
    if isinstance(data, dict):
        return {key: _bounded(item, place, depth - 1) for key, item in data.items()}
    return data


def _name(data: Any) -> str:
    return "nothing" if data is None else type(data).__name__
