"""One comment that stays: found again by its mark and its author, changed in place, else made.

A comment of anybody else is left alone whatever it holds, so nobody can put a mark into their own
comment and have it overwritten, or keep the report away with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import quote

from gitexp.errors import InvalidInput, RemoteError, RemoteUnavailable
from gitexp.integrations.forges.web import Login, Web

ForgeName = Literal["github", "gitlab", "gitea"]
FORGES: tuple[ForgeName, ...] = ("github", "gitlab", "gitea")

LONGEST_COMMENT = 65_536
"""The most characters that every one of these forges takes."""

_ACTIONS_BOT = "github-actions[bot]"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A pull request.

    Attributes:
        repository: `OWNER/NAME`; on GitLab a project's id or path.
        number: of the pull request.
    """

    repository: str
    number: int

    def __post_init__(self) -> None:
        parts = self.repository.split("/")
        if not all(parts) or any(part in (".", "..") for part in parts) or self.number < 1:
            raise InvalidInput(f"{self.repository!r}, number {self.number}, is no pull request")


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment: its id, who wrote it, its text, and its address for people where it is known."""

    id: int
    author: str
    body: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of a comment."""

    action: Literal["created", "updated", "unchanged"]
    comment: Comment


class Forge(Protocol):
    """What a forge does with the comments of one pull request.

    Attributes:
        web: the way to its API.
    """

    web: Web

    def author(self) -> str:
        """Return the user whom the token belongs to."""
        ...

    def comments(self) -> Iterator[Comment]:
        """Yield the comments of the pull request, the oldest first."""
        ...

    def create(self, body: str) -> Comment:
        """Return a new comment."""
        ...

    def update(self, comment: Comment, body: str) -> Comment:
        """Return a comment with another text."""
        ...


def keep_comment(forge: Forge, mark: str, body: str, *, author: str = "") -> Kept:
    """Return what became of the one comment that begins with a mark.

    Args:
        mark: the first line of the comment, which `body` begins with.
        author: the user who wrote it; the one whom the token belongs to by default.

    Raises:
        InvalidInput: the text does not begin with the mark, or is too long.
        NotFound, RemoteUnavailable, RemoteError: the forge did not do it.
    """
    if not body.startswith(mark + "\n"):
        raise InvalidInput(f"the text does not begin with its mark {mark!r}")
    if len(body) > LONGEST_COMMENT:
        raise InvalidInput(f"{len(body)} characters are more than a comment may have")
    us = (author or forge.author()).casefold()
    ours = (c for c in forge.comments() if c.author.casefold() == us)
    found = next((comment for comment in ours if _is_marked(comment, mark)), None)
    if found is None:
        return Kept(action="created", comment=forge.create(body))
    if _lines(found.body) == _lines(body):
        return Kept(action="unchanged", comment=found)
    return Kept(action="updated", comment=forge.update(found, body))


def _is_marked(comment: Comment, mark: str) -> bool:
    return _lines(comment.body)[:1] == [mark]


def _lines(text: str) -> list[str]:
    """Return the lines of a text as forges keep it: the line breaks are theirs."""
    return text.rstrip().replace("\r\n", "\n").split("\n")


def forge_of(name: ForgeName, place: Place, *, address: str, token: str, **options: Any) -> Forge:
    """Return a forge.

    Args:
        address: of its API, such as `https://forge.example/api/v1`.
        options: further ones of `Web`.

    Raises:
        InvalidInput: the address or the token cannot be used.
    """
    login, kind = _KINDS[name]
    return kind(Web(address, _login(login, token), **options), place)


def _login(form: tuple[str, str], token: str) -> Login:
    return Login(header=form[0], prefix=form[1], token=token)


class _GitHub:
    """Issue comments, as GitHub and Gitea have them."""

    page_size = "per_page=100"

    def __init__(self, web: Web, place: Place) -> None:
        self.web = web
        owner, _, name = place.repository.partition("/")
        self._repository = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self._issue = f"{self._repository}/issues/{place.number}/comments"

    def author(self) -> str:
        try:
            return _text(self.web.get("/user"), "login")
        except RemoteUnavailable:
            raise
        except RemoteError:
            return _ACTIONS_BOT  # the token of a workflow may not ask who it is

    def comments(self) -> Iterator[Comment]:
        for found in self.web.pages(f"{self._issue}?{self.page_size}"):
            yield _issue_comment(found)

    def create(self, body: str) -> Comment:
        return _issue_comment(self.web.send("POST", self._issue, {"body": body}))

    def update(self, comment: Comment, body: str) -> Comment:
        path = f"{self._repository}/issues/comments/{comment.id}"
        return _issue_comment(self.web.send("PATCH", path, {"body": body}))


class _Gitea(_GitHub):
    """Gitea and Forgejo, whose tokens may always ask who they are."""

    page_size = "limit=50"

    def author(self) -> str:
        return _text(self.web.get("/user"), "login")


class _GitLab:
    """Notes of a merge request."""

    def __init__(self, web: Web, place: Place) -> None:
        self.web = web
        project = quote(place.repository, safe="")
        self._notes = f"/projects/{project}/merge_requests/{place.number}/notes"

    def author(self) -> str:
        return _text(self.web.get("/user"), "username")

    def comments(self) -> Iterator[Comment]:
        query = "per_page=100&sort=asc&order_by=created_at"
        for found in self.web.pages(f"{self._notes}?{query}"):
            if not _field(found, "system", bool):
                yield _note(found)

    def create(self, body: str) -> Comment:
        return _note(self.web.send("POST", self._notes, {"body": body}))

    def update(self, comment: Comment, body: str) -> Comment:
        return _note(self.web.send("PUT", f"{self._notes}/{comment.id}", {"body": body}))


def _issue_comment(found: Any) -> Comment:
    author = _field(found, "user", dict) or {}
    return Comment(
        id=_number(found),
        author=author.get("login") or "",
        body=_field(found, "body", str) or "",
        url=_field(found, "html_url", str) or "",
    )


def _note(found: Any) -> Comment:
    author = _field(found, "author", dict) or {}
    return Comment(
        id=_number(found),
        author=author.get("username") or "",
        body=_field(found, "body", str) or "",
    )


def _field(found: Any, name: str, kind: type) -> Any:
    """Return a field of an answer, None where it is missing or null."""
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(value, (kind, type(None))):
        raise RemoteError(f"the forge answered with something that is no comment: {name!r}")
    return value


def _number(found: Any) -> int:
    number = _field(found, "id", int)
    if number is None:
        raise RemoteError("the forge answered with a comment that has no id")
    return int(number)


def _text(found: Any, name: str) -> str:
    text = _field(found, name, str)
    if not text:
        raise RemoteError(f"the forge does not say who the token belongs to: no {name!r}")
    return str(text)


_KINDS: dict[ForgeName, tuple[tuple[str, str], type[_GitHub] | type[_GitLab]]] = {
    "github": (("Authorization", "Bearer "), _GitHub),
    "gitlab": (("PRIVATE-TOKEN", ""), _GitLab),
    "gitea": (("Authorization", "token "), _Gitea),
}
