"""Orders as SQL: the steps in which runs come in order, and where a page goes on.

The runs that have the first field come first, from an index where there is one; then those whose
metric is NaN; then those that lack it. Each step is a query of its own that is sorted by terms,
the last of them the run's id, so the place of a run among all others is the number of its step
and the values of its terms. A page goes on behind such a place whatever was added meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gitexp.runs.filters.conditions import Field, Order
from gitexp.runs.index.conditions import ALWAYS, NEVER, SIDE_TABLES, Sql, column_of, joined, key_of

Position = tuple[int, tuple[Any, ...]]
"""The place of a run: the number of its step, and the values of its terms there."""


class Term(NamedTuple):
    """A value that runs are sorted by."""

    sql: Sql
    descending: bool = False


class Step(NamedTuple):
    """A part of an ordered answer: some runs `r`, sorted by terms.

    Attributes:
        table: what holds a row `o` for each of them; empty where they need none.
        only: which runs and rows they are.
        each: the same, to be looked up for each of a few runs.
    """

    table: str
    only: Sql
    each: Sql
    terms: tuple[Term, ...]


_NEWEST_FIRST = (Term(Sql("r.created"), descending=True), Term(Sql("r.id")))
_NOT_NULL = frozenset(["r.id", "r.created", "r.status", "r.experiment", "r.lifecycle", "r.who"])


def steps_of(orders: Sequence[Order]) -> list[Step]:
    """Return the steps in which runs come in an order; the newest first without one."""
    if not orders:
        return [Step("", ALWAYS, ALWAYS, _NEWEST_FIRST)]
    first, rest = orders[0], [term for order in orders[1:] for term in _terms(order)]
    others = (*rest, *_NEWEST_FIRST)
    if first.field.kind in SIDE_TABLES:
        return _steps_beside(first, others)
    column = Sql(column_of(first.field))
    terms = (Term(column, first.descending), *others)
    if column.text in _NOT_NULL:
        return [Step("", ALWAYS, ALWAYS, terms)]
    has, lacks = Sql(f"{column.text} IS NOT NULL"), Sql(f"{column.text} IS NULL")
    return [Step("", has, has, terms), Step("", lacks, lacks, others)]


def _steps_beside(order: Order, others: tuple[Term, ...]) -> list[Step]:
    field, (table, key) = order.field, _table_and_key(order.field)
    has = Sql(f"o.key = {key.text}", key.values)
    steps = []
    for test, column in _PARTS[field.kind]:
        only = Sql(f"{has.text} AND {test}", has.values)
        own = (Term(Sql(column), order.descending),) if column else ()
        steps.append(Step(table, only, only, (*own, *others)))
    rows = f"SELECT run FROM {table} WHERE key = {key.text}"
    lacks = Sql(f"r.key NOT IN ({rows})", key.values)
    lacks_each = Sql(f"NOT EXISTS ({rows} AND run = r.key)", key.values)
    return [*steps, Step("", lacks, lacks_each, others)]


_PARTS: dict[str, list[tuple[str, str]]] = {
    "metric": [("o.value IS NOT NULL", "o.value"), ("o.value IS NULL", "")],
    "score": [("o.value IS NOT NULL", "o.value"), ("o.value IS NULL", "")],
    "param": [("o.number IS NOT NULL", "o.number"), ("o.number IS NULL", "o.text")],
    "tag": [("1", "o.text")],
}


def _table_and_key(field: Field) -> tuple[str, Sql]:
    return SIDE_TABLES[field.kind], key_of(field)


def _terms(order: Order) -> tuple[Term, ...]:
    """Return the terms of an order that is not the first: its part, then the value."""
    if order.field.kind not in SIDE_TABLES:
        return _column_terms(order)
    table, key = _table_and_key(order.field)

    def looked_up(column: str) -> Sql:
        lookup = f"(SELECT {column} FROM {table} WHERE key = {key.text} AND run = r.key)"
        return Sql(lookup, key.values)

    if order.field.kind == "tag":
        return _nulls_last(looked_up("text"), order.descending)
    column = "number" if order.field.kind == "param" else "value"
    part = looked_up(f"{column} IS NULL")
    terms = [Term(Sql(f"coalesce({part.text}, 2)", part.values))]
    terms += _nulls_last(looked_up(column), order.descending)
    if order.field.kind == "param":
        text = looked_up("CASE WHEN number IS NULL THEN text END")
        terms += _nulls_last(text, order.descending)
    return tuple(terms)


def _column_terms(order: Order) -> tuple[Term, ...]:
    column = Sql(column_of(order.field))
    if column.text in _NOT_NULL:
        return (Term(column, order.descending),)
    return _nulls_last(column, order.descending)


def _nulls_last(value: Sql, descending: bool) -> tuple[Term, ...]:
    return Term(Sql(f"({value.text} IS NULL)", value.values)), Term(value, descending)


def after(terms: Sequence[Term], values: Sequence[Any]) -> Sql:
    """Return the condition that a run comes behind the place with these values of the terms."""
    behind = NEVER
    for term, value in reversed(list(zip(terms, values, strict=True))):
        behind = _behind(term, value, behind)
    first, value = terms[0], values[0]
    if value is None:
        return behind
    # It follows from the rest, and is what SQLite can look up in an index.
    sign = "<=" if first.descending else ">="
    return joined("AND", [behind, Sql(f"{first.sql.text} {sign} ?", (*first.sql.values, value))])


def _behind(term: Term, value: Any, rest: Sql) -> Sql:
    sql = term.sql
    if value is None:
        # Whether it is missing was decided by the term before, so here all of them are.
        return joined("AND", [Sql(f"{sql.text} IS NULL", sql.values), rest])
    sign = "<" if term.descending else ">"
    strictly = Sql(f"{sql.text} {sign} ?", (*sql.values, value))
    equal = Sql(f"{sql.text} = ?", (*sql.values, value))
    return joined("OR", [joined("AND", [rest, equal]), strictly])


def query_of(step: Step, tests: Sequence[Sql], limit: int | None, *, few: bool) -> Sql:
    """Return the query for the keys of the runs of one step, in order, with their terms.

    Args:
        few: whether the tests leave only few runs, by their keys: these are then read first and
            sorted, instead of all runs in their order.
    """
    columns = ", ".join(term.sql.text for term in step.terms)
    test = joined("AND", [step.each if few else step.only, *tests])
    order = ", ".join(
        f"{number} {'DESC' if term.descending else 'ASC'}"
        for number, term in enumerate(step.terms, start=2)
    )
    terms = tuple(value for term in step.terms for value in term.sql.values)
    source = _source(step.table, few=few)
    text = f"SELECT r.key, {columns} FROM {source} WHERE {test.text} ORDER BY {order}"
    values = (*terms, *test.values)
    return Sql(text, values) if limit is None else Sql(f"{text} LIMIT ?", (*values, limit))


def _source(table: str, *, few: bool) -> str:
    if not table:
        return "runs r"
    # SQLite reads what stands before CROSS JOIN first, whatever it would guess to be better.
    if few:
        return f"runs r CROSS JOIN {table} o ON o.run = r.key"
    return f"{table} o CROSS JOIN runs r ON r.key = o.run"


def compare(step: Step, left: Sequence[Any], right: Sequence[Any]) -> int:
    """Return which of two places in a step comes first: negative for the left one."""
    for term, one, other in zip(step.terms, left, right, strict=True):
        if one != other and one is not None and other is not None:
            smaller = -1 if one < other else 1
            return -smaller if term.descending else smaller
    return 0
