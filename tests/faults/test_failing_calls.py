"""The n-th system call fails, for every n: the old state or the new, and the next save works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import GitexpError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.transaction import Transaction, transact
from tests.builders import SIGNATURE, commit_files, history
from tests.faults.injection import KINDS, Fault, injected
from tests.real_git import Git, new_repository

pytestmark = pytest.mark.faults

Save = Callable[[DiskStore], object]
State = dict[str, ObjectId]


def save_on_a_branch(store: DiskStore) -> object:
    return commit_files(store, {"a/b.txt": b"new\n", "c.txt": b"new\n"}, branch="topic")


def save_where_it_is_checked_out(store: DiskStore) -> object:
    files = {"a.txt": b"new\n", "d/b.txt": None, "n/m.txt": b"new\n", "z.txt": None}
    return commit_files(store, files, branch="main")


def save_many_objects(store: DiskStore) -> object:
    return commit_files(store, {f"{n}.txt": b"%d" % n for n in range(12)}, branch="topic")


def move_several(store: DiskStore) -> object:
    """Make one branch, move another and delete a third, which is packed."""

    def work(tx: Transaction) -> None:
        tip = tx.ref("refs/heads/topic")
        gone = tx.ref("refs/heads/gone")
        assert tip is not None
        tree = tx.tree(None, {"x": b"x"})
        new = tx.commit(tree=tree, parents=[tip], message="m", author=SIGNATURE)
        tx.set_ref("refs/heads/topic", old=tip, new=new)
        tx.set_ref("refs/heads/deep/er/new", old=None, new=new)
        tx.set_ref("refs/heads/gone", old=gone, new=None)

    return transact(store, work)


SAVES: dict[str, Save] = {
    save.__name__: save
    for save in (save_on_a_branch, save_where_it_is_checked_out, save_many_objects, move_several)
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as it is before every attempt."""
    git = new_repository(tmp_path_factory.mktemp("template") / "repository")
    git.commit({"a.txt": "a\n", "d/b.txt": "b\n", "z.txt": "z\n"})
    git("branch", "gone")
    git("pack-refs", "--all")
    with DiskStore.open(git.path) as store:
        history(store, "a b", branch="topic")
    return git.path


@pytest.fixture
def copies(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Git]:
    """Makes a copy of the template, in the place of the one before."""
    # Whether fsync is called, and when, is another test's question; here it only takes time.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def copy() -> Git:
        target = tmp_path / "repository"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(template, target)
        git = Git(target)
        return git

    return copy


def state(git: Git) -> State:
    with DiskStore.open(git.path) as store:
        return store.refs("refs/heads/")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SAVES)
def test_every_call_may_fail(copies: Callable[[], Git], name: str, kind: str) -> None:
    git = copies()
    before = state(git)
    calls = attempt(git, SAVES[name], Fault(at=0, code=None)).calls
    after = state(git)
    assert before != after
    assert len(calls) > 60
    for number, call in enumerate(calls, start=1):
        if call in KINDS[kind].calls:
            git = copies()
            fault = attempt(git, SAVES[name], replace(KINDS[kind], at=number, calls=[]))
            assert_whole(git, before, after, fault)


def attempt(git: Git, save: Save, fault: Fault) -> Fault:
    """Save under a fault, which may only end in an error of our own."""
    with DiskStore.open(git.path) as store, injected(fault), suppress(GitexpError):
        save(store)
    return fault


def assert_whole(git: Git, before: State, after: State, fault: Fault) -> None:
    """Require the old state or the new one, once the next writer came by, and a sound store."""
    where = f"call {fault.at}, {fault.calls[fault.at - 1 : fault.at]}"
    with DiskStore.open(git.path) as store:
        with store.exclusive():
            pass
        assert store.refs("refs/heads/") in (before, after), where
        commit_files(store, {"next.txt": b"next\n"}, branch="topic")
        commit_files(store, {"next.txt": b"next\n"}, branch="main")
    assert git.status() == "", where
    git.check()
    left = [path.name for path in git.path.rglob("*") if path.is_file()]
    odd = [n for n in left if n.endswith((".lock", ".keep")) or "tmp_" in n or ".gitexp-" in n]
    assert odd == [], where
    assert [path.name for path in (git.path / ".git/gitexp").rglob("*") if path.is_file()] == [
        "lock"
    ], where
