"""What tests of runs are made from: a workspace on any store, runs and rows in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gitexp.errors import NotFound
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import Journal, create_journal
from gitexp.runs.journalling.side_files import ROWS
from gitexp.runs.rows import ResultRow, RowStatus, Score
from gitexp.runs.run import DatasetReference, Reference, Run, RunStatus
from gitexp.store.disk import DiskStore
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from gitexp.store.protocol import Remote, Store
from gitexp.surroundings import Surroundings
from tests.builders import MOMENT, FixedClock, seeded_bits

IDENTITY = {"user.name": "Ada Example", "user.email": "ada@example.org"}
EXPERIMENT_ID = "xaaaaaaaaaaaaaaaa"
DIGEST = "sha256:" + "0" * 64
Opener = Callable[[str], Remote]


def no_remote(name: str) -> Remote:
    """Refuse every remote."""
    raise NotFound(f"no remote {name!r}")


def workspace_on(
    store: Store,
    *,
    directory: Path | None = None,
    remote: Opener = no_remote,
    seed: int = 1,
    environ: dict[str, str] | None = None,
) -> Workspace:
    """Return a workspace of project `bot` with a fixed clock."""
    return Workspace(
        store=store,
        directory=directory,
        project_id="bot",
        open_remote=remote,
        surroundings=Surroundings(
            argv=("gitexp", "run", "tone"),
            clock=FixedClock(),
            random_bits=seeded_bits(seed),
            environ=environ or {},
        ),
    )


def disk_workspace(
    path: Path, *, remote: Opener = no_remote, environ: dict[str, str] | None = None
) -> Workspace:
    """Return a workspace on a new repository on disk, its identity in the environment."""
    who = {"GIT_AUTHOR_NAME": "Ada Example", "GIT_AUTHOR_EMAIL": "ada@example.org"}
    store = DiskStore.init(path)
    return workspace_on(store, directory=path, remote=remote, environ={**who, **(environ or {})})


def clone_of(shared: MemoryStore, *, seed: int = 1) -> Workspace:
    """Return a workspace in memory whose shared remote is a store."""
    store = MemoryStore(config={**IDENTITY, "remote.origin.url": "memory:shared"})
    return workspace_on(store, remote=lambda name: MemoryRemote(store, shared), seed=seed)


def run_id(number: int, *, day: int = 2) -> RunId:
    """Return the id of a run that began some seconds after midnight of a day in January 2026."""
    hours, rest = divmod(number, 3600)
    stamp = f"202601{day:02d}T{hours:02d}{rest // 60:02d}{rest % 60:02d}"
    return RunId(f"{stamp}-aaaaaaaa")


def make_run(
    identifier: RunId | None = None,
    *,
    status: RunStatus = "finished",
    experiment: str = "tone",
    **fields: Any,
) -> Run:
    """Return a run of `tone`, finished unless told otherwise."""
    chosen = identifier or run_id(0)
    began = moment_of(chosen)
    run = Run(
        id=chosen,
        experiment=experiment,
        project="bot",
        created_at=fields.pop("created_at", began),
        who="Ada Example <ada@example.org>",
        **{
            "experiment_id": EXPERIMENT_ID,
            "version": "a" * 40,
            "digest": DIGEST,
            **fields,
        },
    )
    if status == "scheduled":
        return run
    run = run.started(began)
    if status == "running":
        return run
    return run.ended(status, began + timedelta(seconds=5), duration_seconds=5.0)


def moment_of(identifier: RunId) -> datetime:
    """Return the second at which a run began, by its id."""
    stamp = datetime.strptime(identifier[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007  UTC by definition
    return stamp.replace(tzinfo=MOMENT.tzinfo)


def make_row(sample: str, status: RowStatus = "passed", **fields: Any) -> ResultRow:
    """Return the row of a sample."""
    passed = {"passed": True, "failed": False}.get(status)
    scores = {"exact-match": Score(value=passed, passed=passed)}
    return ResultRow(sample=sample, status=status, **{"input": sample, "scores": scores, **fields})


def dataset_reference(name: str = "q", samples: int = 10, digit: str = "1") -> DatasetReference:
    """Return a reference to a dataset whose digest is one digit, repeated."""
    return DatasetReference(
        name=name,
        path=f"datasets/{name}.jsonl",
        digest=f"sha256:{digit * 64}",
        samples=samples,
    )


def references(*names: str) -> tuple[Reference, ...]:
    """Return references to evaluators."""
    return tuple(Reference(name=name, digest=DIGEST) for name in names)


def ids_of(runs: Sequence[Run]) -> list[str]:
    """Return the ids of runs."""
    return [run.id for run in runs]


def begin_journal(workspace: Workspace, run: Run) -> Journal:
    """Return the journal of a run that begins, held by this process."""
    return create_journal(workspace, run.id, {"run": run.to_dict()})


def add_row(journal: Journal, position: int, sample: str, **fields: Any) -> None:
    """Append the finished row of a sample."""
    row = make_row(sample, position=position, **fields)
    journal.sides.append(ROWS, json.dumps(row.to_dict(), separators=(",", ":")).encode())
