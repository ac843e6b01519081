"""Plans: which sums a metric needs of each unit, and what they become, in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from gitexp.abtests.data.quoting import fits, identifier, literal
from gitexp.abtests.data.relations import Relation, span
from gitexp.abtests.metrics import Aggregation, Metric, MetricType, Rows
from gitexp.errors import InvalidInput

ADJUSTED: tuple[MetricType, ...] = ("mean", "proportion", "ratio")
"""The types of metrics that covariates take variance away from."""

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Total:
    """A number that is kept for each unit.

    Attributes:
        made: how it is made of rows.
        merge: how two of them become one: `sum`, `min` or `max`.
    """

    name: str
    made: str
    merge: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows of each unit, and the one number that they become.

    Attributes:
        name: the beginning of the names of its totals.
        wanted: the condition that a row counts, its moment left aside.
        column: the column of the number; empty where rows are counted.
        lenient: whether a row without a number stands for 1.
    """

    name: str
    relation: Relation
    wanted: str
    column: str
    aggregation: Aggregation
    lenient: bool = False

    @classmethod
    def of(cls, name: str, relation: Relation, rows: Rows, *, usual: Aggregation = "sum") -> Part:
        """Return the part that some rows of a metric are.

        Args:
            usual: what the numbers of rows become where nobody said; their greatest where a
                row without a number is a success as well.

        Raises:
            InvalidInput: the source lacks a column that is needed.
        """
        column = rows.value or (relation.column("value") if relation.has("value") else "")
        aggregation = rows.aggregation or (usual if column else "count")
        lenient = usual == "max" and not rows.value and rows.aggregation is None
        if aggregation == "count" and not rows.value:
            column = ""
        elif not column:
            column = relation.column("value")
        return cls(
            name=name,
            relation=relation,
            wanted=_wanted(relation, rows, "" if lenient else column),
            column=column,
            aggregation=aggregation,
            lenient=lenient,
        )

    @property
    def number(self) -> str:
        """The number of a row; 1 where rows are counted."""
        if not self.column:
            return "1"
        number = self.relation.number(self.column)
        return f"coalesce({number}, 1.0)" if self.lenient else number

    @property
    def wrong(self) -> str | None:
        """The condition that a row that counts has no number in it; None where all have one."""
        if not self.column or self.aggregation in ("count", "unique"):
            return None
        wrong = self.relation.wrong_number(self.column)
        return None if wrong is None else f"{self.wanted} AND {wrong}"

    @property
    def distinct(self) -> str | None:
        """What is told apart, where different values are counted."""
        return identifier(self.column) if self.aggregation == "unique" else None

    def totals(self, moment: str) -> list[Total]:
        """Return what is kept for each unit.

        Args:
            moment: the condition that a row was at the right time.
        """
        chosen = f"FILTER (WHERE {self.wanted} AND {moment})"
        count = Total(name=f"{self.name}_n", made=f"count(*) {chosen}", merge="sum")
        if self.aggregation in ("count", "unique"):
            return [count]
        function = "sum" if self.aggregation in ("sum", "mean") else self.aggregation
        made = f"{function}({self.number}) {chosen}"
        return [count, Total(name=f"{self.name}_v", made=made, merge=function)]

    def value(self, *, empty: bool) -> str:
        """Return what the totals of a unit become.

        Args:
            empty: whether a unit without rows is 0 in any case. Otherwise it is, where rows are
                added or counted, and has no mean, least or greatest value.
        """
        if self.aggregation in ("count", "unique"):
            return f"CAST(coalesce({self.name}_n, 0) AS DOUBLE)"
        if self.aggregation == "mean":
            value = f"({self.name}_v / nullif({self.name}_n, 0))"
        else:
            value = f"{self.name}_v"
        return f"coalesce({value}, 0.0)" if empty or self.aggregation == "sum" else value


def _wanted(relation: Relation, rows: Rows, column: str) -> str:
    conditions = fits(rows.where, relation.types, title=relation.title)
    if rows.event:
        # As any other column, which has the name of the column of events.
        event = identifier(relation.column("event"))
        text = (
            event
            if relation.types[relation.column("event")] == "VARCHAR"
            else (f"CAST({event} AS VARCHAR)")
        )
        conditions.append(f"coalesce({text} = {literal(rows.event)}, FALSE)")
    if column:
        conditions.append(f"{identifier(relation.checked(column))} IS NOT NULL")
    return "(" + " AND ".join(conditions or ["TRUE"]) + ")"


@dataclass(frozen=True, kw_only=True)
class MetricPlan:
    """How a metric is computed.

    Attributes:
        parts: the rows of each unit; of a ratio, numerator and denominator.
        known: whether the exposures bring a covariate along.
    """

    metric: Metric
    name: str
    relation: Relation
    parts: tuple[Part, ...]
    known: bool = False

    @classmethod
    def of(cls, name: str, metric: Metric, relation: Relation, exposures: Relation) -> MetricPlan:
        """Return the plan of a metric over a source.

        Raises:
            InvalidInput: the source lacks a column, or the metric asks for what does not exist.
        """
        relation.column("unit")
        relation.time()
        _check(metric, relation)
        return cls(
            metric=metric,
            name=name,
            relation=relation,
            parts=tuple(_parts(name, metric, relation)),
            known="covariate" in exposures.source.columns and metric.type in ADJUSTED,
        )

    @property
    def lookback(self) -> timedelta:
        """How long before its exposure the rows of a unit count."""
        return self.metric.lookback or timedelta()

    @property
    def moment(self) -> str:
        """The condition that a row was after the exposure of its unit, and in the window."""
        if self.metric.window is None:
            return "r.gx_time >= u.gx_first"
        return f"r.gx_time >= u.gx_first AND r.gx_time < u.gx_first + {span(self.metric.window)}"

    @property
    def moment_before(self) -> str:
        """The condition that a row was in the time before the exposure that is looked back to."""
        return f"r.gx_time < u.gx_first AND r.gx_time >= u.gx_first - {span(self.lookback)}"

    def totals(self) -> Iterator[Total]:
        """Yield what is kept for each unit of the time after its exposure."""
        for part in self.parts:
            yield from part.totals(self.moment)

    def totals_before(self) -> Iterator[Total]:
        """Yield what is kept for each unit of the time before its exposure."""
        if self.metric.lookback is not None:
            for part in self._before():
                yield from part.totals(self.moment_before)

    def _before(self) -> tuple[Part, ...]:
        return tuple(replace(part, name=f"{part.name}_before") for part in self.parts)

    def columns(self) -> list[str]:
        """Return the numbers of a unit in SQL: its value, of a ratio two, then its covariates."""
        covariates = [self._number(part, empty=True) for part in self._covariates()]
        if self.known:
            # Of a unit of which nothing was known, what is known of all: it shifts no estimate.
            covariates.append("coalesce(known, (SELECT avg(known) FROM gx_units), 0.0)")
        empty = self.metric.type in ("ratio", "proportion")
        return [*(self._number(part, empty=empty) for part in self.parts), *covariates]

    def _covariates(self) -> tuple[Part, ...]:
        return self._before() if self.metric.lookback is not None else ()

    def _number(self, part: Part, *, empty: bool) -> str:
        if self.metric.type != "proportion":
            return part.value(empty=empty)
        if self.metric.threshold is None:
            return f"CAST({part.value(empty=True)} > 0 AS DOUBLE)"
        # Ten times 0.1 is a little less than 1 to a computer, which must not decide.
        least = self.metric.threshold - _ROUNDING * abs(self.metric.threshold)
        reached = f"{part.value(empty=False)} >= {least!r}"
        return f"CAST(coalesce({reached}, FALSE) AS DOUBLE)"


def _parts(name: str, metric: Metric, relation: Relation) -> Iterator[Part]:
    usual: Aggregation = "max" if metric.type == "proportion" else "sum"
    if metric.type == "retention":
        yield Part.of(f"{name}_a", relation, replace(metric.rows, value="", aggregation="count"))
        return
    yield Part.of(f"{name}_a", relation, metric.rows, usual=usual)
    if metric.type == "ratio" and metric.denominator is not None:
        yield Part.of(f"{name}_b", relation, metric.denominator)


def _check(metric: Metric, relation: Relation) -> None:
    if "covariate" in relation.source.columns:
        # A unit has rows or not by what it was shown, and so would have a covariate or not.
        raise InvalidInput(
            f"{relation.title} names a covariate, which every unit has to have",
            hint="Name its column below `exposures`, of which every unit has a row.",
        )
    if metric.type == "ratio" and metric.denominator is None:
        raise InvalidInput(f"metric {metric.key!r} is a ratio without a denominator")
    if metric.type in ("retention", "quantile") and (metric.lookback is not None):
        raise InvalidInput(f"metric {metric.key!r} is a {metric.type}, which takes no covariate")
    if metric.type == "quantile" and metric.level is None:
        raise InvalidInput(f"metric {metric.key!r} is a quantile without a level")
    if metric.type == "retention" and metric.retention is None:
        raise InvalidInput(
            f"metric {metric.key!r} does not say when a unit has to come back",
            hint="Say so with `retention: {from: 1d, to: 8d}`.",
        )
