"""Plain values: what a document can hold, and when two of them are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.documents.limits import MAX_DEPTH, MAX_INTEGER_DIGITS, forbidden
from gitexp.documents.problems import place_of, shown
from gitexp.errors import InvalidInput

Path = tuple[str | int, ...]
"""Keys and list positions that lead from the root of a document to a value."""

TextRule = Callable[[str], "str | None"]
"""Says why a text cannot be stored, or None when it can."""

_LARGEST = 10**MAX_INTEGER_DIGITS


def same(left: Any, right: Any) -> bool:
    """Return whether two plain values are equal in type as well; the order of keys is left out.

    `1`, `1.0` and `True` are three different values, and so are `0.0` and `-0.0`.
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1.0, left) == math.copysign(1.0, right)
    return _type_of(left) is _type_of(right) and bool(left == right)


def _type_of(value: Any) -> type:
    return next((t for t in (bool, int, float, str) if isinstance(value, t)), type(value))


def encoding_fault(text: str) -> str | None:
    """Return why a text cannot be encoded as UTF-8, or None when it can."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        return f"it holds half a surrogate pair (U+{ord(text[exc.start]):04X})"
    return None


def control_fault(text: str) -> str | None:
    """Return why a text cannot stand in a YAML document, or None when it can."""
    found = forbidden(text)
    return f"it holds {character_name(found.group())}" if found else None


def character_name(character: str) -> str:
    """Return how a message names a character that is not printed."""
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return f"half a surrogate pair (U+{code:04X})"
    return f"the control character U+{code:04X}"


def require_plain(value: Any, *, text_fault: TextRule = encoding_fault, place: Path = ()) -> None:
    """Check that a value is made of mappings with text keys, lists, text, numbers, booleans, null.

    `place` says where the value stands in something larger, for the message.

    Raises:
        InvalidInput: it is not; the message names the first place and what stands there.
    """
    for path, message in _faults(value, (), text_fault):
        where = place_of((*place, *path))
        raise InvalidInput(
            f"{where}: {message}" if where else message,
            hint="A document holds text, finite numbers, booleans, null, lists, and mappings "
            "whose keys are text.",
        )


def _faults(value: Any, path: Path, text_fault: TextRule) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        fault = text_fault(value)
        if fault:
            yield path, f"{shown(value)} cannot be stored: {fault}"
    elif isinstance(value, (Mapping, list, tuple)):
        yield from _collection_faults(value, path, text_fault)
    else:
        fault = _scalar_fault(value)
        if fault:
            yield path, fault


def _collection_faults(
    value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], path: Path, text_fault: TextRule
) -> Iterator[tuple[Path, str]]:
    if len(path) >= MAX_DEPTH:
        yield path[:3], f"nested more than {MAX_DEPTH} deep"
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _key_faults(key, path, text_fault)
            yield from _faults(child, (*path, key), text_fault)
    else:
        for position, child in enumerate(value):
            yield from _faults(child, (*path, position), text_fault)


def _key_faults(key: Any, path: Path, text_fault: TextRule) -> Iterator[tuple[Path, str]]:
    if not isinstance(key, str):
        yield path, f"the key {shown(key)} is not text"
    elif text_fault(key):
        yield path, f"the key {shown(key)} cannot be stored: {text_fault(key)}"


def _scalar_fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{float(value)!r} is not a finite number"
    if isinstance(value, int):
        if -_LARGEST < value < _LARGEST:
            return None
        return f"an integer of more than {MAX_INTEGER_DIGITS} digits cannot be stored"
    return f"a value of type {type(value).__name__} cannot be stored"
