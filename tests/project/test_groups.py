"""Groups: who somebody is, what each may do, and where that is read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitexp.documents import schemas
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.project.groups import (
    Actor,
    Group,
    Groups,
    address_of,
    current_groups,
    groups_at,
    identity_key,
    same_person,
    with_implied,
)
from gitexp.project.workspace import Workspace
from gitexp.store.model import MODE_LINK, TreeEntry
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import SIGNATURE, commit_files
from tests.experiments.conftest import another_clone as another_clone
from tests.experiments.conftest import push_trunk
from tests.experiments.conftest import remote_store as remote_store
from tests.experiments.conftest import workspace as workspace

LEADS = b"""\
description: Who decides

members:
  alice@example.com:
    name: Alice
    roles: [admin]
    usernames: [alice, al]
  bob@Example.com:
    roles: [write, approve]
"""
WRITERS = b"""\
members:
  carol@example.com: {roles: [write], usernames: [carol]}
  alice@example.com: {roles: [read]}
"""


def groups(**files: bytes) -> Groups:
    return Groups(
        {
            name: Group.from_dict(name, schemas.load("group", data, file=f"{name}.yaml"))
            for name, data in files.items()
        }
    )


def with_groups(workspace: Workspace, files: Mapping[str, bytes]) -> None:
    commit_files(workspace.store, {f"groups/{name}.yaml": data for name, data in files.items()})


@pytest.mark.parametrize(
    ("roles", "implied"),
    [
        (["read"], {"read"}),
        (["write"], {"read", "write"}),
        (["approve"], {"read", "approve"}),
        (["admin"], {"read", "write", "approve", "admin"}),
        ([], set()),
    ],
)
def test_a_role_implies_others(roles: list[str], implied: set[str]) -> None:
    assert with_implied(roles) == implied  # type: ignore[arg-type]


def test_the_domain_of_an_identity_has_no_case_and_the_rest_has() -> None:
    assert identity_key("Bob@EXAMPLE.com") == "Bob@example.com"
    assert same_person("bob@example.com", "bob@Example.Com")
    assert not same_person("Bob@example.com", "bob@example.com")
    assert not same_person("alice", "Alice")
    assert not same_person("a@b@x.org", "a@B@x.org")


def test_a_member_has_the_roles_of_a_group_in_that_group_alone() -> None:
    found = groups(leads=LEADS, writers=WRITERS)
    assert found.roles("bob@example.COM", "leads") == {"read", "write", "approve"}
    assert found.roles("bob@example.com", "writers") == frozenset()
    assert found.roles("alice@example.com", "writers") == {"read"}
    assert found.roles("alice@example.com", "ghosts") == frozenset()


def test_a_person_has_one_entry_over_all_groups() -> None:
    alice = groups(leads=LEADS, writers=WRITERS).member("alice@example.com")
    assert alice is not None
    assert (alice.name, alice.usernames) == ("Alice", ("alice", "al"))
    assert alice.roles == {"read", "write", "approve", "admin"}
    assert groups(leads=LEADS).member("eve@example.com") is None


def test_everybody_may_do_everything_with_what_no_group_owns() -> None:
    assert groups(leads=LEADS).may("eve@example.com", "admin", "")
    assert groups(leads=LEADS).may("eve@example.com", "admin", None)
    assert Groups().may("eve@example.com", "write", "leads")


def test_only_members_with_the_role_may_do_what_a_group_owns() -> None:
    found = groups(leads=LEADS, writers=WRITERS)
    assert found.may("carol@example.com", "write", "writers")
    assert not found.may("alice@example.com", "write", "writers")
    assert not found.may("alice@example.com", "write", "ghosts")


def test_a_user_name_of_a_server_is_mapped_to_the_identity_of_its_member() -> None:
    found = groups(leads=LEADS)
    assert found.of("al") == "alice@example.com"
    assert found.of("dave") == "dave"
    assert found.of("Alice") == "Alice"


def test_a_user_name_that_two_people_claim_is_nobodys() -> None:
    eve = b"members:\n  eve@example.com: {roles: [read], usernames: [alice]}\n"
    assert groups(leads=LEADS, others=eve).of("alice") == "alice"


def test_the_same_person_in_two_groups_is_no_second_claim() -> None:
    again = b"members:\n  alice@EXAMPLE.com: {roles: [read], usernames: [alice]}\n"
    assert groups(leads=LEADS, others=again).of("alice").lower() == "alice@example.com"


def test_people_are_the_users_and_those_with_the_role_each_once() -> None:
    found = groups(leads=LEADS, writers=WRITERS)
    assert found.people(["leads", "writers"], ["zoe@example.com", "bob@example.com"]) == (
        "zoe@example.com",
        "bob@example.com",
        "alice@example.com",
    )
    assert found.people(["writers"], role="write") == ("carol@example.com",)
    assert found.people(["ghosts"]) == ()


def test_being_among_takes_the_role_or_the_name() -> None:
    found = groups(leads=LEADS, writers=WRITERS)
    assert found.is_among("bob@example.com", ["leads"])
    assert not found.is_among("carol@example.com", ["writers"])
    assert found.is_among("carol@example.com", ["writers"], role="write")
    assert found.is_among("eve@EXAMPLE.com", [], ["eve@example.com"])


def test_an_actor_is_named_by_the_address_of_the_git_identity() -> None:
    actor = Actor.of_signature(SIGNATURE)
    assert (actor.identity, actor.name, actor.source) == ("ada@example.org", "Ada Example", "git")
    assert str(actor) == "Ada Example <ada@example.org>"
    assert str(Actor(identity="ci", source="variable")) == "ci"


def test_groups_are_read_from_the_trunk_of_the_shared_remote(workspace: Workspace) -> None:
    with_groups(workspace, {"leads": LEADS})
    assert not current_groups(workspace)
    push_trunk(workspace)
    assert list(current_groups(workspace).by_name) == ["leads"]


def test_a_group_that_a_branch_alone_has_does_not_count(workspace: Workspace) -> None:
    with_groups(workspace, {"leads": LEADS})
    push_trunk(workspace)
    with_groups(workspace, {"leads": LEADS.replace(b"bob@", b"eve@")})
    assert current_groups(workspace).roles("eve@example.com", "leads") == frozenset()


def test_a_broken_group_is_an_error_and_not_an_empty_one(workspace: Workspace) -> None:
    with_groups(workspace, {"leads": b"members: {a@b.org: {roles: [boss]}}\n"})
    push_trunk(workspace)
    with pytest.raises(InvalidDocuments) as caught:
        current_groups(workspace)
    assert str(caught.value) == (
        'groups/leads.yaml:1: members["a@b.org"].roles[0]: "boss" is not one of "read", '
        '"write", "approve", "admin"'
    )


def test_a_link_in_the_place_of_the_groups_is_an_error(workspace: Workspace) -> None:
    def work(tx: Transaction) -> None:
        tip = tx.ref("refs/heads/main")
        assert tip is not None
        link = TreeEntry(name="groups", mode=MODE_LINK, id=tx.blob(b"/tmp"))
        tree = tx.tree(tree_of(tx, tip), {"groups": link})
        groups_at(workspace, tree, reader=tx)

    with pytest.raises(InvalidInput, match="groups is no directory"):
        transact(workspace.store, work)


def test_the_address_is_what_stands_in_the_brackets() -> None:
    assert address_of("Ada Example <ada@example.org>") == "ada@example.org"
    assert address_of("ada@example.org") == "ada@example.org"
    assert address_of("") == ""
