"""An artifact location on S3, in a server of its own on the loopback device."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents import layout
from gitexp.errors import Conflict, DamagedObject, NotFound, RemoteError
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.kept import contents_of, download, open_artifact, stage_bytes
from gitexp.runs.artifacts.locations import open_at, put
from gitexp.runs.run import Run
from tests.contract.remotes_conftest import free_port
from tests.runs.artifacts.test_locations import Broken, name_location, opener, pointer_to
from tests.runs.making import disk_workspace, make_run

pytestmark = pytest.mark.interop

SMALL, LARGE = b"small\n", b"large " * 300_000
VERY_LARGE = b"very large " * 4_000_000
BUCKET = "artifacts"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a running S3 server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stderr is not None
    try:
        said = iter(process.stderr.readline, b"")
        assert any(b"Running on" in line for line in said), "the S3 server did not start"
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        drain.join(timeout=10)
        process.stderr.close()


@pytest.fixture
def filesystem(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server as fsspec sees it, with an empty bucket; credentials are in the environment."""
    import fsspec

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ada")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-pass")
    filesystem = fsspec.filesystem("s3")
    filesystem.clear_instance_cache()
    filesystem = fsspec.filesystem("s3")
    if filesystem.exists(BUCKET):
        filesystem.rm(BUCKET, recursive=True)
    filesystem.mkdir(BUCKET)
    return filesystem


@pytest.fixture
def far(tmp_path: Path, filesystem: Any) -> Workspace:
    """A project whose experiment keeps its large artifacts on S3."""
    workspace = disk_workspace(tmp_path / "project")
    name_location(workspace, f"s3://{BUCKET}/experiments")
    return workspace


def names(filesystem: Any) -> list[str]:
    filesystem.invalidate_cache()
    found: list[str] = filesystem.find(BUCKET)
    return found


def read(workspace: Workspace, run: Run, path: str) -> bytes:
    with open_artifact(workspace, run, path) as file:
        return file.read()


def test_large_artifacts_go_to_s3_and_come_from_it(
    far: Workspace, filesystem: Any, tmp_path: Path
) -> None:
    run = make_run()
    large, small = stage_bytes(far, run, LARGE, "out/a b.bin"), stage_bytes(far, run, SMALL, "c")
    run = replace(run, artifacts=(large, small))
    assert large.location == f"s3://{BUCKET}/experiments/{run.id}/out/a b.bin"
    assert names(filesystem) == [f"{BUCKET}/experiments/{run.id}/out/a b.bin"]
    assert list(contents_of(far, run)) == [f"{layout.run_dir(run.id)}/artifacts/c"]
    assert read(far, run, "out/a b.bin") == LARGE
    download(far, run, None, tmp_path / "got")
    assert (tmp_path / "got" / "out" / "a b.bin").read_bytes() == LARGE


def test_a_file_of_several_parts_is_put_whole(filesystem: Any) -> None:
    url = f"s3://{BUCKET}/very/large"
    assert put(url, opener(VERY_LARGE)) == pointer_to(VERY_LARGE)
    with open_at(url, pointer_to(VERY_LARGE)) as file:
        assert file.read() == VERY_LARGE


@pytest.mark.parametrize("data", [LARGE, VERY_LARGE])
def test_nothing_on_s3_is_overwritten(filesystem: Any, data: bytes) -> None:
    url = f"s3://{BUCKET}/a"
    put(url, opener(data))
    assert put(url, opener(data)) == pointer_to(data)
    with pytest.raises(Conflict):
        put(url, opener(data[::-1]))
    with open_at(url, pointer_to(data)) as file:
        assert file.read() == data


@pytest.mark.parametrize("data", [LARGE, VERY_LARGE])
def test_a_source_that_breaks_off_leaves_nothing_on_s3(filesystem: Any, data: bytes) -> None:
    with pytest.raises(RemoteError):
        put(f"s3://{BUCKET}/a", lambda: Broken(data))
    assert names(filesystem) == []


def test_what_was_changed_on_s3_is_not_handed_out(filesystem: Any) -> None:
    url = f"s3://{BUCKET}/a"
    put(url, opener(LARGE))
    filesystem.pipe_file(f"{BUCKET}/a", LARGE[::-1])
    with pytest.raises(DamagedObject):
        open_at(url, pointer_to(LARGE))
    filesystem.rm_file(f"{BUCKET}/a")
    with pytest.raises(NotFound):
        open_at(url, pointer_to(LARGE))


def test_a_bucket_that_is_not_there_is_an_error_with_its_address(filesystem: Any) -> None:
    with pytest.raises((RemoteError, NotFound)) as caught:
        put("s3://nowhere-at-all/a", opener(LARGE))
    assert caught.value.message.startswith("s3://nowhere-at-all/a ")
