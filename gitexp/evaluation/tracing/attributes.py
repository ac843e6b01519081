"""Attributes in the JSON form of OTLP, written as text.

Text is put together piece by piece, most of it once for a run: spans are made for every row, and
building dictionaries for them would take several times as long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

LONGEST = 4096
"""Characters of an attribute's text; the rest is left out."""

_SCALARS = frozenset([int, float, bool])
_SHORT = 100
_MOST, _LEAST = 2**63 - 1, -(2**63)


def quoted(text: str) -> str:
    """Return a text as JSON."""
    return encode_basestring(text)


def shortened(text: str, most: int = LONGEST) -> str:
    """Return a text of at most so many characters, which says how many are left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most} more characters)"


def text_attribute(key: str, text: str, most: int = LONGEST) -> str:
    """Return an attribute whose value is a text."""
    if len(text) > most:
        text = shortened(text, most)
    return f'{{"key":"{key}","value":{{"stringValue":{encode_basestring(text)}}}}}'


def attribute(key: str, value: Any) -> str:
    """Return an attribute; a mapping becomes the text of its JSON, as a mixed list does."""
    if type(value) is str:
        value = shortened(value)
    return f'{{"key":{encode_basestring(key)},"value":{_any_value(value)}}}'


def attributes(values: Mapping[str, Any]) -> str:
    """Return attributes with commas between them; those that are None are left out."""
    return ",".join(
        [
            _repeated(key, value) if _is_short(value) else attribute(key, value)
            for key, value in values.items()
            if value is not None
        ]
    )


def _is_short(value: Any) -> bool:
    return type(value) in _SCALARS or (type(value) is str and len(value) <= _SHORT)


@lru_cache(maxsize=1024, typed=True)
def _repeated(key: str, value: Any) -> str:
    """Return an attribute that most spans of a run have alike, such as the name of a model."""
    return attribute(key, value)


def _any_value(value: Any) -> str:
    if isinstance(value, str):
        return f'{{"stringValue":{encode_basestring(value)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int) and _LEAST <= value <= _MOST:
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{number(value)}}}'
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        items = ",".join(f'{{"stringValue":{encode_basestring(item)}}}' for item in value)
        return f'{{"arrayValue":{{"values":[{items}]}}}}'
    return f'{{"stringValue":{encode_basestring(shortened(as_json(value)))}}}'


def number(value: float) -> str:
    """Return a number as the JSON of Protocol Buffers has it, which knows infinity too."""
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def as_json(value: Any) -> str:
    """Return the JSON of a value as text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
