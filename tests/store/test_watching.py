"""Remotes that say nothing, and local references that somebody else keeps moving."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import RemoteUnavailable, RepositoryBusy
from gitexp.store.cloning import cached, clone, fetch_into_cache
from gitexp.store.disk import DiskStore
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.git_remote import GitRemote
from gitexp.store.model import PushUpdate
from gitexp.store.remotes import Implementation, open_remote
from gitexp.store.watching import Watch
from tests.builders import commit_files
from tests.contract.remotes_conftest import (
    GitPlace,
    Person,
    bare_repository,
    environ_for,
    git,
    write_program,
)

MAIN = "refs/heads/main"
PATIENCE = 0.2


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


@pytest.fixture
def silent() -> Iterator[str]:
    """The host and port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def disk(person: Person) -> DiskStore:
    assert isinstance(person.store, DiskStore)
    return person.store


def assert_silence(error: RemoteUnavailable, url: str) -> None:
    assert error.message == f"'{url}' does not answer: nothing was heard of it for 0.2 s"
    assert error.hint == "Check the address and the connection with `git ls-remote URL`."


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_remote_that_never_answers_is_given_up(
    ada: Person, environ: Mapping[str, str], silent: str, scheme: str
) -> None:
    url = f"{scheme}://{silent}/x.git"
    tip = commit_files(disk(ada), {"x": b"1\n"}, branch="main")
    remote = open_remote(disk(ada), url, environ=environ, prefer="git", patience=PATIENCE)
    with pytest.raises(RemoteUnavailable) as caught:
        remote.list_refs(["refs/"])
    assert_silence(caught.value, url)
    with pytest.raises(RemoteUnavailable) as caught:
        remote.fetch([f"+{MAIN}:refs/copies/main"])
    assert_silence(caught.value, url)
    with pytest.raises(RemoteUnavailable) as caught:
        remote.push([PushUpdate(ref=MAIN, old=None, new=tip)])
    assert_silence(caught.value, url)


def test_a_clone_from_a_remote_that_never_answers_is_given_up(
    tmp_path: Path, environ: Mapping[str, str], silent: str
) -> None:
    url = f"git://{silent}/x.git"
    with pytest.raises(RemoteUnavailable) as caught:
        clone(url, tmp_path / "clone", environ=environ, patience=PATIENCE)
    assert_silence(caught.value, url)
    assert not (tmp_path / "clone").exists()


def test_without_git_a_web_server_that_never_answers_is_given_up(
    ada: Person, environ: Mapping[str, str], silent: str
) -> None:
    remote = open_remote(
        disk(ada),
        f"http://{silent}/x.git",
        environ=environ,
        prefer="dulwich",
        patience=PATIENCE,
    )
    with pytest.raises(RemoteUnavailable) as caught:
        remote.list_refs(["refs/"])
    assert_silence(caught.value, f"http://{silent}/x.git")


@pytest.mark.parametrize("implementation", ["git", "dulwich"])
def test_a_cache_that_cannot_be_filled_for_silence_is_still_there(
    tmp_path: Path, environ: Mapping[str, str], silent: str, implementation: Implementation
) -> None:
    url = f"http://{silent}/x.git"
    with pytest.raises(RemoteUnavailable):
        fetch_into_cache(
            url,
            tmp_path / "cache",
            [f"+{MAIN}:{MAIN}"],
            environ=environ,
            prefer=implementation,
            patience=PATIENCE,
        )
    assert cached(url, tmp_path / "cache") is None


def program(tmp_path: Path, script: str) -> GitProgram:
    write_program(tmp_path / "git", script)
    return GitProgram(
        path=str(tmp_path / "git"), directory=tmp_path, environ={"PATH": os.environ["PATH"]}
    )


def test_a_program_that_says_something_now_and_then_is_not_cut(tmp_path: Path) -> None:
    talks = program(tmp_path, "for n in 1 2 3 4 5 6 7 8; do echo $n; sleep 0.25; done")
    done = talks.run("fetch", watch=Watch(patience=1.5))
    assert (done.code, done.gave_up, done.out.split()[-1]) == (0, False, "8")


def test_after_the_first_word_silence_is_allowed_where_asked_for(tmp_path: Path) -> None:
    talks = program(tmp_path, "echo once; sleep 1")
    done = talks.run("push", watch=Watch(patience=0.3, until_heard=True))
    assert (done.code, done.gave_up) == (0, False)
    assert talks.run("push", watch=Watch(patience=0.3)).gave_up


def test_a_program_that_ignores_being_asked_to_end_is_killed_with_its_children(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    stubborn = program(tmp_path, "trap '' TERM; exec 3>alive; sleep 600 & wait; sleep 600")
    done = stubborn.run("fetch", watch=Watch(patience=1.0, grace=0.1))
    assert (done.code, done.gave_up) == (-9, True)
    # It ends when the last of them is gone.
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_progress_is_no_part_of_what_went_wrong(tmp_path: Path) -> None:
    lines = (
        "remote: Enumerating objects: 5, done.",
        "remote: Counting objects:  20% (1/5)",
        "remote: Total 5 (delta 0), reused 0 (delta 0), pack-reused 0",
        "remote: Enumerating objects: 5",
        "remote: policy: 3 approvals are missing",
        "fatal: it broke",
    )
    echoes = "; ".join(f"echo '{line}' >&2" for line in lines)
    done = program(tmp_path, f"{echoes}; exit 1").run("fetch")
    assert done.errors == lines[-2:]


# Settings of the user.


def settings(remote: object) -> tuple[str, ...]:
    assert isinstance(remote, GitRemote)
    return remote.program.settings


def test_connections_are_limited_unless_the_user_has_decided(
    ada: Person, environ: dict[str, str]
) -> None:
    url = "https://example.org/x.git"
    assert settings(open_remote(disk(ada), url, environ=environ, patience=7)) == (
        "http.lowSpeedLimit=1",
        "http.lowSpeedTime=300",
        "core.sshCommand=ssh -o ConnectTimeout=7",
    )
    git("config", "http.lowSpeedTime", "5", cwd=ada.directory or Path())
    git("config", "core.sshCommand", "my-ssh", cwd=ada.directory or Path())
    assert settings(open_remote(disk(ada), url, environ=environ)) == ()


@pytest.mark.parametrize("variable", ["GIT_SSH", "GIT_SSH_COMMAND"])
def test_the_users_own_ssh_is_used_as_it_is(
    ada: Person, environ: dict[str, str], variable: str
) -> None:
    environ[variable] = "my-ssh"
    remote = open_remote(disk(ada), "ssh://example.org/x.git", environ=environ)
    assert not any("sshCommand" in setting for setting in settings(remote))


# Two processes that write the same references.


def contended(ada: Person, environ: Mapping[str, str], tmp_path: Path, times: int) -> GitRemote:
    """Return a remote whose first fetches find a reference moved by somebody else."""
    real = find_git(environ)
    moved = f"is at {'1' * 40} but expected {'2' * 40}"
    write_program(
        tmp_path / "busy-git",
        f"""case "$*" in *' fetch '*)
    echo x >>{tmp_path}/fetches
    if [ $(wc -l <{tmp_path}/fetches) -le {times} ]; then
        echo "error: cannot lock ref 'refs/copies/main': {moved}" >&2
        echo ' ! 2222222..3333333  main       -> refs/copies/main  (unable to update local ref)' >&2
        exit 1
    fi
esac
exec {real} "$@"
""",
    )
    remote = ada.remote
    assert isinstance(remote, GitRemote)
    return replace(remote, program=replace(remote.program, path=str(tmp_path / "busy-git")))


def test_a_fetch_that_meets_another_one_is_tried_again(
    ada: Person, environ: Mapping[str, str], tmp_path: Path
) -> None:
    tip = commit_files(disk(ada), {"x": b"1\n"}, branch="main")
    ada.remote.push([PushUpdate(ref=MAIN, old=None, new=tip)])
    contended(ada, environ, tmp_path, times=2).fetch([f"+{MAIN}:refs/copies/main"])
    assert disk(ada).ref("refs/copies/main") == tip


def test_a_fetch_that_keeps_meeting_others_finds_the_repository_busy(
    ada: Person, environ: Mapping[str, str], tmp_path: Path
) -> None:
    with pytest.raises(RepositoryBusy) as caught:
        contended(ada, environ, tmp_path, times=99).fetch([f"+{MAIN}:refs/copies/main"])
    assert caught.value.message == "another git process keeps moving refs/copies/main"
    assert caught.value.hint == "Wait until it has finished and run the command again."
    assert len((tmp_path / "fetches").read_text().split()) == 5
