"""Operators: what a rule of a flag asks of one property, compiled once.

A property that is missing or null fits only what is said in the negative: `is_not_set`, `is_not`,
`not_in`, `not_icontains`, `not_regex` and so on. One of a kind that an operator cannot compare,
such as a date that is none, fits neither the operator nor its opposite.
"""

from __future__ import annotations

import json
import math
import operator as compare
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gitexp.documents.patterns import matches, pattern_fault
from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput
from gitexp.flags.documents import Rule
from gitexp.flags.moments import Moment, moment_of, parsed_moment
from gitexp.flags.semver import bounds, semver

Test = Callable[[Any], bool]
"""Whether a property that is there, and not null, fits."""

Now = Callable[[], datetime]

LONGEST_MATCHED = 10_000
"""The longest text, in characters, that is looked through for a regular expression."""

_MOST_STEPS = 50_000
"""How long a text is matched, about 50 ms: whoever asks may send any text, again and again."""

NEGATED: Mapping[str, str] = {
    "is_not": "exact",
    "not_in": "in",
    "not_icontains": "icontains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
}
"""Operators that hold whenever another does not."""

# Python takes `1_000`, `infinity` and the digits of other scripts for numbers too.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_NUMBERS = {"gt": compare.gt, "gte": compare.ge, "lt": compare.lt, "lte": compare.le}
_VERSIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "semver_eq": compare.eq,
    "semver_neq": compare.ne,
    "semver_gt": compare.gt,
    "semver_gte": compare.ge,
    "semver_lt": compare.lt,
    "semver_lte": compare.le,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "icontains": lambda text, wanted: wanted in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}
_RANGES = ("semver_tilde", "semver_caret", "semver_wildcard")
_DATES = ("is_date_before", "is_date_after", "is_date_exact")
FITS_MISSING = frozenset([*NEGATED, "not_regex", "is_not_set"])
"""Operators that hold where the property is missing."""


def text_of(value: Any) -> str:
    """Return a property as the text that is compared: `true`, `5` for 5.0, JSON for lists."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def number_of(value: Any) -> float | None:
    """Return a property as a finite number, None where it is none; a text may hold one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not _NUMBER.match(value):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def rule_test(rule: Rule, now: Now) -> Test:
    """Return the test of a rule whose value is right, for properties that are there."""
    name = rule.operator
    if name in NEGATED:
        holds = rule_test(Rule(key=rule.key, operator=NEGATED[name], value=rule.value), now)
        return lambda value: not holds(value)
    if name in ("is_set", "is_not_set"):
        return lambda _: name == "is_set"
    if name in ("exact", "in"):
        return _is_one_of(_listed(rule.value))
    if name in _TEXTS:
        return _text_test(_TEXTS[name], _listed(rule.value))
    if name in ("regex", "not_regex"):
        return _pattern_test(str(rule.value), wanted=name == "regex")
    if name in _NUMBERS:
        return _number_test(_NUMBERS[name], rule.value)
    if name in _DATES:
        return _date_test(name, parsed_moment(rule.value), now)
    return _version_test(name, str(rule.value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_one_of(values: list[Any]) -> Test:
    wanted = frozenset(text_of(value).lower() for value in values)
    return lambda value: (value if type(value) is str else text_of(value)).lower() in wanted


def _text_test(holds: Callable[[str, str], bool], values: list[Any]) -> Test:
    wanted = [text_of(value).lower() for value in values]

    def test(value: Any) -> bool:
        text = text_of(value).lower()
        return any(holds(text, one) for one in wanted)

    return test


def _pattern_test(pattern: str, *, wanted: bool) -> Test:
    def test(value: Any) -> bool:
        text = text_of(value)
        if len(text) > LONGEST_MATCHED:
            return False
        try:
            return matches(pattern, text, steps=_MOST_STEPS) is wanted
        except InvalidInput:
            return False  # it would take too long to find out

    return test


def _number_test(holds: Callable[[Any, Any], bool], limit: Any) -> Test:
    wanted = number_of(limit)

    def test(value: Any) -> bool:
        found = number_of(value)
        return found is not None and wanted is not None and holds(found, wanted)

    return test


def _date_test(name: str, wanted: Moment, now: Now) -> Test:
    def test(value: Any) -> bool:
        found = moment_of(value)
        if found is None:
            return False
        limit = wanted.at(now) if wanted.relative else wanted.moment
        if limit is None:
            return False
        if name == "is_date_exact":
            return found.date() == limit.date()
        return found < limit if name == "is_date_before" else found > limit

    return test


def _version_test(name: str, text: str) -> Test:
    if name in _RANGES:
        low, high = bounds(name, text)
        return lambda value: (found := semver(text_of(value))) is not None and low <= found < high
    holds, wanted = _VERSIONS[name], semver(text)
    return lambda value: (found := semver(text_of(value))) is not None and holds(found, wanted)


# --- what can be wrong with a rule ----------------------------------------------------------


def value_fault(operator: str, value: Any) -> str | None:
    """Return why a value cannot be what an operator compares with, or None when it can."""
    if isinstance(value, list) and operator in _ONE_VALUE:
        return f"{operator} compares with one value, not with a list"
    if isinstance(value, list) and not value:
        return "an empty list fits nobody"
    if operator in ("regex", "not_regex"):
        return pattern_fault(value) if isinstance(value, str) else f"{shown(value)} is no pattern"
    if operator in _NUMBERS:
        return None if number_of(value) is not None else f"{shown(value)} is not a number"
    if operator in _DATES:
        return _date_fault(value)
    if operator in _VERSIONS or operator in _RANGES:
        return _version_fault(operator, value)
    return None


_ONE_VALUE = frozenset([*_NUMBERS, *_DATES, *_VERSIONS, *_RANGES, "regex", "not_regex"])


def _date_fault(value: Any) -> str | None:
    try:
        parsed_moment(value)
    except ValueError:
        return f"{shown(value)} is no date such as 2026-11-21, and no span such as -7d"
    return None


def _version_fault(operator: str, value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value} is a number, which may stand for {value}0 too; put it in quotes"
    if operator in _VERSIONS:
        return None if semver(text_of(value)) else f"{shown(value)} is no version such as 1.2.3"
    try:
        bounds(operator, text_of(value))
    except ValueError:
        wanted = "1.2.*" if operator == "semver_wildcard" else "1.2.3"
        return f"{shown(value)} is no version such as {wanted}"
    return None
