"""Real servers on the loopback device: credentials, shallow transfers, large packs, clones."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import GitexpError, RemoteUnavailable
from gitexp.ids import ObjectId
from gitexp.store.cloning import clone, fetch_into_cache
from gitexp.store.disk import DiskStore
from gitexp.store.model import PushUpdate
from gitexp.store.remotes import Implementation, open_remote
from tests.builders import commit_files, history
from tests.contract.remotes_conftest import (
    PASSWORD,
    USER,
    GitPlace,
    Kind,
    Person,
    Servers,
    git,
    shared_place,
    write_program,
)

pytestmark = pytest.mark.interop

MAIN = "refs/heads/main"
both = pytest.mark.parametrize("implementation", ["git", "dulwich"])
every_server = pytest.mark.parametrize(
    "kind",
    ["git+daemon", "git+http", "git+ssh", "dulwich+daemon", "dulwich+http", "dulwich+ssh"],
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        keys = tmp_path_factory.mktemp("keys")
        yield Servers(tmp_path_factory.getbasetemp(), keys, running)


def place_of(kind: Kind, tmp_path: Path, servers: Servers) -> GitPlace:
    place = shared_place(kind, tmp_path, servers)
    assert isinstance(place, GitPlace)
    return place


def filled(place: GitPlace, commits: str = "a b c") -> dict[str, ObjectId]:
    """Put a line of commits on the main branch of the shared repository."""
    git("init", "-q", "-b", "main", "filler", cwd=place.root)
    with DiskStore.open(place.root / "filler") as store:
        made = history(store, commits)
    git("push", "-q", str(place.bare), "main", cwd=place.root / "filler")
    return made


# Credentials of a web server.


@pytest.fixture
def web(tmp_path: Path, servers: Servers) -> GitPlace:
    """A repository behind a password, whose address does not hold it."""
    place = place_of("git+http", tmp_path, servers)
    return replace(place, url=place.url.replace(f"{USER}:{PASSWORD}@", ""))


def listed(
    place: GitPlace, implementation: Implementation, **variables: str
) -> Mapping[str, ObjectId]:
    """Return what a new person sees, whose environment has these variables."""
    changed = replace(place, implementation=implementation, environ=place.environ | variables)
    return changed.person(f"reader-{implementation}").remote.list_refs(["refs/"])


@both
def test_a_netrc_file_is_honoured(web: GitPlace, implementation: Implementation) -> None:
    tip = filled(web)["c"]
    entry = f"machine 127.0.0.1 login {USER} password {PASSWORD}\n"
    (web.root / ".netrc").write_text(entry)
    (web.root / ".netrc").chmod(0o600)
    assert listed(web, implementation) == {MAIN: tip}


@both
def test_an_extra_header_of_the_configuration_is_honoured(
    web: GitPlace, implementation: Implementation
) -> None:
    tip = filled(web)["c"]
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    host = web.url.rsplit("/", 2)[0].split("/test_")[0]
    git(
        "config", "--global", f"http.{host}/.extraheader", f"Authorization: Basic {token}",
        cwd=web.root,
    )  # fmt: skip
    assert listed(web, implementation) == {MAIN: tip}


@both
def test_an_extra_header_of_the_environment_is_honoured(
    web: GitPlace, implementation: Implementation
) -> None:
    tip = filled(web)["c"]
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    seen = listed(
        web,
        implementation,
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="http.extraHeader",
        GIT_CONFIG_VALUE_0=f"Authorization: Basic {token}",
    )
    assert seen == {MAIN: tip}


def test_a_credential_helper_is_honoured_by_git(web: GitPlace) -> None:
    tip = filled(web)["c"]
    helper = web.root / "helper"
    write_program(helper, f"echo username={USER}; echo password={PASSWORD}")
    git("config", "--global", "credential.helper", str(helper), cwd=web.root)
    assert listed(web, "git") == {MAIN: tip}


def test_an_askpass_program_is_honoured_by_git(web: GitPlace) -> None:
    tip = filled(web)["c"]
    program = web.root / "askpass"
    write_program(program, f'case "$1" in User*) echo {USER};; *) echo {PASSWORD};; esac')
    assert listed(web, "git", GIT_ASKPASS=str(program)) == {MAIN: tip}


@both
def test_without_credentials_the_remote_is_unavailable_and_nobody_is_asked(
    web: GitPlace, implementation: Implementation
) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        listed(web, implementation)
    assert caught.value.message.startswith("'origin' refused the credentials: ")
    assert caught.value.hint == (
        "Set up a Git credential helper, ~/.netrc or an ssh key for it, and check with "
        "`git ls-remote origin`."
    )


@both
def test_a_wrong_password_is_refused_and_never_shown(
    web: GitPlace, implementation: Implementation
) -> None:
    secret = "wr0ng-secret"
    place = replace(
        web, url=web.url.replace("://", f"://{USER}:{secret}@"), implementation=implementation
    )
    person = place.person("ada")
    tip = commit_files(person.store, {"x": b"1\n"})
    errors: list[GitexpError] = []
    for use in (
        lambda: person.remote.list_refs(["refs/"]),
        lambda: person.remote.fetch([MAIN]),
        lambda: person.remote.push([PushUpdate(ref=MAIN, old=None, new=tip)]),
        lambda: clone(place.url, place.root / "new", environ=place.environ, prefer=implementation),
    ):
        with pytest.raises(RemoteUnavailable) as caught:
            use()
        errors.append(caught.value)
    for error in errors:
        assert "refused the credentials" in error.message
        assert secret not in f"{error.message} {error.hint} {error!r}"
    assert secret not in f"{person.remote.url} {person.remote!r}"
    assert not (place.root / "new").exists()


@both
def test_a_repository_that_is_not_there_is_unavailable(
    web: GitPlace, servers: Servers, implementation: Implementation
) -> None:
    url = web.url.replace("://", f"://{USER}:{PASSWORD}@").replace("shared.git", "other.git")
    place = replace(web, url=url, implementation=implementation)
    with pytest.raises(RemoteUnavailable) as caught:
        place.person("ada").remote.list_refs(["refs/"])
    assert caught.value.message.startswith("'origin' cannot be reached: ")
    assert PASSWORD not in caught.value.message


# An ssh server.


@both
def test_a_key_that_the_server_does_not_know_is_refused(
    tmp_path: Path, servers: Servers, implementation: Implementation
) -> None:
    place = place_of("git+ssh", tmp_path, servers)
    command = place.environ["GIT_SSH_COMMAND"].replace("/user ", "/host ")
    with pytest.raises(RemoteUnavailable) as caught:
        listed(place, implementation, GIT_SSH_COMMAND=command)
    assert "refused the credentials" in caught.value.message
    assert "Permission denied" in caught.value.message


@both
def test_a_host_that_nobody_knows_is_refused_without_asking(
    tmp_path: Path, servers: Servers, implementation: Implementation
) -> None:
    place = place_of("git+ssh", tmp_path, servers)
    command = place.environ["GIT_SSH_COMMAND"].replace("/known_hosts", "/nobody")
    with pytest.raises(RemoteUnavailable) as caught:
        listed(place, implementation, GIT_SSH_COMMAND=command)
    assert "Host key verification failed" in caught.value.message


@both
def test_the_scp_form_reaches_the_same_repository(
    tmp_path: Path, servers: Servers, implementation: Implementation
) -> None:
    place = place_of("git+ssh", tmp_path, servers)
    tip = filled(place)["c"]
    port = place.url.split(":")[2].split("/")[0]
    for url in (f"[127.0.0.1:{port}]:{place.bare}", f"127.0.0.1:{place.bare}"):
        command = place.environ["GIT_SSH_COMMAND"]
        if not url.startswith("["):
            command += f" -p {port}"
        scp = replace(place, url=url, root=tmp_path / url[0], environ=place.environ)
        scp.root.mkdir()
        assert listed(scp, implementation, GIT_SSH_COMMAND=command) == {MAIN: tip}


# Every server.


@every_server
def test_a_shallow_fetch_brings_one_commit_and_a_later_one_goes_on_from_there(
    kind: Kind, tmp_path: Path, servers: Servers
) -> None:
    place = place_of(kind, tmp_path, servers)
    made = filled(place)
    refspec = f"+{MAIN}:{MAIN}"

    def read() -> ObjectId | None:
        with fetch_into_cache(
            place.url,
            place.root / "cache",
            [refspec],
            environ=place.environ,
            prefer=place.implementation,
        ) as store:
            assert store.is_shallow()
            assert not store.has(made["a"])
            return store.ref(MAIN)

    assert read() == made["c"]
    filler = DiskStore.open(place.root / "filler")
    new = commit_files(filler, {"later": b"1\n"}, at=90)
    git("push", "-q", str(place.bare), "main", cwd=place.root / "filler")
    assert read() == new
    (repository,) = (place.root / "cache").glob("*/repository.git")
    git("fsck", "--strict", cwd=repository)


@every_server
def test_a_shallow_clone_works_and_pushes(kind: Kind, tmp_path: Path, servers: Servers) -> None:
    place = place_of(kind, tmp_path, servers)
    made = filled(place)
    target = place.root / "ci"
    clone(place.url, target, environ=place.environ, depth=1, prefer=place.implementation)
    person = place.again(target)
    assert person.store.is_shallow()
    new = commit_files(person.store, {"ci": b"1\n"}, at=90)
    person.remote.push([PushUpdate(ref=MAIN, old=made["c"], new=new)])
    assert place.refs() == {MAIN: new}
    assert git("status", "--porcelain", cwd=target) == ""
    git("fsck", "--strict", cwd=place.bare)
    git("fsck", "--strict", cwd=target)


@every_server
def test_megabytes_go_there_and_back(kind: Kind, tmp_path: Path, servers: Servers) -> None:
    place = place_of(kind, tmp_path, servers)
    ada, bob = place.person("ada"), place.person("bob")
    noise = random.Random(0)
    files = {f"d{n}/blob": noise.randbytes(400_000) for n in range(8)}
    tip = commit_files(ada.store, files)
    ada.remote.push([PushUpdate(ref=MAIN, old=None, new=tip)])
    bob.remote.fetch([f"+{MAIN}:refs/remotes/origin/main"])
    assert bob.directory is not None
    git("fsck", "--strict", cwd=place.bare)
    git("fsck", "--strict", cwd=bob.directory)
    assert git("diff", "--stat", tip, "origin/main", cwd=bob.directory) == ""


@every_server
def test_an_annotated_tag_goes_there_and_back(kind: Kind, tmp_path: Path, servers: Servers) -> None:
    place = place_of(kind, tmp_path, servers)
    ada, bob = place.person("ada"), place.person("bob")
    commit_files(ada.store, {"x": b"1\n"})
    assert ada.directory is not None
    git("tag", "-a", "-m", "first", "v1", "main", cwd=ada.directory)
    tag = ada.store.ref("refs/tags/v1")
    ada.remote.push([PushUpdate(ref="refs/tags/v1", old=None, new=tag)])
    bob.remote.fetch(["refs/tags/v1:refs/tags/v1"])
    assert bob.store.ref("refs/tags/v1") == tag
    assert bob.remote.list_refs(["refs/"]) == {"refs/tags/v1": tag}


@both
def test_a_server_that_talks_nonsense_is_unavailable(
    tmp_path: Path, servers: Servers, implementation: Implementation
) -> None:
    place = place_of("git+ssh", tmp_path, servers)
    noise = tmp_path / "noise"
    write_program(noise, r"printf 'Welcome\n\033]0;owned\007!'")
    with pytest.raises(RemoteUnavailable) as caught:
        listed(place, implementation, GIT_SSH_COMMAND=str(noise))
    assert caught.value.message.isprintable()


@both
def test_hostile_names_of_a_server_are_left_out(
    tmp_path: Path, servers: Servers, implementation: Implementation
) -> None:
    place = place_of("git+ssh", tmp_path, servers)
    tip = "1" * 40
    lines = [f"{tip} HEAD\0agent=x", f"{tip} refs/heads/ok", f"{tip} refs/heads/../x"]
    lines += [f"{tip} refs/heads/a\x1b[2J"]
    packets = "".join(f"{len(line.encode()) + 5:04x}{line}\n" for line in lines) + "0000"
    (tmp_path / "answer").write_bytes(packets.encode())
    write_program(tmp_path / "liar", f"cat {tmp_path}/answer; cat > /dev/null")
    seen = listed(place, implementation, GIT_SSH_COMMAND=str(tmp_path / "liar"))
    assert seen == {"refs/heads/ok": tip}


def test_a_person_reads_with_one_implementation_what_the_other_wrote(
    tmp_path: Path, servers: Servers
) -> None:
    place = place_of("git+http", tmp_path, servers)
    ada = place.person("ada")
    made = history(ada.store, "a b c")
    ada.remote.push([PushUpdate(ref=MAIN, old=None, new=made["b"])])
    store = ada.store
    assert isinstance(store, DiskStore)
    other = open_remote(store, "origin", environ=place.environ, prefer="dulwich")
    assert other.list_refs(["refs/"]) == {MAIN: made["b"]}
    other.push([PushUpdate(ref=MAIN, old=made["b"], new=made["c"])])
    assert Person(store=store, remote=ada.remote).remote.list_refs([MAIN]) == {MAIN: made["c"]}
