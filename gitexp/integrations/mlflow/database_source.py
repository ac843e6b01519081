"""MLflow's SQLite database, of whatever version: a column that it lacks counts as empty."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.errors import InvalidInput
from gitexp.integrations.mlflow.sources import (
    MODEL_STATUSES,
    Point,
    SourceExperiment,
    SourceModel,
    SourceRun,
    local_directory,
)

if TYPE_CHECKING:
    import sqlite3

_LARGEST = 1.7976931348623157e308
"""What MLflow writes for an infinity, which SQL does not have."""

_BATCH = 400
_PROXIED = "mlflow-artifacts:/"
_COUNTED = {
    "trace_info": "traces",
    "registered_models": "registered models",
    "evaluation_datasets": "evaluation datasets",
    "scorers": "scorers",
}

Row = dict[str, Any]


class DatabaseSource:
    """An SQLite database of MLflow, opened for reading alone.

    Args:
        points_at_once: how many values of metrics are read together, unless one run has more.

    Raises:
        InvalidInput: it is no database of MLflow.
    """

    def __init__(self, path: Path, *, points_at_once: int = 200_000) -> None:
        self._path = path
        self._points_at_once = points_at_once
        self._beside = path.parent
        self._connection = _opened(path)
        self._columns: dict[str, list[str]] = {}
        if "run_uuid" not in self._columns_of("runs"):
            self.close()
            raise InvalidInput(
                f"{path} is no tracking database of MLflow",
                hint="Name the file that MLflow calls `mlflow.db` by default.",
            )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def problems(self) -> Sequence[str]:
        """Return nothing: a database is read as a whole, or not at all."""
        return ()

    def left_out(self) -> Mapping[str, int]:
        """Return how many traces, registered models and the like there are."""
        counts = {what: self._count(table) for table, what in _COUNTED.items()}
        return {what: count for what, count in counts.items() if count}

    def _count(self, table: str) -> int:
        if not self._columns_of(table):
            return 0
        return int(next(self._asked(f'SELECT COUNT(*) FROM "{table}"'))[0])

    def _asked(self, question: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield what the database answers.

        Raises:
            InvalidInput: it is damaged, or somebody keeps it locked.
        """
        import sqlite3

        try:
            yield from self._connection.execute(question, values)
        except sqlite3.Error as exc:
            raise InvalidInput(
                f"{self._path} cannot be read: {exc}",
                hint="`sqlite3 FILE 'PRAGMA integrity_check'` says what is wrong. Import again "
                "afterwards: what came in so far is kept.",
            ) from exc

    def _columns_of(self, table: str) -> list[str]:
        if table not in self._columns:
            found = self._asked(f'PRAGMA table_info("{table}")')
            self._columns[table] = [row[1] for row in found]
        return self._columns[table]

    def _rows(self, table: str, where: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield the rows of a table, none of one that is not there."""
        columns = self._columns_of(table)
        if not columns:
            return
        listed = ", ".join(f'"{column}"' for column in columns)
        for row in self._asked(f'SELECT {listed} FROM "{table}" {where}', values):
            yield dict(zip(columns, row, strict=True))

    def _among(self, table: str, column: str, ids: Sequence[Any]) -> dict[Any, list[Row]]:
        """Return the rows that belong to some ids, by id."""
        found: dict[Any, list[Row]] = defaultdict(list)
        for start in range(0, len(ids), _BATCH):
            part = ids[start : start + _BATCH]
            where = f'WHERE "{column}" IN ({_marks(part)}) ORDER BY rowid'
            for row in self._rows(table, where, part):
                found[row[column]].append(row)
        return found

    def _directory(self, uri: str) -> Path | None:
        """Return where artifacts are, also those that a server keeps for its clients."""
        if uri.startswith(_PROXIED):
            inside = uri[len(_PROXIED) :].lstrip("/")
            return local_directory(f"mlartifacts/{inside}", base=self._beside)
        return local_directory(uri, base=self._beside)

    # --- experiments and runs ---------------------------------------------------------------

    def experiments(self) -> list[SourceExperiment]:
        """Return the experiments, deleted ones too."""
        tags = self._among(
            "experiment_tags",
            "experiment_id",
            [row["experiment_id"] for row in self._rows("experiments")],
        )
        return [
            SourceExperiment(
                id=str(row["experiment_id"]),
                name=str(row["name"]),
                artifact_location=row.get("artifact_location") or "",
                deleted=row.get("lifecycle_stage") == "deleted",
                created=row.get("creation_time"),
                updated=row.get("last_update_time"),
                tags=_pairs(tags[row["experiment_id"]]),
            )
            for row in self._rows("experiments", "ORDER BY experiment_id")
        ]

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield the runs of an experiment, deleted ones too."""
        where = "WHERE experiment_id = ? ORDER BY start_time, run_uuid"
        rows = list(self._rows("runs", where, [int(experiment.id)]))
        for start in range(0, len(rows), _BATCH):
            for part in self._parts(rows[start : start + _BATCH]):
                yield from self._batch(part)

    def _parts(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Yield rows of runs, as many at a time as have no more metrics than fit into memory."""
        ids = [row["run_uuid"] for row in rows]
        counted = (
            f"SELECT run_uuid, COUNT(*) FROM metrics WHERE run_uuid IN ({_marks(ids)}) "
            "GROUP BY run_uuid"
        )
        points = dict(self._asked(counted, ids)) if self._columns_of("metrics") else {}
        part: list[Row] = []
        total = 0
        for row in rows:
            count = points.get(row["run_uuid"], 0)
            if part and total + count > self._points_at_once:
                yield part
                part, total = [], 0
            part.append(row)
            total += count
        yield part

    def started(self, experiment: SourceExperiment, run_id: str) -> int | None:
        """Return when a run began, 0 where that was not noted; None without such a run."""
        where = "WHERE run_uuid = ? AND experiment_id = ?"
        row = next(self._rows("runs", where, [run_id, int(experiment.id)]), None)
        return row.get("start_time") or 0 if row else None

    def _batch(self, rows: Sequence[Row]) -> Iterator[SourceRun]:
        ids = [row["run_uuid"] for row in rows]
        params, tags, metrics = (
            self._among(table, "run_uuid", ids) for table in ("params", "tags", "metrics")
        )
        inputs = self._among("inputs", "destination_id", ids)
        linked = self._among("inputs", "source_id", ids)
        datasets = self._datasets([one["source_id"] for each in inputs.values() for one in each])
        for row in rows:
            run_id = row["run_uuid"]
            yield SourceRun(
                id=str(run_id),
                name=row.get("name") or "",
                user=row.get("user_id") or "",
                status=row.get("status") or "RUNNING",
                started=row.get("start_time"),
                ended=row.get("end_time"),
                deleted=row.get("lifecycle_stage") == "deleted",
                artifact_uri=row.get("artifact_uri") or "",
                artifacts=self._directory(row.get("artifact_uri") or ""),
                params=_pairs(params[run_id]),
                tags={**_former_tags(row), **_pairs(tags[run_id])},
                metrics=[_point(metric) for metric in metrics[run_id]],
                inputs=[
                    datasets[one["source_id"], one["input_uuid"]]
                    for one in inputs[run_id]
                    if one["source_type"] == "DATASET"
                ],
                models_in=[
                    one["destination_id"]
                    for one in linked[run_id]
                    if one["destination_type"] == "MODEL_INPUT"
                ],
                models_out=[
                    (one["destination_id"], one.get("step") or 0)
                    for one in linked[run_id]
                    if one["destination_type"] == "MODEL_OUTPUT"
                ],
            )

    def _datasets(self, ids: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
        """Return datasets by their id and that of the input that names them."""
        rows = self._among("datasets", "dataset_uuid", sorted(set(ids)))
        inputs = self._among("inputs", "source_id", sorted(set(ids)))
        uses = [one["input_uuid"] for each in inputs.values() for one in each]
        tags = self._among("input_tags", "input_uuid", uses)
        return {
            (dataset_id, one["input_uuid"]): _dataset(row, tags[one["input_uuid"]])
            for dataset_id, (row, *_) in rows.items()
            for one in inputs[dataset_id]
        }

    # --- models -----------------------------------------------------------------------------

    def models(self, experiment: SourceExperiment) -> list[SourceModel]:
        """Return the logged models of an experiment, deleted ones too."""
        rows = list(self._rows("logged_models", "WHERE experiment_id = ?", [int(experiment.id)]))
        ids = [row["model_id"] for row in rows]
        params, tags, metrics = (
            self._among(f"logged_model_{part}", "model_id", ids)
            for part in ("params", "tags", "metrics")
        )
        return [
            SourceModel(
                id=str(row["model_id"]),
                name=str(row["name"]),
                type=row.get("model_type"),
                run=row.get("source_run_id") or "",
                status=MODEL_STATUSES[row.get("status") or 0],
                status_message=row.get("status_message"),
                created=int(row["creation_timestamp_ms"]),
                updated=int(row["last_updated_timestamp_ms"]),
                deleted=row.get("lifecycle_stage") == "deleted",
                artifact_location=row.get("artifact_location") or "",
                artifacts=self._directory(row.get("artifact_location") or ""),
                params={one["param_key"]: one["param_value"] for one in params[row["model_id"]]},
                tags={one["tag_key"]: one["tag_value"] for one in tags[row["model_id"]]},
                metrics=[_model_metric(one) for one in metrics[row["model_id"]]],
            )
            for row in rows
        ]


def _opened(path: Path) -> sqlite3.Connection:
    import sqlite3

    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.execute("SELECT name FROM sqlite_master LIMIT 1")
    except sqlite3.Error as exc:
        raise InvalidInput(
            f"{path} cannot be read as an SQLite database: {exc}",
            hint="Name the file that MLflow calls `mlflow.db` by default.",
        ) from exc
    # Texts that are no UTF-8 must not stop an import.
    connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    return connection


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _pairs(rows: Sequence[Row]) -> dict[str, str]:
    return {row["key"]: "" if row["value"] is None else str(row["value"]) for row in rows}


def _number(value: float | None, is_nan: Any = False) -> float:
    if is_nan or value is None:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) == _LARGEST else float(value)


def _point(row: Row) -> Point:
    value = _number(row["value"], row.get("is_nan"))
    return row["key"], value, row.get("step") or 0, row["timestamp"]


def _model_metric(row: Row) -> tuple[Any, ...]:
    return (
        row["metric_name"],
        _number(row["metric_value"]),
        row["metric_step"],
        row["metric_timestamp_ms"],
        row.get("dataset_name"),
        row.get("dataset_digest"),
        row["run_id"],
    )


def _dataset(row: Row, tags: Sequence[Row]) -> dict[str, Any]:
    fields = {
        "name": row["name"],
        "digest": row["digest"],
        "source_type": row.get("dataset_source_type"),
        "source": row.get("dataset_source"),
        "schema": row.get("dataset_schema"),
        "profile": row.get("dataset_profile"),
        "tags": {tag["name"]: tag["value"] for tag in tags},
    }
    return {key: value for key, value in fields.items() if value not in (None, {})}


def _former_tags(row: Row) -> dict[str, str]:
    """Return what old versions of MLflow noted in columns and newer ones in tags."""
    fields = {
        "mlflow.source.name": row.get("source_name"),
        "mlflow.source.git.commit": row.get("source_version"),
        "mlflow.project.entryPoint": row.get("entry_point_name"),
    }
    return {key: str(value) for key, value in fields.items() if value}
