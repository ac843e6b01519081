"""What is fsynced before what: recorded from the system calls of one save.

A power cut keeps what was fsynced and any part of the rest. So an object must be on the disk
before the reference that names it, and the reference before the answer.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.real_git import Git, new_repository

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
ANSWER = "acknowledged"
SAVE = """
import os, sys
from pathlib import Path
from gitexp.store.disk import DiskStore
from tests.builders import commit_files
files = {f"d/{n}.txt": b"%d" % n for n in range(int(sys.argv[3]))}
with DiskStore.open(Path(sys.argv[1])) as store:
    commit_files(store, files, branch=sys.argv[2])
os.write(1, b"acknowledged")
"""
CALL = re.compile(r"^\d+ +(\w+)\((.*)\) = (\d+)")
NAMED = re.compile(r"<([^<>]*)>")
QUOTED = re.compile(r'"([^"]*)"')


class Event(NamedTuple):
    """One system call that succeeded: its name and the paths that it is about."""

    call: str
    paths: tuple[str, ...]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    if shutil.which("strace") is None:
        reason = "strace is not installed (Debian package strace)"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    git = new_repository(tmp_path / "repository")
    git.commit({"z.txt": "z\n"})
    git("branch", "exp/p/topic")
    return git


def events_of_a_save(git: Git, branch: str, files: int) -> list[Event]:
    record = git.path.parent / "record"
    calls = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,unlink"
    subprocess.run(
        [
            *("strace", "-f", "-y", "-o", record, "-e", f"trace={calls}"),
            *(sys.executable, "-c", SAVE, git.path, branch, str(files)),
        ],
        cwd=ROOT,
        env={**git.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = [_event(line) for line in record.read_text(errors="replace").splitlines()]
    return [event for event in found if event is not None]


def _event(line: str) -> Event | None:
    found = CALL.match(line)
    if found is None:
        return None
    call, arguments = found[1], found[2]
    if call == "write":
        return Event(ANSWER, ()) if f'"{ANSWER}"' in arguments else None
    pattern = NAMED if call in ("fsync", "fdatasync") else QUOTED
    return Event(call.removesuffix("2").removesuffix("at"), tuple(pattern.findall(arguments)))


def at(events: list[Event], call: str, *endings: str) -> list[int]:
    """Return the positions of calls whose last path ends so."""
    return [
        n
        for n, event in enumerate(events)
        if event.call == call and event.paths[-1].endswith(endings)
    ]


def renames_into(events: list[Event], directory: str) -> dict[int, tuple[str, ...]]:
    """Return the renames to a place below a directory, by position."""
    return {
        n: event.paths
        for n, event in enumerate(events)
        if event.call == "rename" and directory in event.paths[-1]
    }


def assert_objects_first(
    events: list[Event], objects: dict[int, tuple[str, ...]], ref: int
) -> None:
    """Require of each object: fsynced, renamed, its directory fsynced, and then the reference."""
    for renamed, (draft, path) in objects.items():
        written = at(events, "fsync", draft)
        assert written, draft
        assert written[0] < renamed < ref
        directories = [n for n in at(events, "fsync", os.path.dirname(path)) if renamed < n < ref]
        assert directories, path


def assert_reference_before_answer(git: Git, events: list[Event], ref: int, name: str) -> None:
    """Require of the reference: its value fsynced, renamed, its directory fsynced, the answer."""
    (answer,) = (n for n, event in enumerate(events) if event.call == ANSWER)
    linked = next(
        e.paths for e in events if e.call == "link" and e.paths[-1].endswith(f"{name}.lock")
    )
    assert at(events, "fsync", linked[0])[0] < ref
    parent = os.path.dirname(str(git.path / ".git" / name))
    assert [n for n in at(events, "fsync", parent) if ref < n < answer]


@pytest.mark.parametrize("branch", ["exp/p/topic", "exp/new/topic"])
def test_objects_reach_the_disk_before_the_reference_and_that_before_the_answer(
    git: Git, branch: str
) -> None:
    events = events_of_a_save(git, branch, 2)
    name = f"refs/heads/{branch}"
    (ref,) = renames_into(events, f"/.git/{name}")
    objects = renames_into(events, "/.git/objects/")
    assert len(objects) == 5
    assert_objects_first(events, objects, ref)
    assert_reference_before_answer(git, events, ref, name)
    for made in at(events, "mkdir", ""):
        path = events[made].paths[-1]
        if "/.git/objects/" in path or "/.git/refs/" in path:
            parents = at(events, "fsync", os.path.dirname(path))
            assert [n for n in parents if made < n < ref], path


def test_a_pack_and_its_index_reach_the_disk_before_the_reference(git: Git) -> None:
    events = events_of_a_save(git, "exp/p/topic", 20)
    (ref,) = renames_into(events, "/.git/refs/heads/exp/p/topic")
    objects = renames_into(events, "/.git/objects/pack/")
    assert [Path(paths[-1]).suffix for paths in objects.values()] == [".pack", ".idx"]
    assert_objects_first(events, objects, ref)
    assert_reference_before_answer(git, events, ref, "refs/heads/exp/p/topic")


def test_files_of_the_working_tree_are_in_place_before_the_branch_moves(git: Git) -> None:
    events = events_of_a_save(git, "main", 2)
    (ref,) = renames_into(events, "/.git/refs/heads/main")
    files = renames_into(events, f"{git.path}/d/")
    assert len(files) == 2
    for renamed, (draft, _) in files.items():
        assert at(events, "fsync", draft)[0] < renamed < ref
    decided = at(events, "fsync", "/.git/gitexp/pending")
    (index,) = at(events, "rename", "/.git/index")
    assert decided[0] < min(files) < max(files) < index < ref
    (answer,) = (n for n, event in enumerate(events) if event.call == ANSWER)
    assert [n for n in at(events, "fsync", "/.git") if index < n < answer]
