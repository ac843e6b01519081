"""JSON in texts, as language models write it: bare, in a fence, or with words around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_LENGTH = 10_000_000
"""The longest text that is read, in characters."""

_MAX_STARTS = 50
_FENCE = "```"


class NoJson(ValueError):
    """A text is no JSON."""


def read_json(text: str) -> Any:
    """Return the value of a text that is JSON, or that is a fence with JSON in it.

    Raises:
        NoJson: it is neither, or it holds NaN or an infinity.
    """
    if len(text) > MAX_LENGTH:
        raise NoJson(f"a text of {len(text)} characters is too long to be read as JSON")
    try:
        return json.loads(_unfenced(text), parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise NoJson("it is no JSON") from exc


def find_object(text: str, key: str) -> dict[str, Any]:
    """Return the last JSON object in a text that has a key, whatever stands around it.

    Raises:
        NoJson: there is none.
    """
    found = [value for value in _objects(text) if key in value]
    if not found:
        raise NoJson(f"it holds no JSON object with {key!r}")
    return found[-1]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a text that are in no other.

    Raises:
        NoJson: there is more in it than is looked at, so that none is known to be the last.
    """
    decoder, at = json.JSONDecoder(parse_constant=_refuse), 0
    for _ in range(_MAX_STARTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
        else:
            yield value
    if "{" in text[at:]:
        raise NoJson(f"more than {_MAX_STARTS} braces are opened in it")


def _unfenced(text: str) -> str:
    """Return what is inside a fence that is all of a text, else the text."""
    bare = text.strip()
    if len(bare) < 2 * len(_FENCE) or not (bare.startswith(_FENCE) and bare.endswith(_FENCE)):
        return bare
    inside = bare[len(_FENCE) : -len(_FENCE)]
    language, line_end, body = inside.partition("\n")
    return body if line_end and language.strip().isalnum() else inside


def _refuse(name: str) -> NoReturn:
    raise NoJson(f"it holds {name}")
