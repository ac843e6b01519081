"""How runs and results are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import changed_slots
from gitexp.cli.plain import plain
from gitexp.cli.progress import tally_text
from gitexp.cli.rendering import cut
from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table, columns, percent, read

if TYPE_CHECKING:
    from gitexp.runs.rows import ResultRow
    from gitexp.runs.run import Run
    from gitexp.runs.tallies import Stats

_OUTCOMES = columns(passed="number", failed="number", errors="number")
_TALLIES = [*columns(total="number"), *_OUTCOMES]
_MESSAGE_WIDTH = 300

_RUN_COLUMNS = (
    Column(key="id", title="run", kind="id"),
    Column(key="status", title="status"),
    Column(key="version", title="version", kind="hash"),
    Column(key="digest", title="digest", kind="digest", spare=9),
    Column(key="dataset_name", title="dataset", kind="code", spare=5),
    Column(key="endpoint_name", title="endpoint", kind="code", spare=6),
    Column(key="done", title="total", data_key="total", kind="number"),
    *_OUTCOMES,
    Column(key="pass_rate", title="pass rate", kind="percent"),
    Column(key="overrides", title="overrides", kind="value", optional=True, spare=3),
    Column(key="duration_seconds", title="took", kind="duration", spare=8),
)

_VERSION_COLUMNS = (
    Column(key="version", title="version", kind="hash"),
    Column(key="digest", title="digest", kind="digest", spare=9),
    Column(key="run_count", title="runs", kind="number", spare=6),
    *_TALLIES,
    Column(key="pass_rate", title="pass rate", kind="percent"),
    Column(key="pass_rate_interval", title="95 % interval", kind="range", spare=4),
    Column(key="scored_pass_rate", title="of scored", kind="percent", spare=8),
    Column(key="change_points", title="points", kind="points"),
    Column(key="changed_slots", title="changed", data_key="changed", spare=2),
    Column(key="overrides", title="overrides", kind="value", optional=True, spare=3),
    Column(key="subject", title="message", data_key="message", spare=5),
)


def run_table(items: Sequence[Mapping[str, Any]], *, note: str = "") -> Table:
    """Return a row for each run."""
    return Table(columns=_RUN_COLUMNS, rows=[_run_row(plain(item)) for item in items], note=note)


def _run_row(item: dict[str, Any]) -> dict[str, Any]:
    stats = item.get("stats") or {}
    total = stats.get("total")
    return (
        item
        | stats
        | {
            "dataset_name": _name_of(item.get("dataset")),
            "endpoint_name": _name_of(item.get("endpoint")),
            "done": _done(item, stats),
            "pass_rate": stats["passed"] / total if total else None,
            "overrides": item.get("overrides") or None,
        }
    )


def _done(item: Mapping[str, Any], stats: Mapping[str, Any]) -> Any:
    """Return the total, or how many of the samples were done where a run broke off."""
    samples = (item.get("dataset") or {}).get("samples", 0)
    rows = stats.get("total", 0) + stats.get("unscored", 0)
    broken_off = item.get("status") in ("killed", "failed") and rows < samples
    return f"{rows} of {samples}" if broken_off else stats.get("total")


def _name_of(reference: Any) -> Any:
    return reference.get("name") if isinstance(reference, Mapping) else reference


def version_result_table(items: Sequence[Mapping[str, Any]], *, note: str = "") -> Table:
    """Return a row for each version that was run."""
    rows = [_version_row(plain(item)) for item in items]
    return Table(columns=_VERSION_COLUMNS, rows=rows, note=note)


def _version_row(item: dict[str, Any]) -> dict[str, Any]:
    return (
        item
        | (item.get("stats") or {})
        | {
            "changed_slots": changed_slots(item.get("changed")),
            "subject": (item.get("message") or "").split("\n", 1)[0],
        }
    )


_GROUP_COLUMNS = (
    Column(key="run_count", title="runs", kind="number"),
    Column(key="unfinished", title="unfinished", kind="number", optional=True, spare=7),
    Column(key="versions", title="versions", kind="number", spare=6),
    Column(key="datasets", title="datasets", kind="names", spare=5),
    *_TALLIES,
    Column(key="pass_rate", title="pass rate", kind="percent"),
    Column(key="pass_rate_interval", title="95 % interval", kind="range", spare=4),
    Column(key="scored_pass_rate", title="of scored", kind="percent", spare=8),
)


def group_result_table(items: Sequence[Mapping[str, Any]], *, note: str = "") -> Table:
    """Return a row for each dataset, day or value of a tag."""
    rows = [item | item["stats"] for item in map(plain, items)]
    first = rows[0] if rows else {}
    key = "value" if "tag" in first else "day" if "day" in first else "dataset"
    title = first.get("tag", key)
    rest = [c for c in _GROUP_COLUMNS if (key, c.key) != ("dataset", "datasets")]
    return Table(columns=[Column(key=key, title=title, kind="code"), *rest], rows=rows, note=note)


def run_hint(experiment: str) -> str:
    """Return how a first run is made."""
    return f"make one with `gitexp run {experiment} --dataset NAME --endpoint NAME`"


def run_summary(run: Run) -> str:
    """Return how a run went, in one line."""
    took = read(run.duration_seconds, "duration")
    return f"{run.status}{took and f' in {took}'}: {stats_summary(run.stats)}"


def stats_summary(stats: Stats) -> str:
    """Return how rows went: those of the total with the pass rate, then the unscored ones."""
    said = []
    if stats.total or not stats.unscored:
        said.append(f"{tally_text(replace(stats, unscored=0))} of {stats.total}")
    if stats.total:
        said.append(f"pass rate {percent(stats.passed / stats.total)}")
    if stats.unscored:
        said.append(f"{stats.unscored} unscored")
    return ", ".join(said)


def error_summary(rows: Iterable[ResultRow]) -> str:
    """Return the first error of a run's rows in one line, and how many there were."""
    messages = Counter(message for row in rows if (message := _error_of(row)))
    if not messages:
        return ""
    # A counter keeps the order in which its keys came.
    first, count = next(iter(messages.items()))
    counted = f"error in {_rows(messages.total())}"
    if len(messages) > 1:
        counted += f", {len(messages)} different ones, the first in {_rows(count)}"
    return f"{counted}: {cut(visible(first), _MESSAGE_WIDTH)}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _error_of(row: ResultRow) -> str:
    if row.status != "error":
        return ""
    if row.error is not None:
        return f"{row.error.type}: {row.error.message}"
    return next((f"{name}: {s.error}" for name, s in row.scores.items() if s.error), "")
