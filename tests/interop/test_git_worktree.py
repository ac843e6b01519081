"""Checked-out branches: index and files move along, and nobody's work is overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotAllowed, StoreError, UncommittedWork
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import MODE_EXECUTABLE, MODE_LINK, RefUpdate, TreeEntry
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import read_commit
from tests.builders import SIGNATURE, commit_files, set_branch
from tests.real_git import Git, new_repository


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "repository")
    git.commit({"a.txt": "a\n", "d/b.txt": "b\n", "d/e/c.txt": "c\n", "z.txt": "z\n"})
    return git


def save(git: Git, files: dict[str, bytes | None], branch: str = "main") -> ObjectId:
    with DiskStore.open(git.path) as store:
        return commit_files(store, files, branch=branch)


def commit_entries(git: Git, entries: dict[str, tuple[int, bytes]]) -> ObjectId:
    """Commit files with modes on the branch main."""

    def work(tx: Transaction) -> ObjectId:
        tip = tx.ref("refs/heads/main")
        assert tip is not None
        changes = {
            path: TreeEntry(name=path.rpartition("/")[2], mode=mode, id=tx.blob(data))
            for path, (mode, data) in entries.items()
        }
        tree = tx.tree(read_commit(tx, tip).tree, changes)
        new = tx.commit(tree=tree, parents=[tip], message="entries", author=SIGNATURE)
        tx.set_ref("refs/heads/main", old=tip, new=new)
        return new

    with DiskStore.open(git.path) as store:
        return transact(store, work)


def assert_refused(git: Git, files: dict[str, bytes | None], *named: str) -> None:
    """Require that a save on main is refused, names these paths, and changes nothing."""
    before = (git("rev-parse", "main"), git.status(), snapshot(git))
    with pytest.raises(UncommittedWork) as caught:
        save(git, files)
    assert caught.value.message == f"not committed in {git.path}: {', '.join(named)}"
    assert "git stash" in str(caught.value.hint)
    assert (git("rev-parse", "main"), git.status(), snapshot(git)) == before
    assert_nothing_left(git)


def snapshot(git: Git) -> dict[str, bytes]:
    return {
        str(path.relative_to(git.path)): path.read_bytes()
        for path in sorted(git.path.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(git.path).parts
    }


def assert_nothing_left(git: Git) -> None:
    names = [path.name for path in git.path.rglob("*")]
    assert not [n for n in names if n.endswith(".lock") or ".gitexp-" in n or "tmp_" in n]
    private = git.path / ".git/gitexp"
    assert not private.exists() or {p.name for p in private.rglob("*")} <= {"lock", "turn", "held"}


def test_files_and_index_follow_the_branch(git: Git) -> None:
    save(git, {"a.txt": b"new\n", "d/b.txt": None, "n/m/new.txt": b"x\n", "d/e/c.txt": b"c2\n"})
    assert git.status() == ""
    assert snapshot(git) == {
        "a.txt": b"new\n",
        "d/e/c.txt": b"c2\n",
        "n/m/new.txt": b"x\n",
        "z.txt": b"z\n",
    }
    git.check()
    assert_nothing_left(git)


def test_git_finds_nothing_to_refresh(git: Git) -> None:
    save(git, {"a.txt": b"new\n"})
    assert git.raw("diff-files", "--name-only") == b""
    assert git.raw("diff-index", "--cached", "--name-only", "HEAD") == b""


def test_another_branch_does_not_touch_files_or_index(git: Git) -> None:
    before = (git.path / ".git/index").read_bytes()
    save(git, {"a.txt": b"new\n"}, branch="topic")
    assert (git.path / ".git/index").read_bytes() == before
    assert git.status() == ""
    assert (git.path / "a.txt").read_bytes() == b"a\n"


def test_other_work_staged_or_not_stays_as_it_is(git: Git) -> None:
    (git.path / "z.txt").write_text("edited\n")
    (git.path / "d/b.txt").write_text("staged\n")
    git("add", "d/b.txt")
    (git.path / "d/b.txt").write_text("staged and edited\n")
    (git.path / "untracked.txt").write_text("mine\n")
    (git.path / "announced.txt").write_text("later\n")
    git("add", "--intent-to-add", "announced.txt")
    git("update-index", "--assume-unchanged", "d/e/c.txt")
    before = git.status()
    save(git, {"a.txt": b"new\n"})
    assert git.status() == before
    assert git("show", ":d/b.txt") == "staged"
    assert git("ls-files", "-v", "d/e/c.txt") == "h d/e/c.txt"
    assert (git.path / "z.txt").read_text() == "edited\n"


def test_an_edited_file_is_never_overwritten(git: Git) -> None:
    (git.path / "a.txt").write_text("mine\n")
    assert_refused(git, {"a.txt": b"new\n", "z.txt": b"new\n"}, "a.txt")


def test_an_edit_of_the_same_size_and_time_is_noticed(git: Git) -> None:
    path = git.path / "a.txt"
    found = path.stat()
    path.write_text("b\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")


def test_an_edit_that_only_the_age_of_the_index_gives_away_stays_visible(git: Git) -> None:
    git("config", "core.trustctime", "false")
    path, moment = git.path / "z.txt", 1_700_000_000_000_000_000
    os.utime(path, ns=(moment, moment))
    git("update-index", "--refresh")
    path.write_text("y\n")
    os.utime(path, ns=(moment, moment))
    os.utime(git.path / ".git/index", ns=(moment, moment))
    save(git, {"a.txt": b"new\n"})
    assert git.status() == " M z.txt"


def test_a_staged_edit_is_never_overwritten(git: Git) -> None:
    (git.path / "a.txt").write_text("mine\n")
    git("add", "a.txt")
    (git.path / "a.txt").write_text("a\n")
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")


def test_a_deleted_file_is_uncommitted_work(git: Git) -> None:
    (git.path / "a.txt").unlink()
    (git.path / "z.txt").unlink()
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")
    save(git, {"z.txt": None})
    assert git.status() == " D a.txt"


def test_an_edited_file_is_not_removed(git: Git) -> None:
    (git.path / "a.txt").write_text("mine\n")
    assert_refused(git, {"a.txt": None}, "a.txt")


def test_an_untracked_file_in_the_way_is_kept(git: Git) -> None:
    (git.path / "new.txt").write_text("mine\n")
    (git.path / ".git/info").mkdir()
    (git.path / ".git/info/exclude").write_text("new.txt\n")
    assert_refused(git, {"new.txt": b"new\n"}, "new.txt")


def test_a_file_that_has_the_new_content_already_is_no_obstacle(git: Git) -> None:
    (git.path / "a.txt").write_text("new\n")
    (git.path / "new.txt").write_text("new\n")
    git("add", "a.txt")
    save(git, {"a.txt": b"new\n", "new.txt": b"new\n"})
    assert git.status() == ""


def test_an_unresolved_conflict_is_uncommitted_work(git: Git) -> None:
    git("branch", "side")
    git.commit({"a.txt": "ours\n"})
    git("checkout", "--quiet", "side")
    git.commit({"a.txt": "theirs\n"})
    git("checkout", "--quiet", "main")
    assert git.attempt("merge", "side").returncode == 1
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")
    save(git, {"z.txt": b"new\n"})
    assert git.status() == "UU a.txt"
    assert git("ls-files", "--unmerged").count("a.txt") == 3


def test_a_changed_mode_is_uncommitted_work(git: Git) -> None:
    (git.path / "a.txt").chmod(0o755)
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")


def test_many_edited_files_are_named_in_short(git: Git) -> None:
    names = [f"f{n:02}.txt" for n in range(14)]
    git.commit(dict.fromkeys(names, "old\n"))
    for name in names:
        (git.path / name).write_text("mine\n")
    shown = [*names[:9], f"{names[9]} and 4 more"]
    assert_refused(git, dict.fromkeys(names, b"new\n"), *shown)


def test_executable_files_and_links_follow(git: Git) -> None:
    commit_entries(git, {"run.sh": (MODE_EXECUTABLE, b"#!/bin/sh\n"), "l": (MODE_LINK, b"a.txt")})
    assert git.status() == ""
    assert os.access(git.path / "run.sh", os.X_OK)
    assert os.readlink(git.path / "l") == "a.txt"
    commit_entries(git, {"l": (MODE_LINK, b"z.txt")})
    assert os.readlink(git.path / "l") == "z.txt"
    save(git, {"run.sh": b"#!/bin/sh\ntrue\n", "l": None})
    assert os.access(git.path / "run.sh", os.X_OK)
    assert git.status() == ""
    assert not os.path.lexists(git.path / "l")


def test_a_link_is_replaced_and_its_target_untouched(git: Git, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine\n")
    commit_entries(git, {"l": (MODE_LINK, str(outside).encode())})
    save(git, {"l": None})
    save(git, {"l": b"now a file\n"})
    assert outside.read_text() == "mine\n"
    assert not (git.path / "l").is_symlink()
    assert git.status() == ""


def test_nothing_is_written_through_a_linked_directory(git: Git, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (git.path / "n").symlink_to(outside)
    assert_refused(git, {"n/new.txt": b"new\n"}, "n/new.txt")
    assert list(outside.iterdir()) == []


def test_a_directory_that_became_a_link_in_the_same_commit_is_safe(
    git: Git, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.txt").write_text("mine\n")

    def work(tx: Transaction) -> None:
        tip = tx.ref("refs/heads/main")
        assert tip is not None
        link = TreeEntry(name="d", mode=MODE_LINK, id=tx.blob(str(outside).encode()))
        tree = tx.tree(read_commit(tx, tip).tree, {"d": link})
        new = tx.commit(tree=tree, parents=[tip], message="m", author=SIGNATURE)
        tx.set_ref("refs/heads/main", old=tip, new=new)

    with DiskStore.open(git.path) as store:
        transact(store, work)
    assert os.readlink(git.path / "d") == str(outside)
    save(git, {"d": None})
    save(git, {"d/b.txt": b"back\n"})
    assert git.status() == ""
    assert (outside / "b.txt").read_text() == "mine\n"


def test_a_file_and_a_directory_take_each_others_place(git: Git) -> None:
    save(
        git, {"d/b.txt": None, "d/e/c.txt": None, "d": b"a file\n", "a.txt": None, "a.txt/x": b"x"}
    )
    assert git.status() == ""
    assert snapshot(git) == {"d": b"a file\n", "a.txt/x": b"x", "z.txt": b"z\n"}


def test_a_directory_with_other_files_does_not_give_way(git: Git) -> None:
    (git.path / "d/mine.txt").write_text("mine\n")
    assert_refused(git, {"d/b.txt": None, "d/e/c.txt": None, "d": b"a file\n"}, "d")


def test_the_first_commit_of_an_unborn_branch_fills_the_working_tree(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository")
    (git.path / "mine.txt").write_text("mine\n")
    save(git, {"a.txt": b"a\n"})
    assert git.status() == "?? mine.txt"
    assert (git.path / "a.txt").read_text() == "a\n"


def test_a_linked_worktree_follows_from_wherever_the_save_is_made(git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "side", "../side")
    linked = Git(git.path.parent / "side")
    save(git, {"a.txt": b"from main\n"}, branch="side")
    assert (linked.status(), git.status()) == ("", "")
    assert (linked.path / "a.txt").read_text() == "from main\n"
    save(linked, {"z.txt": b"from side\n"}, branch="main")
    assert (linked.status(), git.status()) == ("", "")
    assert (git.path / "z.txt").read_text() == "from side\n"
    assert linked("reflog", "show", "--format=%gs", "-1", "HEAD") == "change"
    (linked.path / "a.txt").write_text("mine\n")
    with pytest.raises(UncommittedWork, match=f"not committed in {linked.path}: a.txt"):
        save(git, {"a.txt": b"new\n"}, branch="side")


def test_a_worktree_that_is_gone_is_no_obstacle(git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "side", "../side")
    (git.path.parent / "side").rename(git.path.parent / "elsewhere")
    assert git("rev-parse", "side") != save(git, {"a.txt": b"new\n"}, branch="side")


def test_a_detached_head_follows_nothing(git: Git) -> None:
    git("checkout", "--quiet", "--detach")
    save(git, {"a.txt": b"new\n"})
    assert git.status() == ""
    assert (git.path / "a.txt").read_text() == "a\n"


def test_a_checked_out_branch_is_not_deleted(git: Git) -> None:
    with DiskStore.open(git.path) as store, pytest.raises(NotAllowed) as caught:
        set_branch(store, "main", None)
    assert caught.value.message == f"refs/heads/main is checked out in {git.path}"
    assert git.status() == ""


def test_a_branch_is_set_back_with_its_files(git: Git) -> None:
    first = ObjectId(git("rev-parse", "main"))
    save(git, {"a.txt": b"new\n", "n/x.txt": b"x\n", "z.txt": None})
    with DiskStore.open(git.path) as store:
        set_branch(store, "main", first)
    assert git.status() == ""
    assert not (git.path / "n").exists()


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_version_of_the_index_is_kept(git: Git, version: str) -> None:
    git("update-index", "--index-version", version)
    save(git, {"a.txt": b"new\n", "d/bb.txt": b"x\n", "d/e/f/g.txt": b"y\n", "z.txt": None})
    assert git.status() == ""
    assert git("ls-files").splitlines() == [
        "a.txt",
        "d/b.txt",
        "d/bb.txt",
        "d/e/c.txt",
        "d/e/f/g.txt",
    ]
    stored = (git.path / ".git/index").read_bytes()[7]
    assert stored == (4 if version == "4" else 2)


def test_a_sha256_repository_follows_too(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository", "--object-format=sha256")
    git.commit({"a.txt": "a\n", "d/b.txt": "b\n"})
    save(git, {"a.txt": b"new\n", "d/c.txt": b"c\n"})
    assert git.status() == ""
    git.check()


def test_long_and_odd_names_follow(git: Git) -> None:
    names = ["é/ü.txt", "with space/tab\tname", "n" * 200, "deep/" * 40 + "x", "-dash", '"quoted"']
    save(git, {name: name.encode() for name in names})
    assert git.status() == ""
    assert sorted(set(snapshot(git)) - {"a.txt", "z.txt"}) == sorted(
        [*names, "d/b.txt", "d/e/c.txt"]
    )


def test_caches_in_the_index_do_not_mislead_git(git: Git) -> None:
    git("config", "core.untrackedCache", "true")
    git("update-index", "--untracked-cache")
    (git.path / "d/untracked.txt").write_text("x\n")
    assert git.status() == "?? d/untracked.txt"
    git("write-tree")
    save(git, {"d/b.txt": b"new\n", "n/x.txt": b"x\n"})
    assert git.status() == "?? d/untracked.txt"
    git.commit({"z.txt": "more\n"})
    assert git("show", "HEAD:d/b.txt") == "new"
    git.check()


def test_a_split_index_is_refused_with_the_command_that_joins_it(git: Git) -> None:
    git("update-index", "--split-index")
    (git.path / "x.txt").write_text("x\n")
    git("add", "x.txt")
    with pytest.raises(StoreError) as caught:
        save(git, {"a.txt": b"new\n"})
    assert "uses a split index, which is not supported" in caught.value.message
    assert "`git update-index --no-split-index`" in str(caught.value.hint)
    assert_nothing_left(git)
    git("update-index", "--no-split-index")
    save(git, {"a.txt": b"new\n"})
    assert git.status() == "A  x.txt"


def test_a_damaged_index_is_refused(git: Git) -> None:
    path = git.path / ".git/index"
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"the index .* is damaged: its checksum is wrong"):
        save(git, {"a.txt": b"new\n"})
    assert_nothing_left(git)


def test_an_index_that_git_has_locked_is_waited_for_in_vain(git: Git) -> None:
    lock = git.path / ".git/index.lock"
    lock.touch()
    with DiskStore.open(git.path, git_wait=0.0) as store, pytest.raises(StoreError) as caught:
        commit_files(store, {"a.txt": b"new\n"})
    assert caught.value.message == f"another Git process has held {lock} for 0 s"
    assert lock.exists()
    lock.unlink()
    assert_nothing_left(git)
    assert git.status() == ""


@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_paths_outside_of_a_sparse_checkout_stay_out(git: Git, cone: str) -> None:
    git("sparse-checkout", "set", cone, "d/e")
    save(git, {"d/e/c.txt": b"in\n", "q/new.txt": b"out\n", "d/e/n.txt": b"in\n"})
    save(git, {"q/new.txt": b"out again\n"})
    assert git.status() == ""
    assert not (git.path / "q").exists()
    assert (git.path / "d/e/c.txt").read_text() == "in\n"
    assert git("ls-files", "-t", "q", "d/e").splitlines() == [
        "H d/e/c.txt",
        "H d/e/n.txt",
        "S q/new.txt",
    ]
    git("sparse-checkout", "disable")
    assert (git.path / "q/new.txt").read_text() == "out again\n"
    assert git.status() == ""


def test_line_endings_are_those_that_git_writes(git: Git) -> None:
    git("config", "core.autocrlf", "true")
    (git.path / "a.txt").unlink()
    git("checkout", "--quiet", "a.txt")
    assert (git.path / "a.txt").read_bytes() == b"a\r\n"
    save(git, {"a.txt": b"one\ntwo\n", "n.txt": b"x\n", "binary": b"\0\n\n"})
    assert (git.path / "a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (git.path / "n.txt").read_bytes() == b"x\r\n"
    assert (git.path / "binary").read_bytes() == b"\0\n\n"
    assert git.status() == ""
    (git.path / "n.txt").write_bytes(b"x\n")
    save(git, {"n.txt": b"y\n"})
    assert git.status() == ""


def test_line_endings_of_attributes_count(git: Git) -> None:
    git.commit(
        {
            ".gitattributes": "*.txt text eol=crlf\n*.lf text eol=lf\n"
            "d/*.txt -text\n*.bin binary\n",
            "d/.gitattributes": "e/** eol=lf\n",
        }
    )
    names = ("x.txt", "x.lf", "d/x.txt", "d/e/x.txt", "x.bin")
    save(git, dict.fromkeys(names, b"1\n2\n"))
    written = {name: (git.path / name).read_bytes() for name in names}
    assert git.status() == ""
    for name in names:
        (git.path / name).unlink()
    git("checkout", "--quiet", "--", ".")
    assert written == {name: (git.path / name).read_bytes() for name in names}
    save(git, dict.fromkeys(names, b"3\n"))
    assert git.status() == ""


def test_a_file_that_only_differs_in_line_endings_is_edited_where_nothing_converts(
    git: Git,
) -> None:
    (git.path / "a.txt").write_bytes(b"a\r\n")
    assert_refused(git, {"a.txt": b"new\n"}, "a.txt")


def test_a_filter_is_left_to_git(git: Git) -> None:
    git("config", "filter.upper.clean", "tr a-z A-Z")
    git("config", "filter.upper.smudge", "tr A-Z a-z")
    git.commit({".gitattributes": "*.up filter=upper\n"})
    git.commit({"x.up": "text\n"})
    with pytest.raises(NotAllowed) as caught:
        save(git, {"x.up": b"NEW\n"})
    assert caught.value.message == "x.up has the attribute filter=upper, which only Git can apply"
    assert_nothing_left(git)
    save(git, {"x.up": None})
    assert git.status() == ""


def test_a_pointer_of_large_file_storage_is_written_as_it_is(git: Git) -> None:
    git.commit({".gitattributes": "*.big filter=lfs diff=lfs merge=lfs -text\n"})
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    save(git, {"x.big": pointer})
    assert (git.path / "x.big").read_bytes() == pointer


@pytest.mark.parametrize("name", ["git~1", ".git ", "a/.GIT.", ".g\u200cit"])
def test_a_name_that_leads_into_gits_directory_is_not_written(git: Git, name: str) -> None:
    tip = git("rev-parse", "main")
    blob = git("hash-object", "-w", "--stdin", text="x")
    inner = name.rpartition("/")[2]
    tree = git("mktree", text=f"100644 blob {blob}\t{inner}\n")
    if "/" in name:
        tree = git("mktree", text=f"040000 tree {tree}\ta\n")
    commit = git("commit-tree", tree, "-p", tip, "-m", "evil")
    update = RefUpdate(ref="refs/heads/main", old=ObjectId(tip), new=ObjectId(commit))
    with DiskStore.open(git.path) as store, store.exclusive(), pytest.raises(InvalidInput):
        store.apply((), [update])
    assert git("rev-parse", "main") == tip
    assert_nothing_left(git)


def test_a_submodule_moves_in_the_index_alone(git: Git) -> None:
    inner = new_repository(git.path / "sub")
    first = inner.commit({"x": "1\n"})
    git("update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    git("commit", "--quiet", "--message=submodule")
    second = inner.commit({"x": "2\n"})

    def work(tx: Transaction) -> None:
        tip = tx.ref("refs/heads/main")
        assert tip is not None
        entry = TreeEntry(name="sub", mode=0o160000, id=ObjectId(second))
        tree = tx.tree(read_commit(tx, tip).tree, {"sub": entry})
        new = tx.commit(tree=tree, parents=[tip], message="m", author=SIGNATURE)
        tx.set_ref("refs/heads/main", old=tip, new=new)

    with DiskStore.open(git.path) as store:
        transact(store, work)
    assert git.status() == ""
    assert git("ls-files", "--stage", "sub").split()[1] == second


def test_a_clone_without_checkout_gets_no_files(git: Git, tmp_path: Path) -> None:
    bare_looking = Git(tmp_path / "unfilled")
    git("clone", "--quiet", "--no-checkout", ".", bare_looking.path)
    save(bare_looking, {"a.txt": b"new\n"})
    assert [path.name for path in bare_looking.path.iterdir()] == [".git"]


def test_a_bare_repository_has_nothing_to_follow(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "bare.git", "--bare")
    save(git, {"a.txt": b"new\n"})
    assert git("show", "main:a.txt") == "new"
    assert not (git.path / "index").exists()
