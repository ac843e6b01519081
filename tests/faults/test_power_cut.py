"""Power cuts: a copy of a mounted disk image, taken at some moment, is what is left of it.

The writer is stopped for the copy, so the copy is one state that the disk was in, with everything
in it that the kernel had been made to write and nothing else: the file system commits its journal
only when a program calls fsync.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.store.disk import DiskStore
from tests.builders import commit_files
from tests.real_git import Git, new_repository

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
CUTS = 8
WRITER = """
import os, sys
from pathlib import Path
from gitexp.store.disk import DiskStore
from tests.builders import commit_files
with DiskStore.open(Path(sys.argv[1])) as store:
    for step in range(1_000_000):
        branch = ("main", "topic")[step % 2]
        files = {"a.txt": b"%d" % step, f"d{step % 3}/x.txt": b"%d" % step}
        if step % 4 == 3:
            files |= {f"many/{n}.txt": b"%d %d" % (step, n) for n in range(12)}
        commit = commit_files(store, files, branch=branch, at=step)
        os.write(1, f"{branch} {commit}\\n".encode())
"""


def run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


class Disk:
    """A file system in a file."""

    def __init__(self, directory: Path) -> None:
        self.image = directory / "image"
        self.mounted = directory / "mounted"

    def make(self) -> None:
        self.mounted.mkdir()
        with self.image.open("wb") as file:
            file.truncate(48 << 20)
        run("mkfs.ext4", "-q", self.image)

    def mount(self) -> None:
        run("mount", "-o", "loop,commit=600", self.image, self.mounted)

    def unmount(self) -> None:
        run("umount", self.mounted)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A mounted file system, where the machine allows to make one."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting a disk image needs root and mkfs.ext4; the order of writes is tested")
    disk = Disk(tmp_path)
    disk.make()
    try:
        disk.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine does not mount images: {error.stderr.decode()}")
    yield disk
    disk.unmount()


def write_until(repository: Path, image: Path, copy: Path, answers: int) -> dict[str, list[str]]:
    """Save until so many saves were acknowledged, stop the writer, and copy the disk."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, repository],
        cwd=ROOT,
        env={**Git(repository).environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline().split() for _ in range(answers)]
        os.kill(writer.pid, signal.SIGSTOP)
        shutil.copyfile(image, copy)
        writer.kill()
    return {
        branch: [commit for name, commit in lines if name == branch] for branch in ("main", "topic")
    }


def test_nothing_acknowledged_is_lost_by_a_power_cut(disk: Disk, tmp_path: Path) -> None:
    git = new_repository(disk.mounted / "repository")
    git.commit({"a.txt": "a\n"})
    git("branch", "topic")
    os.sync()
    for cut in range(CUTS):
        (tmp_path / f"{cut}").mkdir()
        after = Disk(tmp_path / f"{cut}")
        after.mounted.mkdir()
        acknowledged = write_until(git.path, disk.image, after.image, 3 + 2 * cut)
        after.mount()
        try:
            assert_kept(Git(after.mounted / "repository"), acknowledged)
        finally:
            after.unmount()


def assert_kept(git: Git, acknowledged: dict[str, list[str]]) -> None:
    for branch, commits in acknowledged.items():
        assert set(commits) <= set(git("rev-list", branch).split())
    git.check()
    with DiskStore.open(git.path) as store:
        for branch in acknowledged:
            commit_files(store, {"next.txt": b"next\n"}, branch=branch)
    assert git.status() == ""
    git.check()
