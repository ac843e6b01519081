"""Runs as rows: what was tracked is data of an A/B test too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gitexp.abtests.sources import Source
from gitexp.experiments.permissions import get_visible
from gitexp.project.workspace import Workspace
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search

if TYPE_CHECKING:
    import pandas as pd


def runs_table(workspace: Workspace, experiment: str, source: Source) -> pd.DataFrame:
    """Return a row for each run that a source means.

    Its columns are `unit` (the run's id), `time` (when it began), `status`, `version`, `name`,
    `duration_seconds`, `metrics.NAME` (the latest value), `params.NAME`, `parameters.NAME` and
    `tags.NAME`.

    Raises:
        NotFound: it names an experiment that is not there, or that others alone may read.
    """
    import pandas as pd

    for name in source.experiments:
        get_visible(workspace, name, tolerate_shallow=True)
    query = RunQuery(
        filter=source.filter, limit=None, experiments=source.experiments or (experiment,)
    )
    rows = [_row(run) for run in search(workspace, query).runs]
    columns = ["unit", "time", "status", "version", "name", "duration_seconds"]
    columns += sorted({name for row in rows for name in row} - set(columns))
    frame: pd.DataFrame = pd.DataFrame(rows, columns=columns)
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    for name in (each for each in columns if not each.startswith("metrics.")):
        if name not in ("time", "duration_seconds"):
            frame[name] = frame[name].astype("object").map(_text, na_action="ignore")
    return frame


def _row(run: Run) -> dict[str, Any]:
    return {
        "unit": str(run.id),
        "time": run.started_at or run.created_at,
        "status": run.status,
        "version": run.version,
        "name": run.name,
        "duration_seconds": run.duration_seconds,
        **{f"metrics.{name}": point.value for name, point in run.metrics.items()},
        **dict(_named("params", run.params.items())),
        **dict(_named("parameters", run.parameters.items())),
        **dict(_named("tags", run.tags.items())),
    }


def _named(prefix: str, items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    return ((f"{prefix}.{name}", v) for name, v in items if not isinstance(v, (list, dict)))


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
