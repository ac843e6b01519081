"""What the benchmark of A/B tests starts as a process: making rows, and analysing them.

analysis_workers.py make DIRECTORY ROWS     writes exposures and events of 30 days as Parquet
analysis_workers.py keep DIRECTORY          takes 29 days in and keeps the state
analysis_workers.py full DIRECTORY          analyses all rows, nothing being there from before
analysis_workers.py update DIRECTORY        takes the 30th day in, on top of what is kept
analysis_workers.py pandas DIRECTORY        the same analysis as `full` with pandas and scipy
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS = 30
_EVENTS = ("buy", "view", "click", "error")
_METRICS: tuple[dict[str, Any], ...] = (
    {"key": "revenue", "type": "mean", "event": "buy", "window": "7d"},
    {"key": "bought", "type": "proportion", "event": "buy"},
    {
        "key": "basket",
        "type": "ratio",
        "event": "buy",
        "denominator": {"event": "view", "aggregation": "count"},
    },
    {"key": "views", "type": "mean", "event": "view", "aggregation": "count"},
    {"key": "errors", "type": "mean", "event": "error", "goal": "decrease"},
)


def make(directory: str, rows: str) -> None:
    """Write exposures, and as many events: in the order of time, as a log has them."""
    import duckdb

    count, step = int(rows), DAYS * 86_400_000_000 / int(rows)
    unit = f"(hash(i * {{}}) % {max(1, count // 2)})"
    time = f"TIMESTAMP '2026-01-01' + to_microseconds(CAST(i * {step!r} AS BIGINT))"
    one, other = unit.format(7), unit.format(13)
    variant = f"CASE WHEN hash(CAST({one} AS VARCHAR)) % 2 = 0 THEN 'control' ELSE 'test' END"
    event = f"{list(_EVENTS)}[1 + CAST(hash(i) % 4 AS INTEGER)]"
    tables = {
        "exposures": f"'u' || {one} AS unit, {time} AS time, {variant} AS variant",
        "events": f"'u' || {other} AS unit, {time} AS time, {event} AS event, "
        "CAST(hash(i * 3) % 10000 AS DOUBLE) / 100 AS value",
    }
    for name, columns in tables.items():
        path = Path(directory) / f"{name}.parquet"
        duckdb.sql(f"COPY (SELECT {columns} FROM range({count}) r(i)) TO '{path}'")


def _workspace(directory: str) -> Any:
    """Return a workspace whose files are in a directory, and its state beside them."""
    from gitexp.store.disk import DiskStore
    from tests.runs.making import workspace_on

    path = Path(directory)
    store = DiskStore.open(path) if (path / ".git").exists() else DiskStore.init(path)
    return replace(workspace_on(store), directory=path)


def _test() -> Any:
    from gitexp.abtests.definition import AbTest

    document = {
        "flag": "checkout",
        "status": "running",
        "variants": [{"key": "control"}, {"key": "test"}],
        "metrics": {"primary": list(_METRICS)},
        "started_at": "2026-01-01T00:00:00Z",
        "data": {"exposures": {"file": "exposures.parquet"}, "events": {"file": "events.parquet"}},
    }
    return AbTest.from_dict("checkout", document)


def _analysed(data: Any) -> None:
    from gitexp.abtests.results.analysing import analyse

    found = data.snapshot()
    analyse(
        _test(),
        exposures=found.exposures,
        sums=found.sums,
        faults=found.faults,
        as_of=found.as_of,
        marks={},
    )


def keep(directory: str) -> None:
    """Take in all days but the last."""
    from gitexp.abtests.data.sessions import session

    end = BEGAN + timedelta(days=DAYS - 1)
    with session(_workspace(directory), _test()) as data, data.on_to(end):
        pass


def full(directory: str) -> None:
    """Analyse everything."""
    from gitexp.abtests.data.sessions import session

    whole = session(_workspace(directory), _test(), keep=False)
    with whole as data, data.looking_at(BEGAN + timedelta(days=DAYS)):
        _analysed(data)


def update(directory: str) -> None:
    """Take in the last day and analyse what there is, as a daily update does."""
    from gitexp.abtests.data.sessions import session

    with session(_workspace(directory), _test()) as data:
        assert not data.has_changed()
        with data.on_to(BEGAN + timedelta(days=DAYS)):
            _analysed(data)


def compare(directory: str) -> None:
    """Analyse everything with pandas and scipy, as a notebook would."""
    import pandas as pd
    from scipy import stats

    path = Path(directory)
    exposures = pd.read_parquet(path / "exposures.parquet")
    events = pd.read_parquet(path / "events.parquet")
    units = exposures.groupby("unit").agg(
        first=("time", "min"), variant=("variant", "first"), seen=("variant", "nunique")
    )
    units = units[units["seen"] == 1]
    rows = events.merge(units[["first"]], left_on="unit", right_index=True)
    rows = rows[rows["time"] >= rows["first"]]

    def of(event: str, how: str, within: str = "") -> Any:
        chosen = rows[rows["event"] == event]
        if within:
            chosen = chosen[chosen["time"] < chosen["first"] + pd.Timedelta(within)]
        return chosen.groupby("unit")["value"].agg(how).reindex(units.index).fillna(0)

    spent, views = of("buy", "sum"), of("view", "count")
    ratio = spent.sum() / views.sum()
    for values in (
        of("buy", "sum", "7D"),
        (of("buy", "count") > 0).astype(float),
        spent - ratio * views,
        views,
        of("error", "sum"),
    ):
        one, other = (values[units["variant"] == name] for name in ("control", "test"))
        stats.ttest_ind(one, other, equal_var=False)


WORK: dict[str, Callable[..., None]] = {
    "make": make,
    "keep": keep,
    "full": full,
    "update": update,
    "pandas": compare,
}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])
