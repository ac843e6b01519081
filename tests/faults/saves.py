"""Saves of every kind, and what must hold after one that was cut short."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.transaction import Transaction, transact
from tests.builders import SIGNATURE, commit_files, history
from tests.real_git import Git, new_repository

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


def make_template(path: Path) -> Git:
    """Return a repository as it is before every save."""
    git = new_repository(path)
    git.commit({"a.txt": "a\n", "d/b.txt": "b\n", "z.txt": "z\n"})
    git("branch", "gone")
    git("pack-refs", "--all")
    with DiskStore.open(git.path) as store:
        history(store, "a b", branch="topic")
    return git


def copy_of(template: Path, target: Path) -> Git:
    """Return a copy of a repository, in the place of the one before."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target)
    return Git(target)


def state(git: Git) -> State:
    """Return all branches."""
    with DiskStore.open(git.path) as store:
        return store.refs("refs/heads/")


def assert_whole(git: Git, before: State, after: State, where: str) -> None:
    """Require the old state or the new one, once the next writer came by, and a sound store."""
    with DiskStore.open(git.path) as store:
        with store.exclusive():
            pass
        assert store.refs("refs/heads/") in (before, after), where
        commit_files(store, {"next.txt": b"next\n"}, branch="topic")
        commit_files(store, {"next.txt": b"next\n"}, branch="main")
    assert git.status() == "", where
    git.check()
    left = [path.name for path in git.path.rglob("*") if path.is_file()]
    odd = [n for n in left if n.endswith((".lock", ".keep")) or "draft-" in n or ".gitexp-" in n]
    assert odd == [], where
    private = git.path / ".git/gitexp"
    assert {path.name for path in private.rglob("*")} == {"lock", "turn", "held"}, where
