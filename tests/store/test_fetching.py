"""Fetching beside `git gc`: what arrives stays, and what did not arrive whole is fetched again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitexp.errors import StoreError
from gitexp.store.consolidating import MOST_PACKS
from gitexp.store.disk import DiskStore
from gitexp.store.remotes import open_remote
from tests.builders import commit_files
from tests.contract.remotes_conftest import environ_for, git, write_program

MAIN = "+refs/heads/main:refs/remotes/origin/main"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return environ_for(tmp_path)


@pytest.fixture
def clone(tmp_path: Path, environ: Mapping[str, str]) -> DiskStore:
    """Return a clone of a repository that has a commit more."""
    there = DiskStore.init(tmp_path / "there", bare=True, environ=environ)
    commit_files(there, {"x": b"1\n"}, branch="main")
    git("clone", "--quiet", str(there.common_dir), str(tmp_path / "here"), cwd=tmp_path)
    commit_files(there, {"x": b"2\n"}, branch="main")
    return DiskStore.open(tmp_path / "here", environ=environ)


def failing_git(tmp_path: Path, environ: Mapping[str, str], said: str, *, times: int) -> Path:
    """Let the first fetches fail with what git says; return the file with a line for each fetch."""
    fetches, real = tmp_path / "fetches", shutil.which("git", path=environ["PATH"])
    (tmp_path / "bin").mkdir()
    write_program(
        tmp_path / "bin" / "git",
        f"""case " $* " in *" fetch "*) echo >> '{fetches}'
if [ $(wc -l < '{fetches}') -le {times} ]; then echo "{said}" >&2; exit 128; fi;; esac
exec '{real}' "$@\"""",
    )
    return fetches


def fetch(clone: DiskStore, tmp_path: Path, environ: Mapping[str, str]) -> None:
    path = f"{tmp_path / 'bin'}{os.pathsep}{environ['PATH']}"
    open_remote(clone, "origin", environ={**environ, "PATH": path}).fetch([MAIN])


DISTURBANCES = [
    "error: /there did not send all necessary objects",
    "fatal: bad tree object 55daad7383fc60424b13b72be1e107fdd9dc60f0",
    "fatal: object d387b0030153ff61b275a63f030cac7bfc3414a6 not found",
    "error: unable to create temporary file: No such file or directory",
    "error: unable to write file .git/objects/5a/4c69: No such file or directory",
    "fatal: could not open '.git/objects/pack/tmp_pack_0' for reading: No such file or directory",
]


@pytest.mark.parametrize("said", DISTURBANCES)
def test_what_did_not_arrive_whole_is_fetched_again(
    clone: DiskStore, tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    fetches = failing_git(tmp_path, environ, said, times=2)
    fetch(clone, tmp_path, environ)
    assert clone.ref("refs/remotes/origin/main") == git("rev-parse", "main", cwd=tmp_path / "there")
    assert len(fetches.read_text().splitlines()) == 3


def test_what_never_arrives_whole_is_no_failure_of_the_connection(
    clone: DiskStore, tmp_path: Path, environ: dict[str, str]
) -> None:
    failing_git(tmp_path, environ, DISTURBANCES[0], times=9)
    with pytest.raises(StoreError) as caught:
        fetch(clone, tmp_path, environ)
    assert caught.value.message == (
        f"what 'origin' sent did not arrive whole in {clone.worktree}: /there did not send all "
        "necessary objects"
    )


def test_a_full_disk_is_named_and_not_tried_again(
    clone: DiskStore, tmp_path: Path, environ: dict[str, str]
) -> None:
    said = "error: unable to write file .git/objects/5a/4c69: No space left on device"
    fetches = failing_git(tmp_path, environ, said, times=9)
    with pytest.raises(StoreError) as caught:
        fetch(clone, tmp_path, environ)
    assert caught.value.message == "no space left on the disk for what 'origin' sends"
    assert len(fetches.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to create temporary file: Read-only file system",
        "error: cannot lock ref 'refs/x': Unable to create '.git/refs/x.lock': Permission denied",
    ],
)
def test_a_repository_that_cannot_be_written_is_no_failure_of_the_connection(
    clone: DiskStore, tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    fetches = failing_git(tmp_path, environ, said, times=9)
    with pytest.raises(StoreError) as caught:
        fetch(clone, tmp_path, environ)
    reason = said.rpartition(": ")[2].lower()
    assert caught.value.message == (
        f"git cannot write to the repository in {clone.worktree}: {reason}"
    )
    assert len(fetches.read_text().splitlines()) == 1


def test_what_is_fetched_is_a_pack_that_git_prune_does_not_touch(
    clone: DiskStore, tmp_path: Path, environ: dict[str, str]
) -> None:
    objects = clone.common_dir / "objects"
    before = set(objects.glob("??/*"))
    open_remote(clone, "origin", environ=environ).fetch([MAIN])
    assert set(objects.glob("??/*")) == before
    assert len(list(objects.glob("pack/*.pack"))) == 1


def test_a_fetch_joins_packs_when_there_are_many(clone: DiskStore, environ: dict[str, str]) -> None:
    with DiskStore.open(clone.common_dir.parent, environ={"PATH": ""}) as alone:
        for number in range(MOST_PACKS):
            files = {f"{part}": b"%d %d" % (number, part) for part in range(9)}
            commit_files(alone, files, branch="work")
    open_remote(clone, "origin", environ=environ).fetch([MAIN])
    assert len(list(clone.common_dir.glob("objects/pack/*.pack"))) < MOST_PACKS
