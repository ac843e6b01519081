from __future__ import annotations

import re
from typing import Any

import pytest

from gitexp.documents import schemas
from gitexp.integrations.forges.comments import FORGES, ForgeName
from gitexp.integrations.forges.rules import codeowners, guarded_branches, rules
from gitexp.project.definition import Project
from gitexp.project.groups import Group, Groups

DEFINITION = """\
format: 1

id: bot

group: leads

trunk: trunk

environments:
  staging: {}

  canary:
    policies:
      - {gates: [{rules: [min accuracy=0.9]}]}

  production:
    policies:
      - approvals: {count: 2}

      - approvals: {count: 1}

  risky:
    policies:
      - when: [{parameter: temperature}]
        approvals: {count: 3}
"""
GROUPS = Groups(
    {
        "leads": Group.from_dict(
            "leads",
            {
                "members": {
                    "ada@example.org": {"roles": ["admin"], "usernames": ["ada", "ada-l"]},
                    "lin@example.org": {"roles": ["approve"]},
                    "eve@example.org": {"roles": ["approve"], "usernames": ["e ve\n* @eve"]},
                    "x y\n* @evil": {"roles": ["admin"]},
                    "rob@example.org": {"roles": ["write"], "usernames": ["rob"]},
                }
            },
        ),
        "empty": Group.from_dict("empty", {"members": {}}),
    }
)


@pytest.fixture
def project() -> Project:
    loaded = schemas.load("project", DEFINITION.encode(), file="gitexp.yaml")
    return Project.from_dict(loaded, file="gitexp.yaml")


def bodies(project: Project, forge: ForgeName) -> dict[str, Any]:
    """Return the bodies of the requests of a forge by the branch that they are about."""
    found = {}
    for request in rules(project, forge, check="gitexp:check"):
        body = dict(request.body)
        name = body.get("rule_name") or body.get("name") or ""
        if forge == "github":
            (name,) = (
                n.removeprefix("refs/heads/") for n in body["conditions"]["ref_name"]["include"]
            )
        found[f"{request.path}:{name}"] = body
    return found


def test_every_branch_of_the_project_is_guarded(project: Project) -> None:
    assert [(one.branch, one.reviewed, one.approvals) for one in guarded_branches(project)] == [
        ("trunk", True, 1),
        ("env/bot/staging", False, 0),
        ("env/bot/canary", True, 0),
        ("env/bot/production", True, 2),
        ("env/bot/risky", True, 0),
        ("runs/bot/*", False, 0),
        ("analyses/bot/*", False, 0),
        ("changes/bot", False, 0),
    ]


def test_rule_sets_of_github_have_its_form(project: Project) -> None:
    found = bodies(project, "github")
    for body in found.values():
        assert set(body) == {
            *("name", "target", "enforcement", "bypass_actors", "conditions", "rules"),
        }
        assert (body["target"], body["enforcement"]) == ("branch", "active")
        kinds = [rule["type"] for rule in body["rules"]]
        assert kinds[:2] == ["deletion", "non_fast_forward"]
    production = {
        r["type"]: r.get("parameters") for r in found["/rulesets:env/bot/production"]["rules"]
    }
    assert production["pull_request"] == {
        "required_approving_review_count": 2,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False,
        "require_last_push_approval": True,
        "required_review_thread_resolution": False,
    }
    assert production["required_status_checks"]["required_status_checks"] == [
        {"context": "gitexp:check"}
    ]
    assert [r["type"] for r in found["/rulesets:runs/bot/*"]["rules"]] == [
        *("deletion", "non_fast_forward"),
    ]


def test_protections_of_gitea_have_its_form(project: Project) -> None:
    found = bodies(project, "gitea")
    production = found["/branch_protections:env/bot/production"]
    assert production == {
        "rule_name": "env/bot/production",
        "enable_push": False,
        "enable_force_push": False,
        "required_approvals": 2,
        "dismiss_stale_approvals": True,
        "block_on_rejected_reviews": True,
        "block_on_outdated_branch": True,
        "enable_status_check": True,
        "status_check_contexts": ["gitexp:check"],
    }
    assert found["/branch_protections:runs/bot/*"]["enable_push"] is True


def test_requests_to_gitlab_have_its_form(project: Project) -> None:
    found = bodies(project, "gitlab")
    assert found["/protected_branches:env/bot/production"] == {
        "name": "env/bot/production",
        "push_access_level": 0,
        "merge_access_level": 40,
        "allow_force_push": False,
        "code_owner_approval_required": False,
    }
    assert found["/protected_branches:changes/bot"]["push_access_level"] == 30
    assert found["/approvals:"]["reset_approvals_on_push"] is True
    rule = found["/approval_rules:gitexp bot: environment production"]
    assert rule["approvals_required"] == 2


def test_owners_follow_from_groups_and_what_gives_rights_comes_last(project: Project) -> None:
    owned = {"tone": "leads", "lost": "nobody", "bare": "empty"}
    assert codeowners(project, GROUPS, owned, "github").splitlines() == [
        "# Written by `gitexp forge codeowners`, from the groups on the trunk.",
        "/experiments/ @ada lin@example.org eve@example.org",
        "# /experiments/bare/ has no owner: nobody in group empty has the role approve",
        "# /experiments/lost/ has no owner: nobody in group nobody has the role approve",
        "/experiments/tone/ @ada lin@example.org eve@example.org",
        "/gitexp.yaml @ada",
        "/groups/ @ada",
        "/allowed_signers @ada",
        "/revoked_keys @ada",
        "/allowed_keys.asc @ada",
        "/.github/ @ada",
    ]


def test_owners_in_a_directory_and_for_gitea(project: Project) -> None:
    text = codeowners(project, GROUPS, {}, "gitea", root="apps/bot")
    patterns = [line.split()[0] for line in text.splitlines()[1:]]
    assert patterns[:2] == ["apps/bot/experiments/.*", "apps/bot/gitexp\\.yaml$"]
    assert patterns[-2:] == ["\\.gitea/.*", "\\.github/.*"]
    assert re.fullmatch(patterns[0], "apps/bot/experiments/tone/parameters.yaml")
    assert not re.match(patterns[1], "apps/bot/gitexpxyaml")


@pytest.mark.parametrize("forge", FORGES)
def test_a_project_without_groups_owns_nothing(forge: ForgeName) -> None:
    assert codeowners(Project(id="bot"), Groups(), {}, forge).count("\n") == 1
