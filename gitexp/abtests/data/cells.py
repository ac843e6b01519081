"""Cells that should be numbers and are none: looked for as rows are taken in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gitexp.abtests.data.engine import Engine
from gitexp.abtests.data.plans import MetricPlan
from gitexp.abtests.data.quoting import identifier
from gitexp.abtests.data.relations import Relation
from gitexp.errors import InvalidInput


def wrong_cells(
    engine: Engine, plans: Sequence[MetricPlan], since: datetime, until: datetime, *, back: bool
) -> dict[str, str]:
    """Return why metrics of one source cannot be computed, by their keys: their first wrong cells.

    Args:
        back: whether the time before that is looked back to counts as well.
    """
    found = _wrong(engine, plans, since, until)
    for plan in plans if back else ():
        if plan.lookback:
            found |= _wrong(engine, [plan], since - plan.lookback, since)
    return found


def _wrong(
    engine: Engine, plans: Iterable[MetricPlan], since: datetime, until: datetime
) -> dict[str, str]:
    parts = [(plan, part) for plan in plans for part in plan.parts if part.wrong is not None]
    if not parts:
        return {}
    relation = parts[0][1].relation
    wrong = [
        f"min(row({relation.time()}, CAST({identifier(part.column)} AS VARCHAR))) "
        f"FILTER (WHERE {part.wrong})"
        for _, part in parts
    ]
    chosen = " AND ".join(relation.between(since, until))
    cells = engine.row(f"SELECT {', '.join(wrong)} FROM {relation.name} WHERE {chosen}")
    found: dict[str, tuple[int, str, str]] = {}
    for (plan, part), cell in zip(parts, cells, strict=True):
        if cell is not None:
            key, first = plan.metric.key, (*cell, part.column)
            found[key] = min(found.get(key, first), first)
    return {key: relation.no_number(column, cell) for key, (_, cell, column) in found.items()}


def check_covariate(engine: Engine, exposures: Relation, since: datetime, until: datetime) -> None:
    """Check that what was known of units before is a number.

    Raises:
        InvalidInput: a cell is none.
    """
    column = exposures.source.columns.get("covariate")
    if column is None or (wrong := exposures.wrong_number(column)) is None:
        return
    chosen = " AND ".join([*exposures.between(since, until), wrong])
    cell = f"SELECT CAST({identifier(column)} AS VARCHAR) FROM {exposures.name} WHERE {chosen}"
    for (found,) in engine.rows(f"{cell} LIMIT 1"):
        raise InvalidInput(exposures.no_number(column, found))
