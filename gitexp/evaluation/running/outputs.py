"""Outputs of a system under test, made into plain data that can be stored and shared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.documents.limits import MAX_DEPTH, MAX_JSON_BYTES
from gitexp.documents.values import require_plain
from gitexp.environments.parameters import MASK
from gitexp.errors import InvalidInput


def plain_output(output: Any) -> Any:
    """Return an output as plain JSON data of its own, which nobody changes afterwards.

    Tuples become lists, and numbers and arrays of NumPy become Python's.

    Raises:
        InvalidInput: it has no JSON form, or is larger than a stored output may be.
    """
    value = _plain(output)
    require_plain(value)
    size = len(json.dumps(value, ensure_ascii=False))
    if size > MAX_JSON_BYTES:
        raise InvalidInput(f"the output has {size} characters, more than {MAX_JSON_BYTES}")
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    """Return a text or number without the subclass that it may have, such as an `Enum`'s."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def masked(value: Any, secrets: Sequence[str]) -> Any:
    """Return a plain value with every secret in its texts replaced by `<secret>`."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {masked(key, secrets): masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, secrets) for item in value]
    return value
