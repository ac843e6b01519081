"""What the benchmark of reports has done in processes of their own: recording runs to report on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitexp.repository import Repository
    from gitexp.runs.recording.records import Record

_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_SAMPLES = 100


def fill(clone: str, branch: str, runs: str) -> None:
    """Record runs of every experiment, half of them with the values of a branch; the newest of
    each half has a row a sample."""
    from gitexp.repository import Repository
    from gitexp.runs.recording import ledger

    with Repository.open(clone) as repository:
        names = repository.experiments.names()
        each = int(runs) // len(names)
        for place, name in enumerate(names):
            records = list(_records(repository, name, branch, place * each, each))
            ledger.append(repository.workspace, name, records)
        repository.push_runs(names)


def _records(
    repository: Repository, name: str, branch: str, first: int, count: int
) -> Iterator[Record]:
    before, after = (_values(repository, name, revision) for revision in ("main", branch))
    identity = repository.experiments.get(name).id
    for number in range(count):
        values = after if number % 2 else before
        has_rows = number >= count - 2
        yield _record(name, identity, values, first + number, has_rows=has_rows)


def _values(repository: Repository, name: str, revision: str) -> Mapping[str, Any]:
    """Return the complete values of an experiment in a revision."""
    from gitexp.documents import layout, schemas
    from gitexp.ids import Name
    from gitexp.store.revisions import resolve_revision
    from gitexp.store.trees import blob_at, tree_of

    store = repository.workspace.store
    path = layout.parameters_path("", Name(name))
    data = blob_at(store, tree_of(store, resolve_revision(store, revision)), path)
    values = schemas.load("parameters", data or b"", file=path)
    return repository.project.resolve(values, file=path)


def _record(
    name: str, identity: str, values: Mapping[str, Any], number: int, *, has_rows: bool
) -> Record:
    from gitexp.documents.canonical import digest_of
    from gitexp.ids import RunId
    from gitexp.runs.recording.records import record_of
    from gitexp.runs.rows import ResultRow, Score
    from gitexp.runs.run import DatasetReference, Reference, Run

    began = _BEGIN + timedelta(seconds=60 * number)
    digest = f"sha256:{'1' * 64}"
    run = Run(
        id=RunId(f"{began:%Y%m%dT%H%M%S}-{_suffix(number)}"),
        experiment=name,
        experiment_id=identity,
        project="bot",
        version="a" * 40,
        digest=digest_of(values),
        parameters=values,
        dataset=DatasetReference(
            name="golden", path="datasets/golden.jsonl", digest=digest, samples=_SAMPLES
        ),
        evaluators=(Reference(name="exact-match", digest=digest),),
        created_at=began,
        who="Ada Example <ada@example.org>",
    )
    run = run.started(began).ended("finished", began + timedelta(seconds=5), duration_seconds=5.0)
    verdicts = [(7 * sample + number) % 10 > 0 for sample in range(_SAMPLES if has_rows else 0)]
    rows = [
        ResultRow(
            sample=f"s{sample}",
            position=sample,
            status="passed" if passed else "failed",
            input=sample,
            scores={"exact-match": Score(value=passed, passed=passed)},
        )
        for sample, passed in enumerate(verdicts)
    ]
    return record_of(run, rows)


def _suffix(number: int) -> str:
    return "".join(_LETTERS[number >> shift & 31] for shift in range(35, -5, -5))


if __name__ == "__main__":
    fill(*sys.argv[1:])
