from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from gitexp.errors import RemoteError
from gitexp.integrations.forges.comments import ForgeName, Place, forge_of
from gitexp.integrations.forges.reviews import reviews_of
from gitexp.review.checking.proposals import Review
from tests.integrations.forge_server import TOKEN, served

HEAD = "a" * 40
AT = "2026-01-02T03:04:05Z"


def found(kind: ForgeName, answer: Any) -> list[Review]:
    with served(kind) as server:
        server.reviews = answer
        place = Place(repository="team/bot", number=12)
        forge = forge_of(kind, place, address=server.address, token=TOKEN)
        return reviews_of(kind, forge.web, place)


def github(login: str, state: str, **more: Any) -> dict[str, Any]:
    return {
        "user": {"login": login},
        "state": state,
        "commit_id": HEAD,
        "submitted_at": AT,
        "author_association": "COLLABORATOR",
        "body": "",
        **more,
    }


def test_the_newest_review_of_each_person_counts() -> None:
    reviews = found(
        "github",
        [
            github("lin", "CHANGES_REQUESTED"),
            github("ada", "APPROVED"),
            github("lin", "APPROVED"),
            github("lin", "COMMENTED"),
            github("ada", "CHANGES_REQUESTED", body="too warm"),
        ],
    )
    assert [(r.user, r.decision, r.commit, r.reason) for r in reviews] == [
        ("lin", "approve", HEAD, ""),
        ("ada", "reject", HEAD, "too warm"),
    ]
    assert reviews[0].at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "review",
    [
        github("mallory", "APPROVED", author_association="NONE"),
        github("mallory", "APPROVED", author_association="CONTRIBUTOR"),
        github("mallory", "APPROVED", author_association="FIRST_TIME_CONTRIBUTOR"),
        github("lin", "DISMISSED"),
        github("lin", "PENDING"),
        github("lin", "APPROVED", commit_id=None),
        github("lin", "APPROVED", commit_id=""),
        github("lin", "APPROVED", user=None),
        github("lin", "approved by everybody"),
    ],
)
def test_reviews_that_do_not_count(review: Any) -> None:
    assert found("github", [review]) == []


def test_a_review_of_an_outsider_takes_none_of_a_member_away() -> None:
    outsider = github("lin", "CHANGES_REQUESTED", author_association="NONE")
    reviews = found("github", [github("lin", "APPROVED"), outsider])
    assert [review.decision for review in reviews] == ["approve"]


def test_gitea_says_which_reviews_count() -> None:
    base = github("lin", "APPROVED", official=True)
    assert [r.user for r in found("gitea", [base])] == ["lin"]
    rejected = found("gitea", [{**base, "state": "REQUEST_CHANGES"}])
    assert [r.decision for r in rejected] == ["reject"]
    for other in ({"official": False}, {"stale": True}, {"dismissed": True}):
        assert found("gitea", [{**base, **other}]) == []


def test_gitlab_says_who_approved() -> None:
    answer = {"updated_at": AT, "approved_by": [{"user": {"username": "lin"}}, {"user": None}]}
    assert [(r.user, r.decision, r.commit) for r in found("gitlab", answer)] == [
        ("lin", "approve", "")
    ]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("gitlab", []),
        ("gitlab", {"approved_by": None}),
        ("gitlab", {"approved_by": [{"user": {"username": "lin"}}]}),
        ("github", {"message": "x"}),
        ("github", ["x"]),
        ("github", [github("lin", "APPROVED", submitted_at="yesterday")]),
    ],
)
def test_an_answer_of_another_form_is_an_error(kind: ForgeName, answer: Any) -> None:
    with pytest.raises(RemoteError):
        found(kind, answer)
