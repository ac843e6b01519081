"""Artifacts from their source to the ledger and back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gitexp.documents import layout
from gitexp.errors import (
    Conflict,
    DamagedObject,
    GitexpError,
    InvalidInput,
    MissingObject,
    NotFound,
    StoreError,
)
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.kept import (
    contents_of,
    download,
    list_artifacts,
    open_artifact,
    stage_bytes,
    stage_directory,
    stage_file,
)
from gitexp.runs.artifacts.large_files import objects_here, pointers_between, share_objects
from gitexp.runs.artifacts.staging import discard_stale
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from gitexp.store.filelocks import lock_file_now
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.model import PushUpdate
from gitexp.store.trees import tree_of, walk_files
from tests.real_git import Git
from tests.runs.making import disk_workspace, make_run, run_id

SMALL, LARGE = b"small\n", b"large " * 300_000


def keep(workspace: Workspace, run: Run) -> Run:
    """Record a run with its artifacts, and return it as it reads then."""
    files = contents_of(workspace, run)
    record = ledger.record_of(run, ()).contents()
    ledger.write(workspace, "tone", {**record, **files}, message="record")
    return ledger.get(workspace, run.id)


def holding(run: Run, *artifacts: Artifact) -> Run:
    return replace(run, artifacts=(*run.artifacts, *artifacts))


def read(workspace: Workspace, run: Run, path: str) -> bytes:
    with open_artifact(workspace, run, path) as file:
        return file.read()


def recorded(workspace: Workspace, run: Run) -> dict[str, bytes]:
    """Return what stands beside a run's record, by its path there."""
    tip = workspace.store.ref("refs/heads/runs/bot/tone")
    assert tip is not None
    found = walk_files(workspace.store, tree_of(workspace.store, tip), layout.run_dir(run.id))
    start = len(layout.run_dir(run.id)) + 1
    return {path[start:]: workspace.store.read(entry.id).data for path, entry in found}


def message_of(work: Callable[[], object], kind: type[GitexpError]) -> str:
    with pytest.raises(kind) as caught:
        work()
    return caught.value.message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "loss.txt"
    path.write_bytes(SMALL)
    return path


# Staging.


def test_a_file_becomes_an_artifact_under_its_name(on_disk: Workspace, file: Path) -> None:
    digest = f"sha256:{hashlib.sha256(SMALL).hexdigest()}"
    assert stage_file(on_disk, make_run(), file, None) == Artifact(
        path="loss.txt", size=len(SMALL), digest=digest, stored="git"
    )
    assert stage_file(on_disk, make_run(), file, "plots/best").path == "plots/best/loss.txt"


def test_bytes_become_an_artifact_under_a_path(on_disk: Workspace) -> None:
    run = holding(make_run(), stage_bytes(on_disk, make_run(), SMALL, "plots/loss.txt"))
    assert read(on_disk, run, "plots/loss.txt") == SMALL


def test_staged_bytes_are_named_by_their_digest(on_disk: Workspace, file: Path) -> None:
    artifact = stage_file(on_disk, make_run(), file, None)
    assert on_disk.store.private_dir is not None
    path = on_disk.store.private_dir / "staging" / artifact.pointer.oid
    assert path.read_bytes() == SMALL
    assert sorted(os.listdir(path.parent)) == sorted([artifact.pointer.oid, "lock"])


def test_a_large_artifact_is_one_for_git_lfs(on_disk: Workspace) -> None:
    run = make_run()
    assert stage_bytes(on_disk, run, b"x" * 2**20, "at").stored == "git"
    assert stage_bytes(on_disk, run, b"x" * (2**20 + 1), "above").stored == "lfs"


@pytest.mark.parametrize(("setting", "stored"), [("5", "lfs"), ("6", "git"), ("1k", "git")])
def test_the_threshold_is_configured_as_git_writes_sizes(
    on_disk: Workspace, setting: str, stored: str
) -> None:
    assert on_disk.directory is not None
    Git(on_disk.directory)("config", "gitexp.lfsThreshold", setting)
    assert stage_bytes(on_disk, make_run(), SMALL, "a").stored == stored


@pytest.mark.parametrize("setting", ["", "much", "-1", "1.5m"])
def test_a_threshold_that_is_no_size_is_refused(on_disk: Workspace, setting: str) -> None:
    assert on_disk.directory is not None
    Git(on_disk.directory)("config", "gitexp.lfsThreshold", setting)
    message = message_of(lambda: stage_bytes(on_disk, make_run(), SMALL, "a"), InvalidInput)
    assert message == f"gitexp.lfsThreshold is {setting!r}, which is no size"


def test_what_looks_like_a_pointer_is_stored_as_a_large_artifact(on_disk: Workspace) -> None:
    text = Pointer(oid="1" * 64, size=5).to_bytes()
    run = holding(make_run(), stage_bytes(on_disk, make_run(), text, "pointer.txt"))
    assert run.artifacts[0].stored == "lfs"
    run = keep(on_disk, run)
    assert "artifacts/pointer.txt" not in recorded(on_disk, run)
    assert read(on_disk, run, "pointer.txt") == text


def test_the_same_content_again_is_the_artifact_that_is_there(
    on_disk: Workspace, file: Path
) -> None:
    run = holding(make_run(), stage_file(on_disk, make_run(), file, None))
    assert stage_file(on_disk, run, file, None) is run.artifacts[0]


def test_other_content_under_a_path_that_is_taken_is_refused(
    on_disk: Workspace, file: Path
) -> None:
    run = holding(make_run(), stage_file(on_disk, make_run(), file, None))
    file.write_bytes(b"other")
    message = message_of(lambda: stage_file(on_disk, run, file, None), Conflict)
    assert message == 'the artifact "loss.txt" is there already with other content'
    message = message_of(lambda: stage_bytes(on_disk, run, SMALL, "LOSS.txt"), Conflict)
    assert message.startswith('the artifact path "LOSS.txt" cannot be used: ')


def test_an_unsafe_path_is_refused_before_anything_is_read(on_disk: Workspace) -> None:
    nowhere = Path("/nowhere/at/all")
    message_of(lambda: stage_file(on_disk, make_run(), nowhere, "../up"), InvalidInput)
    message = message_of(lambda: stage_file(on_disk, make_run(), nowhere, None), NotFound)
    assert message == '"/nowhere/at/all" is not there'


def test_only_files_are_kept(on_disk: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "directory"):
        message = message_of(
            lambda name=name: stage_file(on_disk, make_run(), tmp_path / name, None), InvalidInput
        )
        assert message == f'"{tmp_path}/{name}" is no file'


def test_a_link_that_somebody_names_is_followed(
    on_disk: Workspace, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "best.txt").symlink_to(file)
    artifact = stage_file(on_disk, make_run(), tmp_path / "best.txt", None)
    assert (artifact.path, artifact.size) == ("best.txt", len(SMALL))


def test_all_files_below_a_directory_become_artifacts(on_disk: Workspace, tmp_path: Path) -> None:
    top = tmp_path / "model"
    (top / "sub" / "empty").mkdir(parents=True)
    (top / "b.bin").write_bytes(LARGE)
    (top / "sub" / "a.txt").write_bytes(SMALL)
    (top / "none").write_bytes(b"")
    (top / "again.txt").symlink_to("sub/a.txt")
    (top / "linked").symlink_to("sub")
    staged = stage_directory(on_disk, make_run(), top, "out")
    assert {artifact.path: artifact.stored for artifact in staged} == {
        "out/again.txt": "git",
        "out/b.bin": "lfs",
        "out/linked/a.txt": "git",
        "out/none": "git",
        "out/sub/a.txt": "git",
    }
    run = keep(on_disk, holding(make_run(), *staged))
    assert read(on_disk, run, "out/b.bin") == LARGE
    assert read(on_disk, run, "out/linked/a.txt") == SMALL
    assert read(on_disk, run, "out/none") == b""


@pytest.mark.parametrize(
    ("target", "how"),
    [
        ("../outside.txt", "is a link that leads out of the directory"),
        ("/etc/passwd", "is a link that leads out of the directory"),
        ("..", "is a link that leads out of the directory"),
        (".", "is a link that leads in a circle"),
        ("sub", "is a link that leads in a circle"),
        ("nothing", "is a link that leads nowhere"),
        ("link", "is a link that leads in a circle"),
    ],
)
def test_links_out_of_a_directory_or_in_a_circle_are_refused(
    on_disk: Workspace, tmp_path: Path, target: str, how: str
) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    sub = tmp_path / "model" / "sub"
    sub.mkdir(parents=True)
    place = sub if target == "sub" else sub.parent
    (place / "link").symlink_to(place if target == "sub" else target)
    message = message_of(
        lambda: stage_directory(on_disk, make_run(), tmp_path / "model", None), InvalidInput
    )
    assert message == f'"{place}/link" {how}; nothing was kept'


def test_a_directory_is_checked_before_its_first_file_is_read(
    on_disk: Workspace, tmp_path: Path
) -> None:
    top = tmp_path / "model"
    top.mkdir()
    for name in ("a", "Same", "same", "zz"):
        (top / name).write_bytes(SMALL)
    message_of(lambda: stage_directory(on_disk, make_run(), top, None), Conflict)
    (top / "same").rename(top / ".gitattributes")
    message = message_of(lambda: stage_directory(on_disk, make_run(), top, None), InvalidInput)
    assert message == (
        '".gitattributes" is not a usable artifact path: Git gives the name .gitattributes a '
        "meaning of its own"
    )
    assert on_disk.store.private_dir is not None
    assert not (on_disk.store.private_dir / "staging").exists()


# In the ledger.


def test_small_artifacts_stand_beside_the_record_and_large_ones_as_pointers(
    on_disk: Workspace,
) -> None:
    run = make_run()
    run = holding(run, stage_bytes(on_disk, run, SMALL, "a.txt"))
    run = holding(run, stage_bytes(on_disk, run, LARGE, "models/b.bin"))
    run = keep(on_disk, run)
    assert [artifact.path for artifact in run.artifacts] == ["a.txt", "models/b.bin"]
    pointer = run.artifacts[1].pointer
    assert recorded(on_disk, run) == {
        "artifacts/a.txt": SMALL,
        "lfs/models/b.bin": pointer.to_bytes(),
    }
    objects = objects_here(on_disk)
    assert objects is not None
    assert objects.is_sound(pointer)


def test_a_run_without_large_artifacts_has_no_attributes(on_disk: Workspace) -> None:
    run = holding(make_run(), stage_bytes(on_disk, make_run(), SMALL, "a.txt"))
    assert recorded(on_disk, keep(on_disk, run)) == {"artifacts/a.txt": SMALL}


def test_artifacts_are_read_from_the_ledger_alone(on_disk: Workspace) -> None:
    run = make_run()
    run = holding(run, stage_bytes(on_disk, run, SMALL, "a"), stage_bytes(on_disk, run, LARGE, "b"))
    run = holding(run, stage_bytes(on_disk, run, b"", "empty"))
    run = keep(on_disk, run)
    assert sorted(discard_stale(on_disk, older_than=timedelta(0))) == sorted(
        artifact.pointer.oid for artifact in run.artifacts
    )
    assert read(on_disk, run, "a") == SMALL
    assert read(on_disk, run, "b") == LARGE
    assert read(on_disk, run, "empty") == b""


def test_recording_again_with_nothing_staged_changes_nothing(on_disk: Workspace) -> None:
    run = make_run()
    run = holding(run, stage_bytes(on_disk, run, SMALL, "a"), stage_bytes(on_disk, run, LARGE, "b"))
    run = keep(on_disk, run)
    tip = on_disk.store.ref("refs/heads/runs/bot/tone")
    discard_stale(on_disk, older_than=timedelta(0))
    assert keep(on_disk, run) == run
    assert on_disk.store.ref("refs/heads/runs/bot/tone") == tip


def test_what_is_neither_staged_nor_recorded_is_not_recorded_as_if_it_were(
    on_disk: Workspace,
) -> None:
    run = make_run()
    for data in (SMALL, LARGE):
        lost = holding(run, stage_bytes(on_disk, run, data, "a/b"))
        discard_stale(on_disk, older_than=timedelta(0))
        message = message_of(lambda lost=lost: contents_of(on_disk, lost), MissingObject)
        assert message == f'the artifact "a/b" of run {run.id} is not in this repository'


def test_damaged_staged_bytes_are_not_recorded(on_disk: Workspace) -> None:
    run = make_run()
    assert on_disk.store.private_dir is not None
    for data in (SMALL, LARGE):
        run = holding(make_run(), stage_bytes(on_disk, make_run(), data, "a"))
        path = on_disk.store.private_dir / "staging" / run.artifacts[0].pointer.oid
        path.write_bytes(b"x" * len(data))
        message_of(lambda run=run: contents_of(on_disk, run), DamagedObject)


def test_damaged_staged_bytes_are_replaced_by_the_same_artifact(on_disk: Workspace) -> None:
    assert on_disk.store.private_dir is not None
    artifact = stage_bytes(on_disk, make_run(), SMALL, "a")
    path = on_disk.store.private_dir / "staging" / artifact.pointer.oid
    path.write_bytes(b"")
    stage_bytes(on_disk, make_run(), SMALL, "a")
    assert path.read_bytes() == SMALL


def test_an_object_that_was_pruned_is_read_from_what_is_still_staged(on_disk: Workspace) -> None:
    run = holding(make_run(), stage_bytes(on_disk, make_run(), LARGE, "a"))
    run = keep(on_disk, run)
    objects = objects_here(on_disk)
    assert objects is not None
    objects.path(run.artifacts[0].pointer.oid).unlink()
    assert read(on_disk, run, "a") == LARGE


def test_bytes_that_are_not_those_of_the_record_are_not_handed_out(on_disk: Workspace) -> None:
    run = holding(make_run(), stage_bytes(on_disk, make_run(), SMALL, "a"))
    run = keep(on_disk, run)
    wrong = replace(run.artifacts[0], digest=f"sha256:{'0' * 64}")
    message = message_of(
        lambda: open_artifact(on_disk, replace(run, artifacts=(wrong,)), "a"), DamagedObject
    )
    assert message == f'the artifact "a" of run {run.id} is not what the run recorded'


def test_a_repository_in_memory_keeps_artifacts_too(workspace: Workspace) -> None:
    run = make_run()
    run = holding(
        run, stage_bytes(workspace, run, LARGE, "a"), stage_bytes(workspace, run, b"", "e")
    )
    assert [artifact.stored for artifact in run.artifacts] == ["git", "git"]
    run = keep(workspace, run)
    assert read(workspace, run, "a") == LARGE
    assert read(workspace, run, "e") == b""
    assert discard_stale(workspace) == []


# Listing.


def test_artifacts_are_listed_by_path(on_disk: Workspace) -> None:
    run = make_run()
    paths = ["plots/b", "a", "plots/a", "plots.txt"]
    run = holding(run, *(stage_bytes(on_disk, run, SMALL, path) for path in paths))
    assert [a.path for a in list_artifacts(run)] == ["a", "plots.txt", "plots/a", "plots/b"]
    assert [a.path for a in list_artifacts(run, "plots")] == ["plots/a", "plots/b"]
    assert [a.path for a in list_artifacts(run, "plots/")] == ["plots/a", "plots/b"]
    assert [a.path for a in list_artifacts(run, "plots/a")] == ["plots/a"]


def test_an_artifact_that_is_not_there_gets_a_suggestion(on_disk: Workspace) -> None:
    run = holding(make_run(), stage_bytes(on_disk, make_run(), SMALL, "plots/loss.png"))
    for work in (list_artifacts, lambda run, path: open_artifact(on_disk, run, path)):
        with pytest.raises(NotFound) as caught:
            work(run, "plots/los.png")
        assert caught.value.message == f'run {run.id} has no artifact "plots/los.png"'
        assert caught.value.hint == (
            f"Did you mean 'plots/loss.png'? `gitexp run artifacts {run.id}` lists them."
        )


# What is left behind.


def test_staged_files_stay_for_a_day(on_disk: Workspace) -> None:
    stage_bytes(on_disk, make_run(), SMALL, "a")
    assert discard_stale(on_disk) == []
    assert len(discard_stale(on_disk, older_than=timedelta(0))) == 1
    assert discard_stale(on_disk, older_than=timedelta(0)) == []


def test_staged_files_stay_while_a_journal_mentions_them(on_disk: Workspace) -> None:
    first = stage_bytes(on_disk, make_run(), SMALL, "a")
    second = stage_bytes(on_disk, make_run(), LARGE, "b")
    assert on_disk.store.private_dir is not None
    journals = on_disk.store.private_dir / "journals"
    journals.mkdir()
    filler = b"x" * (2**20 - 40)
    (journals / "one.journal").write_bytes(filler + f'{{"digest":"{second.digest}"}}'.encode())
    assert discard_stale(on_disk, older_than=timedelta(0)) == [first.pointer.oid]


def test_staging_again_makes_a_file_young(on_disk: Workspace) -> None:
    stage_bytes(on_disk, make_run(), SMALL, "a")
    assert on_disk.store.private_dir is not None
    (path,) = (p for p in (on_disk.store.private_dir / "staging").iterdir() if p.name != "lock")
    os.utime(path, (0, 0))
    stage_bytes(on_disk, make_run(), SMALL, "b")
    assert discard_stale(on_disk) == []


def test_a_process_that_is_killed_while_it_stages_leaves_only_a_draft(tmp_path: Path) -> None:
    workspace = disk_workspace(tmp_path / "project")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from gitexp.runs.artifacts.staging import staging_of\n"
        "from tests.runs.making import disk_workspace\n"
        "def pieces():\n"
        "    yield b'half'\n"
        "    os.kill(os.getpid(), 9)\n"
        "staging_of(disk_workspace(Path(sys.argv[1]))).add(pieces())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "project")],
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )
    assert done.returncode == -9
    (draft,) = discard_stale(workspace, older_than=timedelta(days=-9999))
    assert draft.startswith("draft-")
    assert stage_bytes(workspace, make_run(), SMALL, "a").size == len(SMALL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_was_forked_meanwhile_keeps_no_lock(
    on_disk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace
    forked: list[int] = []
    read, write = os.pipe()

    def replace(source: str, target: str) -> None:
        if not forked and (process := os.fork()) == 0:
            os.close(write)
            os.read(read, 1)  # until the test has ended
            os._exit(0)
        elif not forked:
            forked.append(process)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    stage_bytes(on_disk, make_run(), SMALL, "a")
    assert on_disk.store.private_dir is not None
    descriptor = os.open(on_disk.store.private_dir / "staging" / "lock", os.O_RDWR)
    free = lock_file_now(descriptor)
    for one in (descriptor, read, write):
        os.close(one)
    os.waitpid(forked[0], 0)
    assert free


def test_many_threads_stage_the_same_and_other_bytes(on_disk: Workspace) -> None:
    def stage(number: int) -> Artifact:
        return stage_bytes(on_disk, make_run(), b"%d" % (number % 5), f"{number}")

    with ThreadPoolExecutor(max_workers=8) as pool:
        staged = list(pool.map(stage, range(100)))
    assert on_disk.store.private_dir is not None
    names = sorted({artifact.pointer.oid for artifact in staged} | {"lock"})
    assert sorted(os.listdir(on_disk.store.private_dir / "staging")) == names
    assert len(names) == 6


def test_a_large_file_is_never_in_memory_as_a_whole(on_disk: Workspace, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(64 * 2**20)
    run = make_run()
    tracemalloc.start()
    try:
        run = holding(run, stage_file(on_disk, run, tmp_path / "huge", None))
        contents_of(on_disk, run)
        download(on_disk, run, None, tmp_path / "got")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "got" / "huge").stat().st_size == 64 * 2**20
    assert peak < 16 * 2**20


def test_a_full_disk_keeps_nothing_and_says_so(
    on_disk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    message = message_of(lambda: stage_bytes(on_disk, make_run(), SMALL, "a"), StoreError)
    assert message == "no space left on the disk; the artifact was not kept"
    monkeypatch.undo()
    assert on_disk.store.private_dir is not None
    staging = on_disk.store.private_dir / "staging"
    assert not staging.exists() or os.listdir(staging) == []


# Towards the remote.


def test_only_new_large_artifacts_are_found_in_a_tree(on_disk: Workspace) -> None:
    trees = []
    for number in range(3):
        run = make_run(run_id(number))
        data = LARGE + b"%d" % number
        run = holding(
            run, stage_bytes(on_disk, run, data, "b"), stage_bytes(on_disk, run, SMALL, "a")
        )
        keep(on_disk, run)
        tip = on_disk.store.ref("refs/heads/runs/bot/tone")
        assert tip is not None
        trees.append(tree_of(on_disk.store, tip))
    found = [
        [pointer.oid for pointer in pointers_between(on_disk.store, old, trees[2])]
        for old in (None, *trees)
    ]
    assert [len(pointers) for pointers in found] == [3, 2, 1, 0]
    assert found[2] == [hashlib.sha256(LARGE + b"2").hexdigest()]


def test_large_artifacts_go_to_the_remote_and_come_from_it(tmp_path: Path) -> None:
    Git(tmp_path)("init", "--quiet", "--bare", "shared.git")
    here, there = disk_workspace(tmp_path / "here"), disk_workspace(tmp_path / "there")
    for workspace in (here, there):
        assert workspace.directory is not None
        Git(workspace.directory)("remote", "add", "origin", "../shared.git")
    run = keep(here, holding(make_run(), stage_bytes(here, make_run(), LARGE, "b")))
    tip = here.store.ref("refs/heads/runs/bot/tone")
    update = PushUpdate(ref="refs/heads/runs/bot/tone", old=None, new=tip)
    assert share_objects(here, [update]) == [run.artifacts[0].pointer]
    assert share_objects(here, [update]) == []
    assert read(there, run, "b") == LARGE
    objects = objects_here(there)
    assert objects is not None
    objects.path(run.artifacts[0].pointer.oid).write_bytes(b"damaged")
    assert read(there, run, "b") == LARGE
