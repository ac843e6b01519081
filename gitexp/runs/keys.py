"""Keys of metrics, params and tags, and the values of params and tags.

A key is what MLflow accepts, and safe everywhere: letters of any language, digits and
`_ - . : /` and blanks, a normalised relative path of at most 250 characters.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from gitexp.documents.values import same
from gitexp.errors import Conflict, InvalidInput

MAX_KEY = 250

_MOST_BITS = 14_000
"""What Python reads and writes as digits has a little more of them."""

_KEY = re.compile(r"[/\w.\- :]*\Z")


def check_key(what: str, key: Any) -> str:
    """Return a key, checked.

    Raises:
        InvalidInput: it is no such key.
    """
    if not isinstance(key, str):
        raise InvalidInput(f"{what} name {key!r} is no text", hint=_HINT)
    if key_fault(key):
        raise InvalidInput(f"{what} name {key!r} {key_fault(key)}", hint=_HINT)
    return key


_HINT = "Use letters, digits, '_', '-', '.', ':', '/' and blanks, as in `val/loss`."


def key_fault(key: str) -> str | None:
    """Return why a text cannot be a key, or None when it can."""
    if not key or not _KEY.match(key):
        return "is empty" if not key else "has a character that names do not have"
    if len(key) > MAX_KEY:
        return f"is longer than {MAX_KEY} characters"
    if key == "." or key.startswith(("/", "..")) or posixpath.normpath(key) != key:
        return "is no normalised relative path"
    return None


def check_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return params whose names were checked and whose values are JSON.

    A number of another library becomes a plain one; what JSON cannot say becomes its text.

    Raises:
        InvalidInput: a name is no key, or a number has thousands of digits.
    """
    return {check_key("param", key): plain_value(value) for key, value in params.items()}


def check_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Return tags whose names were checked, their values as text.

    Raises:
        InvalidInput: a name is no key.
    """
    return {check_key("tag", key): _encodable(str(value)) for key, value in tags.items()}


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it; NaN and infinities as the texts that stand for them."""
    from gitexp.runs.metrics import plain_number

    if value is None or isinstance(value, (bool, str)):
        return _encodable(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return _plain_int(value)
    if isinstance(value, float):
        return plain_number(float(value))
    if isinstance(value, Mapping):
        return {_encodable(str(key)): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain_value(value.item())
    return _encodable(str(value))


def _plain_int(value: int) -> int:
    if value.bit_length() > _MOST_BITS:
        raise InvalidInput(
            f"a param cannot hold a number of {value.bit_length()} bits",
            hint="Log its beginning as a text, or all of it with `log_text`.",
        )
    return int(value)


def refuse_changed(known: Mapping[str, Any], params: Mapping[str, Any], run_id: str) -> None:
    """Raise Conflict when a param was logged before with another value; all of them are named."""
    changed = [key for key, value in params.items() if key in known and not same(known[key], value)]
    if changed:
        told = "; ".join(f"{key}: {known[key]!r}, now {params[key]!r}" for key in changed)
        raise Conflict(
            f"run {run_id} has other values of these params already: {told}",
            hint="A param never changes within a run. Log it under another name, or start a run.",
        )


def _encodable(text: str) -> str:
    """Return a text without the halves of surrogate pairs, which UTF-8 cannot say."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
