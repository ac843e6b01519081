"""Values of a filter, read by what the field they are compared with holds."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone

from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput
from gitexp.runs.filters.conditions import Field, Span, Value
from gitexp.runs.filters.fields import FieldType, type_of
from gitexp.runs.filters.tokens import Token, fault

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = 1000
_LARGEST_MOMENT = 10**16
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<minute>\d{2}:\d{2})(?P<second>:\d{2})?(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<offset>Z|[+-]\d{2}:?\d{2})?\Z"
)

_EXPECTED: dict[FieldType, str] = {
    "number": "a number, without quotes",
    "moment": "a date such as '2026-11-21', a time such as '2026-11-21T13:15:02Z', or "
    "milliseconds since 1970",
    "flag": "true or false",
    "typed": "a number, true, false or a text in quotes",
    "text": "a text in quotes",
    "status": "a status in quotes, such as 'finished'",
    "hash": "the beginning of a hash in quotes",
}


def value_of(field: Field, token: Token, what: str) -> Value:
    """Return the value that a token stands for beside a field.

    Raises:
        InvalidInput: the token is no value, or none that fits the field.
    """
    if token.kind == "end" or (token.kind == "sign" and token.text != "("):
        found = "the end" if token.kind == "end" else shown(token.text)
        raise fault(what, token.column, f"expected a value, found {found}")
    value = _read(type_of(field), token)
    if value is None:
        expected = _EXPECTED[type_of(field)]
        message = f"{field.text} is compared with {expected}; found {_found(token)}"
        raise fault(what, token.column, message, hint=_hint(token))
    return value


def _found(token: Token) -> str:
    return token.text if token.kind in ("text", "name") else shown(token.text)


def _hint(token: Token) -> str | None:
    if token.kind == "word":
        return f"Put a text in quotes: '{token.text}'."
    return None


def _read(kind: FieldType, token: Token) -> Value | None:
    if kind == "number":
        return _number(token)
    if kind == "moment":
        return _moment(token)
    if kind == "flag":
        return _flag(token)
    if kind == "typed":
        number = _number(token)
        value = _flag(token) if number is None else number
        return _text(token) if value is None else value
    text = _text(token)
    return text.lower() if kind in ("status", "hash") and text is not None else text


def _text(token: Token) -> str | None:
    return token.content if token.kind in ("text", "name") else None


def _flag(token: Token) -> bool | None:
    return {"TRUE": True, "FALSE": False}.get(token.keyword)


def _number(token: Token) -> int | float | None:
    if token.kind != "number":
        return None
    try:
        return within_64_bits(int(token.text))
    except ValueError:
        return float(token.text)


def within_64_bits(number: int) -> int | float:
    """Return an integer as it is where a database holds it, else as a float."""
    if -(2**63) <= number < 2**63:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _moment(token: Token) -> Span | None:
    if token.kind == "number":
        return _milliseconds(float(token.text))
    if token.kind in ("text", "name", "date"):
        text = token.content if token.kind != "date" else token.text
        return _milliseconds(float(text)) if text.isdecimal() else span_of(text)
    return None


def _milliseconds(number: float) -> Span | None:
    if not abs(number) < _LARGEST_MOMENT:
        return None
    start = math.floor(number) * _MILLISECOND
    if number.is_integer():
        return Span(start, start + _MILLISECOND)
    exact = round(number * _MILLISECOND)
    return Span(exact, exact + 1)


def span_of(text: str) -> Span | None:
    """Return the day, minute, second or part of one that an ISO-8601 text names, in UTC.

    It is UTC unless the text has an offset; None is returned for any other text.
    """
    found = _MOMENT.match(text)
    if found is None:
        return None
    day, minute, second, fraction, offset = found.group(
        "day", "minute", "second", "fraction", "offset"
    )
    if fraction and not second:
        return None
    micros = f".{fraction:0<6.6}" if fraction else ""
    zone = (offset or "Z").replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        start = datetime.fromisoformat(f"{day}T{minute or '00:00'}{second or ':00'}{micros}{zone}")
        begins = (start - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
    return Span(begins, begins + _length(minute, second, fraction))


def _length(minute: str | None, second: str | None, fraction: str | None) -> int:
    if fraction:
        return int(10 ** max(6 - len(fraction), 0))
    if minute is None:
        return 86_400_000_000
    return 60_000_000 if second is None else 1_000_000


def require_pattern(field: Field, token: Token, what: str) -> str:
    """Return the pattern of a LIKE.

    Raises:
        InvalidInput: it is no quoted text, or the field holds no texts.
    """
    if type_of(field) not in ("text", "typed", "status", "hash"):
        raise fault(what, token.column, f"{field.text} is no text, which LIKE needs")
    pattern = _text(token)
    if pattern is None:
        raise fault(
            what, token.column, f"expected a pattern in quotes, found {_found_or_end(token)}"
        )
    return pattern


def _found_or_end(token: Token) -> str:
    return "the end" if token.kind == "end" else _found(token)


def refuse_order(field: Field, comparator: str, token: Token, what: str) -> InvalidInput | None:
    """Return the error for a comparison that has no meaning for a field, or None."""
    if type_of(field) in ("flag", "hash", "status") and comparator not in ("=", "!="):
        return fault(
            what, token.column, f"{field.text} has no order; compare it with = or !=", hint=None
        )
    return None
