"""What validating says of groups and of what names them."""

from __future__ import annotations

import pytest

from gitexp.project.workspace import Workspace
from gitexp.review.validating import validate
from tests.builders import commit_files
from tests.experiments.conftest import remote_store as remote_store
from tests.experiments.conftest import workspace as workspace

ADMIN = b"members:\n  ada@example.org: {roles: [admin], usernames: [ada]}\n"
HEADER = b"id: xaaaaaaaaaaaaaaaa\nname: tone\ngroup: "


def problems(workspace: Workspace, files: dict[str, bytes]) -> list[str]:
    commit_files(workspace.store, files)
    report = validate(workspace, revision="main")
    return [str(problem).removeprefix("main:") for problem in report.problems]


def definition(*lines: str) -> bytes:
    return "\n".join(["format: 1", "id: bot", *lines, ""]).encode()


def test_groups_that_fit_are_right(workspace: Workspace) -> None:
    files = {
        "gitexp.yaml": definition("group: research"),
        "groups/research.yaml": ADMIN,
        "experiments/tone/experiment.yaml": HEADER + b"research\n",
    }
    assert problems(workspace, files) == []


def test_an_owner_is_a_mere_word_while_there_are_no_groups(workspace: Workspace) -> None:
    assert problems(workspace, {"gitexp.yaml": definition("group: research")}) == []


def test_unknown_groups_are_named_where_they_stand(workspace: Workspace) -> None:
    files = {
        "gitexp.yaml": definition(
            "group: ghosts",
            "environments:",
            "  production:",
            "    policies:",
            "      - approvals: {groups: [research, leads]}",
            "        bypass: {groups: [oncall]}",
            "      - signed: {groups: [signers]}",
        ),
        "groups/research.yaml": ADMIN,
        "allowed_signers": b"ada@example.org ssh-ed25519 AAAA\n",
        "experiments/tone/experiment.yaml": HEADER + b"poets\n",
    }
    assert problems(workspace, files) == [
        (
            'experiments/tone/experiment.yaml:3: group: there is no group "poets": '
            "groups/poets.yaml is missing"
        ),
        'gitexp.yaml:3: group: there is no group "ghosts": groups/ghosts.yaml is missing',
        (
            "gitexp.yaml:7: environments.production.policies[0].approvals.groups[1]: "
            'there is no group "leads": groups/leads.yaml is missing'
        ),
        (
            "gitexp.yaml:8: environments.production.policies[0].bypass.groups[0]: "
            'there is no group "oncall": groups/oncall.yaml is missing'
        ),
        (
            "gitexp.yaml:9: environments.production.policies[1].signed.groups[0]: "
            'there is no group "signers": groups/signers.yaml is missing'
        ),
    ]


def test_a_policy_that_nobody_can_satisfy_is_named_without_any_group_too(
    workspace: Workspace,
) -> None:
    policy = ["environments:", "  live:", "    policies:", "      - approvals: {groups: [leads]}"]
    (found,) = problems(workspace, {"gitexp.yaml": definition(*policy)})
    assert found.endswith('there is no group "leads": groups/leads.yaml is missing')


def test_a_user_name_of_two_people_is_a_problem_and_of_one_in_two_groups_is_not(
    workspace: Workspace,
) -> None:
    files = {
        "groups/a.yaml": ADMIN,
        "groups/b.yaml": ADMIN.replace(b"example", b"EXAMPLE"),
        "groups/c.yaml": ADMIN.replace(b"ada@", b"eve@"),
    }
    assert problems(workspace, files) == [
        (
            'groups/c.yaml:2: members["eve@example.org"].usernames[0]: "ada" is a user name of '
            '"ada@example.org" in groups/a.yaml too; whoever comes with it is taken for neither'
        )
    ]


def test_the_group_that_owns_the_project_needs_an_admin(workspace: Workspace) -> None:
    files = {
        "gitexp.yaml": definition("group: research"),
        "groups/research.yaml": ADMIN.replace(b"admin", b"write"),
        "groups/others.yaml": b"members: {}\n",
    }
    assert problems(workspace, files) == [
        (
            'groups/research.yaml:1: members: "research" owns the project and has no admin, so '
            "nobody may change policies, groups or signers"
        )
    ]


def test_a_group_beside_an_owner_that_is_missing_is_a_problem(workspace: Workspace) -> None:
    files = {"gitexp.yaml": definition("group: research"), "groups/others.yaml": ADMIN}
    commit_files(workspace.store, files)
    (found,) = validate(workspace, ["groups"], revision="main").problems
    assert str(found) == (
        'main:groups/research.yaml: the file is missing, and "research" owns the project, so '
        "nobody may change policies, groups or signers"
    )


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("groups/a.yaml", b"members: {a b: {roles: [read]}}\n", "does not match"),
        ("groups/a.yaml", b"members: {a@b.org: {}}\n", 'the key "roles" is missing'),
        ("groups/A.yaml", ADMIN, "is not a usable name in groups"),
        ("groups/a.yml", ADMIN, 'did you mean "a.yaml"?'),
    ],
)
def test_a_file_of_a_group_is_held_to_its_schema_and_its_place(
    workspace: Workspace, file: str, data: bytes, message: str
) -> None:
    (found,) = problems(workspace, {file: data})
    assert message in found
