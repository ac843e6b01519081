"""When two JSON values are equal for an evaluator, and texts that are compared leniently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitexp.documents.values import same

Fold = Callable[[Any], Any]
"""Makes of a value what is compared: its texts without case, or without white space at the ends."""


def equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; numbers by value, and true is not 1."""
    if type(left) is str and type(right) is str:
        return left == right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if is_number(left) and is_number(right):
        return bool(left == right)
    return same(left, right)


def is_number(value: Any) -> bool:
    """Return whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def folding(options: Mapping[str, Any]) -> Fold | None:
    """Return how texts are made alike before they are compared; None where they stay as they are.

    Texts in lists and the values of mappings are made alike too; keys are not.
    """
    fold = text_folding(options)
    return None if fold is None else lambda value: _folded(value, fold)


def text_folding(options: Mapping[str, Any]) -> Callable[[str], str] | None:
    """Return what makes one text like another; None where texts stay as they are."""
    strip, ignore_case = options.get("strip", False), options.get("ignore_case", False)
    if strip and ignore_case:
        return lambda text: text.strip().casefold()
    if strip:
        return str.strip
    return str.casefold if ignore_case else None


def _folded(value: Any, fold: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return [_folded(item, fold) for item in value]
    if isinstance(value, Mapping):
        return {key: _folded(item, fold) for key, item in value.items()}
    return value
