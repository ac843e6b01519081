"""The tables of the index.

`places` says which branch holds which run, by the ids of its record and of what stands beside it;
`runs` has the attributes of a run, `documents` the whole of it, and `metrics`, `params`, `tags`
and `datasets` what it is searched by. Names stand once in `keys`, and what runs of one version
over one dataset share once in `subjects`. A long text is kept once in `texts`, and by its
beginning and its hash elsewhere (`shortened`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

FORMAT = 2
"""Changes when the tables do, or when the same records are read as something else."""

LONGEST_TEXT = 256
"""The longest text that stands in a column as it is."""

_KEPT_BEGINNING = 200

RUN_COLUMNS = (
    "key",
    "id",
    "state",
    "experiment",
    "experiment_id",
    "name",
    "description",
    "status",
    "created",
    "started",
    "ended",
    "duration",
    "version",
    "digest",
    "code_commit",
    "code_branch",
    "dirty",
    "who",
    "dataset",
    "endpoint",
    "lifecycle",
    "parent",
    "attempt",
    "retry_of",
    "exit_code",
    "error",
    "subject",
    "passed",
    "failed",
    "errors",
    "unscored",
    "total",
)

SUBJECT_COLUMNS = (
    "version",
    "digest",
    "dataset",
    "dataset_path",
    "dataset_digest",
    "samples",
    "evaluators",
)

TABLES = (
    """CREATE TABLE branches (
        branch INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE, experiment TEXT NOT NULL,
        tip TEXT NOT NULL, tree TEXT NOT NULL)""",
    """CREATE TABLE places (
        run TEXT NOT NULL, branch INTEGER NOT NULL, record TEXT, beside TEXT,
        PRIMARY KEY (run, branch)) WITHOUT ROWID""",
    """CREATE TABLE problems (
        run TEXT NOT NULL, experiment TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL,
        hint TEXT, PRIMARY KEY (run, experiment)) WITHOUT ROWID""",
    """CREATE TABLE keys (
        key INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name))""",
    """CREATE TABLE subjects (
        subject INTEGER PRIMARY KEY, version TEXT, digest TEXT, dataset TEXT, dataset_path TEXT,
        dataset_digest TEXT, samples INTEGER, evaluators TEXT NOT NULL)""",
    """CREATE TABLE runs (
        key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
        experiment TEXT NOT NULL, experiment_id TEXT NOT NULL, name TEXT, description TEXT,
        status TEXT NOT NULL, created INTEGER NOT NULL, started INTEGER, ended INTEGER,
        duration REAL, version TEXT, digest TEXT, code_commit TEXT, code_branch TEXT,
        dirty INTEGER, who TEXT NOT NULL, dataset TEXT, endpoint TEXT, lifecycle TEXT NOT NULL,
        parent TEXT, attempt INTEGER NOT NULL, retry_of TEXT, exit_code INTEGER, error TEXT,
        subject INTEGER NOT NULL, passed INTEGER NOT NULL, failed INTEGER NOT NULL,
        errors INTEGER NOT NULL, unscored INTEGER NOT NULL, total INTEGER NOT NULL)""",
    """CREATE TABLE documents (
        run INTEGER PRIMARY KEY, text TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    """CREATE TABLE metrics (
        key INTEGER NOT NULL, run INTEGER NOT NULL, value REAL,
        PRIMARY KEY (key, run)) WITHOUT ROWID""",
    """CREATE TABLE params (
        key INTEGER NOT NULL, run INTEGER NOT NULL, text TEXT NOT NULL, number NUMERIC,
        PRIMARY KEY (key, run)) WITHOUT ROWID""",
    """CREATE TABLE tags (
        key INTEGER NOT NULL, run INTEGER NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (key, run)) WITHOUT ROWID""",
    """CREATE TABLE datasets (
        run INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
        context TEXT, PRIMARY KEY (run, position)) WITHOUT ROWID""",
    "CREATE TABLE texts (short TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
)

INDEXES = (
    "CREATE INDEX runs_created ON runs (created DESC, id)",
    "CREATE INDEX runs_started ON runs (started DESC, id)",
    "CREATE INDEX runs_experiment ON runs (experiment, created DESC, id)",
    """CREATE INDEX runs_subject ON runs (
        experiment, lifecycle, subject, created DESC, status, passed, failed, errors, unscored,
        total)""",
    "CREATE INDEX metrics_value ON metrics (key, value)",
    "CREATE INDEX params_text ON params (key, text)",
    "CREATE INDEX params_number ON params (key, number)",
    "CREATE INDEX tags_text ON tags (key, text)",
    "CREATE INDEX datasets_name ON datasets (name)",
    "CREATE INDEX subjects_digest ON subjects (digest, version, dataset_digest)",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, in place of whatever is there; the caller holds the transaction."""
    kinds = "('table', 'view')"
    found = connection.execute(
        f"SELECT type, name FROM sqlite_master WHERE type IN {kinds} AND name NOT LIKE 'sqlite_%'"
    )
    for kind, name in found.fetchall():
        quoted = name.replace('"', '""')
        connection.execute(f'DROP {kind} "{quoted}"')
    for statement in (*TABLES, *INDEXES):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Remove what only searching needs; filling tables in bulk is quicker without it."""
    for statement in INDEXES:
        connection.execute(f"DROP INDEX {statement.split()[2]}")


def create_indexes(connection: sqlite3.Connection) -> None:
    """Make again what `drop_indexes` removed."""
    for statement in INDEXES:
        connection.execute(statement)


def shortened(text: str) -> str:
    """Return a text as it stands in a column: a long one by its beginning and its hash."""
    if len(text) <= LONGEST_TEXT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_KEPT_BEGINNING]}…{digest}"
