"""What a push of runs sends to the place of large files, and what it leaves alone."""

from __future__ import annotations

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.kept import contents_of, stage_bytes
from gitexp.runs.artifacts.large_files import ATTRIBUTES, ATTRIBUTES_FILE, pointers_between
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from gitexp.store.lfs.pointers import POINTER_LIMIT, Pointer
from gitexp.store.model import TreeId
from gitexp.store.trees import tree_of
from tests.runs.artifacts.test_kept import LARGE, holding
from tests.runs.making import make_run, run_id

BRANCH = "refs/heads/runs/bot/tone"


def wrote(workspace: Workspace, files: dict[str, bytes]) -> TreeId:
    """Return the tree of the runs branch with more files."""
    ledger.write(workspace, "tone", files, message="record")
    tip = workspace.store.ref(BRANCH)
    assert tip is not None
    return tree_of(workspace.store, tip)


def recorded(workspace: Workspace, number: int) -> tuple[Run, TreeId]:
    """Return a run with one large artifact, and the tree of the runs branch once it holds it."""
    run = make_run(run_id(number))
    run = holding(run, stage_bytes(workspace, run, LARGE + b"%d" % number, "weights"))
    record = ledger.record_of(run, ()).contents()
    return run, wrote(workspace, {**record, **contents_of(workspace, run)})


def oids(workspace: Workspace, old: TreeId | None, new: TreeId) -> list[str]:
    return [pointer.oid for pointer in pointers_between(workspace.store, old, new)]


def test_only_the_pointers_that_are_new_in_a_run_are_found(on_disk: Workspace) -> None:
    run, before = recorded(on_disk, 1)
    more = Pointer(oid="ab" * 32, size=5)
    after = wrote(on_disk, {f"{layout.run_dir(run.id)}/lfs/more": more.to_bytes()})
    assert oids(on_disk, before, after) == [more.oid]
    assert oids(on_disk, after, before) == []


def test_a_file_that_is_no_pointer_is_left_to_git(on_disk: Workspace) -> None:
    run, before = recorded(on_disk, 1)
    directory = f"{layout.run_dir(run.id)}/lfs"
    sizes = (5, POINTER_LIMIT, POINTER_LIMIT + 1)
    after = wrote(on_disk, {f"{directory}/{size}": b"x" * size for size in sizes})
    assert oids(on_disk, before, after) == []


def test_pointers_elsewhere_than_beside_a_record_are_left_to_git_lfs(on_disk: Workspace) -> None:
    run, before = recorded(on_disk, 1)
    pointer = Pointer(oid="ab" * 32, size=5).to_bytes()
    places = ("lfs/a", "runs/lfs/a", "runs/2026/11/21/1315/other/lfs/a", f"runs/{run.id}/lfs/a")
    after = wrote(on_disk, dict.fromkeys(places, pointer))
    assert oids(on_disk, before, after) == []


def test_a_branch_without_large_artifacts_is_not_walked(on_disk: Workspace) -> None:
    pointer = Pointer(oid="ab" * 32, size=5)
    path = f"{layout.run_dir(run_id(1))}/lfs/a"
    assert oids(on_disk, None, wrote(on_disk, {path: pointer.to_bytes()})) == []
    marked = wrote(on_disk, {ATTRIBUTES_FILE: ATTRIBUTES})
    assert oids(on_disk, None, marked) == [pointer.oid]
