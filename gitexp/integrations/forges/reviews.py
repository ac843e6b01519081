"""What people said about the head of a pull request: the newest review of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Literal
from urllib.parse import quote

from gitexp.clock import parse_iso
from gitexp.errors import RemoteError
from gitexp.integrations.forges.comments import ForgeName, Place
from gitexp.integrations.forges.web import Web
from gitexp.review.checking.proposals import Review

_STATES: dict[str, Literal["approve", "reject"]] = {
    "APPROVED": "approve",
    "CHANGES_REQUESTED": "reject",
    "REQUEST_CHANGES": "reject",
}
_INSIDERS = frozenset(["OWNER", "MEMBER", "COLLABORATOR"])
_PASSING = frozenset(["COMMENTED", "COMMENT", "PENDING"])


def reviews_of(name: ForgeName, web: Web, place: Place) -> list[Review]:
    """Return the newest review of each person that says yes or no.

    Reviews of people who do not belong to the repository, as anybody may write them where it is
    public, do not count. GitHub and Gitea say which commit a review is for. GitLab does not:
    there the setting must be on by which a push takes approvals back.

    Raises:
        NotFound, RemoteUnavailable, RemoteError: the forge does not say.
    """
    if name == "gitlab":
        return list(_approvals(web, place))
    owner, _, repository = place.repository.partition("/")
    path = f"/repos/{quote(owner, safe='')}/{quote(repository, safe='')}/pulls/{place.number}"
    size = "per_page=100" if name == "github" else "limit=50"
    newest: dict[str, Review | None] = {}
    for found in web.pages(f"{path}/reviews?{size}"):
        if not isinstance(found, dict):
            raise RemoteError("the forge answered with something that is no review")
        user, state = _user(found.get("user"), "login"), str(found.get("state", "")).upper()
        if user and state not in _PASSING and _counts(name, found):
            newest[user] = _review(user, state, found)
    return [review for review in newest.values() if review is not None]


def _counts(name: ForgeName, found: Any) -> bool:
    """Return whether a review is of somebody whom the forge lets decide."""
    if name == "gitea":
        return found.get("official") is True
    return found.get("author_association") in _INSIDERS


def _review(user: str, state: str, found: Any) -> Review | None:
    """Return a review; None for one that was taken back."""
    decision = _STATES.get(state)
    if decision is None or found.get("dismissed") or found.get("stale"):
        return None
    commit = found.get("commit_id")
    if not isinstance(commit, str) or not commit:
        return None  # one that names no commit may be of another one
    return Review(
        user=user,
        decision=decision,
        at=_moment(found.get("submitted_at")),
        commit=commit,
        reason=str(found.get("body") or "")[:500],
    )


def _approvals(web: Web, place: Place) -> Iterator[Review]:
    project = quote(place.repository, safe="")
    found = web.get(f"/projects/{project}/merge_requests/{place.number}/approvals")
    given = found.get("approved_by") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(given, list):
        raise RemoteError("the forge does not say who approved the merge request")
    for entry in given:
        user = _user(entry.get("user"), "username") if isinstance(entry, dict) else ""
        if user:
            at = _moment(entry.get("approved_at") or found.get("updated_at"))
            yield Review(user=user, decision="approve", at=at)


def _user(found: Any, name: str) -> str:
    user = found.get(name) if isinstance(found, dict) else None
    return user if isinstance(user, str) else ""


def _moment(text: Any) -> datetime:
    try:
        return parse_iso(str(text)).astimezone(timezone.utc)
    except ValueError as exc:
        raise RemoteError(f"the forge dates a review with {text!r}") from exc
