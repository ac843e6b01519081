"""Downloads: inside their directory, complete or not at all, over nothing that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import AlreadyExists, DamagedObject, GitexpError, NotFound, StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.kept import download, stage_bytes
from gitexp.runs.run import Run
from tests.runs.making import make_run

LARGE = b"large " * 300_000
FILES = {"a.txt": b"a\n", "plots/b.txt": b"b\n", "plots/deep/c.bin": LARGE, "none": b""}


@pytest.fixture
def run(on_disk: Workspace) -> Run:
    """A run with a few artifacts."""
    run = make_run()
    for path, data in FILES.items():
        run = replace(run, artifacts=(*run.artifacts, stage_bytes(on_disk, run, data, path)))
    return run


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """The directory that is downloaded to."""
    return tmp_path / "got"


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def message_of(work: Callable[[], object], kind: type[GitexpError]) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.hint
    return caught.value.message


def test_everything_is_written_below_the_directory(on_disk: Workspace, run: Run, to: Path) -> None:
    files = download(on_disk, run, None, to)
    assert files == [to / path for path in sorted(FILES)]
    assert contents(to) == FILES


def test_a_part_is_written_under_its_full_path(on_disk: Workspace, run: Run, to: Path) -> None:
    assert download(on_disk, run, "plots/b.txt", to) == [to / "plots/b.txt"]
    assert contents(to) == {"plots/b.txt": b"b\n"}
    download(on_disk, run, "plots", to)
    assert sorted(contents(to)) == ["plots/b.txt", "plots/deep/c.bin"]


def test_what_is_there_already_stays(on_disk: Workspace, run: Run, to: Path) -> None:
    download(on_disk, run, None, to)
    before = {path: (to / path).stat().st_mtime_ns for path in FILES}
    assert len(download(on_disk, run, None, to)) == len(FILES)
    assert {path: (to / path).stat().st_mtime_ns for path in FILES} == before


@pytest.mark.parametrize("path", ["a.txt", "plots/b.txt"])
def test_other_content_is_never_overwritten(
    on_disk: Workspace, run: Run, to: Path, path: str
) -> None:
    (to / path).parent.mkdir(parents=True)
    (to / path).write_bytes(b"mine")
    message = message_of(lambda: download(on_disk, run, None, to), AlreadyExists)
    assert message == (
        f'"{to / path}" is there already with other content; nothing was overwritten'
    )
    assert contents(to) == {path: b"mine"}


def test_a_link_in_the_way_is_not_followed(
    on_disk: Workspace, run: Run, to: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    to.mkdir()
    (to / "plots").symlink_to(outside)
    message = message_of(lambda: download(on_disk, run, None, to), AlreadyExists)
    assert message == f'"{to}/plots" is no directory; nothing was overwritten'
    (to / "plots").unlink()
    (to / "a.txt").symlink_to(outside / "new")
    message = message_of(lambda: download(on_disk, run, None, to), AlreadyExists)
    assert message == f'"{to}/a.txt" is no file; nothing was overwritten'
    assert list(outside.iterdir()) == []


def test_a_directory_in_the_way_is_refused(on_disk: Workspace, run: Run, to: Path) -> None:
    (to / "a.txt").mkdir(parents=True)
    message_of(lambda: download(on_disk, run, None, to), AlreadyExists)
    (to / "a.txt").rmdir()
    (to / "plots").write_bytes(b"")
    message_of(lambda: download(on_disk, run, None, to), AlreadyExists)


@pytest.mark.parametrize(
    "path",
    ["../up", "/etc/x", "a/../../up", "..\\up", "%2e%2e/up", ".git/hooks/x", "C:/x", "NUL", ""],
)
def test_a_record_with_an_unsafe_path_is_not_written(
    on_disk: Workspace, run: Run, to: Path, path: str
) -> None:
    hostile = replace(run.artifacts[0], path=path)
    forged = replace(run, artifacts=(*run.artifacts, hostile))
    message = message_of(lambda: download(on_disk, forged, None, to), StoreError)
    assert message.startswith(f"run {run.id} records the artifact ")
    assert not to.exists()


@pytest.mark.parametrize("path", ["A.txt", "a.txt/b", "plots"])
def test_a_record_with_paths_in_each_others_way_is_not_written(
    on_disk: Workspace, run: Run, to: Path, path: str
) -> None:
    forged = replace(run, artifacts=(*run.artifacts, Artifact.of(path, "0" * 64, 1)))
    message_of(lambda: download(on_disk, forged, None, to), StoreError)
    assert not to.exists()


def test_damaged_bytes_are_not_written(on_disk: Workspace, run: Run, to: Path) -> None:
    assert on_disk.store.private_dir is not None
    damaged = next(a for a in run.artifacts if a.path == "plots/deep/c.bin")
    staged = on_disk.store.private_dir / "staging" / damaged.pointer.oid
    staged.write_bytes(b"x" * damaged.size)
    message_of(lambda: download(on_disk, run, "plots/deep", to), DamagedObject)
    assert contents(to) == {}


def test_a_path_that_is_not_there_writes_nothing(on_disk: Workspace, run: Run, to: Path) -> None:
    message = message_of(lambda: download(on_disk, run, "plot", to), NotFound)
    assert message == f'run {run.id} has no artifact "plot"'
    assert not to.exists()


def test_a_run_without_artifacts_writes_nothing(on_disk: Workspace, to: Path) -> None:
    assert download(on_disk, make_run(), None, to) == []
