"""Snapshots: the sums of every metric, from the state of a test as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gitexp.abtests.data.plans import MetricPlan
from gitexp.abtests.data.quoting import literal
from gitexp.abtests.data.relations import microseconds, span
from gitexp.abtests.data.state import State
from gitexp.abtests.data.sums import Cell, Exposures, MetricSums
from gitexp.abtests.metrics import Metric
from gitexp.stats.quantiles import SPREAD

MOST_STRATA = 20
"""Strata that are told apart; the units of smaller ones are together in one more."""

OTHERS = "(others)"
NO_STRATUM = "(none)"


def exposures_of(state: State) -> Exposures:
    """Return who is a part of the test."""
    rows = state.engine.rows(
        f"SELECT {_VARIANT}, count(*) FROM gx_units WHERE {_counts(state)} GROUP BY 1"
    )
    found = dict(rows)
    multiple = state.engine.row("SELECT count(*) FROM gx_units WHERE low <> high")[0]
    facts = state.facts
    return Exposures(
        units={v.key: found.get(place, 0) for place, v in enumerate(state.test.variants)},
        multiple=multiple,
        unknown=facts.unknown,
        unusable=facts.unusable,
        rows=facts.rows,
    )


def sums_of(state: State, plans: Sequence[MetricPlan], as_of: datetime) -> dict[str, MetricSums]:
    """Return the sums of metrics by their keys, from the state as it is."""
    if not plans:
        return {}
    return _Snapshot(state, plans, as_of).sums()


class _Snapshot:
    def __init__(self, state: State, plans: Sequence[MetricPlan], as_of: datetime) -> None:
        self._state = state
        self._engine = state.engine
        self._plans = plans
        self._as_of = as_of
        self._variants = state.test.variants
        self._strata = "stratum" in state.exposures.source.columns

    def sums(self) -> dict[str, MetricSums]:
        rows = f"({self._units()})"
        if any(_needs_values(plan.metric) for plan in self._plans):
            self._engine.run(f"CREATE OR REPLACE TEMP TABLE gx_numbers AS {self._units()}")
            rows = "gx_numbers"
        cut = {plan.name: self._bounds(plan, rows) for plan in self._plans}
        added = [plan for plan in self._plans if plan.metric.type != "quantile"]
        found = self._added(rows, added, cut) if added else {}
        for plan in self._plans:
            if plan.metric.type == "quantile":
                found[plan.metric.key] = self._quantiles(rows, plan)
        if rows == "gx_numbers":
            self._engine.run("DROP TABLE gx_numbers")
        return found

    # --- the numbers of each unit -----------------------------------------------------------

    def _units(self) -> str:
        columns = [f"{_VARIANT} AS variant", f"{self._stratum()} AS stratum"]
        joins: dict[str, str] = {}
        for plan in self._plans:
            made = self._columns(plan, joins)
            columns += [f"{sql} AS {plan.name}_{place}" for place, sql in enumerate(made)]
        joined = " ".join(f"LEFT JOIN {sql} USING (unit)" for sql in joins.values())
        return f"SELECT {', '.join(columns)} FROM gx_units {joined} WHERE {_counts(self._state)}"

    def _columns(self, plan: MetricPlan, joins: dict[str, str]) -> list[str]:
        if plan.metric.type == "retention":
            return self._retained(plan, joins)
        tables = (f"gx_totals_{plan.relation.name}", f"gx_before_{plan.relation.name}")
        joins |= {table: table for table in tables if self._engine.has(table)}
        columns = plan.columns()
        for part in plan.parts:
            for side in ("", "_before") if part.distinct is not None else ():
                table = f"gx_{part.name}{side}_different"
                if self._engine.has(table):
                    name = f"{part.name}{side}_n"
                    joins[table] = (
                        f"(SELECT unit, count(*) AS {name}_different FROM {table} GROUP BY unit) "
                        f"AS {table}_counted"
                    )
                    columns = [
                        sql.replace(f"coalesce({name}, 0)", f"coalesce({name}_different, 0)")
                        for sql in columns
                    ]
        return columns

    def _retained(self, plan: MetricPlan, joins: dict[str, str]) -> list[str]:
        """Return whether a unit came back, and whether it began and its time to do so is over."""
        retention = plan.metric.retention
        assert retention is not None
        begun, returned = f"gx_{plan.name}_begun", f"gx_{plan.name}_returned"
        began = "key // 32"
        if plan.metric.start is not None:
            joins[begun] = f"(SELECT unit, began AS {begun} FROM {begun}) AS {begun}_at"
            began = begun
        joins[returned] = f"(SELECT unit, TRUE AS {returned} FROM {returned}) AS {returned}_too"
        over = f"coalesce({began} + {span(retention.end)} <= {microseconds(self._as_of)}, FALSE)"
        return [
            f"CAST({over} AND coalesce({returned}, FALSE) AS DOUBLE)",
            f"CAST({over} AS DOUBLE)",
        ]

    def _stratum(self) -> str:
        if not self._strata:
            return "''"
        rows = self._engine.rows(
            "SELECT stratum FROM gx_units WHERE stratum IS NOT NULL GROUP BY stratum "
            f"ORDER BY count(*) DESC, stratum LIMIT {MOST_STRATA}"
        )
        known = ", ".join(literal(name) for (name,) in rows) or "''"
        return (
            f"CASE WHEN stratum IS NULL THEN {literal(NO_STRATUM)} "
            f"WHEN stratum IN ({known}) THEN stratum ELSE {literal(OTHERS)} END"
        )

    # --- outliers ---------------------------------------------------------------------------

    def _bounds(self, plan: MetricPlan, rows: str) -> tuple[float | None, float | None]:
        """Return the least and the greatest value that count."""
        said = plan.metric.outliers
        if said is None or plan.metric.type not in ("mean", "ratio"):
            return None, None
        shares = [p and p / 100 for p in (said.lower_percentile, said.upper_percentile)]
        found: list[float | None] = [None, None]
        if any(share is not None for share in shares):
            asked = [
                "NULL" if share is None else f"quantile_cont({plan.name}_0, {share!r})"
                for share in shares
            ]
            found = list(self._engine.row(f"SELECT {', '.join(asked)} FROM {rows}"))
        least = [v for v in (said.lower, found[0]) if v is not None]
        greatest = [v for v in (said.upper, found[1]) if v is not None]
        return max(least, default=None), min(greatest, default=None)

    # --- sums that add ----------------------------------------------------------------------

    def _added(
        self,
        rows: str,
        plans: Sequence[MetricPlan],
        cut: Mapping[str, tuple[float | None, float | None]],
    ) -> dict[str, MetricSums]:
        questions = [list(_questions(plan, *cut[plan.name])) for plan in plans]
        asked = ", ".join(sql for each in questions for sql in each)
        answers = self._engine.rows(
            f"SELECT variant, stratum, count(*), {asked} FROM {rows} GROUP BY ALL ORDER BY ALL"
        )
        found: dict[str, MetricSums] = {}
        at = 3
        for plan, each in zip(plans, questions, strict=True):
            cells = {
                (self._variants[row[0]].key, row[1]): _cell(plan, row[2], row[at : at + len(each)])
                for row in answers
            }
            found[plan.metric.key] = MetricSums.of(cells)
            at += len(each)
        return found

    # --- quantiles --------------------------------------------------------------------------

    def _quantiles(self, rows: str, plan: MetricPlan) -> MetricSums:
        groups = self._engine.rows(f"SELECT DISTINCT variant, stratum FROM {rows} ORDER BY ALL")
        totals = {
            self._variants[place].key: self._quantile(rows, plan, f"variant = {place}")
            for place in dict.fromkeys(place for place, _ in groups)
        }
        if not self._strata:
            return MetricSums(cells={(key, ""): c for key, c in totals.items()}, totals=totals)
        cells = {
            (self._variants[place].key, stratum): self._quantile(
                rows, plan, f"variant = {place} AND stratum = {literal(stratum)}"
            )
            for place, stratum in groups
        }
        return MetricSums(cells=cells, totals=totals)

    def _quantile(self, rows: str, plan: MetricPlan, chosen: str) -> Cell:
        """Return a quantile and the bounds of Woodruff's interval, as `stats.quantile` does."""
        value, level = f"{plan.name}_0", plan.metric.level
        assert level is not None
        count, every = self._engine.row(
            f"SELECT count({value}), count(*) FROM {rows} WHERE {chosen}"
        )
        margin = SPREAD * math.sqrt(level * (1 - level) / count) if count else 1.0
        if (level - margin) * count < 1 or (1 - level - margin) * count < 1:
            return Cell(count=count, left_out=every - count)
        levels = [level, level - margin, level + margin]
        asked = ", ".join(
            f"quantile_cont({value}, {each!r}) AS {name}"
            for name, each in zip(("point", "low", "high"), levels, strict=True)
        )
        point, low, high, step = self._engine.row(
            f"WITH found AS (SELECT {asked} FROM {rows} WHERE {chosen}) "
            "SELECT any_value(point), any_value(low), any_value(high), "
            f"coalesce(min({value}) FILTER ({value} > point), any_value(point)) - "
            f"coalesce(max({value}) FILTER ({value} < point), any_value(point)) "
            f"FROM {rows}, found WHERE {chosen}"
        )
        found = {"level": level, "point": point, "low": low, "high": high, "step": step}
        return Cell(count=count, left_out=every - count, quantile=found)


_VARIANT = "CAST(key % 32 AS INTEGER)"


def _counts(state: State) -> str:
    """Return the condition that a unit counts, by what is done with several variants."""
    return "low = high" if state.test.exposure.multiple == "exclude" else "TRUE"


def _needs_values(metric: Metric) -> bool:
    """Return whether a metric looks at the values of all units more than once."""
    if metric.type == "quantile":
        return True
    said = metric.outliers
    percentiles = said and (said.lower_percentile, said.upper_percentile)
    return bool(percentiles and any(share is not None for share in percentiles))


def _questions(plan: MetricPlan, low: float | None, high: float | None) -> Iterator[str]:
    names = [f"{plan.name}_{place}" for place in range(_width(plan))]
    if low is not None:
        names[0] = f"greatest({names[0]}, {float(low)!r})"
    if high is not None:
        names[0] = f"least({names[0]}, {float(high)!r})"
    # `greatest` and `least` pass over what is missing, which must stay missing.
    if names[0] != f"{plan.name}_0":
        names[0] = f"CASE WHEN {plan.name}_0 IS NOT NULL THEN {names[0]} END"
    known = f"FILTER (WHERE {plan.name}_0 IS NOT NULL)"
    yield f"count(*) {known}"
    if _is_share(plan):
        yield f"CAST(sum({names[0]}) AS BIGINT)"
        return
    yield from (f"avg({name}) {known}" for name in names)
    for place, name in enumerate(names):
        yield from (f"covar_pop({name}, {other}) {known}" for other in names[:place])
        yield f"var_pop({name}) {known}"


def _width(plan: MetricPlan) -> int:
    return 2 if plan.metric.type == "retention" else len(plan.columns())


def _is_share(plan: MetricPlan) -> bool:
    return plan.metric.type == "proportion" and _width(plan) == 1


def _cell(plan: MetricPlan, every: int, answers: Sequence[Any]) -> Cell:
    count, *rest = answers
    if _is_share(plan):
        return Cell(count=count, left_out=every - count, successes=int(rest[0] or 0))
    width = _width(plan)
    if not count:
        zeros = (0.0,) * width
        return Cell(count=0, left_out=every, means=zeros, products=(zeros,) * width)
    rows = [[0.0] * width for _ in range(width)]
    flat = iter(rest[width:])
    for i in range(width):
        for j in range(i + 1):
            rows[i][j] = rows[j][i] = max(0.0, next(flat)) * count if i == j else next(flat) * count
    return Cell(
        count=count,
        left_out=every - count,
        means=tuple(rest[:width]),
        products=tuple(map(tuple, rows)),
    )
