"""References: git and gitexp move them side by side, and each sees what the other did."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gitexp.errors import RefChanged, RepositoryBusy, StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import RefUpdate
from tests.builders import SIGNATURE, commit_files, history, set_branch
from tests.real_git import Git, new_repository

TOPIC = "refs/heads/topic"


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "repository")
    git.commit({"file": "first\n"}, "first")
    return git


def move(store: DiskStore, *updates: RefUpdate) -> None:
    with store.exclusive():
        store.apply((), updates)


def test_git_sees_a_branch_that_was_made_moved_and_deleted(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        assert git("rev-parse", "topic") == names["b"]
        set_branch(store, "topic", names["a"])
        assert git("rev-parse", "topic") == names["a"]
        set_branch(store, "topic", None)
    assert git("branch", "--format=%(refname:short)") == "main"
    git.check()


def test_packed_references_are_read_moved_and_deleted(git: Git) -> None:
    git("tag", "--annotate", "--message=tag", "v1")
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        set_branch(store, "other", names["a"])
        git("pack-refs", "--all")
        assert not (git.path / ".git/refs/heads/topic").exists()
        assert store.ref(TOPIC) == names["b"]
        assert list(store.refs("refs/heads/")) == [
            "refs/heads/main",
            "refs/heads/other",
            "refs/heads/topic",
        ]
        assert store.ref("refs/tags/v1") == git("rev-parse", "v1")
        set_branch(store, "topic", names["a"])
        assert git("rev-parse", "topic") == names["a"]
        set_branch(store, "topic", None)
        assert store.ref(TOPIC) is None
        set_branch(store, "other", None)
        assert store.ref("refs/heads/other") is None
    assert git("branch", "--format=%(refname:short)") == "main"
    assert git("rev-parse", "v1^{commit}") == git("rev-parse", "main")
    git.check()


def test_directories_left_empty_are_removed_and_give_way(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        a = history(store, "a", branch="x/y/z")["a"]
        set_branch(store, "x/y/z", None)
        assert not (git.path / ".git/refs/heads/x").exists()
        (git.path / ".git/refs/heads/x/empty").mkdir(parents=True)
        (git.path / ".git/logs/refs/heads/x/empty").mkdir(parents=True)
        set_branch(store, "x", a)
    assert git("rev-parse", "x") == a
    assert git("reflog", "show", "--format=%H", "x") == a


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("first, second", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_a_name_that_needs_a_file_as_a_directory_is_refused(
    git: Git, first: str, second: str, packed: bool
) -> None:
    commit = ObjectId(git("rev-parse", "main"))
    git("branch", first)
    if packed:
        git("pack-refs", "--all")
    with DiskStore.open(git.path) as store:
        with pytest.raises(StoreError) as caught:
            set_branch(store, second, commit)
        assert caught.value.message == f"refs/heads/{second} cannot exist beside refs/heads/{first}"
        assert list(store.refs("refs/heads/")) == [f"refs/heads/{first}", "refs/heads/main"]
    assert not list((git.path / ".git").rglob("*.lock"))


def test_a_symbolic_reference_is_followed_when_it_is_moved(git: Git) -> None:
    git("symbolic-ref", "refs/heads/alias", TOPIC)
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        assert store.ref("refs/heads/alias") == names["b"]
        move(store, RefUpdate(ref="refs/heads/alias", old=names["b"], new=names["a"]))
    assert git("rev-parse", "topic") == names["a"]
    assert git("symbolic-ref", "refs/heads/alias") == TOPIC


def test_symbolic_references_in_a_circle_are_an_error(git: Git) -> None:
    git("symbolic-ref", "refs/heads/one", "refs/heads/two")
    git("symbolic-ref", "refs/heads/two", "refs/heads/one")
    with (
        DiskStore.open(git.path) as store,
        pytest.raises(
            StoreError, match="the symbolic reference 'refs/heads/one' leads in a circle"
        ),
    ):
        store.ref("refs/heads/one")


def test_a_move_that_git_made_in_between_is_a_conflict(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        git("update-ref", TOPIC, names["a"])
        with pytest.raises(RefChanged, match=f"{TOPIC} is at {names['a']}, not at {names['b']}"):
            move(store, RefUpdate(ref=TOPIC, old=names["b"], new=names["a"]))


def test_a_lock_that_git_gives_back_is_waited_for(git: Git) -> None:
    lock = git.path / f".git/{TOPIC}.lock"
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        lock.touch()
        threading.Timer(0.1, lock.unlink).start()
        set_branch(store, "topic", names["a"])
        assert store.ref(TOPIC) == names["a"]


def test_what_git_wrote_while_it_held_the_lock_counts(git: Git) -> None:
    path = git.path / f".git/{TOPIC}"
    lock = git.path / f".git/{TOPIC}.lock"
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        lock.write_text(f"{names['a']}\n")
        threading.Timer(0.1, lock.rename, [path]).start()
        with pytest.raises(RefChanged, match=f"{TOPIC} is at {names['a']}, not at {names['b']}"):
            move(store, RefUpdate(ref=TOPIC, old=names["b"], new=None))
    assert git("rev-parse", "topic") == names["a"]


def test_nothing_is_deleted_while_git_packs_references(git: Git) -> None:
    lock = git.path / ".git/packed-refs.lock"
    with DiskStore.open(git.path, git_wait=0.0) as store:
        names = history(store, "a", branch="topic")
        lock.touch()
        with pytest.raises(RepositoryBusy, match=r"packed-refs\.lock"):
            set_branch(store, "topic", None)
        assert store.ref(TOPIC) == names["a"]
        lock.unlink()
        set_branch(store, "topic", None)
    assert not list((git.path / ".git").rglob("*.lock"))


def test_a_lock_that_git_keeps_is_never_taken(git: Git) -> None:
    lock = git.path / f".git/{TOPIC}.lock"
    with DiskStore.open(git.path, git_wait=0.05) as store:
        names = history(store, "a b", branch="topic")
        lock.touch()
        with pytest.raises(RepositoryBusy) as caught:
            set_branch(store, "topic", names["a"])
        assert caught.value.message == f"another Git process has held {lock} for 0.05 s"
        assert f"`rm {lock}`" in str(caught.value.hint)
        assert lock.exists()
        assert store.ref(TOPIC) == names["b"]
        lock.unlink()
        set_branch(store, "topic", names["a"])


def test_git_waits_for_a_lock_of_ours(git: Git) -> None:
    git("config", "core.filesRefLockTimeout", "0")
    from gitexp.store.pending import Pending

    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        with store.exclusive():
            pending = Pending(str(store.private_dir), root=str(store.common_dir))
            pending.lock(str(store.common_dir / f"{TOPIC}.lock"))
            done = git.attempt("update-ref", TOPIC, names["a"])
            pending.close()
    assert b"Unable to create" in done.stderr
    git("update-ref", TOPIC, names["a"])


def test_a_lock_that_only_looks_old_is_not_taken(git: Git) -> None:
    lock = git.path / f".git/{TOPIC}.lock"
    with DiskStore.open(git.path, git_wait=0.0) as store:
        names = history(store, "a b", branch="topic")
        lock.touch()
        os.utime(lock, (1_000_000_000, 1_000_000_000))
        with pytest.raises(RepositoryBusy):
            set_branch(store, "topic", names["a"])
        assert lock.exists()


def test_a_lock_from_before_the_machine_started_has_no_living_maker(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = git.path / f".git/{TOPIC}.lock"
    with DiskStore.open(git.path, git_wait=0.0) as store:
        names = history(store, "a b", branch="topic")
        lock.touch()
        # As if the machine would start an hour from now.
        monkeypatch.setattr("time.clock_gettime", lambda clock: -3600.0)
        set_branch(store, "topic", names["a"])
        assert store.ref(TOPIC) == names["a"]
    assert not lock.exists()


def test_reflogs_are_those_that_git_would_write(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        first = ObjectId(git("rev-parse", "main"))
        commit = commit_files(store, {"other": b"x\n"}, message="say so")
        commit_files(store, {"other": b"y\n"}, branch="topic")
        move(store, RefUpdate(ref="refs/gitexp/pins/x", old=None, new=commit))
    who = f"{SIGNATURE.name} <{SIGNATURE.email}> 1767323045 +0000"
    log = (git.path / ".git/logs/refs/heads/main").read_text().splitlines()
    assert log[-1] == f"{first} {commit} {who}\tsay so"
    assert (git.path / ".git/logs/HEAD").read_text().splitlines()[-1] == log[-1]
    assert git("reflog", "show", "--format=%gs", "topic") == "change"
    assert git("rev-parse", "main@{1}") == first
    assert not (git.path / ".git/logs/refs/gitexp").exists()
    git.check()


def test_a_bare_repository_has_reflogs_only_when_it_asks_for_them(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "bare.git", "--bare")
    with DiskStore.open(git.path) as store:
        history(store, "a b")
        assert not (git.path / "logs").exists()
        git("config", "core.logAllRefUpdates", "true")
        history(store, "c")
    assert git("reflog", "show", "--format=%gs", "main") == ""
    assert len((git.path / "logs/refs/heads/main").read_text().splitlines()) == 1


def test_a_move_to_an_old_commit_is_logged_under_the_configured_name(git: Git) -> None:
    git("config", "user.name", "Lin <Example>")
    git("config", "user.email", "lin@example.org")
    with DiskStore.open(git.path) as store:
        names = history(store, "a b", branch="topic")
        set_branch(store, "topic", names["a"])
    last = (git.path / f".git/logs/{TOPIC}").read_text().splitlines()[-1]
    assert last.startswith(f"{names['b']} {names['a']} Lin Example <lin@example.org> ")


def test_the_log_of_a_deleted_branch_goes_with_it(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        history(store, "a", branch="x/topic")
        set_branch(store, "x/topic", None)
    assert not (git.path / ".git/logs/refs/heads/x").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"garbage\n", b"0123456789\n", b"\0" * 41])
def test_a_damaged_reference_is_an_error_that_names_it(git: Git, content: bytes) -> None:
    path = git.path / f".git/{TOPIC}"
    path.write_bytes(content)
    with DiskStore.open(git.path) as store:
        for read in (lambda: store.ref(TOPIC), lambda: store.refs("refs/heads/")):
            with pytest.raises(StoreError) as caught:
                read()
            assert str(path) in caught.value.message
            assert caught.value.message.startswith(f"the reference {TOPIC} is damaged: it ")


def test_references_of_one_worktree_are_its_own(git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "side", "../side")
    linked = Git(git.path.parent / "side")
    linked("update-ref", "refs/worktree/mark", "HEAD")
    with DiskStore.open(git.path) as main, DiskStore.open(linked.path) as side:
        assert side.ref("refs/worktree/mark") == linked("rev-parse", "HEAD")
        assert main.ref("refs/worktree/mark") is None
        assert list(side.refs("refs/worktree/")) == ["refs/worktree/mark"]
        assert main.refs("refs/worktree/") == {}
        assert (main.head().branch, side.head().branch) == ("main", "side")
        assert side.common_dir == main.common_dir
        names = history(side, "a", branch="topic")
    assert git("rev-parse", "topic") == names["a"]


def test_head_is_told_apart_when_detached(git: Git) -> None:
    git("checkout", "--quiet", "--detach")
    with DiskStore.open(git.path) as store:
        head = store.head()
        assert (head.branch, head.commit) == (None, git("rev-parse", "HEAD"))
        history(store, "a", branch="main")
    assert git("rev-parse", "HEAD") == head.commit


def test_an_odd_name_never_leads_out_of_the_repository(git: Git) -> None:
    (git.path / "outside").write_text(git("rev-parse", "main") + "\n")
    with DiskStore.open(git.path) as store:
        for name in ("refs/../../outside", "../outside", "refs/heads/../../../outside", "outside"):
            assert store.ref(name) is None
        assert store.refs("refs/../../") == {}


def test_many_packed_references_are_found_by_prefix(git: Git) -> None:
    commit = git("rev-parse", "main")
    lines = [f"create refs/heads/exp/p{n % 10}/e{n} {commit}" for n in range(500)]
    git("update-ref", "--stdin", text="\n".join(lines) + "\n")
    git("pack-refs", "--all")
    with DiskStore.open(git.path) as store:
        found = store.refs("refs/heads/exp/p3/")
        assert list(found) == sorted(f"refs/heads/exp/p3/e{n}" for n in range(3, 500, 10))
        assert store.ref("refs/heads/exp/p3/e3") == commit
        assert store.ref("refs/heads/exp/p3/e") is None
        set_branch(store, "exp/p3/e3", None)
        assert len(store.refs("refs/heads/exp/")) == 499
    assert len(git("for-each-ref", "refs/heads/exp").splitlines()) == 499
