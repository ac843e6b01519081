"""Opening remotes, cloning, and the cache for reading one reference without a clone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitexp.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    PushRejected,
    RemoteUnavailable,
    RepositoryBusy,
    StoreError,
)
from gitexp.ids import ObjectId
from gitexp.store.cloning import cached, clone, fetch_into_cache
from gitexp.store.disk import DiskStore
from gitexp.store.dulwich_remote import DulwichRemote
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.git_remote import GitRemote
from gitexp.store.model import PushUpdate
from gitexp.store.remotes import Implementation, has_remote, open_remote, remote_url
from tests.builders import commit_files, set_branch
from tests.contract.remotes_conftest import (
    GitPlace,
    Person,
    bare_repository,
    environ_for,
    git,
    write_program,
)

ENV = "refs/heads/env/bot/production"
both = pytest.mark.parametrize("implementation", ["git", "dulwich"])


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return environ_for(tmp_path)


@pytest.fixture
def place(tmp_path: Path, environ: Mapping[str, str]) -> GitPlace:
    bare = bare_repository(tmp_path)
    return GitPlace(root=tmp_path, bare=bare, url=str(bare), implementation="git", environ=environ)


@pytest.fixture
def ada(place: GitPlace) -> Person:
    return place.person("ada")


def publish(person: Person, ref: str, files: Mapping[str, bytes]) -> ObjectId:
    """Commit files on a branch and push it, from wherever the remote has it."""
    branch = ref.removeprefix("refs/heads/")
    old = person.store.ref(ref)
    new = commit_files(person.store, files, branch=branch)
    person.remote.push([PushUpdate(ref=ref, old=old, new=new)])
    return new


def disk(person: Person) -> DiskStore:
    assert isinstance(person.store, DiskStore)
    return person.store


def configure(person: Person, key: str, value: str) -> None:
    assert person.directory is not None
    git("config", key, value, cwd=person.directory)


# Opening.


def test_a_configured_name_is_opened_with_git(ada: Person, environ: Mapping[str, str]) -> None:
    remote = open_remote(disk(ada), "origin", environ=environ)
    assert isinstance(remote, GitRemote)
    assert remote.name == "origin"


def test_without_git_on_the_path_dulwich_is_used(
    ada: Person, environ: dict[str, str], tmp_path: Path
) -> None:
    environ["PATH"] = str(tmp_path)
    remote = open_remote(disk(ada), "origin", environ=environ)
    assert isinstance(remote, DulwichRemote)
    with pytest.raises(StoreError, match=r"^the git program is not on the PATH$"):
        open_remote(disk(ada), "origin", environ=environ, prefer="git")


def test_git_is_not_taken_from_a_relative_part_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path / "git", "exit 0")
    monkeypatch.chdir(tmp_path)
    assert find_git({"PATH": f".{os.pathsep}"}) is None
    assert find_git({"PATH": str(tmp_path)}) == str(tmp_path / "git")


@both
def test_the_shown_address_has_no_password(
    ada: Person, environ: Mapping[str, str], implementation: Implementation
) -> None:
    configure(ada, "remote.origin.url", "https://ada:secret@example.org/x.git")
    remote = open_remote(disk(ada), "origin", environ=environ, prefer=implementation)
    assert remote.url == "https://example.org/x.git"
    assert "secret" not in repr(remote)


def test_an_unknown_name_is_not_found(ada: Person, environ: Mapping[str, str]) -> None:
    with pytest.raises(NotFound) as caught:
        open_remote(disk(ada), "upstream", environ=environ)
    assert caught.value.message == "no remote named 'upstream' is configured"


@both
@pytest.mark.parametrize("text", ["--upload-pack=id", "ext::sh -c id", "ssh://-oX/y", "a\x1b:b"])
def test_hostile_names_and_addresses_are_refused(
    ada: Person, environ: Mapping[str, str], implementation: Implementation, text: str
) -> None:
    with pytest.raises(InvalidInput):
        open_remote(disk(ada), text, environ=environ, prefer=implementation)
    configure(ada, "remote.evil.url", text)
    with pytest.raises(InvalidInput):
        open_remote(disk(ada), "evil", environ=environ, prefer=implementation)


def test_remotes_and_their_addresses_are_read_off_the_configuration(ada: Person) -> None:
    configure(ada, "remote.origin.pushurl", "/srv/push.git")
    configure(ada, "remote.team/b.c.url", "/srv/other.git")
    store = disk(ada)
    assert has_remote(store, "origin")
    assert has_remote(store, "team/b.c")
    assert not has_remote(store, "upstream")
    assert not has_remote(store, "")
    assert remote_url(store, "origin", push=True) == "/srv/push.git"
    assert remote_url(store, "team/b.c") == remote_url(store, "team/b.c", push=True)


@both
def test_an_address_is_rewritten_as_the_configuration_says(
    ada: Person, place: GitPlace, environ: Mapping[str, str], implementation: Implementation
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    configure(ada, f"url.{place.root}/.insteadOf", "work://")
    configure(ada, "remote.other.url", "work://shared.git")
    remote = open_remote(disk(ada), "other", environ=environ, prefer=implementation)
    assert remote.list_refs(["refs/"]) == {ENV: tip}


@both
def test_pushes_go_to_the_push_address(
    ada: Person, place: GitPlace, environ: Mapping[str, str], implementation: Implementation
) -> None:
    git("init", "-q", "--bare", "second.git", cwd=place.root)
    configure(ada, "remote.origin.pushurl", str(place.root / "second.git"))
    remote = open_remote(disk(ada), "origin", environ=environ, prefer=implementation)
    tip = commit_files(ada.store, {"x": b"1\n"})
    remote.push([PushUpdate(ref=ENV, old=None, new=tip)])
    assert place.refs() == {}
    assert git("rev-parse", ENV, cwd=place.root / "second.git") == tip


@both
def test_a_relative_path_means_the_same_from_every_directory(
    ada: Person, place: GitPlace, environ: Mapping[str, str], implementation: Implementation
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    configure(ada, "remote.origin.url", "../shared.git")
    named = open_remote(disk(ada), "origin", environ=environ, prefer=implementation)
    assert named.list_refs(["refs/"]) == {ENV: tip}
    path = os.path.relpath(place.bare)
    bare = open_remote(disk(ada), path, environ=environ, prefer=implementation)
    assert bare.list_refs(["refs/"]) == {ENV: tip}


def test_the_hooks_and_helpers_of_the_local_repository_do_not_run(
    ada: Person, place: GitPlace, tmp_path: Path
) -> None:
    assert ada.directory is not None
    canary = tmp_path / "canary"
    hooks = ada.directory / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-checkout", "pre-auto-gc"):
        write_program(hooks / name, f"touch {canary}")
    write_program(tmp_path / "monitor", f"touch {canary}")
    configure(ada, "core.fsmonitor", str(tmp_path / "monitor"))
    publish(ada, ENV, {"x": b"1\n"})
    ada.remote.fetch(["+refs/heads/*:refs/remotes/origin/*"], prune=True)
    assert not canary.exists()


def test_the_variables_of_a_hook_do_not_lead_git_elsewhere(
    ada: Person, place: GitPlace, environ: dict[str, str], tmp_path: Path
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    stray = {"GIT_DIR": str(tmp_path / "nowhere"), "GIT_INDEX_FILE": "x", "GIT_TRACE": "1"}
    remote = open_remote(disk(ada), "origin", environ=environ | stray)
    assert remote.list_refs(["refs/"]) == {ENV: tip}


def test_a_receive_pack_that_fails_after_its_work_counts_as_success(
    ada: Person, place: GitPlace, tmp_path: Path
) -> None:
    write_program(tmp_path / "receive", 'git receive-pack "$@"; exit 1')
    configure(ada, "remote.origin.receivepack", str(tmp_path / "receive"))
    assert publish(ada, ENV, {"x": b"1\n"}) == place.refs()[ENV]


def test_a_repository_of_somebody_else_is_not_used(
    ada: Person, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"
    remote = open_remote(disk(ada), "origin", environ=environ)
    for use in (lambda: remote.list_refs(["refs/"]), lambda: remote.fetch(["refs/heads/x"])):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.message == (
            f"git does not read the repository in {ada.directory}: it belongs to another user"
        )
        assert caught.value.hint is not None
        assert "safe.directory" in caught.value.hint


def test_a_reference_that_git_is_writing_makes_the_repository_busy(ada: Person) -> None:
    assert ada.directory is not None
    publish(ada, ENV, {"x": b"1\n"})
    lock = ada.directory / ".git" / "refs" / "copies" / "production.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(RepositoryBusy) as caught:
        ada.remote.fetch([f"+{ENV}:refs/copies/production"])
    assert caught.value.message == f"another git process holds {lock}"


def interrupt_once_waiting(thread_id: int) -> None:
    """Send SIGINT to this process when a thread of it waits for a program."""
    frame = sys._current_frames()[thread_id]
    while frame.f_code.co_name != "_try_wait":
        frame = sys._current_frames()[thread_id]
    os.kill(os.getpid(), signal.SIGINT)


def test_breaking_off_ends_the_program(tmp_path: Path, environ: dict[str, str]) -> None:
    os.mkfifo(tmp_path / "started")
    write_program(tmp_path / "git", f"echo $$ > {tmp_path}/started; exec sleep 600")
    program = GitProgram(path=str(tmp_path / "git"), directory=tmp_path, environ=environ)
    pids = []

    def interrupt() -> None:
        pids.append(int((tmp_path / "started").read_text()))
        interrupt_once_waiting(threading.main_thread().ident or 0)

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        program.run("fetch")
    helper.join(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_damaged_repository_does_not_make_git_use_the_one_around_it(
    ada: Person, place: GitPlace, environ: Mapping[str, str]
) -> None:
    publish(ada, ENV, {"x": b"1\n"})
    assert ada.directory is not None
    inner = DiskStore.init(ada.directory / "inner.git", bare=True)
    (inner.git_dir / "HEAD").unlink()
    remote = open_remote(inner, place.url, environ=environ)
    with pytest.raises(StoreError) as caught:
        remote.fetch([f"+{ENV}:refs/stray"])
    assert caught.value.message == f"git finds no repository in {inner.git_dir}"
    assert ada.store.ref("refs/stray") is None


def test_opening_for_git_imports_no_dulwich(ada: Person) -> None:
    script = (
        "import sys, os; from pathlib import Path\n"
        "from gitexp.store.disk import DiskStore; from gitexp.store.remotes import open_remote\n"
        f"store = DiskStore.open(Path({str(ada.directory)!r}))\n"
        "open_remote(store, 'origin', environ=os.environ).list_refs(['refs/'])\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('dulwich', 'urllib3', 'yaml')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


# Other kinds of clones.


def ci_checkout(place: GitPlace, branch: str) -> Person:
    """Return what CI works in: the last commit of one branch."""
    arguments = ["--quiet", "--depth=1", f"--branch={branch}", place.bare.as_uri(), "ci"]
    git("clone", *arguments, cwd=place.root)
    return place.again(place.root / "ci")


def test_a_shallow_single_branch_clone_fetches_another_branch(ada: Person, place: GitPlace) -> None:
    publish(ada, "refs/heads/main", {"x": b"1\n"})
    publish(ada, "refs/heads/main", {"x": b"2\n"})
    tip = publish(ada, ENV, {"y": b"1\n"})
    ci = ci_checkout(place, "main")
    ci.remote.fetch([f"+{ENV}:refs/remotes/origin/env/bot/production"], depth=1)
    assert ci.store.ref("refs/remotes/origin/env/bot/production") == tip
    assert ci.store.is_shallow()


def test_a_shallow_clone_pushes_what_it_added(ada: Person, place: GitPlace) -> None:
    publish(ada, ENV, {"x": b"1\n"})
    old = publish(ada, ENV, {"x": b"2\n"})
    ci = ci_checkout(place, "env/bot/production")
    new = publish(ci, ENV, {"x": b"3\n"})
    assert place.refs()[ENV] == new
    assert git("rev-parse", f"{new}^", cwd=place.bare) == old
    git("fsck", "--strict", cwd=place.bare)


def test_a_branch_that_is_checked_out_there_is_refused_by_both(
    ada: Person, place: GitPlace, environ: Mapping[str, str]
) -> None:
    tip = publish(ada, "refs/heads/main", {"x": b"1\n"})
    git("clone", "-q", str(place.bare), "worked-on", cwd=place.root)
    new = commit_files(ada.store, {"x": b"2\n"})
    url = str(place.root / "worked-on")
    choices: tuple[Implementation, ...] = ("git", "dulwich")
    for implementation in choices:
        remote = open_remote(disk(ada), url, environ=environ, prefer=implementation)
        with pytest.raises(PushRejected) as caught:
            remote.push([PushUpdate(ref="refs/heads/main", old=tip, new=new)])
        assert "checked out" in caught.value.refs["refs/heads/main"]
    assert (place.root / "worked-on" / "x").read_bytes() == b"1\n"


# Cloning.


@both
def test_a_clone_is_a_repository_that_git_finds_clean(
    ada: Person, place: GitPlace, environ: dict[str, str], implementation: Implementation
) -> None:
    tip = publish(ada, "refs/heads/main", {"a/b": b"1\n", "c": b"2\n"})
    other = publish(ada, ENV, {"x": b"1\n"})
    target = place.root / "new" / "clone"
    clone(str(place.bare), target, environ=environ, prefer=implementation)
    assert (target / "a" / "b").read_bytes() == b"1\n"
    assert git("status", "--porcelain", "--branch", cwd=target) == "## main...origin/main"
    assert git("rev-parse", "HEAD", "origin/env/bot/production", cwd=target) == f"{tip}\n{other}"
    git("fsck", "--strict", cwd=target)
    git("fetch", "-q", cwd=target)


@both
def test_one_branch_can_be_cloned(
    ada: Person, place: GitPlace, environ: dict[str, str], implementation: Implementation
) -> None:
    publish(ada, "refs/heads/main", {"x": b"1\n"})
    publish(ada, ENV, {"x": b"2\n"})
    target = place.root / "clone"
    clone(
        str(place.bare),
        target,
        environ=environ,
        branch="env/bot/production",
        prefer=implementation,
    )
    assert (target / "x").read_bytes() == b"2\n"
    assert git("symbolic-ref", "HEAD", cwd=target) == ENV


@both
def test_an_empty_repository_can_be_cloned(
    place: GitPlace, environ: dict[str, str], implementation: Implementation
) -> None:
    clone(str(place.bare), place.root / "clone", environ=environ, prefer=implementation)
    assert git("symbolic-ref", "HEAD", cwd=place.root / "clone") == "refs/heads/main"


def test_a_clone_can_be_shallow(ada: Person, place: GitPlace, environ: dict[str, str]) -> None:
    publish(ada, "refs/heads/main", {"x": b"1\n"})
    publish(ada, "refs/heads/main", {"x": b"2\n"})
    clone(str(place.bare), place.root / "clone", environ=environ, depth=1)
    assert DiskStore.open(place.root / "clone").is_shallow()


@both
def test_a_clone_does_not_touch_a_directory_with_something_in_it(
    place: GitPlace, environ: dict[str, str], implementation: Implementation
) -> None:
    target = place.root / "mine"
    target.mkdir()
    (target / "file").write_text("mine")
    with pytest.raises(AlreadyExists) as caught:
        clone(str(place.bare), target, environ=environ, prefer=implementation)
    assert caught.value.message == f"{target} exists and is not empty"
    assert (target / "file").read_text() == "mine"


@both
@pytest.mark.parametrize("empty_before", [False, True])
def test_a_clone_that_fails_leaves_nothing_behind(
    place: GitPlace, environ: dict[str, str], implementation: Implementation, empty_before: bool
) -> None:
    target = place.root / "clone"
    if empty_before:
        target.mkdir()
    with pytest.raises(RemoteUnavailable):
        clone(str(place.root / "no.git"), target, environ=environ, prefer=implementation)
    with pytest.raises(NotFound):
        clone(str(place.bare), target, environ=environ, branch="nope", prefer=implementation)
    assert target.exists() is empty_before
    assert not empty_before or list(target.iterdir()) == []


def test_a_clone_takes_no_options_for_addresses_or_branches(
    place: GitPlace, environ: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        clone("--upload-pack=id", place.root / "clone", environ=environ)
    with pytest.raises(InvalidInput):
        clone(str(place.bare), place.root / "clone", environ=environ, branch="a..b")


# The cache.


def read_cached(place: GitPlace, environ: Mapping[str, str], **options: Implementation) -> ObjectId:
    """Return what the environment's branch holds after a fetch into the cache."""
    refspec = f"+{ENV}:{ENV}"
    url = place.bare.as_uri()
    with fetch_into_cache(
        url, place.root / "cache", [refspec], environ=environ, **options
    ) as store:
        tip = store.ref(ENV)
        assert tip is not None
        return tip


@both
def test_one_reference_is_read_without_a_clone(
    ada: Person, place: GitPlace, environ: dict[str, str], implementation: Implementation
) -> None:
    for number in range(3):
        tip = publish(ada, ENV, {"x": b"%d\n" % number})
        assert read_cached(place, environ, prefer=implementation) == tip


def test_the_cache_holds_one_commit_and_is_its_owners_alone(
    ada: Person, place: GitPlace, environ: dict[str, str]
) -> None:
    first = publish(ada, ENV, {"x": b"1\n"})
    publish(ada, ENV, {"x": b"2\n"})
    read_cached(place, environ)
    (entry,) = (place.root / "cache").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == stat.S_IMODE(entry.parent.stat().st_mode) == 0o700
    store = cached(place.bare.as_uri(), place.root / "cache")
    assert store is not None
    assert store.is_shallow()
    assert not store.has(first)


def test_the_cache_serves_when_the_remote_is_down(
    ada: Person, place: GitPlace, environ: dict[str, str]
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    assert cached(place.bare.as_uri(), place.root / "cache") is None
    read_cached(place, environ)
    place.break_down()
    with pytest.raises(RemoteUnavailable):
        read_cached(place, environ)
    store = cached(place.bare.as_uri(), place.root / "cache")
    assert store is not None
    assert store.ref(ENV) == tip


def test_a_missing_reference_is_not_found_and_leaves_no_cache(
    place: GitPlace, environ: dict[str, str]
) -> None:
    with pytest.raises(NotFound):
        read_cached(place, environ)
    assert cached(place.bare.as_uri(), place.root / "cache") is None


@pytest.mark.parametrize("victim", ["objects", "HEAD", "config", "refs", "shallow"])
@pytest.mark.parametrize("damage", ["empty", "noise", "gone"])
def test_a_damaged_cache_is_made_anew(
    ada: Person, place: GitPlace, environ: dict[str, str], victim: str, damage: str
) -> None:
    publish(ada, ENV, {"x": b"1\n"})
    tip = publish(ada, ENV, {"x": b"2\n"})
    read_cached(place, environ)
    (repository,) = (place.root / "cache").glob("*/repository.git")
    harmed = repository / victim
    for path in [harmed] if harmed.is_file() else harmed.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"" if damage == "empty" else b"\xff\x00noise\n")
            if damage == "gone":
                path.unlink()
    assert read_cached(place, environ) == tip
    git("fsck", cwd=repository)


def test_processes_may_fill_the_same_cache_at_once(
    ada: Person, place: GitPlace, environ: dict[str, str]
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    script = (
        "import os, sys; from pathlib import Path\n"
        "from gitexp.store.cloning import fetch_into_cache\n"
        f"store = fetch_into_cache({place.bare.as_uri()!r}, Path({str(place.root)!r}) / 'cache',\n"
        f"    ['+{ENV}:{ENV}'], environ=dict(os.environ))\n"
        f"print(store.ref({ENV!r}))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outcomes = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert outcomes == [tip] * 4


def test_what_was_shared_and_unshared_is_gone_from_a_fresh_look(
    ada: Person, place: GitPlace, environ: dict[str, str]
) -> None:
    tip = publish(ada, ENV, {"x": b"1\n"})
    read_cached(place, environ)
    ada.remote.push([PushUpdate(ref=ENV, old=tip, new=None)])
    set_branch(ada.store, "env/bot/production", None)
    with pytest.raises(NotFound):
        read_cached(place, environ)
