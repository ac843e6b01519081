from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import DEFINITION, Run, git

GUARDED = DEFINITION.replace(
    "  production: {}\n",
    "  production:\n    policies:\n      - approvals: {count: 1, groups: [leads]}\n",
).replace("id: bot\n", "id: bot\n\ngroup: leads\n")
LOOSE = DEFINITION.replace("id: bot\n", "id: bot\n\ngroup: leads\n")
LEADS = """\
members:
  ada@example.org: {roles: [admin], usernames: [ada]}

  grace@example.org: {roles: [write], usernames: [grace]}
"""


@pytest.fixture
def project(gitexp: Run, directory: Path) -> Path:
    """A project with policies on its shared trunk, and a branch that takes them away."""
    git("init", "--quiet", "--bare", "--initial-branch=main", str(directory.parent / "shared.git"))
    gitexp("init", "--project", "bot").ok()
    (directory / "gitexp.yaml").write_text(GUARDED)
    (directory / "groups").mkdir()
    (directory / "groups/leads.yaml").write_text(LEADS)
    git("add", "--all")
    git("commit", "--quiet", "--message", "slots")
    git("remote", "add", "origin", str(directory.parent / "shared.git"))
    git("push", "--quiet", "origin", "main")
    git("switch", "--quiet", "-c", "loose")
    (directory / "gitexp.yaml").write_text(
        DEFINITION.replace("id: bot\n", "id: bot\n\ngroup: leads\n")
    )
    git("commit", "--quiet", "--all", "--message", "loose")
    return directory


def test_a_merge_that_is_allowed_is_said_to_be(gitexp: Run, project: Path) -> None:
    found = gitexp("check", "--base", "origin/main", "--actor", "ada").ok()
    assert (found.out, found.err) == ("", "nothing forbids the merge into main\n")


def test_a_merge_that_is_not_allowed_says_why_and_exits_with_3(gitexp: Run, project: Path) -> None:
    found = gitexp("check", "--base", "origin/main", "--actor", "grace")
    assert found.code == 3
    assert found.out.startswith("the merge into main is not allowed:\n  grace <grace@example.org> ")
    assert "  hint: Roles stand in groups/leads.yaml on main." in found.out


def test_json_says_all_of_it(gitexp: Run, project: Path) -> None:
    found = gitexp("check", "--base", "origin/main", "--actor", "grace", "--format", "json")
    assert found.code == 3
    data = json.loads(found.out)
    assert (data["allowed"], data["branch"], data["kind"]) == (False, "main", "trunk")
    assert len(data["refusals"]) == 1


def test_a_branch_without_rules_is_said_to_be_so(gitexp: Run, project: Path) -> None:
    found = gitexp("check", "--base", "origin/main", "--branch", "feature").ok()
    assert found.err == "gitexp has no rules for the branch feature\n"


def test_the_trunk_may_be_named_and_nothing_checked_out_counts(gitexp: Run, project: Path) -> None:
    (project / "gitexp.yaml").write_text("no: [definition\n")
    found = gitexp(*("check", "--base", "origin/main", "--actor", "grace", "--trunk", "main"))
    assert found.code == 3
    assert "takes the role 'admin'" in found.out


def test_a_commit_without_a_branch_is_an_error(gitexp: Run, project: Path) -> None:
    found = gitexp("check", "--base", git("rev-parse", "main").strip(), "--actor", "ada")
    assert found.code == 1
    assert "names no branch, so it is not known what would be moved" in found.err


def test_reviews_need_a_token(gitexp: Run, project: Path) -> None:
    found = gitexp(*("check", "--base", "origin/main", "--reviews", "github"))
    assert found.code == 1
    assert "there is no token" in found.err
