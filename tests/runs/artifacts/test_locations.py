"""Large artifacts at the location that their experiment names."""

from __future__ import annotations

import hashlib
import io
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.documents import layout
from gitexp.errors import (
    Conflict,
    DamagedObject,
    GitexpError,
    InvalidInput,
    NotFound,
    StoreError,
)
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.kept import contents_of, open_artifact, stage_bytes, stage_file
from gitexp.runs.artifacts.locations import check_location, file_url, open_at, put
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from gitexp.store.lfs.pointers import Pointer
from tests.builders import commit_files
from tests.runs.making import EXPERIMENT_ID, make_run, run_id

SMALL, LARGE = b"small\n", b"large " * 300_000


@pytest.fixture(params=["file", "memory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A location of its own."""
    if request.param == "file":
        return f"file://{tmp_path}/far away"
    return f"memory://bucket-{uuid.uuid4().hex}/far away"


def opener(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


def pointer_to(data: bytes) -> Pointer:
    return Pointer(oid=hashlib.sha256(data).hexdigest(), size=len(data))


def message_of(work: Callable[[], object], kind: type[GitexpError]) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.hint
    return caught.value.message


def content_at(url: str, data: bytes) -> bytes:
    with open_at(url, pointer_to(data)) as file:
        return file.read()


def name_location(workspace: Workspace, location: str) -> None:
    """Give the experiment of the runs a location."""
    header = f"id: {EXPERIMENT_ID}\n\nname: tone\n\nartifact_location: {location}\n"
    files = {
        layout.header_path("", Name("tone")): header.encode(),
        layout.parameters_path("", Name("tone")): b"{}\n",
    }
    commit_files(workspace.store, files)


# Putting and reading.


def test_a_file_is_put_and_read(location: str) -> None:
    url = f"{location}/a b/c#d.bin"
    assert put(url, opener(LARGE)) == pointer_to(LARGE)
    assert content_at(url, LARGE) == LARGE


def test_the_same_file_again_is_fine_and_another_is_refused(location: str) -> None:
    put(f"{location}/a", opener(LARGE))
    assert put(f"{location}/a", opener(LARGE)) == pointer_to(LARGE)
    message = message_of(lambda: put(f"{location}/a", opener(b"other")), Conflict)
    assert message == f"{location}/a is there already with other content"
    assert content_at(f"{location}/a", LARGE) == LARGE


class Broken(io.BytesIO):
    """A file that cannot be read to its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > len(self.getbuffer()) // 2:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/far/a"
    message_of(lambda: put(url, lambda: Broken(LARGE)), StoreError)
    assert message_of(lambda: open_at(url, pointer_to(LARGE)), NotFound) == f"{url} is not there"
    assert list((tmp_path / "far").iterdir()) == []
    put(url, opener(LARGE))


@pytest.mark.parametrize("there", [b"", LARGE[:-1], LARGE + b"!", b"x" * len(LARGE)])
def test_bytes_that_were_changed_there_are_not_handed_out(location: str, there: bytes) -> None:
    put(f"{location}/a", opener(there))
    message = message_of(lambda: open_at(f"{location}/a", pointer_to(LARGE)), DamagedObject)
    assert message == f"{location}/a is damaged: its bytes are not those that were put there"


def test_a_directory_holds_nothing_but_what_was_put(tmp_path: Path) -> None:
    put(f"file://{tmp_path}/far/a", opener(LARGE))
    with pytest.raises(Conflict):
        put(f"file://{tmp_path}/far/a", opener(SMALL))
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["a"]


@pytest.mark.parametrize(
    "location",
    [
        "",
        "s3:",
        "bucket/path",
        "/srv/artifacts",
        "ftp://host/x",
        "http://host/x",
        "S3://bucket",
        "s3://",
        "file:///",
        "simplecache::s3://bucket/x",
        "s3://bucket/x::y",
        "s3://bucket/../other",
        "s3://bucket/a?b",
        "s3://bucket/a#b",
        "s3://bucket/*",
        "s3://bucket/a\nb",
        "s3://key:secret@bucket/x",
    ],
)
def test_a_location_that_is_none_is_refused(location: str) -> None:
    message = message_of(lambda: check_location(location), InvalidInput)
    assert message.startswith(f"the artifact location {location!r} cannot be used: ")


def test_a_file_stands_below_its_run() -> None:
    url = file_url("s3://bucket/experiments/", run_id(0), "a/b.bin")
    assert url == f"s3://bucket/experiments/{run_id(0)}/a/b.bin"


def test_a_relative_directory_is_refused() -> None:
    message = message_of(lambda: put("file://somewhere/x", opener(SMALL)), InvalidInput)
    assert message == "file://somewhere/x cannot be used: its path is not absolute"


# Runs of an experiment with a location.


@pytest.fixture
def far(on_disk: Workspace, location: str) -> Workspace:
    name_location(on_disk, location)
    return on_disk


def test_large_artifacts_go_to_the_location_and_small_ones_into_git(
    far: Workspace, location: str
) -> None:
    run = make_run()
    large, small = stage_bytes(far, run, LARGE, "m/a"), stage_bytes(far, run, SMALL, "b")
    url = f"{location}/{run.id}/m/a"
    assert (large.stored, large.location) == ("location", url)
    assert (small.stored, small.location) == ("git", "")
    run = replace(run, artifacts=(large, small))
    assert list(contents_of(far, run)) == [f"{layout.run_dir(run.id)}/artifacts/b"]
    assert content_at(url, LARGE) == LARGE
    assert read(far, run, "m/a") == LARGE


def read(workspace: Workspace, run: Run, path: str) -> bytes:
    with open_artifact(workspace, run, path) as file:
        return file.read()


def test_the_record_says_where_an_artifact_was_put(far: Workspace, location: str) -> None:
    run = make_run()
    run = replace(run, artifacts=(stage_bytes(far, run, LARGE, "a"),))
    ledger.append(far, "tone", [ledger.record_of(run, ())])
    known = ledger.get(far, run.id)
    assert known.artifacts == run.artifacts
    assert read(far, known, "a") == LARGE


def test_artifacts_are_found_where_the_experiment_keeps_them_now(
    far: Workspace, location: str
) -> None:
    run = make_run()
    run = replace(run, artifacts=(stage_bytes(far, run, LARGE, "a"),))
    moved = replace(run.artifacts[0], location=f"{location}/before/{run.id}/a")
    assert read(far, replace(run, artifacts=(moved,)), "a") == LARGE


def test_an_artifact_that_is_nowhere_is_named(far: Workspace, location: str) -> None:
    run = make_run()
    run = replace(run, artifacts=(stage_bytes(far, run, LARGE, "a"),))
    gone = replace(run.artifacts[0], path="b", location=f"{location}/{run.id}/b")
    message = message_of(lambda: read(far, replace(run, artifacts=(gone,)), "b"), NotFound)
    assert message == f"{location}/{run.id}/b is not there"


def test_the_same_large_artifact_again_is_the_one_that_is_there(
    far: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(LARGE)
    run = make_run()
    run = replace(run, artifacts=(stage_file(far, run, tmp_path / "a", None),))
    assert stage_file(far, run, tmp_path / "a", None) is run.artifacts[0]
    (tmp_path / "a").write_bytes(LARGE + b"other")
    message_of(lambda: stage_file(far, run, tmp_path / "a", None), Conflict)


def test_without_fsspec_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InvalidInput) as caught:
        put("s3://bucket/a", opener(SMALL))
    assert caught.value.message.startswith("s3:// cannot be used: ")
    assert "`pip install 'gitexp[s3]'`" in str(caught.value.hint)
