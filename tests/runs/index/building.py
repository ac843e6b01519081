"""What tests of the index are made from: runs recorded in one line, branches moved by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RawObject, RefUpdate
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.runs.making import (
    make_run,
    run_id,
)

TONE = "refs/heads/runs/bot/tone"


def record(workspace: Workspace, *runs: Run, experiment: str = "tone") -> None:
    ledger.append(workspace, experiment, [record_of(run) for run in runs])


def ids(workspace: Workspace, filter: str = "") -> list[str]:
    """Return the ids of the runs that a filter finds, oldest first."""
    page = search(workspace, RunQuery(filter=filter, limit=None))
    return [run["id"] for run in reversed(page.documents)]


def runs_of(*numbers: int, **fields: Any) -> list[Run]:
    return [make_run(run_id(number), **fields) for number in numbers]


def move(workspace: Workspace, ref: str, new: ObjectId | None) -> None:
    """Move a reference as Git would when it is told to."""
    update = RefUpdate(ref=ref, old=workspace.store.ref(ref), new=new)
    with workspace.store.exclusive():
        workspace.store.apply([], [update])


def put(workspace: Workspace, ref: str, files: Mapping[str, bytes | None]) -> None:
    """Change files of a branch by hand."""

    def work(tx: Transaction) -> None:
        tip = tx.ref(ref)
        commit = tx.commit(
            tree=tx.tree(tree_of(tx, tip) if tip else None, files),
            parents=[tip] if tip else [],
            message="by hand",
            author=workspace.signature(),
        )
        tx.set_ref(ref, old=tip, new=commit, message="by hand")

    transact(workspace.store, work)


class CountingStore(MemoryStore):
    """A store that counts the objects that are read."""

    reads = 0

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        self.reads += 1
        return super().read(object_id, limit=limit)


def tamper(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
