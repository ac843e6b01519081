from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitexp.errors import InvalidInput, NotFound, RemoteError, RemoteUnavailable
from gitexp.integrations.forges.comments import (
    FORGES,
    Forge,
    Place,
    forge_of,
    keep_comment,
)
from tests.integrations.forge_server import TOKEN, FakeForge, served

MARK = "<!-- gitexp:report:bot -->"
BODY = f"{MARK}\n## gitexp: 1 parameter changes\n"
PLACES = {"github": "team/bot", "gitea": "team/bot", "gitlab": "team/sub/bot"}


@pytest.fixture(params=FORGES)
def server(request: pytest.FixtureRequest) -> Iterator[FakeForge]:
    with served(request.param) as forge:
        yield forge


@pytest.fixture
def github() -> Iterator[FakeForge]:
    with served("github") as forge:
        yield forge


def client(server: FakeForge, *, token: str = TOKEN, number: int = 12) -> Forge:
    place = Place(repository=PLACES[server.kind], number=number)
    pauses: list[float] = []
    return forge_of(
        server.kind,  # type: ignore[arg-type]
        place,
        address=server.address,
        token=token,
        pause=pauses.append,
    )


def test_the_first_report_makes_a_comment(server: FakeForge) -> None:
    kept = keep_comment(client(server), MARK, BODY)
    assert kept.action == "created"
    assert [c["body"] for c in server.comments] == [BODY]


def test_the_next_report_changes_it_in_place(server: FakeForge) -> None:
    for number in range(7):
        server.add("somebody", f"talk {number}")
    ours = server.add("gitexp-bot", BODY)
    server.add("somebody", "more talk")
    kept = keep_comment(client(server), MARK, BODY.replace("1 parameter", "2 parameters"))
    assert (kept.action, kept.comment.id) == ("updated", ours)
    assert len(server.comments) == 9
    assert "2 parameters" in server.comments[7]["body"]


def test_the_same_report_again_changes_nothing(server: FakeForge) -> None:
    server.add("gitexp-bot", BODY.replace("\n", "\r\n").rstrip())
    assert keep_comment(client(server), MARK, BODY).action == "unchanged"
    assert {method for method, _ in server.asked} == {"GET"}


def test_a_comment_of_somebody_else_with_the_mark_is_left_alone(server: FakeForge) -> None:
    server.add("mallory", BODY)
    assert keep_comment(client(server), MARK, BODY).action == "created"
    assert [c["author"] for c in server.comments] == ["mallory", "gitexp-bot"]


def test_a_mark_inside_a_comment_does_not_count(server: FakeForge) -> None:
    server.add("gitexp-bot", f"I said: {MARK}\n{BODY}")
    server.add("gitexp-bot", f"{MARK[:-4]}-other -->\n{BODY}")
    assert keep_comment(client(server), MARK, BODY).action == "created"


def test_the_author_may_be_named(server: FakeForge) -> None:
    number = server.add("Deploy-App[bot]", BODY)
    kept = keep_comment(client(server), MARK, BODY + "more\n", author="deploy-app[bot]")
    assert (kept.action, kept.comment.id) == ("updated", number)
    assert not any(path.endswith("/user") for _, path in server.asked)


def test_a_token_of_a_workflow_that_may_not_ask_who_it_is_is_that_of_the_actions_bot(
    github: FakeForge,
) -> None:
    github.user = None
    github.add("github-actions[bot]", BODY)
    assert keep_comment(client(github), MARK, BODY + "more\n").action == "updated"


def test_what_a_forge_writes_by_itself_is_no_comment() -> None:
    with served("gitlab") as forge:
        forge.add("gitexp-bot", BODY, system=True)
        assert keep_comment(client(forge), MARK, BODY).action == "created"


def test_paths_cannot_leave_the_repository(github: FakeForge) -> None:
    for repository in ("../..", "team/..", "team//bot", "", "/"):
        with pytest.raises(InvalidInput):
            Place(repository=repository, number=1)
    place = Place(repository="team/b?x=1#y", number=1)
    forge = forge_of("github", place, address=github.address, token=TOKEN)
    keep_comment(forge, MARK, BODY)
    assert github.asked[-1] == ("POST", "/api/repos/team/b%3Fx%3D1%23y/issues/1/comments")


def test_a_wrong_token_is_an_error_that_does_not_show_it(server: FakeForge) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        keep_comment(client(server, token="wr0ng-t0ken"), MARK, BODY)
    assert "the token is refused" in caught.value.message
    assert "wr0ng" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("token", ["", "a b", "a\nX-Header: 1", "a\r\nb", "ü"])
def test_a_token_that_no_header_can_hold_is_refused(token: str, github: FakeForge) -> None:
    with pytest.raises(InvalidInput, match="the token is empty or holds spaces"):
        client(github, token=token)
    assert github.asked == []


def test_trouble_is_waited_for_a_few_times(server: FakeForge) -> None:
    server.troubles = [503, 429]
    assert keep_comment(client(server), MARK, BODY).action == "created"


def test_trouble_that_stays_is_an_error(server: FakeForge) -> None:
    server.troubles = [503] * 10
    with pytest.raises(RemoteUnavailable, match="503 not now"):
        keep_comment(client(server), MARK, BODY)
    assert len(server.asked) == 3


def test_a_comment_is_never_sent_twice(github: FakeForge) -> None:
    forge = client(github)
    assert list(forge.comments()) == []
    github.troubles = [502]
    with pytest.raises(RemoteUnavailable):
        forge.create(BODY)
    assert [method for method, _ in github.asked] == ["GET", "POST"]


def test_the_token_follows_no_redirect_to_another_host(server: FakeForge) -> None:
    with served(server.kind) as other:
        server.moved_to = other.address.removesuffix("/api")
        with pytest.raises(RemoteError, match="which gets no token"):
            keep_comment(client(server), MARK, BODY)
        assert other.asked == []


def test_the_token_follows_no_page_to_another_host(github: FakeForge) -> None:
    with served("github") as other:
        for number in range(5):
            github.add("somebody", f"talk {number}")
        forge, asked_at = client(github), github.address
        github.address = other.address
        with pytest.raises(RemoteError, match="which gets no token"):
            list(forge.comments())
        assert other.asked == []
        assert asked_at != other.address


def test_a_redirect_of_a_change_is_not_followed(github: FakeForge) -> None:
    forge = client(github)
    github.moved_to = github.address.removesuffix("/api") + "/moved"
    with pytest.raises(RemoteError, match="has moved to"):
        forge.create(BODY)
    assert len(github.asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://forge.example/api",
        "ftp://forge.example",
        "https://user:pass@forge.example/api",
        "forge.example",
        "file:///etc/passwd",
        "https://forge.example:port/",
    ],
)
def test_a_token_goes_to_no_address_that_is_not_safe(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        forge_of("github", Place(repository="a/b", number=1), address=address, token=TOKEN)
    assert "pass@" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>login</html>", "is no JSON"),
        (b'{"message": "x"}', "is no list"),
        (b"[1, 2]", "no comment"),
        (b'[{"id": "1"}]', "no comment"),
        (b'[{"body": "x"}]', "has no id"),
        (b"[" * 100_000, "is no JSON"),
    ],
)
def test_an_answer_of_another_form_is_an_error(
    github: FakeForge, body: bytes, message: str
) -> None:
    github.body = body
    with pytest.raises(RemoteError, match=message):
        list(client(github).comments())


def test_a_pull_request_that_is_not_there_is_said_so(github: FakeForge) -> None:
    place = Place(repository="team", number=1)
    forge = forge_of("github", place, address=github.address, token=TOKEN)
    with pytest.raises(NotFound, match="404 Not Found"):
        keep_comment(forge, MARK, BODY, author="x")


def test_a_text_without_its_mark_is_refused(github: FakeForge) -> None:
    with pytest.raises(InvalidInput, match="does not begin with its mark"):
        keep_comment(client(github), MARK, "hello")
    with pytest.raises(InvalidInput, match="more than a comment may have"):
        keep_comment(client(github), MARK, f"{MARK}\n{'x' * 65_536}")
    assert github.asked == []


def test_a_login_is_not_shown(github: FakeForge) -> None:
    assert TOKEN not in repr(client(github).__dict__)
    from gitexp.integrations.forges.web import Login

    assert repr(Login(header="Authorization", token=TOKEN)) == (
        "Login(header='Authorization', prefix='')"
    )
