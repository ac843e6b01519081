"""What must hold of tracked runs after pressure, by the accounts of those who tracked them."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.repository import Repository
from gitexp.runs.index.verifying import verify
from gitexp.runs.journalling import journals
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from tests.faults.run_acts import EXPERIMENT, Told, surroundings_of
from tests.real_git import Git

BRANCH = f"runs/bot/{EXPERIMENT}"


def check(repository: Path, told: Mapping[str, Told], *, damaged: bool = False) -> int:
    """Require that a clone holds all that was told, once, and nothing of it is left lying about.

    Args:
        damaged: whether journals with torn lines may be kept for a person.

    Returns how many runs were told of.
    """
    with Repository.open(repository, surroundings=surroundings_of(repository.parent)) as opened:
        opened.runs.reap()
        assert opened.runs.reap() == []
        files = _files_on(repository, BRANCH)
        for run_id, one in told.items():
            run = opened.runs.get(run_id)
            _check_run(run, one)
            _check_points(opened, run, one, files)
        ledger.read(opened.workspace, EXPERIMENT)
        assert verify(opened.workspace).differences == ()
        _check_nothing_is_left(opened, damaged)
    check_git(repository)
    return len(told)


def check_git(repository: Path) -> None:
    """Require a sound repository without lock files."""
    Git(repository).check()
    left = [path.name for path in repository.rglob("*") if path.name.endswith((".lock", ".keep"))]
    assert left == [], left


def check_equal(repositories: list[Path]) -> None:
    """Require that the clones have the same runs, all of them over, once they are in sync."""
    for _ in range(2):
        for path in repositories:
            with Repository.open(path, surroundings=surroundings_of(path.parent)) as opened:
                opened.runs.sync()
    each = []
    for path in repositories:
        with Repository.open(path, surroundings=surroundings_of(path.parent)) as opened:
            each.append(ledger.read(opened.workspace, EXPERIMENT))
    assert all(run.is_over for run in each[0])
    assert all(runs == each[0] for runs in each)


def _check_run(run: Run, told: Told) -> None:
    assert run.is_over, (run.id, run.status)
    meant, ended = told.things("means", "end"), told.things("did", "end")
    if ended:
        assert run.status in ended, (run.id, run.status, ended)
    else:
        assert run.status in {"killed", *meant}, (run.id, run.status, meant)
    tags = {key: value for key, value in run.tags.items() if key != "by"}
    _check_keys(run, tags, told, "tag")
    _check_keys(run, run.params, told, "param")


def _check_keys(run: Run, found: Mapping[str, Any], told: Told, what: str) -> None:
    done = told.things("did", what)
    wrong = [(key, value) for key, value in done if found.get(key) != value]
    assert not wrong, (run.id, what, wrong)
    meant = {(key, value) for key, value in told.things("means", what)}
    more = set(found.items()) - meant
    assert not more, (run.id, what, more)


def _check_points(opened: Repository, run: Run, told: Told, files: Mapping[str, bytes]) -> None:
    counts = Counter(_points_in(run, files))
    done = {tuple(point) for point in told.things("did", "metric")}
    meant = {tuple(point) for point in told.things("means", "metric")}
    wrong = [point for point in done if counts[point] != 1]
    assert not wrong, (run.id, "metric", wrong, run)
    more = [point for point, count in counts.items() if count != 1 or point not in meant]
    assert not more, (run.id, "metric", more)
    read = ledger.points_of_run(opened.workspace, run.id)
    assert sorted((name, *point) for name, point in read) == sorted(counts)


def _points_in(run: Run, files: Mapping[str, bytes]) -> list[tuple[str, float, int, int]]:
    """Return the points as they stand in the files of a run, whichever they are."""
    found: list[tuple[str, float, int, int]] = []
    for path, data in files.items():
        if path == layout.metrics_path(run.id):
            rows = [json.loads(line) for line in data.splitlines()]
            found += [(r["metric"], r["value"], r["step"], r["timestamp"]) for r in rows]
        elif path.startswith(layout.events_dir(run.id)):
            events = [json.loads(line) for line in data.splitlines()]
            found += [tuple(point) for event in events for point in event.get("metrics", ())]
    return found


def _files_on(repository: Path, branch: str) -> dict[str, bytes]:
    archive = Git(repository).raw("archive", "--format=tar", branch)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {m.name: file.read() for m in members if (file := tar.extractfile(m)) is not None}


def _check_nothing_is_left(opened: Repository, damaged: bool) -> None:
    directory = journals.directory_of(opened.workspace)
    assert directory is not None
    left = sorted(path.name for path in directory.glob("*"))
    assert [name for name in left if not (damaged and name.endswith(".damaged"))] == []
