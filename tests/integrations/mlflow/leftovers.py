"""What MLflow leaves on a disk, made by hand: a tracking directory, and a database."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

BEGAN = 1_767_323_045_000
RUN = "0a624440b57544f1840130c526411a40"
CHILD = "f0aaa4e5187b4d14aee3fea2febe5827"
MODEL = "m-a037d5c785894e919fc61b9ef73b39fa"


def write(path: Path, text: str) -> None:
    """Write a file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def meta(place: Path, **fields: Any) -> None:
    """Write a `meta.yaml`."""
    lines = [f"{key}: {'null' if value is None else value}" for key, value in fields.items()]
    write(place / "meta.yaml", "\n".join(lines) + "\n")


def experiment(root: Path, number: str, name: str, **fields: Any) -> Path:
    """Return the directory of a new experiment."""
    given = {"lifecycle_stage": "active", "creation_time": BEGAN, "last_update_time": BEGAN}
    meta(
        root / number,
        artifact_location=f"file:///gone/{number}",
        experiment_id=f"'{number}'",
        name=name,
        **given | fields,
    )
    return root / number


def run(place: Path, run_id: str, **fields: Any) -> Path:
    """Return the directory of a new run of an experiment."""
    given = {
        "run_name": "first",
        "start_time": BEGAN,
        "end_time": BEGAN + 1500,
        "status": 3,
        "user_id": "ada",
        "lifecycle_stage": "active",
        "artifact_uri": f"file:///gone/{run_id}/artifacts",
    }
    meta(place / run_id, run_id=run_id, **given | fields)
    return place / run_id


def tracking_directory(root: Path) -> Path:
    """Return a tracking directory with two runs, one in the other, a dataset and a model."""
    place = experiment(root, "131985663220231815", "My Exp/One")
    write(place / "tags" / "team", "x")
    first = run(place, RUN)
    write(first / "metrics" / "loss" / "train", f"{BEGAN} 0.5 0\n{BEGAN + 1} 0.25 1\n")
    write(first / "metrics" / "odd", f"{BEGAN} nan 0\n{BEGAN} inf 1\n{BEGAN} -inf -2\n{BEGAN} 7\n")
    write(first / "params" / "a" / "b c", "x: y")
    write(first / "tags" / "mlflow.note.content", "two\nlines\n")
    write(first / "artifacts" / "dir" / "hello.txt", "hello")
    meta(first / "inputs" / "one", source_type="DATASET", source_id="d1", tags="{a: b}")
    meta(first / "inputs" / "two", source_type="MODEL", source_id=MODEL, tags="{}")
    meta(place / "datasets" / "d1", name="rows", digest="987cd74d", source_type="code", source="s")
    child = run(place, CHILD, run_name="second", status=1, end_time=None)
    write(child / "tags" / "mlflow.parentRunId", RUN)
    write(child / "metrics" / "m", f"{BEGAN + 2000} 1 0\n")
    model = place / "models" / MODEL
    meta(
        model,
        model_id=MODEL,
        name="ext",
        model_type="agent",
        status=2,
        source_run_id=RUN,
        creation_timestamp=BEGAN,
        last_updated_timestamp=BEGAN + 1,
    )
    write(model / "params" / "p", "1")
    write(model / "metrics" / "mm", f"{BEGAN} 2.0 3 {RUN} rows 987cd74d\n")
    write(model / "artifacts" / "MLmodel", "flavors: {}\n")
    return root


_SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT,
    lifecycle_stage TEXT, creation_time BIGINT, last_update_time BIGINT);
CREATE TABLE experiment_tags (key TEXT, value TEXT, experiment_id INTEGER);
CREATE TABLE runs (run_uuid TEXT, name TEXT, user_id TEXT, status TEXT, start_time BIGINT,
    end_time BIGINT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER,
    source_version TEXT);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT,
    is_nan BOOLEAN);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE trace_info (request_id TEXT);
"""


def database(path: Path) -> Path:
    """Return a database, of before datasets and models, with a run in each of two experiments."""
    connection = sqlite3.connect(path)
    connection.executescript(_SCHEMA)
    connection.executemany(
        "INSERT INTO experiments VALUES (?, ?, ?, ?, ?, ?)",
        [
            (0, "Default", "/gone/0", "active", BEGAN, BEGAN),
            (3, "tone", "/gone/3", "active", BEGAN, BEGAN),
            (4, "old", "/gone/4", "deleted", BEGAN, BEGAN),
        ],
    )
    connection.execute("INSERT INTO experiment_tags VALUES ('team', 'x', 3)")
    line = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    commit = "c" * 40
    first = (RUN, "first", "ada", "FAILED", BEGAN, BEGAN + 9, "active", "s3://b/x", 3, commit)
    other = (CHILD, None, None, "KILLED", BEGAN, BEGAN + 9, "deleted", "", 4, "")
    connection.executemany(line, [first, other])
    largest = 1.7976931348623157e308
    connection.executemany(
        "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)",
        [
            ("loss", 0.5, BEGAN, RUN, 0, 0),
            ("odd", 0.0, BEGAN, RUN, 0, 1),
            ("odd", -largest, BEGAN, RUN, 1, 0),
        ],
    )
    connection.execute("INSERT INTO params VALUES ('lr', '0.1', ?)", [RUN])
    connection.execute("INSERT INTO tags VALUES ('mlflow.user', 'ada', ?)", [RUN])
    connection.execute("INSERT INTO trace_info VALUES ('t')")
    connection.commit()
    connection.close()
    return path
