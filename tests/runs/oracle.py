"""What a filter and an order mean, said again in the plainest way: over documents, in Python."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from gitexp.clock import parse_iso
from gitexp.runs.filters import (
    And,
    Between,
    Comparison,
    Condition,
    Field,
    In,
    Like,
    Not,
    Null,
    Or,
    Order,
    Span,
    Value,
)
from gitexp.runs.filters.fields import type_of
from gitexp.runs.filters.reading import Document, value_in
from gitexp.runs.index import answers
from gitexp.runs.index.entries import param_number, param_text

_MOMENT = 1_000_000

PLANS = ("few", "walk", "collect")
"""The ways in which the index answers: it sorts the few runs that some comparison leaves, walks
through all of them in their order, or collects those of each comparison first."""


@contextmanager
def planned(plan: str) -> Iterator[None]:
    """Have the index answer in one of these ways, however few runs there are."""
    with pytest.MonkeyPatch.context() as patch:
        if plan != "few":
            patch.setattr(answers, "_MANY", -1)
        if plan == "collect":
            patch.setattr(answers, "_PAGE", 0)
        yield


def fits(condition: Condition | None, document: Document) -> bool:
    """Return whether a run satisfies a condition."""
    if condition is None:
        return True
    if isinstance(condition, Not):
        return not fits(condition.part, document)
    if isinstance(condition, And):
        return all(fits(part, document) for part in condition.parts)
    if isinstance(condition, Or):
        return any(fits(part, document) for part in condition.parts)
    found = value_in(document, condition.field)
    if condition.field.kind != "dataset":
        return _holds(condition, found)
    values = [value for value in found if value is not None]
    if isinstance(condition, Null):
        return bool(values) == condition.negated
    return any(_holds(condition, value) for value in values)


def _holds(condition: Comparison | Between | In | Like | Null, found: Any) -> bool:
    if isinstance(condition, Null):
        return (found is None) != condition.negated
    if found is None:
        return False
    field = condition.field
    if isinstance(condition, Comparison):
        return _compares(field, found, condition.comparator, condition.value)
    if isinstance(condition, In):
        one = any(_compares(field, found, "=", value) for value in condition.values)
        none = all(_compares(field, found, "!=", value) for value in condition.values)
        return none if condition.negated else one
    if isinstance(condition, Between):
        inside = _compares(field, found, ">=", condition.low) and _compares(
            field, found, "<=", condition.high
        )
        return inside != condition.negated
    pattern = condition.pattern.lower() if type_of(field) == "status" else condition.pattern
    return _like(pattern, param_text(found), condition.ignore_case) != condition.negated


def _like(pattern: str, text: str, ignore_case: bool) -> bool:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(expression, text, flags) is not None


def _compares(field: Field, found: Any, comparator: str, value: Value) -> bool:
    if isinstance(value, Span):
        return _in_time(_microseconds(parse_iso(found)), comparator, value)
    if type_of(field) == "hash":
        same = _digits(found).startswith(_digits(str(value))) and value not in ("", "sha256:")
        return same == (comparator == "=")
    if field.kind == "param":
        return _param_compares(found, comparator, value)
    if type_of(field) == "number":
        return _numbers_compare(float(found), comparator, value)
    return _plainly(found, comparator, value)


def _digits(text: str) -> str:
    return text.removeprefix("sha256:")


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * _MOMENT)


def _in_time(moment: int, comparator: str, span: Span) -> bool:
    return {
        "=": span.start <= moment < span.end,
        "!=": not span.start <= moment < span.end,
        "<": moment < span.start,
        "<=": moment < span.end,
        ">": moment >= span.end,
        ">=": moment >= span.start,
    }[comparator]


def _numbers_compare(found: float, comparator: str, value: Any) -> bool:
    if math.isnan(value):
        return comparator in ("=", "!=") and math.isnan(found) == (comparator == "=")
    return _plainly(found, comparator, value)


def _param_compares(found: Any, comparator: str, value: Value) -> bool:
    text, number = param_text(found), param_number(found)
    if isinstance(value, bool):
        same = text in (str(value), str(value).lower())
        return comparator in ("=", "!=") and same == (comparator == "=")
    if isinstance(value, (int, float)):
        if number is None:
            return comparator == "!="
        return _plainly(number, comparator, value)
    return _plainly(text, comparator, value)


def _plainly(found: Any, comparator: str, value: Any) -> bool:
    return bool(
        {
            "=": lambda: found == value,
            "!=": lambda: found != value,
            "<": lambda: found < value,
            "<=": lambda: found <= value,
            ">": lambda: found > value,
            ">=": lambda: found >= value,
        }[comparator]()
    )


# --- orders ---------------------------------------------------------------------------------


def ordered(documents: Iterable[Document], orders: Sequence[Order]) -> list[str]:
    """Return the ids of runs in an order."""
    runs = sorted(documents, key=lambda run: run["id"])
    runs.sort(key=lambda run: parse_iso(run["created_at"]), reverse=True)
    for order in reversed(orders):
        present = [run for run in runs if _part(run, order.field) == 0]
        texts = [run for run in runs if _part(run, order.field) == 1]
        missing = [run for run in runs if _part(run, order.field) == 2]
        present.sort(key=lambda run: _key(run, order.field), reverse=order.descending)
        if order.field.kind == "param":
            texts.sort(key=lambda run: _param(run, order.field), reverse=order.descending)
        runs = [*present, *texts, *missing]
    return [run["id"] for run in runs]


def _part(run: Document, field: Field) -> int:
    """Return 2 for what is missing, 1 for NaN and for params that are no numbers, else 0."""
    value = value_in(run, field)
    if value is None:
        return 2
    if field.kind == "param":
        return 1 if param_number(value) is None else 0
    return 1 if field.kind in ("metric", "score") and math.isnan(float(value)) else 0


def _key(run: Document, field: Field) -> Any:
    value = value_in(run, field)
    if field.kind == "param":
        return param_number(value)
    if type_of(field) == "moment":
        return parse_iso(value)
    return float(value) if type_of(field) == "number" else value


def _param(run: Document, field: Field) -> str:
    return param_text(value_in(run, field))
