"""The repository lock, and lock files that outlive nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gitexp.errors import RepositoryBusy, StoreError
from gitexp.store.disk import DiskStore
from gitexp.store.locks import RepositoryLock, wait_until
from gitexp.store.pending import Pending, recover
from gitexp.store.steps import fingerprint
from tests.builders import commit_files, history, set_branch

HOLDER = """
import sys
from pathlib import Path
from gitexp.store.locks import RepositoryLock
with RepositoryLock(Path(sys.argv[1])).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(directory: Path) -> subprocess.Popen[str]:
    """Return a process that holds the lock of a directory until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_waited_for_and_named(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(RepositoryBusy) as caught:
            RepositoryLock(tmp_path, wait=0.05).hold().__enter__()
        assert caught.value.message == (
            f"another gitexp process has held {tmp_path / 'lock'} for 0.05 s "
            f"(process {process.pid})"
        )
        assert process.stdin is not None
        process.stdin.close()
    with RepositoryLock(tmp_path, wait=0.0).hold():
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        process.wait()
    with RepositoryLock(tmp_path, wait=0.0).hold():
        pass


def test_a_thread_that_asks_twice_is_told_so(tmp_path: Path) -> None:
    lock = RepositoryLock(tmp_path)
    with lock.hold(), pytest.raises(RepositoryBusy, match="this thread holds the lock"):
        RepositoryLock(tmp_path).hold().__enter__()
    assert not lock.is_mine


def test_another_thread_is_excluded_and_is_not_the_holder(tmp_path: Path) -> None:
    found: list[object] = []

    def other() -> None:
        lock = RepositoryLock(tmp_path, wait=0.02)
        found.append(lock.is_mine)
        try:
            with lock.hold():
                found.append("held")
        except RepositoryBusy:
            found.append("busy")

    with RepositoryLock(tmp_path).hold():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [False, "busy"]


def test_a_deleted_lock_file_excludes_nobody_twice(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        (tmp_path / "lock").unlink()
        with RepositoryLock(tmp_path, wait=0.0).hold(), pytest.raises(RepositoryBusy):
            RepositoryLock(tmp_path, wait=0.0).hold().__enter__()
        process.kill()


FORKING = """
import os, sys
from pathlib import Path
from gitexp.store.locks import RepositoryLock
from gitexp.errors import RepositoryBusy
directory = Path(sys.argv[1])
lock = RepositoryLock(directory, wait=0.0)
with lock.hold():
    child = os.fork()
    if child == 0:
        assert not lock.is_mine
        try:
            lock.hold().__enter__()
        except RepositoryBusy:
            os._exit(7)
        os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert lock.is_mine
    child = os.fork()
    if child == 0:
        os.read(0, 1)
        os._exit(0)
with lock.hold():
    os.write(1, b"free although a child lives")
os.kill(child, 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_neither_holds_nor_frees_the_lock(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.PIPE,
    )
    assert done.stdout == "free although a child lives"


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError) as caught:
        RepositoryLock(tmp_path).hold().__enter__()
    assert caught.value.message == (
        "the file system of the repository cannot lock files: No locks available"
    )


def test_waiting_ends_with_the_first_answer() -> None:
    answers = iter([None, None, "done"])
    assert wait_until(lambda: next(answers), 10.0) == "done"
    assert wait_until(lambda: None, 0.0) is None


# Lock files beside references.


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    store = DiskStore.init(tmp_path / "repository")
    history(store, "a b", branch="topic")
    return store


def pending(store: DiskStore) -> Pending:
    return Pending(str(store.private_dir), root=str(store.common_dir), wait=0.0)


def lock_path(store: DiskStore) -> Path:
    return store.common_dir / "refs/heads/topic.lock"


def test_a_lock_of_a_dead_process_is_cleared(store: DiskStore) -> None:
    pending(store).lock(str(lock_path(store)), b"unfinished")
    assert lock_path(store).read_bytes() == b"unfinished"
    set_branch(store, "topic", None)
    assert not lock_path(store).exists()
    assert list((store.private_dir / "held").iterdir()) == []


def test_a_lock_that_somebody_else_made_after_ours_was_removed_is_kept(store: DiskStore) -> None:
    pending(store).lock(str(lock_path(store)))
    lock_path(store).unlink()
    lock_path(store).write_text("made by git")
    with store.exclusive():
        pass
    assert lock_path(store).read_text() == "made by git"


def test_where_there_are_no_hard_links_locks_work_too(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    history(store, "c", branch="other")
    held = pending(store).lock(str(lock_path(store)), b"unfinished")
    assert held.is_ours()
    with pytest.raises(RepositoryBusy):
        pending(store).lock(str(lock_path(store)))
    with store.exclusive():
        pass
    assert not lock_path(store).exists()


# Decided and undecided work of a dead process.


def prepared(store: DiskStore, target: Path) -> Pending:
    """Return work that locked a file and is to put new content there."""
    work = pending(store)
    held = work.lock(f"{target}.lock", b"new")
    work.guarded("publish", held, str(target))
    return work


def recovered(store: DiskStore) -> None:
    recover(str(store.private_dir), root=str(store.common_dir))


def test_what_was_not_decided_is_undone(store: DiskStore) -> None:
    target = store.common_dir / "refs/heads/x"
    prepared(store, target)
    recovered(store)
    assert not target.exists()
    assert not Path(f"{target}.lock").exists()


def decided_and_dead(store: DiskStore, work: Pending) -> None:
    """Leave work as a process does that dies right after the decision."""
    work._write_decision()
    work._leave()


def test_what_was_decided_is_finished(store: DiskStore) -> None:
    target = store.common_dir / "refs/heads/x"
    decided_and_dead(store, prepared(store, target))
    recovered(store)
    assert target.read_bytes() == b"new"
    assert not Path(f"{target}.lock").exists()
    assert not (store.private_dir / "pending").exists()


def test_a_decision_that_is_torn_is_none(store: DiskStore) -> None:
    target = store.common_dir / "refs/heads/x"
    decided_and_dead(store, prepared(store, target))
    log = store.private_dir / "pending"
    log.write_bytes(log.read_bytes()[:-1])
    recovered(store)
    assert not target.exists()


def test_a_step_is_not_done_when_its_lock_was_taken_away(store: DiskStore) -> None:
    target = store.common_dir / "refs/heads/x"
    decided_and_dead(store, prepared(store, target))
    Path(f"{target}.lock").unlink()
    target.write_bytes(b"by git")
    recovered(store)
    assert target.read_bytes() == b"by git"


@pytest.mark.parametrize("edited", [False, True])
def test_a_file_that_was_edited_in_the_meantime_is_kept(
    store: DiskStore, tmp_path: Path, edited: bool
) -> None:
    file, draft = tmp_path / "file with\ttab", tmp_path / "draft%09"
    file.write_text("old")
    draft.write_text("new")
    work = pending(store)
    work.temporary(str(draft))
    work.step("move", str(draft), str(file), fingerprint(str(file)), str(tmp_path))
    decided_and_dead(store, work)
    if edited:
        file.write_text("mine")
    recovered(store)
    assert file.read_text() == ("mine" if edited else "new")
    assert not draft.exists()


def test_a_repository_may_be_moved_before_it_is_finished(store: DiskStore, tmp_path: Path) -> None:
    decided_and_dead(store, prepared(store, store.common_dir / "refs/heads/x"))
    moved = tmp_path / "moved"
    (tmp_path / "repository").rename(moved)
    recover(str(moved / ".git/gitexp"), root=str(moved / ".git"))
    assert (moved / ".git/refs/heads/x").read_bytes() == b"new"


def test_garbage_in_the_log_stops_nobody(store: DiskStore) -> None:
    for garbage in (
        b"",
        b"\n\n\n",
        b"lock\n",
        b"\xff\0\t\t\nmove\tx\n",
        b"decided\n",
        b"move\ndecided\n",
    ):
        (store.private_dir / "pending").write_bytes(garbage)
        commit_files(store, {"a": garbage}, branch="topic")
        assert not (store.private_dir / "pending").exists()
