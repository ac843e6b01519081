"""Conditions on runs, as checked values: what a filter says once it was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

FieldKind = Literal["attribute", "metric", "param", "tag", "score", "stat", "dataset", "sample"]
Comparator = Literal["=", "!=", "<", "<=", ">", ">="]


class Field(NamedTuple):
    """Something that runs have: an attribute, or a metric, param or tag by its name.

    Samples of a dataset have fields of the kind `sample` alone.
    """

    kind: FieldKind
    name: str

    @property
    def text(self) -> str:
        """The field as it is written in a filter, but for quotes."""
        return f"{_PREFIXES[self.kind]}{self.name}"


_PREFIXES: dict[FieldKind, str] = {
    "attribute": "",
    "metric": "metrics.",
    "param": "params.",
    "tag": "tags.",
    "score": "scores.",
    "stat": "stats.",
    "dataset": "datasets.",
    "sample": "",
}


class Span(NamedTuple):
    """What a date or a time stands for: from `start`, up to but not including `end`.

    Both are microseconds since 1970 in UTC: `2026-11-21` is the whole day.
    """

    start: int
    end: int


Value = str | bool | int | float | Span


@dataclass(frozen=True)
class Comparison:
    """A field compared with a value that fits it."""

    field: Field
    comparator: Comparator
    value: Value


@dataclass(frozen=True)
class Between:
    """A field that is neither below one value nor above another."""

    field: Field
    low: Value
    high: Value
    negated: bool = False


@dataclass(frozen=True)
class In:
    """A field that has one of several values; negated, it has one, and none of those."""

    field: Field
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like:
    """A text that fits a pattern in which `%` is any text and `_` any character."""

    field: Field
    pattern: str
    ignore_case: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Null:
    """A field that a run does not have; negated, one that it has."""

    field: Field
    negated: bool = False


@dataclass(frozen=True)
class Not:
    """What holds whenever its part does not."""

    part: Condition


@dataclass(frozen=True)
class And:
    """What holds when all its parts do."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """What holds when any of its parts does."""

    parts: tuple[Condition, ...]


Condition = Comparison | Between | In | Like | Null | Not | And | Or


class Order(NamedTuple):
    """A field that runs are ordered by; those that do not have it come last either way."""

    field: Field
    descending: bool = False


def fields_of(condition: Condition) -> Iterator[Field]:
    """Yield the fields that a condition speaks of, in its order."""
    if isinstance(condition, Not):
        yield from fields_of(condition.part)
    elif isinstance(condition, (And, Or)):
        for part in condition.parts:
            yield from fields_of(part)
    else:
        yield condition.field
