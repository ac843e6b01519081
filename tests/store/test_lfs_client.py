"""The batch API against a server that behaves well, badly or worse."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from gitexp.errors import (
    DamagedObject,
    GitexpError,
    NotFound,
    RemoteError,
    RemoteUnavailable,
)
from gitexp.store.disk import DiskStore
from gitexp.store.lfs.objects import objects_in
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.transfers import download, upload
from tests.contract.remotes_conftest import environ_for, git, write_program
from tests.store.lfs_server import LOGIN, PASSWORD, USER, LfsPlace, lfs_server, pointer_to

ONE, TWO = b"one " * 5000, b"two " * 6000


@pytest.fixture(scope="module")
def running() -> Iterator[LfsPlace]:
    with lfs_server() as place:
        yield place


@pytest.fixture
def server(running: LfsPlace) -> LfsPlace:
    """The server, as new."""
    running.__init__(url=running.url)  # type: ignore[misc]
    return running


@dataclass(frozen=True)
class Here:
    """A repository whose remote is the server."""

    path: Path
    store: DiskStore
    environ: dict[str, str]

    def config(self, key: str, value: str) -> None:
        git("config", key, value, cwd=self.path)

    def upload(self, *data: bytes) -> list[Pointer]:
        contents = {pointer_to(one): one for one in data}

        def opened(pointer: Pointer) -> IO[bytes] | None:
            return io.BytesIO(contents[pointer])

        return upload(self.store, "origin", list(contents), opened=opened, environ=self.environ)

    def download(self, pointer: Pointer) -> Path:
        return download(self.store, "origin", pointer, environ=self.environ)


@pytest.fixture
def here(tmp_path: Path, server: LfsPlace) -> Iterator[Here]:
    path = tmp_path / "here"
    git("init", "-q", "-b", "main", str(path), cwd=tmp_path)
    git("remote", "add", "origin", server.url, cwd=path)
    git("config", "lfs.transfer.maxRetryDelay", "0", cwd=path)
    environ = environ_for(path)
    with DiskStore.open(path, environ=environ) as store:
        yield Here(path, store, environ)


def message_of(work: Callable[[], object], kind: type[GitexpError]) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert type(caught.value) is kind
    assert caught.value.hint
    return caught.value.message


def with_address(answer: Any, href: str) -> Any:
    return {"objects": [{**answer["objects"][0], "actions": {"upload": {"href": href}}}]}


def test_objects_are_sent_and_verified(here: Here, server: LfsPlace) -> None:
    sent = here.upload(ONE, TWO)
    assert {pointer.oid for pointer in sent} == server.contents.keys()
    assert sorted(server.contents.values()) == [ONE, TWO]
    told = sorted(server.verified, key=lambda item: item["size"])
    assert [item["size"] for item in told] == [len(ONE), len(TWO)]
    assert server.paths[0] == "POST /team/bot.git/info/lfs/objects/batch"
    assert server.asked[0][2]["Accept"] == "application/vnd.git-lfs+json"


def test_what_the_server_has_is_not_sent_again(here: Here, server: LfsPlace) -> None:
    server.put(ONE)
    assert [pointer.size for pointer in here.upload(ONE, TWO)] == [len(TWO)]
    assert here.upload(ONE, TWO) == []
    assert sum(path.startswith("PUT") for path in server.paths) == 1


def test_nothing_to_send_asks_nobody(here: Here, server: LfsPlace) -> None:
    assert here.upload() == []
    assert server.asked == []


def test_many_objects_are_asked_for_in_parts(here: Here, server: LfsPlace) -> None:
    data = [b"%d" % number for number in range(250)]
    assert len(here.upload(*data)) == 250
    assert len(server.contents) == 250
    assert sum(path.endswith("/batch") for path in server.paths) == 3


def test_an_object_is_brought_and_kept(here: Here, server: LfsPlace) -> None:
    pointer = server.put(ONE)
    assert here.download(pointer).read_bytes() == ONE
    assert objects_in(here.store, here.environ).is_sound(pointer)


@pytest.mark.parametrize("came", [b"", ONE[:-1], ONE + b"!", b"x" * len(ONE)])
def test_other_bytes_than_asked_for_are_not_kept(here: Here, server: LfsPlace, came: bytes) -> None:
    pointer = server.put(ONE)
    server.contents[pointer.oid] = came
    message = message_of(lambda: here.download(pointer), DamagedObject)
    assert message == f"the Git LFS object {pointer.oid} came with other bytes than its name says"
    assert objects_in(here.store, here.environ).find(pointer) is None


def test_an_object_that_the_server_does_not_have_is_named(here: Here, server: LfsPlace) -> None:
    pointer = pointer_to(ONE)
    assert message_of(lambda: here.download(pointer), NotFound) == (
        f"the Git LFS server of 'origin' ({server.url}.git/info/lfs) says of the object "
        f"{pointer.oid}: 404 never heard of it"
    )


def test_a_server_may_want_pieces(here: Here, server: LfsPlace) -> None:
    server.chunked = True
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]
    (headers,) = [headers for method, _, headers in server.asked if method == "PUT"]
    assert headers["Transfer-Encoding"] == "chunked"


# Logging in.


def test_a_login_in_the_address_is_used(here: Here, server: LfsPlace) -> None:
    server.locked = True
    url = server.url.replace("://", f"://{USER}:{PASSWORD}@")
    git("remote", "set-url", "origin", url, cwd=here.path)
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]


def test_a_netrc_file_is_honoured(here: Here, server: LfsPlace) -> None:
    server.locked = True
    netrc = here.path / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]


@pytest.mark.parametrize("scope", ["", "the server"])
def test_an_extra_header_is_honoured(here: Here, server: LfsPlace, scope: str) -> None:
    server.locked = True
    place = f"http.{server.url.removesuffix('/team/bot')}/.extraheader" if scope else ""
    here.config(place or "http.extraheader", f"Authorization: {LOGIN}")
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]


def test_a_credential_helper_is_asked_once_and_told_that_it_was_right(
    here: Here, server: LfsPlace
) -> None:
    server.locked = server.actions_locked = True
    log = here.path / "log"
    script = f'echo "$1" >> {log}; [ "$1" = get ] && printf "username={USER}\\npassword='
    write_program(here.path / "helper", f'{script}{PASSWORD}\\n"')
    here.config("credential.helper", str(here.path / "helper"))
    here.upload(ONE, TWO)
    assert sorted(server.contents.values()) == [ONE, TWO]
    assert log.read_text().split() == ["get", "store"]


def test_a_wrong_login_is_taken_back_from_the_helper(here: Here, server: LfsPlace) -> None:
    server.locked = True
    log = here.path / "log"
    script = f'echo "$1" >> {log}; [ "$1" = get ] && printf "username={USER}\\npassword=no\\n"'
    write_program(here.path / "helper", script)
    here.config("credential.helper", str(here.path / "helper"))
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert message == (
        f"the Git LFS server of 'origin' ({server.url}.git/info/lfs) refused the credentials: "
        "HTTP 401: who are you?"
    )
    assert log.read_text().split() == ["get", "erase"]


def test_without_credentials_nobody_is_asked(here: Here, server: LfsPlace) -> None:
    server.locked = True
    message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert len(server.asked) == 1


def test_a_login_is_not_sent_to_another_server(here: Here, server: LfsPlace) -> None:
    with lfs_server() as other:
        elsewhere = other.url.removesuffix("/team/bot")

        def change(answer: Any) -> Any:
            for item in answer["objects"]:
                item["authenticated"] = False
                item["actions"] = {"upload": {"href": f"{elsewhere}/objects/{item['oid']}"}}
            return answer

        server.change = change
        here.config("http.extraheader", f"Authorization: {LOGIN}")
        netrc = here.path / ".netrc"
        netrc.write_text(f"default login {USER} password {PASSWORD}\n")
        netrc.chmod(0o600)
        here.upload(ONE)
        assert list(other.contents.values()) == [ONE]
        assert ["Authorization" in headers for _, _, headers in other.asked] == [False]
        assert ["Authorization" in headers for _, _, headers in server.asked] == [True]


def test_a_server_that_a_file_of_the_repository_names_gets_no_header_meant_for_all(
    here: Here, server: LfsPlace
) -> None:
    with lfs_server() as other:
        (here.path / ".lfsconfig").write_text(f"[lfs]\n\turl = {other.url}\n")
        here.config("http.extraheader", f"Authorization: {LOGIN}")
        here.upload(ONE)
        assert list(other.contents.values()) == [ONE]
        batch = next(headers for _, path, headers in other.asked if path.endswith("/batch"))
        assert "Authorization" not in batch


def test_what_the_server_wants_for_a_transfer_replaces_the_login(
    here: Here, server: LfsPlace
) -> None:
    def change(answer: Any) -> Any:
        action = answer["objects"][0]["actions"]["upload"]
        action["header"] = {"authorization": "Token once"}
        answer["objects"][0]["authenticated"] = False
        return answer

    server.change = change
    here.config("http.extraheader", f"Authorization: {LOGIN}")
    here.upload(ONE)
    (headers,) = [headers for method, _, headers in server.asked if method == "PUT"]
    assert [v for k, v in headers.items() if k.lower() == "authorization"] == ["Token once"]


def test_a_redirect_is_followed_without_the_login(here: Here, server: LfsPlace) -> None:
    with lfs_server() as other:
        target = f"{other.url}/objects/batch"
        server.troubles = [(307, {"Location": target})]
        here.config("http.extraheader", f"Authorization: {LOGIN}")
        here.upload(ONE)
        assert list(other.contents.values()) == [ONE]
        assert "Authorization" not in other.asked[0][2]


def test_a_redirect_to_a_file_is_not_followed(here: Here, server: LfsPlace) -> None:
    server.troubles = [(302, {"Location": "file:///etc/passwd"})]
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert message.endswith("it redirects to file:///etc/passwd, which is less safe")


def test_redirects_in_a_circle_end(here: Here, server: LfsPlace) -> None:
    server.troubles = [(302, {"Location": "/again"})] * 20
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert message.endswith("it redirects without end")


# Trouble.


@pytest.mark.parametrize(
    "trouble",
    [(500, {}), (503, {"Retry-After": "7"}), (429, {"Retry-After": "soon"}), None],
)
def test_a_server_in_trouble_is_tried_again(here: Here, server: LfsPlace, trouble: Any) -> None:
    server.troubles = [trouble, trouble]
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]


@pytest.mark.parametrize("wish", ["\xb2", "-1", "9" * 400, "Sat, 21 Nov 2026 13:15:02 GMT", ""])
def test_a_wish_to_be_asked_later_may_be_any_text(here: Here, server: LfsPlace, wish: str) -> None:
    server.troubles = [(429, {"Retry-After": wish})]
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]


@pytest.mark.parametrize("after", [0, 3])
def test_a_download_that_breaks_off_is_begun_again(
    here: Here, server: LfsPlace, after: int
) -> None:
    server.cuts = [after, after]
    assert here.download(server.put(ONE)).read_bytes() == ONE


def test_a_download_that_always_breaks_off_is_given_up(here: Here, server: LfsPlace) -> None:
    server.cuts = [3] * 20
    pointer = server.put(ONE)
    message = message_of(lambda: here.download(pointer), RemoteUnavailable)
    assert "cannot be reached: " in message
    assert len(server.cuts) == 16
    assert [path for path in (here.path / ".git" / "lfs").rglob("*") if path.is_file()] == []


def test_a_setting_for_no_address_is_about_no_server(here: Here, server: LfsPlace) -> None:
    here.config("http.http://[.extraheader", "X-Odd: 1")
    here.upload(ONE)
    assert "X-Odd" not in server.asked[0][2]


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:99999/x", "//[x", "https:///"])
def test_a_redirect_to_no_address_is_refused(here: Here, server: LfsPlace, location: str) -> None:
    server.troubles = [(307, {"Location": location})]
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert "cannot be reached: " in message


def test_a_server_that_stays_in_trouble_is_given_up(here: Here, server: LfsPlace) -> None:
    server.troubles = [(503, {})] * 20
    message = message_of(lambda: here.upload(ONE), RemoteError)
    assert message.endswith("refused: HTTP 503: in trouble")
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [413, 422, 507])
def test_a_refusal_is_not_repeated(here: Here, server: LfsPlace, status: int) -> None:
    server.troubles = [(status, {})]
    message = message_of(lambda: here.upload(ONE), RemoteError)
    assert message.endswith(f"refused: HTTP {status}: in trouble")
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_unavailable(here: Here) -> None:
    git("remote", "set-url", "origin", "http://127.0.0.1:9/team/bot", cwd=here.path)
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert message.startswith(
        "the Git LFS server of 'origin' (http://127.0.0.1:9/team/bot.git/info/lfs) "
        "cannot be reached: "
    )


def test_the_failure_of_one_object_is_the_failure_of_all(here: Here, server: LfsPlace) -> None:
    def change(answer: Any) -> Any:
        answer["objects"][-1]["error"] = {"code": 422, "message": "too large for us"}
        return answer

    server.change = change
    message = message_of(lambda: here.upload(ONE, TWO), RemoteError)
    assert message.endswith("422 too large for us")
    assert server.contents == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: [],
        lambda answer: {},
        lambda answer: {"objects": []},
        lambda answer: {"objects": [None]},
        lambda answer: {"objects": [{**answer["objects"][0], "error": "no"}]},
        lambda answer: with_address(answer, "http://["),
        lambda answer: with_address(answer, "http://127.0.0.1:99999/x"),
        lambda answer: with_address(answer, "http://"),
        lambda answer: {**answer, "transfer": "multipart"},
        lambda answer: {**answer, "hash_algo": "sha512"},
        lambda answer: {"objects": [{**answer["objects"][0], "actions": {"upload": {}}}]},
        lambda answer: {
            "objects": [{**answer["objects"][0], "actions": {"upload": {"href": "file:///etc/x"}}}]
        },
        lambda answer: {
            "objects": [
                {
                    **answer["objects"][0],
                    "actions": {"upload": {"href": "http://x/", "header": {"A": "b\r\nC: d"}}},
                }
            ]
        },
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    here: Here, server: LfsPlace, change: Callable[[Any], Any]
) -> None:
    server.change = change
    message = message_of(lambda: here.upload(ONE), RemoteError)
    assert message.startswith(f"the answer of the Git LFS server of 'origin' ({server.url}")
    assert server.contents == {}


def test_an_object_that_nobody_has_is_named(here: Here, server: LfsPlace) -> None:
    pointer = pointer_to(ONE)
    message = message_of(
        lambda: upload(
            here.store, "origin", [pointer], opened=lambda one: None, environ=here.environ
        ),
        NotFound,
    )
    assert message == (
        f"the Git LFS object {pointer.oid} is neither in this repository nor at the Git LFS "
        f"server of 'origin' ({server.url}.git/info/lfs)"
    )


# Other kinds of remotes.


def test_a_repository_on_this_machine_gets_the_objects_themselves(
    here: Here, tmp_path: Path
) -> None:
    git("init", "-q", "--bare", "shared.git", cwd=tmp_path)
    for address in ("../shared.git", str(tmp_path / "shared.git"), f"file://{tmp_path}/shared.git"):
        git("remote", "set-url", "origin", address, cwd=here.path)
        data = address.encode()
        assert here.upload(data) == [pointer_to(data)]
        assert here.upload(data) == []
        oid = pointer_to(data).oid
        path = tmp_path / "shared.git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        assert path.read_bytes() == data
        assert here.download(pointer_to(data)).read_bytes() == data


def test_a_repository_on_this_machine_may_lack_an_object(here: Here, tmp_path: Path) -> None:
    git("init", "-q", "--bare", "shared.git", cwd=tmp_path)
    git("remote", "set-url", "origin", str(tmp_path / "shared.git"), cwd=here.path)
    message = message_of(lambda: here.download(pointer_to(ONE)), NotFound)
    assert message.endswith(f"does not have the object {pointer_to(ONE).oid}")


def fake_ssh(here: Here, script: str) -> None:
    """Make a program be what the repository uses as ssh; it writes its arguments to `asked`."""
    write_program(here.path / "ssh", f'printf "%s\\n" "$@" > {here.path}/asked; {script}')
    here.config("core.sshCommand", str(here.path / "ssh"))
    git("remote", "set-url", "origin", "ssh://git@127.0.0.1:2222/team/a b.git", cwd=here.path)


def test_ssh_grants_address_and_headers(here: Here, server: LfsPlace) -> None:
    server.locked = True
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    answer = f'{{"href": "{server.url}", "header": {{"Authorization": "Basic {token}"}}}}'
    fake_ssh(here, f"printf '%s' '{answer}'")
    here.upload(ONE)
    assert list(server.contents.values()) == [ONE]
    asked = (here.path / "asked").read_text().splitlines()
    assert asked[-4:] == [
        "-p",
        "2222",
        "git@127.0.0.1",
        "git-lfs-authenticate '/team/a b.git' upload",
    ]


def test_a_server_that_refuses_over_ssh_is_unavailable(here: Here) -> None:
    fake_ssh(here, "echo 'Permission denied (publickey).' >&2; exit 255")
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert message.endswith("refused the credentials: Permission denied (publickey).")


def test_nonsense_over_ssh_is_refused(here: Here) -> None:
    fake_ssh(here, "echo Welcome")
    message = message_of(lambda: here.upload(ONE), RemoteError)
    assert message.startswith("git-lfs-authenticate of the Git LFS server of 'origin'")


def test_a_server_without_the_command_is_taken_for_a_web_server(here: Here) -> None:
    fake_ssh(here, "exit 127")
    message = message_of(lambda: here.upload(ONE), RemoteUnavailable)
    assert "https://127.0.0.1/team/a b.git/info/lfs" in message
