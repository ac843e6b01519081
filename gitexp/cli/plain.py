"""From the library's objects to JSON values, and from those to JSON text."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gitexp.clock import iso

_UNSAFE_IN_JSON = (
    "[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


def plain(value: Any) -> Any:
    """Return a JSON value for an object of the library; floats stay unrounded.

    JSON has no NaN and no infinities: they become the texts `NaN`, `Infinity` and `-Infinity`.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _unusual(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _plain_object(value)


def _unusual(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _plain_object(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def json_text(value: Any) -> str:
    """Return one indented JSON document with a newline at its end, harmless on a terminal."""
    return _escaped(json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=2)) + "\n"


def json_line(value: Any) -> str:
    """Return a JSON document in one line, without a newline."""
    return _escaped(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))


def _escaped(text: str) -> str:
    # Outside of strings JSON text is ASCII, so an escape is right wherever these stand.
    if text.replace("\n", "").isprintable():
        return text
    return re.sub(_UNSAFE_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)
