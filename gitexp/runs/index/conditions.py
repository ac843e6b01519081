"""Conditions as SQL over the tables of the index: a run `r` satisfies them or does not.

What a run lacks satisfies no comparison. So each comparison is two-valued here: NOT is pushed
down to the comparisons, where `IS NOT TRUE` and `NOT IN` say the exact opposite.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from gitexp.runs.filters.conditions import (
    And,
    Between,
    Comparator,
    Comparison,
    Condition,
    Field,
    FieldKind,
    In,
    Like,
    Not,
    Null,
    Or,
    Span,
    Value,
)
from gitexp.runs.filters.fields import ATTRIBUTES, type_of
from gitexp.runs.index.entries import param_text
from gitexp.runs.index.schema import LONGEST_TEXT, shortened


class Sql(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


COLUMNS = {name: f"r.{name}" for name in ATTRIBUTES} | {
    "run_id": "r.id",
    "created_at": "r.created",
    "started_at": "r.started",
    "ended_at": "r.ended",
    "commit": "r.code_commit",
    "branch": "r.code_branch",
}
"""The column of each attribute."""

STAT_COLUMNS = {name: f"r.{name}" for name in ("total", "passed", "failed", "errors", "unscored")}
STAT_COLUMNS |= {
    "pass_rate": "(CASE WHEN r.total > 0 THEN r.passed * 1.0 / r.total END)",
    "scored_pass_rate": "(CASE WHEN r.passed + r.failed > 0"
    " THEN r.passed * 1.0 / (r.passed + r.failed) END)",
}

SIDE_TABLES: dict[FieldKind, str] = {
    "metric": "metrics",
    "score": "metrics",
    "param": "params",
    "tag": "tags",
}
"""The tables that hold a row for each run that has a field."""

ALWAYS = Sql("1")
NEVER = Sql("0")
_DIGEST = "sha256:"


def where(condition: Condition, *, negated: bool = False, each: bool = False) -> Sql:
    """Return a condition, or its opposite, as SQL about the run `r`.

    Args:
        each: whether metrics, params and tags are looked up for each run that it is asked of,
            which is quick for few; else all runs that satisfy a comparison are collected first.
    """
    if isinstance(condition, Not):
        return where(condition.part, negated=not negated, each=each)
    if isinstance(condition, (And, Or)):
        word = "AND" if isinstance(condition, And) != negated else "OR"
        # The parser of SQLite keeps what stands before a parenthesis; so the deepest come first.
        parts = [where(part, negated=negated, each=each) for part in condition.parts]
        return joined(word, sorted(parts, key=_depth))
    if condition.field.kind == "dataset":
        return _having(*_among_datasets(condition, negated), each)
    if condition.field.kind in SIDE_TABLES:
        return _having(*_beside(condition, negated), each)
    return _of_run(condition, negated)


def _having(rows: Sql, negated: bool, each: bool) -> Sql:
    """Return whether a run is among those of some rows of another table."""
    word = "NOT " if negated else ""
    if each:
        return Sql(f"{word}EXISTS ({rows.text} AND run = r.key)", rows.values)
    return Sql(f"r.key {word}IN ({rows.text})", rows.values)


def candidates_of(condition: Condition) -> list[Sql]:
    """Return queries for the keys of runs, each of which finds all that a condition allows.

    Only what an index finds is worth a query: what runs have beside them, and runs by their ids.
    """
    parts = condition.parts if isinstance(condition, And) else (condition,)
    by_field: dict[Field, list[Sql]] = {}
    queries: list[Sql] = []
    for part in parts:
        if isinstance(part, (And, Or, Not)) or (isinstance(part, Null) and not part.negated):
            continue
        if part.field.kind in SIDE_TABLES:
            by_field.setdefault(part.field, []).append(_beside_test(part))
        elif part.field.kind == "dataset":
            queries.append(_among_datasets(part, False)[0])
        elif part.field == _RUN_ID and _is_equality(part):
            test = _of_run(part, False)
            queries.append(Sql(f"SELECT r.key FROM runs r WHERE {test.text}", test.values))
    return [*queries, *(_rows(field, joined("AND", tests)) for field, tests in by_field.items())]


_RUN_ID = Field("attribute", "run_id")


def _is_equality(condition: _Leaf) -> bool:
    if isinstance(condition, In):
        return not condition.negated
    return isinstance(condition, Comparison) and condition.comparator == "="


def joined(word: str, parts: Sequence[Sql]) -> Sql:
    """Return several conditions as one, between AND or OR."""
    text = f" {word} ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


def _depth(sql: Sql) -> int:
    return -sql.text.count("(")


def column_of(field: Field) -> str:
    """Return the column of an attribute or of a count."""
    return STAT_COLUMNS[field.name] if field.kind == "stat" else COLUMNS[field.name]


def key_of(field: Field) -> Sql:
    """Return the number of a metric's, score's, param's or tag's name; NULL where no run has it."""
    return Sql(
        "(SELECT key FROM keys WHERE kind = ? AND name = ?)",
        (field.kind, field.name),
    )


_Leaf = Comparison | Between | In | Like | Null


def _of_run(condition: _Leaf, negated: bool) -> Sql:
    column = column_of(condition.field)
    test = _test(condition, column)
    return Sql(f"({test.text}) IS NOT TRUE", test.values) if negated else test


def _beside(condition: _Leaf, negated: bool) -> tuple[Sql, bool]:
    """Return the rows of a field that are as a condition says, and whether it is none of them."""
    is_null = isinstance(condition, Null) and not condition.negated
    return _rows(condition.field, _beside_test(condition)), negated != is_null


def _rows(field: Field, test: Sql) -> Sql:
    key = key_of(field)
    text = f"SELECT run FROM {SIDE_TABLES[field.kind]} WHERE key = {key.text} AND {test.text}"
    return Sql(text, (*key.values, *test.values))


def _beside_test(condition: _Leaf) -> Sql:
    """Return whether a row of a field is as a condition says; that it is there, for IS NULL."""
    if isinstance(condition, Null):
        return ALWAYS
    if condition.field.kind == "param":
        return _param_test(condition)
    return _test(condition, _COLUMN[condition.field.kind])


_COLUMN: dict[FieldKind, str] = {"metric": "value", "score": "value", "tag": "text"}


def _among_datasets(condition: _Leaf, negated: bool) -> tuple[Sql, bool]:
    if isinstance(condition, Null):
        test, negated = Sql(f"{condition.field.name} IS NOT NULL"), negated == condition.negated
    else:
        test = _test(condition, condition.field.name)
    return Sql(f"SELECT run FROM datasets WHERE {test.text}", test.values), negated


# --- tests of one column --------------------------------------------------------------------


def _test(condition: _Leaf, column: str) -> Sql:
    """Return whether a column is as a condition says; not true where it is NULL and no metric."""
    if isinstance(condition, Null):
        return Sql(f"{column} IS {'NOT ' if condition.negated else ''}NULL")
    if isinstance(condition, Like):
        return _like(condition, column)
    if isinstance(condition, In):
        return _in(condition, column)
    if isinstance(condition, Between):
        return _between(condition, column)
    return _compared(condition.field, column, condition.comparator, condition.value)


def _compared(field: Field, column: str, comparator: Comparator, value: Value) -> Sql:
    if isinstance(value, Span):
        return _moment(column, comparator, value)
    if type_of(field) == "hash":
        return _prefix(field, column, comparator, str(value))
    if isinstance(value, float) and math.isnan(value):
        return _not_a_number(field, column, comparator)
    if isinstance(value, str):
        return Sql(f"{column} {comparator} ?", (shortened(value),))
    if comparator == "!=" and field.kind in ("metric", "score"):
        return Sql(f"({column} IS NULL OR {column} != ?)", (value,))
    return Sql(f"{column} {comparator} ?", (value,))


def _moment(column: str, comparator: Comparator, span: Span) -> Sql:
    texts: dict[Comparator, tuple[str, tuple[int, ...]]] = {
        "=": (f"{column} >= ? AND {column} < ?", (span.start, span.end)),
        "!=": (f"({column} < ? OR {column} >= ?)", (span.start, span.end)),
        "<": (f"{column} < ?", (span.start,)),
        "<=": (f"{column} < ?", (span.end,)),
        ">": (f"{column} >= ?", (span.end,)),
        ">=": (f"{column} >= ?", (span.start,)),
    }
    text, values = texts[comparator]
    return Sql(f"({text})", values)


def _prefix(field: Field, column: str, comparator: Comparator, value: str) -> Sql:
    """Compare a hash with the beginning of one, which may leave `sha256:` out."""
    is_digest = field.name == "digest"
    digits = value.removeprefix(_DIGEST) if is_digest else value
    if not digits:
        return NEVER if comparator == "=" else Sql(f"{column} IS NOT NULL")
    begin = len(_DIGEST) + 1 if is_digest else 1
    return Sql(f"substr({column}, {begin}, ?) {comparator} ?", (len(digits), digits))


def _not_a_number(field: Field, column: str, comparator: Comparator) -> Sql:
    """Compare with NaN, which a metric's column holds as NULL: it equals NaN here, and no more."""
    if field.kind not in ("metric", "score"):
        return Sql(f"{column} IS NOT NULL") if comparator == "!=" else NEVER
    if comparator not in ("=", "!="):
        return NEVER
    return Sql(f"{column} IS {'NOT ' if comparator == '!=' else ''}NULL")


def _in(condition: In, column: str) -> Sql:
    comparator: Comparator = "!=" if condition.negated else "="
    simple = all(isinstance(value, (str, int)) for value in condition.values)
    if simple and _is_plain(condition.field):
        marks = ", ".join("?" * len(condition.values))
        values = tuple(shortened(v) if isinstance(v, str) else v for v in condition.values)
        return Sql(f"{column} {'NOT ' if condition.negated else ''}IN ({marks})", values)
    tests = [_compared(condition.field, column, comparator, v) for v in condition.values]
    return joined("AND" if condition.negated else "OR", tests)


def _is_plain(field: Field) -> bool:
    """Return whether a value in the column is all there is to compare with."""
    return type_of(field) != "hash" and field.kind not in ("metric", "score")


def _between(condition: Between, column: str) -> Sql:
    low = _compared(condition.field, column, ">=", condition.low)
    high = _compared(condition.field, column, "<=", condition.high)
    both = joined("AND", [low, high])
    if not condition.negated:
        return both
    # A row of its own says that the run has the field, whose NULL is NaN.
    present = "1" if condition.field.kind in SIDE_TABLES else f"{column} IS NOT NULL"
    return Sql(f"({present} AND {both.text} IS NOT TRUE)", both.values)


def _like(condition: Like, column: str) -> Sql:
    pattern = (
        condition.pattern.lower() if type_of(condition.field) == "status" else condition.pattern
    )
    test = _ignoring_case(pattern) if condition.ignore_case else _exactly(pattern)
    short, full = (Sql(test.text.format(name), test.values) for name in (column, "text"))
    fits = Sql(
        f"CASE WHEN length({column}) <= {LONGEST_TEXT} THEN {short.text}"
        f" ELSE {column} IN (SELECT short FROM texts WHERE {full.text}) END",
        (*short.values, *full.values),
    )
    if condition.negated:
        return Sql(f"({column} IS NOT NULL AND NOT ({fits.text}))", fits.values)
    return Sql(f"({column} IS NOT NULL AND ({fits.text}))", fits.values)


_GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


def _exactly(pattern: str) -> Sql:
    # SQLite's LIKE ignores the case of ASCII letters, its GLOB does not.
    return Sql("{} GLOB ?", (pattern.translate(_GLOB),))


def _ignoring_case(pattern: str) -> Sql:
    if pattern.isascii():
        return Sql("{} LIKE ?", (pattern,))
    return Sql("casefold({}) LIKE ?", (pattern.casefold(),))


# --- params, which are typed ----------------------------------------------------------------


def _param_test(condition: _Leaf) -> Sql:
    if isinstance(condition, Comparison):
        return _param_compared(condition.field, condition.comparator, condition.value)
    if isinstance(condition, In):
        comparator: Comparator = "!=" if condition.negated else "="
        tests = [_param_compared(condition.field, comparator, v) for v in condition.values]
        return joined("AND" if condition.negated else "OR", tests)
    if isinstance(condition, Between):
        low = _param_compared(condition.field, ">=", condition.low)
        high = _param_compared(condition.field, "<=", condition.high)
        both = joined("AND", [low, high])
        return Sql(f"{both.text} IS NOT TRUE", both.values) if condition.negated else both
    return _test(condition, "text")


def _param_compared(field: Field, comparator: Comparator, value: Value) -> Sql:
    """Compare a number with what is one, a truth value with its text, and texts as texts."""
    if isinstance(value, bool) or (isinstance(value, float) and math.isnan(value)):
        return _word(comparator, str(value) if isinstance(value, bool) else "NaN")
    if isinstance(value, (int, float)):
        if comparator == "!=":
            return Sql("(number IS NULL OR number != ?)", (value,))
        return Sql(f"number {comparator} ?", (value,))
    return _text_compared(field, comparator, value)


def _text_compared(field: Field, comparator: Comparator, value: Value) -> Sql:
    """Compare a text; a list or an object is the same however it is spaced."""
    canonical = _canonical(value) if comparator in ("=", "!=") else None
    if canonical is None or canonical == value:
        return _compared(field, "text", comparator, value)
    marks = (shortened(str(value)), shortened(canonical))
    return Sql(f"text {'NOT ' if comparator == '!=' else ''}IN (?, ?)", marks)


def _canonical(value: Value) -> str | None:
    """Return a list or an object in JSON as the index has it; None for any other text."""
    if not (isinstance(value, str) and value[:1] in ("[", "{")):
        return None
    try:
        return param_text(json.loads(value))
    except (ValueError, RecursionError):
        return None


def _word(comparator: Comparator, word: str) -> Sql:
    """Compare with `true`, `false` or `NaN`, as JSON or as Python writes it."""
    if comparator not in ("=", "!="):
        return NEVER
    return Sql(f"text {'NOT ' if comparator == '!=' else ''}IN (?, ?)", (word, word.lower()))
