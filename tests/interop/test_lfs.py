"""Large artifacts and the real `git lfs`: each reads what the other wrote, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.documents import layout
from gitexp.errors import NotFound, RemoteUnavailable
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.kept import contents_of, open_artifact, stage_bytes
from gitexp.runs.artifacts.large_files import (
    fetch_object,
    objects_here,
    send_objects,
    share_objects,
)
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from gitexp.store.disk import DiskStore
from gitexp.store.lfs.pointers import Pointer, parse_pointer
from gitexp.store.model import PushUpdate
from tests.contract.remotes_conftest import write_program
from tests.interop.lfs_programs import USER, Giftless, giftless, require_git_lfs, token
from tests.real_git import Git, new_repository
from tests.runs.making import make_run, run_id, workspace_on

pytestmark = pytest.mark.interop

SMALL, LARGE = b"small\n", b"large " * 300_000
BRANCH = "runs/bot/tone"
REF = f"refs/heads/{BRANCH}"


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_git_lfs()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Giftless]:
    with giftless(tmp_path_factory.mktemp("giftless")) as running:
        yield running


@pytest.fixture
def shared(tmp_path: Path) -> Git:
    return new_repository(tmp_path / "shared.git", "--bare")


@pytest.fixture
def here(tmp_path: Path, shared: Git) -> Git:
    """A repository with the shared remote, in which `git lfs` is set up."""
    return clone(tmp_path / "here", shared)


def clone(path: Path, shared: Git) -> Git:
    git = new_repository(path)
    git("remote", "add", "origin", str(shared.path))
    git("lfs", "install", "--local")
    return git


def workspace_of(git: Git) -> Workspace:
    return workspace_on(
        DiskStore.open(git.path, environ=git.environ), directory=git.path, environ=git.environ
    )


def recorded(git: Git, number: int = 0, **contents: bytes) -> Run:
    """Record a run with artifacts."""
    workspace, run = workspace_of(git), make_run(run_id(number))
    for name, data in contents.items():
        artifact = stage_bytes(workspace, run, data, f"out put/{name}.bin")
        run = replace(run, artifacts=(*run.artifacts, artifact))
    files = {**ledger.record_of(run, ()).contents(), **contents_of(workspace, run)}
    ledger.write(workspace, "tone", files, message="record")
    return run


def push_with_objects(git: Git) -> None:
    """Push the runs branch as gitexp does: objects first; the hook of git lfs is left out."""
    workspace = workspace_of(git)
    share_objects(workspace, [PushUpdate(ref=REF, old=None, new=workspace.store.ref(REF))])
    git("push", "--quiet", "--no-verify", "origin", BRANCH)


def use(git: Git, server: Giftless) -> None:
    git("config", "lfs.url", server.open_url)


def pointer_in(git: Git, run: Run, name: str) -> Pointer:
    data = git.raw("cat-file", "-p", f"{BRANCH}:{layout.run_dir(run.id)}/lfs/out put/{name}.bin")
    pointer = parse_pointer(data)
    assert pointer is not None
    return pointer


def path_of(git: Git, run: Run, name: str, directory: str = "lfs") -> Path:
    return git.path / layout.run_dir(run.id) / directory / "out put" / f"{name}.bin"


def sound(git: Git) -> None:
    """Require that git lfs and git find nothing wrong with the runs branch."""
    for options in ((), ("--pointers",), ("--objects",)):
        assert git("lfs", "fsck", *options, BRANCH) == "Git LFS fsck OK"
    git.check()


# What we wrote, git lfs reads.


def test_git_lfs_lists_and_checks_what_was_recorded(here: Git) -> None:
    run = recorded(here, a=LARGE, b=SMALL)
    (large, _) = run.artifacts
    path = f"{layout.run_dir(run.id)}/lfs/out put/a.bin"
    assert here("lfs", "ls-files", "--long", BRANCH) == f"{large.pointer.oid} - {path}"
    sound(here)


def test_a_pointer_is_the_one_that_git_lfs_makes(here: Git, tmp_path: Path) -> None:
    run = recorded(here, a=LARGE)
    (tmp_path / "file").write_bytes(LARGE)
    ours = pointer_in(here, run, "a").to_bytes()
    assert here.raw("lfs", "pointer", f"--file={tmp_path}/file") == ours
    here.raw("lfs", "pointer", "--check", "--strict", "--stdin", data=ours)


def test_only_the_directory_of_large_artifacts_is_for_git_lfs(here: Git) -> None:
    run = recorded(here, a=LARGE, lfs=SMALL)
    here("checkout", "--quiet", BRANCH)
    names = [path_of(here, run, "a"), path_of(here, run, "lfs", "artifacts")]
    said = here("check-attr", "filter", "--", *names).splitlines()
    assert [line.rpartition(": ")[2] for line in said] == ["lfs", "unspecified"]


def test_a_checkout_of_the_branch_has_the_artifacts_themselves(here: Git) -> None:
    run = recorded(here, a=LARGE, b=SMALL)
    here("checkout", "--quiet", BRANCH)
    assert path_of(here, run, "a").read_bytes() == LARGE
    assert path_of(here, run, "b", "artifacts").read_bytes() == SMALL
    assert here.status() == ""
    assert here("lfs", "status", "--porcelain") == ""


def test_many_runs_on_a_joined_branch_are_without_complaints(here: Git, shared: Git) -> None:
    there = clone(here.path.parent / "there", shared)
    recorded(here, 0, a=LARGE)
    here("push", "--quiet", "origin", BRANCH)
    recorded(here, 1, a=LARGE + b"1", b=SMALL)
    there("fetch", "--quiet", "origin", f"{BRANCH}:{BRANCH}")
    recorded(there, 2, a=LARGE + b"2")
    there("push", "--quiet", "origin", BRANCH)
    here("checkout", "--quiet", BRANCH)
    here("pull", "--quiet", "--no-rebase", "--no-edit", "origin", BRANCH)
    assert len(here("lfs", "ls-files").splitlines()) == 3
    sound(here)


@pytest.mark.parametrize("over", ["giftless", "a directory"])
def test_git_lfs_pulls_what_was_sent(here: Git, shared: Git, server: Giftless, over: str) -> None:
    there = clone(here.path.parent / "there", shared)
    if over == "giftless":
        use(here, server)
        use(there, server)
    run = recorded(here, a=LARGE + over.encode(), b=LARGE)
    push_with_objects(here)
    there("fetch", "--quiet", "origin", f"{BRANCH}:{BRANCH}")
    there("lfs", "fetch", "origin", BRANCH)
    sound(there)
    there("checkout", "--quiet", BRANCH)
    there("lfs", "pull")
    assert path_of(there, run, "a").read_bytes() == LARGE + over.encode()
    assert there.status() == ""


def test_git_lfs_finds_nothing_left_to_push(here: Git, shared: Git, server: Giftless) -> None:
    use(here, server)
    recorded(here, a=LARGE + b"pushed")
    push_with_objects(here)
    before = server.oids
    assert here("lfs", "push", "--dry-run", "origin", BRANCH) == ""
    here("lfs", "push", "--all", "origin")
    assert server.oids == before


def test_an_object_that_git_lfs_prunes_while_a_run_goes_on_is_not_lost(here: Git) -> None:
    workspace, run = workspace_of(here), make_run()
    here.commit({"readme": "hello"})
    run = replace(run, artifacts=(stage_bytes(workspace, run, LARGE, "a.bin"),))
    contents_of(workspace, run)
    here("lfs", "prune", "--force")
    objects = objects_here(workspace)
    assert objects is not None
    assert objects.find(run.artifacts[0].pointer) is None
    contents_of(workspace, run)
    assert objects.is_sound(run.artifacts[0].pointer)


# What git lfs wrote, we read.


def test_an_object_that_git_lfs_pushed_is_brought_and_read(
    here: Git, shared: Git, server: Giftless
) -> None:
    there = clone(here.path.parent / "there", shared)
    use(here, server)
    use(there, server)
    run = recorded(here, a=LARGE + b"by git lfs")
    here("push", "--quiet", "origin", BRANCH)
    assert run.artifacts[0].pointer.oid in server.oids
    there("fetch", "--quiet", "origin", f"{BRANCH}:{BRANCH}")
    with open_artifact(workspace_of(there), run, "out put/a.bin") as file:
        assert file.read() == LARGE + b"by git lfs"


def test_a_file_that_was_committed_through_git_lfs_is_an_artifact_like_any_other(
    here: Git, shared: Git
) -> None:
    run = recorded(here, a=LARGE)
    here("checkout", "--quiet", BRANCH)
    path = path_of(here, run, "c")
    path.write_bytes(LARGE + b"by hand")
    here("add", str(path))
    here("commit", "--quiet", "--message", "by hand")
    pointer = pointer_in(here, run, "c")
    by_hand = Artifact.of("out put/c.bin", pointer.oid, pointer.size, "lfs")
    run = replace(run, artifacts=(*run.artifacts, by_hand))
    with open_artifact(workspace_of(here), run, "out put/c.bin") as file:
        assert file.read() == LARGE + b"by hand"
    sound(here)


def test_a_storage_that_git_lfs_is_told_of_is_ours_too(here: Git, tmp_path: Path) -> None:
    here("config", "lfs.storage", str(tmp_path / "elsewhere"))
    run = recorded(here, a=LARGE)
    assert len(list((tmp_path / "elsewhere" / "objects").rglob(run.artifacts[0].pointer.oid))) == 1
    assert not (here.path / ".git" / "lfs" / "objects").exists()
    sound(here)


# The server.


def test_the_server_verifies_what_it_got_and_says_what_it_lacks(
    here: Git, server: Giftless
) -> None:
    use(here, server)
    workspace = workspace_of(here)
    artifact = stage_bytes(workspace, make_run(), LARGE + b"verified", "a")
    assert send_objects(workspace, [artifact.pointer]) == [artifact.pointer]
    assert send_objects(workspace, [artifact.pointer]) == []
    with pytest.raises(NotFound):
        fetch_object(workspace, Pointer(oid="0" * 64, size=5))


def test_a_locked_server_opens_to_a_credential_helper(
    here: Git, server: Giftless, tmp_path: Path
) -> None:
    here("config", "lfs.url", server.url)
    workspace = workspace_of(here)
    pointer = stage_bytes(workspace, make_run(), LARGE + b"helper", "a").pointer
    with pytest.raises(RemoteUnavailable) as caught:
        send_objects(workspace, [pointer])
    assert caught.value.message.startswith(
        f"the Git LFS server of 'origin' ({server.url}) refused the credentials: HTTP 40"
    )
    write_program(tmp_path / "helper", f"echo username={USER}; echo password={token()}")
    here("config", "credential.helper", str(tmp_path / "helper"))
    assert send_objects(workspace, [pointer]) == [pointer]
    assert pointer.oid in server.oids


def test_a_locked_server_opens_to_netrc(here: Git, server: Giftless, tmp_path: Path) -> None:
    here("config", "lfs.url", server.url)
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {token()}\n")
    netrc.chmod(0o600)
    workspace = workspace_of(here)
    pointer = stage_bytes(workspace, make_run(), LARGE + b"netrc", "a").pointer
    send_objects(workspace, [pointer])
    objects = objects_here(workspace)
    assert objects is not None
    assert objects.find(pointer) is None
    assert fetch_object(workspace, pointer).read_bytes() == LARGE + b"netrc"
