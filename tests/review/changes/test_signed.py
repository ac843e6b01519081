"""Signed votes, where a policy asks for them or people sign everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import ApprovalRequired, InvalidInput
from gitexp.review.changes.collection import Changes
from gitexp.review.changes.ledger import changes_at, vote_file
from gitexp.review.changes.model import Vote
from gitexp.review.changes.reading import Change
from gitexp.review.signatures.commits import sign_commit
from tests.builders import commit_files
from tests.review.changes.conftest import Team
from tests.review.signatures.keyring import PATH, SshKey, ssh_key

SIGNED = b"      - {name: s, signed: true, approvals: {count: 1}}\n"
UNSIGNED = b"      - {name: u, approvals: {count: 1}}\n"
Signer = Callable[..., Changes]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SshKey]:
    """A key for each of three people."""
    directory = tmp_path_factory.mktemp("keys")
    return {name: ssh_key(directory, name.lower()) for name in ("Ada", "Bob", "Mal")}


@pytest.fixture
def signer(team: Team, keys: dict[str, SshKey]) -> Signer:
    """Gives the change requests of somebody who has a key; Ada and Bob are allowed signers."""
    allowed = b"".join(keys[n].allowed(f"{n.lower()}@example.org") for n in ("Ada", "Bob"))
    commit_files(team.remote, {"allowed_signers": allowed})

    def changes(name: str, **config: str) -> Changes:
        workspace = team.person(name)
        team.configure(name, gpg_format="ssh", user_signingKey=str(keys[name].file), **config)
        around = replace(workspace.surroundings, environ=PATH, directory=Path("/"))
        team.people[name] = replace(workspace, surroundings=around)
        return Changes(team.people[name])

    return changes


def votes(team: Team) -> list[Vote]:
    (facts,) = changes_at(team.remote, team.branches()["changes/bot"])
    return list(facts.votes)


def test_a_vote_is_signed_where_the_policy_asks_for_it(team: Team, signer: Signer) -> None:
    team.define(SIGNED)
    signer("Ada")
    change = team.requested()
    found = signer("Bob").approve(change.id)
    assert found.state == "applied"
    (vote,) = votes(team)
    assert vote.signature is not None
    live = team.live()
    assert live is not None
    assert live.signature is not None


def test_without_a_key_there_is_no_vote_where_the_policy_asks_for_signatures(
    team: Team, signer: Signer
) -> None:
    team.define(SIGNED)
    signer("Ada")
    change = team.requested()
    team.configure("Bob", gpg_format="ssh")
    with pytest.raises(InvalidInput, match="no SSH key to sign with"):
        team.changes("Bob").approve(change.id)
    assert votes(team) == []


def test_a_vote_in_anothers_name_does_not_count(team: Team, signer: Signer) -> None:
    team.define(SIGNED)
    signer("Ada")
    change = team.requested()
    mal = signer("Mal")
    team.configure("Mal", user_name="Bob", user_email="bob@example.org")
    mal.approve(change.id, apply=False)
    with pytest.raises(ApprovalRequired) as caught:
        mal.apply(change.id)
    assert any(line.startswith("s: 0 of 1 approval given") for line in caught.value.missing)
    assert team.live() is None


def test_a_signed_vote_cannot_be_turned_round(team: Team, signer: Signer) -> None:
    team.define(SIGNED)
    signer("Ada")
    first, second = team.requested(temperature=0.1), team.requested(temperature=0.2)
    signer("Bob").approve(first.id, apply=False)
    known = changes_at(team.remote, team.branches()["changes/bot"])
    (vote,) = next(f.votes for f in known if f.id == first.id)
    forged = replace(vote, change=second.id, subject=second.terms.subject)
    commit_files(team.remote, {**vote_file(forged)}, branch="changes/bot")
    team.fetch("Ada")
    with pytest.raises(ApprovalRequired):
        team.changes("Ada").apply(second.id)


def test_people_who_sign_everything_sign_votes_too(team: Team, signer: Signer) -> None:
    team.define(UNSIGNED)
    change = team.requested()
    signer("Bob", gitexp_sign="true").approve(change.id)
    (vote,) = votes(team)
    assert vote.signature is not None
    assert vote.signature.startswith("-----BEGIN SSH SIGNATURE-----")


def test_otherwise_votes_are_not_signed(team: Team, signer: Signer) -> None:
    team.define(UNSIGNED)
    change = team.requested()
    signer("Bob").approve(change.id)
    assert [vote.signature for vote in votes(team)] == [None]


@pytest.fixture
def unfetched(team: Team, signer: Signer) -> tuple[Changes, Change]:
    """Bob's change requests and one whose version, signed by Ada, Bob never fetched."""
    team.define(b"      - {name: s, versions: signed, approvals: {count: 2}}\n")
    bob = signer("Bob")
    signer("Ada", commit_gpgsign="true")
    ada = team.people["Ada"]
    team.people["Ada"] = replace(
        ada, sign=lambda data: sign_commit(ada.store.config, ada.surroundings, data)
    )
    change = team.requested()
    version = change.request.version
    assert version is not None
    assert not team.person("Bob").store.has(version)
    return bob, change


def test_who_has_not_fetched_the_version_votes_and_learns_who_signed_it(
    unfetched: tuple[Changes, Change],
) -> None:
    bob, change = unfetched
    found = bob.approve(change.id)
    assert found.judgement is not None
    assert [r.text for r in found.judgement.requirements] == [
        f"version {change.request.label} is signed by ada@example.org",
        "1 of 2 approvals given (by bob@example.org); anybody may approve but who asked for it",
    ]


def test_a_change_request_is_shown_where_its_version_was_not_fetched(
    unfetched: tuple[Changes, Change],
) -> None:
    bob, change = unfetched
    found = bob.get(change.id)
    assert found.judgement is not None
    assert found.judgement.requirements[0].text == (
        f"version {change.request.label} has no signature that counts: "
        "its commit is not in this repository"
    )
