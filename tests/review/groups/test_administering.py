"""Changing groups: one commit on the trunk each, by those who may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.errors import AlreadyExists, Forbidden, InvalidInput, NotAllowed, NotFound
from gitexp.project.workspace import Workspace
from gitexp.review.groups.collection import ProjectGroups
from gitexp.store.trees import blob_at, read_commit, tree_of
from tests.builders import commit_files
from tests.experiments.conftest import DEFINITION, push_trunk
from tests.experiments.conftest import remote_store as remote_store
from tests.experiments.conftest import workspace as workspace


def text_of(workspace: Workspace, name: str) -> str:
    tip = workspace.store.ref("refs/heads/main")
    assert tip is not None
    data = blob_at(workspace.store, tree_of(workspace.store, tip), f"groups/{name}.yaml")
    assert data is not None
    return data.decode()


def in_hands_of(workspace: Workspace, person: str) -> ProjectGroups:
    environ = {"GIT_AUTHOR_NAME": person, "GIT_AUTHOR_EMAIL": f"{person.lower()}@example.org"}
    around = replace(workspace.surroundings, environ=environ)
    return ProjectGroups(replace(workspace, surroundings=around))


def test_whoever_makes_a_group_is_its_admin(workspace: Workspace) -> None:
    made = ProjectGroups(workspace).create("leads", description="Who decides")
    (member,) = made.members.values()
    assert (member.identity, member.name) == ("ada@example.org", "Ada Example")
    assert "admin" in member.roles
    assert text_of(workspace, "leads") == (
        "# yaml-language-server: $schema=https://gitexp.dev/schemas/1/group.schema.json\n"
        "description: Who decides\n\nmembers:\n  ada@example.org:\n    name: Ada Example\n"
        "    roles:\n      - admin\n"
    )
    with pytest.raises(AlreadyExists, match="group 'leads' exists already"):
        ProjectGroups(workspace).create("leads")


def test_a_change_is_one_commit_on_the_trunk(workspace: Workspace) -> None:
    groups = ProjectGroups(workspace)
    groups.create("leads")
    before = workspace.store.ref("refs/heads/main")
    groups.add_member("leads", "bob@example.org", roles=["approve", "write"], usernames=["bob"])
    tip = workspace.store.ref("refs/heads/main")
    assert tip is not None
    commit = read_commit(workspace.store, tip)
    assert commit.parents == (before,)
    assert commit.message == "group leads: bob@example.org: write, approve\n"
    groups.add_member("leads", "bob@example.org", roles=["write", "approve"])
    assert workspace.store.ref("refs/heads/main") == tip


def test_comments_of_a_groups_file_stay(workspace: Workspace) -> None:
    text = b"# ours\nmembers:\n  bob@x.org: {roles: [read]}  # now\n  al@x.org: {roles: [admin]}\n"
    commit_files(workspace.store, {"groups/leads.yaml": text})
    ProjectGroups(workspace).add_member("leads", "zoe@example.org", roles=["read"])
    assert text_of(workspace, "leads").startswith(text.decode())


def test_roles_are_replaced_and_the_rest_of_a_member_stays(workspace: Workspace) -> None:
    groups = ProjectGroups(workspace)
    groups.create("leads")
    groups.add_member("leads", "bob@example.org", roles=["read"], name="Bob", usernames=["bob"])
    changed = groups.add_member("leads", "bob@EXAMPLE.org", roles=["write"])
    bob = changed.member("bob@example.org")
    assert bob is not None
    assert (bob.identity, bob.name, bob.usernames) == ("bob@example.org", "Bob", ("bob",))
    assert bob.roles == {"read", "write"}


def test_a_member_is_removed_by_their_identity(workspace: Workspace) -> None:
    groups = ProjectGroups(workspace)
    groups.create("leads")
    groups.add_member("leads", "bob@example.org", roles=["read"])
    assert groups.remove_member("leads", "bob@EXAMPLE.org").member("bob@example.org") is None
    with pytest.raises(NotFound, match=r"bob@example.org is no member of group 'leads'"):
        groups.remove_member("leads", "bob@example.org")
    with pytest.raises(NotFound, match="no group 'poets' in project 'bot'"):
        groups.remove_member("poets", "bob@example.org")


def test_what_cannot_be_a_member_or_a_role_is_refused_and_nothing_written(
    workspace: Workspace,
) -> None:
    groups = ProjectGroups(workspace)
    groups.create("leads")
    before = workspace.store.ref("refs/heads/main")
    with pytest.raises(InvalidInput, match="'boss' is no role"):
        groups.add_member("leads", "bob@example.org", roles=["boss"])
    with pytest.raises(InvalidInput, match="a member without a role"):
        groups.add_member("leads", "bob@example.org", roles=[])
    with pytest.raises(InvalidInput, match="does not match"):
        groups.add_member("leads", "Bob <bob@example.org>", roles=["read"])
    assert workspace.store.ref("refs/heads/main") == before


def test_a_change_counts_once_the_trunk_is_shared(workspace: Workspace) -> None:
    groups = ProjectGroups(workspace)
    groups.create("leads")
    assert groups.unshared() == ["leads"]
    assert not groups.whoami().restricted
    push_trunk(workspace)
    assert groups.unshared() == []
    standing = groups.whoami()
    assert standing.to_dict() == {
        "identity": "ada@example.org",
        "name": "Ada Example",
        "project_group": None,
        "restricted": True,
        "groups": {"leads": ["read", "write", "approve", "admin"]},
    }


def owned(workspace: Workspace) -> None:
    definition = DEFINITION.replace(b"id: bot\n", b"id: bot\n\ngroup: leads\n")
    commit_files(workspace.store, {"gitexp.yaml": definition})
    ProjectGroups(workspace).create("leads")
    push_trunk(workspace)


def test_groups_are_changed_by_admins_of_the_projects_group_alone(workspace: Workspace) -> None:
    owned(workspace)
    eve = in_hands_of(workspace, "Eve")
    with pytest.raises(Forbidden) as caught:
        eve.add_member("leads", "eve@example.org", roles=["admin"])
    assert str(caught.value) == (
        "eve@example.org may not change group 'leads': it takes the role admin in group 'leads'"
    )
    assert caught.value.hint == "Ask ada@example.org for it."
    with pytest.raises(Forbidden, match="may not create group 'eves'"):
        eve.create("eves")


def test_the_last_admin_of_the_project_stays(workspace: Workspace) -> None:
    owned(workspace)
    groups = ProjectGroups(workspace)
    with pytest.raises(NotAllowed, match="'leads' owns the project and would have no admin"):
        groups.remove_member("leads", "ada@example.org")
    with pytest.raises(NotAllowed, match="'leads' owns the project and would have no admin"):
        groups.add_member("leads", "ada@example.org", roles=["write"])
    groups.add_member("leads", "root@example.org", roles=["admin"])
    assert groups.remove_member("leads", "ada@example.org").member("ada@example.org") is None
