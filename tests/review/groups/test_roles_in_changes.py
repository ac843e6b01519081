"""Roles and change requests together: who asks, who votes, who applies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitexp.errors import Forbidden
from tests.review.changes.conftest import HEAD, Team
from tests.review.changes.conftest import team as team

REVIEWED = b"      - {name: reviewed, approvals: {count: 1, groups: [leads]}}\n"
ROLES: Mapping[str, Mapping[str, list[str]]] = {
    "leads": {"bob": ["approve"], "cy": ["read"]},
    "makers": {"ada": ["write"], "root": ["admin"]},
}


@pytest.fixture
def owned(team: Team) -> Team:
    """A project whose makers write, and whose leads approve what goes to production."""
    from tests.builders import commit_files

    definition = HEAD.replace(b"id: bot\n", b"id: bot\n\ngroup: makers\n") + REVIEWED
    commit_files(team.remote, {"gitexp.yaml": definition})
    team.groups(**ROLES)
    return team


def test_who_may_only_approve_approves_and_does_not_move_the_environment(owned: Team) -> None:
    change = owned.requested()
    approved = owned.changes("Bob").approve(change.id)
    assert approved.state == "approved"
    assert approved.note is not None
    assert "bob@example.org may not promote experiment 'checkout' to 'production'" in approved.note
    assert owned.live() is None
    assert owned.changes("Ada").apply(change.id).created
    live = owned.live()
    assert live is not None
    assert live.change == change.id


def test_a_member_without_the_role_does_not_vote(owned: Team) -> None:
    change = owned.requested()
    with pytest.raises(Forbidden):
        owned.changes("Cy").approve(change.id)
    with pytest.raises(Forbidden):
        owned.changes("Ada").approve(change.id)


def test_who_may_not_write_does_not_ask(owned: Team) -> None:
    owned.version()
    owned.fetch("Bob")
    with pytest.raises(Forbidden, match="takes the role write in group 'makers'"):
        owned.ask("Bob")


def test_roles_of_today_count_and_not_those_of_the_opening(owned: Team) -> None:
    change = owned.requested()
    owned.groups(**{**ROLES, "leads": {"bob": ["read"], "cy": ["approve"]}})
    with pytest.raises(Forbidden):
        owned.changes("Bob").approve(change.id)
    assert owned.changes("Cy").approve(change.id).state == "approved"
