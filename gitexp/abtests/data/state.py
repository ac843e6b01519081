"""The state of a test: for each unit its exposure and its running totals, up to a moment.

It is derived and may be deleted at any time. Going on to a later moment reads only the rows
between the two. A day's sums are computed from the state as it is at the end of that day, which
is why they are exact: a unit that is found to have seen two variants on its tenth day is taken
out of the sums from the tenth day on, and outliers are cut at the percentiles of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from gitexp.abtests.data.cells import check_covariate, wrong_cells
from gitexp.abtests.data.engine import Engine
from gitexp.abtests.data.facts import Facts
from gitexp.abtests.data.plans import MetricPlan, Part, Total
from gitexp.abtests.data.quoting import fits, identifier, literal
from gitexp.abtests.data.relations import Relation, UnitType, microseconds, span
from gitexp.abtests.definition import AbTest
from gitexp.documents.canonical import digest_of

_VERSION = 2

_VARIANTS = 32
"""Variants that fit beside a moment into one number, which sorts by the moment."""


class State:
    """The running totals of the units of a test."""

    def __init__(
        self,
        engine: Engine,
        test: AbTest,
        exposures: Relation,
        plans: Sequence[MetricPlan],
        *,
        unit_type: UnitType,
    ) -> None:
        self.engine = engine
        self.test = test
        self.exposures = exposures
        self.plans = tuple(plans)
        self._unit_type = unit_type
        self._prepare()

    def _prepare(self) -> None:
        if self.engine.has("gx_facts"):
            facts = self.facts
            if facts.layout == self.layout and self._are_there_still(facts):
                return
        self.reset()

    def _are_there_still(self, facts: Facts) -> bool:
        """Return whether of each metric whose cells were wrong the first one is as it was."""
        began, until = self.test.started_at, facts.until
        if not facts.faults or began is None or until is None:
            return True
        wrong = [plan for plan in self.plans if plan.metric.key in facts.faults]
        found: dict[str, str] = {}
        for each in wrong:
            found |= wrong_cells(self.engine, [each], began, until, back=True)
        return found == dict(facts.faults)

    @property
    def layout(self) -> str:
        """What its columns mean, as a digest."""
        made = {
            "version": _VERSION,
            "unit": [self._unit_type, self.exposures.unit(self._unit_type)],
            "time": self.exposures.time(),
            "variants": [variant.key for variant in self.test.variants],
            "plans": {plan.name: _described(plan) for plan in self.plans},
        }
        return str(digest_of(made))

    def reset(self, *, outdated: datetime | None = None) -> None:
        """Forget all rows, so that the next step begins with the first one.

        Args:
            outdated: see `Facts`.
        """
        with self.engine.transaction():
            for name in self.engine.tables("gx_"):
                self.engine.run(f"DROP TABLE {identifier(name)}")
            self.engine.run("CREATE TABLE gx_facts (text VARCHAR)")
            facts = Facts(layout=self.layout, outdated=outdated)
            self.engine.run(f"INSERT INTO gx_facts VALUES ({literal(facts.to_json())})")
            self.engine.run(
                f"CREATE TABLE gx_units (unit {self._unit_type}, key BIGINT, low UTINYINT, "
                "high UTINYINT, stratum VARCHAR, known DOUBLE)"
            )

    @property
    def facts(self) -> Facts:
        """What is known of it."""
        return Facts.from_json(self.engine.row("SELECT text FROM gx_facts")[0])

    def _remember(self, facts: Facts) -> None:
        self.engine.run(f"UPDATE gx_facts SET text = {literal(facts.to_json())}")

    # --- going on ---------------------------------------------------------------------------

    def advance(self, until: datetime) -> None:
        """Take in the rows up to a moment; nothing where they are in already.

        It is one step where the caller has begun a transaction.

        Raises:
            InvalidInput: the exposures cannot be read. What is wrong with the rows of a metric
                is kept in `facts.faults`.
        """
        before = self.facts
        began = self.test.started_at
        assert began is not None, "only a test that was launched has data"
        since = before.until or began
        if until <= since:
            return
        counts = self._take_exposures(since, until)
        faults: dict[str, str] = {}
        for relation, plans in self._by_relation():
            faults |= self._take_rows(relation, plans, since, until)
        for plan in self.plans:
            if plan.metric.type == "retention":
                self._take_returns(plan, since, until)
        self._remember(
            Facts(
                layout=before.layout,
                until=until,
                rows=before.rows + counts[0],
                unknown=before.unknown + counts[1],
                unusable=before.unusable + counts[2],
                faults=faults | dict(before.faults),
                past=self._past(until, since=before.until, known=before.past),
                outdated=before.outdated,
            )
        )

    def _by_relation(self) -> Iterator[tuple[Relation, list[MetricPlan]]]:
        summed = [plan for plan in self.plans if plan.metric.type != "retention"]
        summed.sort(key=lambda plan: plan.relation.name)
        for _, plans in groupby(summed, key=lambda plan: plan.relation.name):
            together = list(plans)
            yield together[0].relation, together

    def _past(
        self,
        until: datetime,
        *,
        since: datetime | None = None,
        known: Mapping[str, int] | None = None,
    ) -> dict[str, int]:
        """Return how many rows each source has before a moment."""
        relations = {
            each.name: each for each in (self.exposures, *(p.relation for p in self.plans))
        }
        return {
            name: (known or {}).get(name, 0)
            + self.engine.row(
                f"SELECT count(*) FROM {name} WHERE {_all(relation.between(since, until))}"
            )[0]
            for name, relation in relations.items()
        }

    def has_changed(self) -> bool:
        """Return whether rows of the past came or went since they were taken in."""
        facts = self.facts
        return facts.until is not None and self._past(facts.until) != dict(facts.past)

    # --- exposures --------------------------------------------------------------------------

    def _take_exposures(self, since: datetime, until: datetime) -> tuple[int, int, int]:
        end = min(until, self.test.frozen_at) if self.test.frozen_at else until
        if end <= since:
            return 0, 0, 0
        check_covariate(self.engine, self.exposures, since, end)
        self.engine.run(f"CREATE OR REPLACE TEMP TABLE gx_fresh AS {self._exposed(since, end)}")
        counts = self.engine.row(
            "SELECT coalesce(sum(rows), 0), coalesce(sum(unknown), 0), "
            "coalesce(sum(rows) FILTER (WHERE unit IS NULL), 0) FROM gx_fresh"
        )
        known = "SELECT unit, key, low, high, stratum, known FROM gx_fresh"
        rows = f"{known} WHERE unit IS NOT NULL AND key IS NOT NULL"
        # Rows come in the order of time, so a unit that is there keeps what it came with.
        self._merge("gx_units", rows, {"low": "min", "high": "max"})
        return counts[0], counts[1], counts[2]

    def _exposed(self, since: datetime, until: datetime) -> str:
        source, rule = self.exposures, self.test.exposure
        chosen = [*source.between(since, until)]
        chosen += fits(rule.where, source.types, title=source.title)
        if rule.event:
            event = {source.column("event"): (rule.event,)}
            chosen += fits(event, source.types, title=source.title)
        rows = (
            f"SELECT {source.unit(self._unit_type)} AS gx_unit, {source.time()} AS gx_time, "
            f"{self._variant()} AS gx_variant, {self._stratum()} AS gx_stratum, "
            f"{self._covariate()} AS gx_known FROM {source.name} WHERE {_all(chosen)}"
        )
        key = f"gx_time * {_VARIANTS} + gx_variant"
        has = source.source.columns
        stratum = f"arg_min(gx_stratum, {key})" if "stratum" in has else "CAST(NULL AS VARCHAR)"
        known = f"arg_min(gx_known, {key})" if "covariate" in has else "CAST(NULL AS DOUBLE)"
        return (
            f"SELECT gx_unit AS unit, min({key}) AS key, min(gx_variant) AS low, "
            f"max(gx_variant) AS high, {stratum} AS stratum, {known} AS known, count(*) AS rows, "
            "count(*) FILTER (WHERE gx_variant IS NULL) AS unknown "
            f"FROM ({rows}) GROUP BY gx_unit"
        )

    def _variant(self) -> str:
        name = identifier(self.exposures.column("variant"))
        text = f"CAST({name} AS VARCHAR)"
        cases = " ".join(
            f"WHEN {literal(variant.key)} THEN {place}"
            for place, variant in enumerate(self.test.variants)
        )
        return f"CAST(CASE {text} {cases} END AS UTINYINT)"

    def _stratum(self) -> str:
        if "stratum" not in self.exposures.source.columns:
            return "CAST(NULL AS VARCHAR)"
        return f"CAST({identifier(self.exposures.column('stratum'))} AS VARCHAR)"

    def _covariate(self) -> str:
        if "covariate" not in self.exposures.source.columns:
            return "CAST(NULL AS DOUBLE)"
        return self.exposures.number(self.exposures.column("covariate"))

    def _merge(self, table: str, rows: str, merged: Mapping[str, str]) -> None:
        """Put rows of units, one for each, into a table that has a row for each unit.

        Args:
            merged: the columns of units that are there already, and how each changes: `sum`,
                `min` or `max`. Only these units are written again.
        """
        if not self.engine.row(f"SELECT count(*) FROM {table}")[0]:
            self.engine.run(f"DROP TABLE {table}")
            self.engine.run(f"CREATE TABLE {table} AS {rows}")
            return
        self.engine.run(f"CREATE OR REPLACE TEMP TABLE gx_new AS {rows}")
        made = {name: _merged(how, f"t.{name}", f"f.{name}") for name, how in merged.items()}
        changed = " OR ".join(f"t.{name} IS DISTINCT FROM {sql}" for name, sql in made.items())
        self.engine.run(
            f"UPDATE {table} AS t SET {', '.join(f'{n} = {sql}' for n, sql in made.items())} "
            f"FROM gx_new AS f WHERE t.unit = f.unit AND ({changed})"
        )
        self._insert(table, "gx_new", ("unit",))

    def _insert(self, table: str, rows: str, keys: Sequence[str]) -> None:
        """Put the rows into a table whose keys are not there yet."""
        same = " AND ".join(f"t.{key} IS NOT DISTINCT FROM f.{key}" for key in keys)
        self.engine.run(
            f"INSERT INTO {table} BY NAME SELECT f.* FROM {rows} AS f "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same})"
        )

    # --- rows of metrics --------------------------------------------------------------------

    def _take_rows(
        self, relation: Relation, plans: Sequence[MetricPlan], since: datetime, until: datetime
    ) -> dict[str, str]:
        is_first = since == self.test.started_at
        faults = wrong_cells(self.engine, plans, since, until, back=is_first)
        after = [total for plan in plans for total in plan.totals()]
        self._add(f"gx_totals_{relation.name}", relation, after, since, until)
        before = [total for plan in plans for total in plan.totals_before()]
        if before:
            begin = since - max(plan.lookback for plan in plans)
            self._add(f"gx_before_{relation.name}", relation, before, begin, until, new=since)
        for plan in plans:
            for part in plan.parts:
                if part.distinct is not None:
                    self._add_distinct(plan, part, since, until)
        return faults

    def _add(
        self,
        table: str,
        relation: Relation,
        totals: Sequence[Total],
        since: datetime,
        until: datetime,
        *,
        new: datetime | None = None,
    ) -> None:
        """Add up rows for each unit.

        Args:
            new: only for units whose exposure was not before this moment.
        """
        made = ", ".join(f"{total.made} AS {total.name}" for total in totals)
        only = f" AND u.gx_first >= {microseconds(new)}" if new is not None else ""
        rows = (
            f"SELECT r.gx_unit AS unit, {made} FROM ({self._moved(relation, since, until)}) r "
            f"JOIN {_FIRST} u ON r.gx_unit = u.gx_who{only} GROUP BY r.gx_unit"
        )
        if not self.engine.has(table):
            self.engine.run(f"CREATE TABLE {table} AS {rows}")
            return
        self._merge(table, rows, {total.name: total.merge for total in totals})

    def _moved(self, relation: Relation, since: datetime, until: datetime) -> str:
        # Names of its own, which no column of anybody's has.
        return (
            f"SELECT *, {relation.unit(self._unit_type)} AS gx_unit, {relation.time()} AS gx_time "
            f"FROM {relation.name} WHERE {_all(relation.between(since, until))}"
        )

    def _add_distinct(self, plan: MetricPlan, part: Part, since: datetime, until: datetime) -> None:
        sides: list[tuple[str, str, datetime, datetime | None]]
        sides = [("", plan.moment, since, None)]
        if plan.metric.lookback is not None:
            sides.append(("_before", plan.moment_before, since - plan.metric.lookback, since))
        for side, moment, begin, new in sides:
            only = f" AND u.gx_first >= {microseconds(new)}" if new is not None else ""
            rows = (
                f"SELECT DISTINCT r.gx_unit AS unit, CAST(r.{part.distinct} AS VARCHAR) AS value "
                f"FROM ({self._moved(plan.relation, begin, until)}) r "
                f"JOIN {_FIRST} u ON r.gx_unit = u.gx_who{only} WHERE {part.wanted} AND {moment}"
            )
            table = f"gx_{part.name}{side}_different"
            if not self.engine.has(table):
                self.engine.run(f"CREATE TABLE {table} (unit {self._unit_type}, value VARCHAR)")
            self._insert(table, f"({rows})", ("unit", "value"))

    # --- retention --------------------------------------------------------------------------

    def _take_returns(self, plan: MetricPlan, since: datetime, until: datetime) -> None:
        begun = f"gx_{plan.name}_begun"
        rows = f"({self._moved(plan.relation, since, until)}) r"
        if plan.metric.start is not None:
            rule = replace(plan.metric.start, value="", aggregation="count")
            start = Part.of(f"{plan.name}_s", plan.relation, rule)
            made = (
                f"SELECT r.gx_unit AS unit, min(r.gx_time) AS began FROM {rows} JOIN {_FIRST} u "
                f"ON r.gx_unit = u.gx_who WHERE {start.wanted} AND {plan.moment} GROUP BY r.gx_unit"
            )
            if self.engine.has(begun):
                self._merge(begun, made, {"began": "min"})
            else:
                self.engine.run(f"CREATE TABLE {begun} AS {made}")
        else:
            begun = f"(SELECT unit, key // {_VARIANTS} AS began FROM gx_units)"
        returned, retention = f"gx_{plan.name}_returned", plan.metric.retention
        assert retention is not None
        self.engine.run(f"CREATE TABLE IF NOT EXISTS {returned} (unit {self._unit_type})")
        self.engine.run(
            f"INSERT INTO {returned} SELECT DISTINCT r.gx_unit FROM {rows} JOIN {begun} b "
            f"ON r.gx_unit = b.unit WHERE {plan.parts[0].wanted} "
            # Coming back is later than the start, even where it may be at once.
            f"AND r.gx_time > b.began AND r.gx_time >= b.began + {span(retention.begin)} "
            f"AND r.gx_time < b.began + {span(retention.end)} "
            f"AND NOT EXISTS (SELECT 1 FROM {returned} k WHERE k.unit = r.gx_unit)"
        )


def _merged(how: str, old: str, new: str) -> str:
    """Return what two numbers of a unit become, of which either may be missing."""
    if how == "sum":
        return f"coalesce({old} + {new}, {old}, {new})"
    return f"{'least' if how == 'min' else 'greatest'}({old}, {new})"


def _described(plan: MetricPlan) -> list[str]:
    totals = [*plan.totals(), *plan.totals_before()]
    start = repr(plan.metric.start), repr(plan.metric.retention)
    return [plan.relation.name, plan.relation.time(), *start, *(t.made for t in totals)]


_FIRST = f"(SELECT unit AS gx_who, key // {_VARIANTS} AS gx_first FROM gx_units)"


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "TRUE"
