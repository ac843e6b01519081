"""Finding, opening and making repositories, and what a store says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, MissingObject, NotFound, StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import RefUpdate
from gitexp.store.objects import make_object
from tests.builders import commit_files, history
from tests.real_git import Git, new_repository


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = new_repository(tmp_path / "repository")
    git.commit({"d/e/file": "x\n"})
    return git


def test_a_repository_is_found_from_any_directory_in_it(git: Git) -> None:
    for start in ("", "d", "d/e", "d/e/not-there", ".git", ".git/refs/heads"):
        with DiskStore.discover(git.path / start) as store:
            assert store.git_dir == git.path / ".git"
            assert store.common_dir == git.path / ".git"
            assert store.private_dir == git.path / ".git" / "gitexp"


def test_the_worktree_is_known_where_there_is_one(git: Git, tmp_path: Path) -> None:
    with DiskStore.open(git.path) as store:
        assert store.worktree == git.path
    with DiskStore.open(git.path / ".git") as store:
        assert store.worktree == git.path
    bare = new_repository(tmp_path / "bare.git", "--bare")
    with DiskStore.discover(bare.path / "refs") as store:
        assert (store.worktree, store.git_dir) == (None, bare.path)


def test_the_inner_one_of_two_repositories_is_found(git: Git) -> None:
    inner = new_repository(git.path / "d" / "inner")
    with DiskStore.discover(inner.path) as store:
        assert store.worktree == inner.path


def test_a_linked_worktree_shares_objects_and_references(git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "side", "../side")
    side = git.path.parent / "side"
    with DiskStore.discover(side / "d") as store:
        assert store.worktree == side
        assert store.common_dir == git.path / ".git"
        assert store.git_dir == git.path / ".git/worktrees/side"
        assert store.ref("refs/heads/main") == git("rev-parse", "main")
    with DiskStore.open(git.path / ".git/worktrees/side") as store:
        assert store.worktree == side


def test_a_separate_directory_and_a_submodule_are_followed(git: Git, tmp_path: Path) -> None:
    apart = new_repository(tmp_path / "apart", f"--separate-git-dir={tmp_path / 'store'}")
    with DiskStore.open(apart.path) as store:
        assert (store.git_dir, store.worktree) == (tmp_path / "store", apart.path)
    git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(git.path), "sub")
    with DiskStore.discover(git.path / "sub") as store:
        assert store.worktree == git.path / "sub"
        assert store.git_dir == git.path / ".git/modules/sub"
    with DiskStore.open(git.path / ".git/modules/sub") as store:
        assert store.worktree == git.path / "sub"


def test_no_repository_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        DiskStore.discover(tmp_path)
    assert caught.value.message == f"no Git repository in {tmp_path} or a directory above it"
    with pytest.raises(NotFound, match="is no Git repository"):
        DiskStore.open(tmp_path)


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: ../gone\n")
    with pytest.raises(StoreError) as caught:
        DiskStore.discover(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / '.git'} leads to no repository")
    assert "`git worktree repair`" in str(caught.value.hint)


@pytest.mark.parametrize("bare", [False, True])
def test_a_new_repository_is_one_for_git_too(tmp_path: Path, bare: bool) -> None:
    with DiskStore.init(tmp_path / "new", branch="trunk", bare=bare) as store:
        assert (store.head().branch, store.head().commit) == ("trunk", None)
        assert (store.worktree is None) == bare
        commit = commit_files(store, {"a": b"a\n"}, branch="trunk")
    git = Git(tmp_path / "new")
    assert git("rev-parse", "trunk") == commit
    assert git("rev-parse", "--is-bare-repository") == str(bare).lower()
    assert bare or git.status() == ""
    git.check()


def test_making_a_repository_again_changes_nothing(git: Git) -> None:
    def content() -> dict[str, bytes]:
        files = (git.path / ".git").rglob("*")
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    git("config", "user.name", "somebody")
    before = content()
    DiskStore.init(git.path, branch="other").close()
    assert content() == before


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"core.repositoryformatversion": "2"},
            "the repository has format version 2, which is not supported",
        ),
        (
            {"core.repositoryformatversion": "1", "extensions.refstorage": "reftable"},
            "the repository keeps its references as 'reftable', which is not supported",
        ),
        (
            {"core.repositoryformatversion": "1", "extensions.strange": "true"},
            "the repository needs the extension 'strange', which is not supported",
        ),
        (
            {"core.repositoryformatversion": "1", "extensions.objectformat": "sha3"},
            "the repository hashes with 'sha3', which is not supported",
        ),
    ],
)
def test_an_unknown_format_is_refused(git: Git, settings: dict[str, str], message: str) -> None:
    config = git.path / ".git/config"
    for key, value in settings.items():
        section, name = key.split(".")
        config.write_text(config.read_text() + f"[{section}]\n\t{name} = {value}\n")
    with pytest.raises(StoreError) as caught:
        DiskStore.open(git.path)
    assert caught.value.message == message


def test_a_repository_of_references_in_tables_is_told_how_to_convert(git: Git) -> None:
    with (git.path / ".git/config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefstorage=reftable\n")
    with pytest.raises(StoreError) as caught:
        DiskStore.open(git.path)
    assert "`git refs migrate --ref-format=files`" in str(caught.value.hint)


def test_the_length_of_ids_is_that_of_the_repository(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository", "--object-format=sha256")
    with DiskStore.open(git.path) as store:
        assert store.hash_length == 64
        commit = history(store, "a b")["b"]
        assert len(commit) == 64
    assert git("rev-parse", "main") == commit
    git.check()


def test_a_shallow_clone_knows_that_it_is_one_and_how_to_get_the_rest(
    git: Git, tmp_path: Path
) -> None:
    git.commit({"more": "x\n"})
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{git.path}", shallow)
    with DiskStore.open(git.path) as store:
        assert not store.is_shallow()
    with DiskStore.open(shallow) as store:
        assert store.is_shallow()
        with pytest.raises(MissingObject) as caught:
            store.read(ObjectId(git("rev-parse", "HEAD~1")))
        assert "`git fetch --unshallow`" in str(caught.value.hint)
        commit_files(store, {"new": b"x\n"})
    Git(shallow).check()


def test_a_partial_clone_names_the_command_that_fetches_an_object(git: Git, tmp_path: Path) -> None:
    git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git("clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{git.path}", partial)
    blob = ObjectId(git("rev-parse", "HEAD:d/e/file"))
    with DiskStore.open(partial) as store:
        with pytest.raises(MissingObject) as caught:
            store.read(blob)
        assert f"`git cat-file -e {blob}`" in str(caught.value.hint)
        Git(partial)("cat-file", "-e", blob)
        assert store.read(blob).data == b"x\n"


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "0" * 39, "G" * 40, "0" * 64])
def test_what_is_no_object_id_is_missing(git: Git, name: str) -> None:
    with DiskStore.open(git.path) as store:
        with pytest.raises(MissingObject):
            store.read(ObjectId(name))
        assert not store.has(ObjectId(name))


def test_a_short_prefix_is_refused_and_an_odd_one_finds_nothing(git: Git) -> None:
    with DiskStore.open(git.path) as store:
        with pytest.raises(InvalidInput, match="too short"):
            store.find_prefix("abc")
        assert store.find_prefix("../..") == []
        assert store.find_prefix("0" * 41) == []


def test_a_branch_only_points_at_a_commit(git: Git) -> None:
    blob = make_object("blob", b"x")
    with DiskStore.open(git.path) as store, store.exclusive():
        with pytest.raises(StoreError, match="it is a blob, not a commit"):
            store.apply([blob], [RefUpdate(ref="refs/heads/x", old=None, new=blob.id)])
        store.apply([blob], [RefUpdate(ref="refs/gitexp/x", old=None, new=blob.id)])
        assert store.ref("refs/gitexp/x") == blob.id


def test_applying_needs_the_lock(git: Git) -> None:
    with DiskStore.open(git.path) as store, pytest.raises(RuntimeError, match="exclusive"):
        store.apply((), ())


def test_a_repository_that_cannot_be_written_says_so(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, mode: int = 0o777) -> None:
        raise PermissionError(13, "Permission denied", path)

    with DiskStore.open(git.path) as store:
        monkeypatch.setattr(os, "mkdir", refuse)
        with pytest.raises(StoreError) as caught:
            commit_files(store, {"a": b"a\n"}, branch="topic")
    assert caught.value.message == (
        f"cannot write {git.path / '.git/gitexp'}: Permission denied; nothing was saved"
    )


def test_a_full_disk_says_so(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def refuse(descriptor: int, data: bytes) -> int:
        if len(data) > 21:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    with DiskStore.open(git.path) as store:
        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(StoreError) as caught:
            commit_files(store, {"a": b"a\n"}, branch="topic")
    assert caught.value.message == "no space left on the disk; nothing was saved"


def test_a_closed_store_opens_its_files_again(git: Git) -> None:
    git("repack", "-adq")
    store = DiskStore.open(git.path)
    tip = ObjectId(git("rev-parse", "main"))
    assert store.read(tip).kind == "commit"
    store.close()
    assert store.read(tip).kind == "commit"
    store.close()


def test_a_shared_repository_is_writable_for_its_group(tmp_path: Path) -> None:
    git = new_repository(tmp_path / "repository", "--shared=group", "--bare")
    previous = os.umask(0o077)
    try:
        with DiskStore.open(git.path) as store:
            commit_files(store, {"d/a": b"a\n"}, branch="exp/p/x")
            commit_files(store, {f"{n}": b"%d" % n for n in range(12)}, branch="exp/p/x")
    finally:
        os.umask(previous)
    made = [git.path / "gitexp", git.path / "gitexp/lock", git.path / "refs/heads/exp/p"]
    made += [git.path / "refs/heads/exp/p/x"]
    assert [path for path in made if path.stat().st_mode & 0o060 != 0o060] == []
    objects = [path for path in (git.path / "objects").rglob("*") if path.is_file()]
    assert [path for path in objects if path.stat().st_mode & 0o777 != 0o440] == []


LIGHT = """
import sys
from pathlib import Path
from gitexp.store.disk import DiskStore
store = DiskStore.discover(Path(sys.argv[1]))
assert store.ref("refs/heads/main") and store.refs("refs/heads/") and store.head().branch
assert store.read(store.ref("refs/heads/main")).kind == "commit"
store.config("user.name")
heavy = {"dulwich", "yaml", "json", "subprocess", "sqlite3", "click", "logging", "asyncio"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("packed", [False, True])
def test_reading_a_reference_and_an_object_imports_nothing_heavy(git: Git, packed: bool) -> None:
    if packed:
        git("gc", "--quiet")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, git.path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
