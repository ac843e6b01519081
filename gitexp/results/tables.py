"""Results as a table of pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.runs.tallies import Stats

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
_GROUP_COLUMNS = (
    "versions",
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
)
_GROUPS = ("dataset", "day", "value")
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
    `created_at` as a moment, `duration_seconds`, and `overrides`; then `metrics.NAME` for the
    latest value of every metric, `scores.NAME.mean` for every evaluator, and `parameters.NAME`,
    `params.NAME` and `tags.NAME` for every value that is no list or object.

    By version it has version, digest, message, parent_version, the number of `runs`, the counts,
    both pass rates, the interval as `pass_rate_low` and `pass_rate_high`, `change_points`, and
    `changed` and `overrides` as they are in the items. By dataset, day or tag it has `dataset`,
    `day`, or `tag` and `value`, the numbers of `versions` and `runs`, and the same counts and
    rates.

    What an item does not have is missing (NaN). What the items are grouped by is seen in them;
    without any, `group_by` says which columns there are.
    """
    import pandas as pd

    kind = _kind_of(items[0]) if items else group_by
    rows = [_ROWS.get(kind, _group_row)(item) for item in items]
    columns = _columns(kind)
    columns += sorted({key for row in rows for key in row} - set(columns))
    numbers = {name: kind for name, kind in _NUMBERS.items() if name in columns}
    frame: pd.DataFrame = pd.DataFrame(rows, columns=columns).astype(numbers)
    if "created_at" in frame:
        frame["created_at"] = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
    return frame


def _kind_of(item: Mapping[str, Any]) -> str:
    if "id" in item:
        return "run"
    if "changed" in item:
        return "version"
    return next(name for name in ("tag", *_GROUPS) if name in item)


def _columns(kind: str) -> list[str]:
    if kind in ("run", "version"):
        return list(_RUN_COLUMNS if kind == "run" else _VERSION_COLUMNS)
    return [*(("tag", "value") if kind.startswith("tag") else (kind,)), *_GROUP_COLUMNS]


def _run_row(item: Mapping[str, Any]) -> dict[str, Any]:
    stats = Stats.from_dict(item.get("stats") or {})
    return {
        **{name: item.get(name) for name in _RUN_COLUMNS},
        **stats.to_dict(),
        "dataset": (item.get("dataset") or {}).get("name"),
        "endpoint": (item.get("endpoint") or {}).get("name"),
        "evaluators": ", ".join(evaluator["name"] for evaluator in item.get("evaluators", ())),
        "pass_rate": stats.pass_rate,
        "scored_pass_rate": stats.scored_pass_rate,
        **{f"metrics.{n}": float(p["value"]) for n, p in item.get("metrics", {}).items()},
        **{f"scores.{n}.mean": s.get("mean") for n, s in item.get("scores", {}).items()},
        **_plain("parameters", item["parameters"]),
        **_plain("params", item.get("params", {})),
        **_plain("tags", item.get("tags", {})),
    }


def _plain(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{prefix}.{name}": value
        for name, value in values.items()
        if not isinstance(value, (list, dict))
    }


def _version_row(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: item.get(name) for name in _VERSION_COLUMNS}, **_totals(item)}


def _group_row(item: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: item[name] for name in ("tag", *_GROUPS) if name in item}
    return {**named, **{name: item.get(name) for name in _GROUP_COLUMNS}, **_totals(item)}


def _totals(item: Mapping[str, Any]) -> dict[str, Any]:
    low, high = item["pass_rate_interval"] or (None, None)
    rates = {"pass_rate_low": low, "pass_rate_high": high}
    return {**item["stats"], "runs": item["run_count"], **rates}


_ROWS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "run": _run_row,
    "version": _version_row,
}
