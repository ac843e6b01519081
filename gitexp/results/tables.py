"""Results as a table of pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_RUN_COLUMNS = (
    "id",
    "status",
    "name",
    "version",
    "digest",
    "dataset",
    "endpoint",
    "evaluators",
    "total",
    "passed",
    "failed",
    "errors",
    "unscored",
    "pass_rate",
    "scored_pass_rate",
    "created_at",
    "duration_seconds",
    "overrides",
)
_VERSION_COLUMNS = (
    "version",
    "digest",
    "message",
    "parent_version",
    "runs",
    "unfinished",
    "total",
    "passed",
    "failed",
    "errors",
    "unscored",
    "pass_rate",
    "pass_rate_low",
    "pass_rate_high",
    "samples",
    "scored_pass_rate",
    "change_points",
    "changed",
    "overrides",
)
_NUMBERS: Mapping[Any, Any] = {
    "pass_rate": "float64",
    "scored_pass_rate": "float64",
    "pass_rate_low": "float64",
    "pass_rate_high": "float64",
    "change_points": "float64",
    "duration_seconds": "float64",
}


def results_frame(items: Sequence[Mapping[str, Any]], *, group_by: str = "run") -> pd.DataFrame:
    """Return results as a DataFrame, a row for each item, in their order.

    By run it has a column for each of the run's own fields: id, status, name, version, digest,
    the names of dataset, endpoint and evaluators, the counts of `stats`, both pass rates,
    `created_at` as a moment, `duration_seconds`, and `overrides`; then `metrics.NAME.mean` for
    every evaluator and `parameters.SLOT` for every value that is no list or object.

    By version it has version, digest, message, parent_version, the number of `runs`, the counts,
    both pass rates, the interval as `pass_rate_low` and `pass_rate_high`, `change_points`, and
    `changed` and `overrides` as they are in the items.

    What an item does not have is missing (NaN). Items that name their `runs` are versions.
    """
    import pandas as pd

    is_version = "runs" in items[0] if items else group_by == "version"
    rows = [_version_row(item) if is_version else _run_row(item) for item in items]
    columns = list(_VERSION_COLUMNS if is_version else _RUN_COLUMNS)
    columns += sorted({key for row in rows for key in row} - set(columns))
    numbers = {name: kind for name, kind in _NUMBERS.items() if name in columns}
    frame: pd.DataFrame = pd.DataFrame(rows, columns=columns).astype(numbers)
    if "created_at" in frame:
        frame["created_at"] = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
    return frame


def _run_row(item: Mapping[str, Any]) -> dict[str, Any]:
    stats = item["stats"]
    scored = stats["passed"] + stats["failed"]
    metrics = {
        f"metrics.{name}.mean": numbers.get("mean")
        for name, numbers in item.get("metrics", {}).items()
    }
    parameters = {
        f"parameters.{name}": value
        for name, value in item["parameters"].items()
        if not isinstance(value, (list, dict))
    }
    return {
        **{name: item.get(name) for name in _RUN_COLUMNS},
        **stats,
        "dataset": item.get("dataset", {}).get("name"),
        "endpoint": item.get("endpoint", {}).get("name"),
        "evaluators": ", ".join(evaluator["name"] for evaluator in item.get("evaluators", ())),
        "pass_rate": stats["passed"] / stats["total"] if stats["total"] else None,
        "scored_pass_rate": stats["passed"] / scored if scored else None,
        **metrics,
        **parameters,
    }


def _version_row(item: Mapping[str, Any]) -> dict[str, Any]:
    low, high = item["pass_rate_interval"] or (None, None)
    return {
        **{name: item.get(name) for name in _VERSION_COLUMNS},
        **item["stats"],
        "runs": len(item["runs"]),
        "pass_rate_low": low,
        "pass_rate_high": high,
    }
