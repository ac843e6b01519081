from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import DEFINITION, Run, git

LEADS = "members:\n  ada@example.org: {roles: [admin], usernames: [ada]}\n"


@pytest.fixture
def project(gitexp: Run, directory: Path) -> Path:
    """A project with an owner and an experiment that has one of its own."""
    gitexp("init", "--project", "bot").ok()
    text = DEFINITION.replace("id: bot\n", "id: bot\n\ngroup: leads\n")
    (directory / "gitexp.yaml").write_text(text)
    (directory / "groups").mkdir()
    (directory / "groups/leads.yaml").write_text(LEADS)
    git("add", "--all")
    git("commit", "--quiet", "--message", "slots")
    return directory


def test_rules_are_requests_as_json(gitexp: Run, project: Path) -> None:
    found = json.loads(gitexp("forge", "rules", "github", "--check", "mine").ok().out)
    assert {request["path"] for request in found} == {"/rulesets"}
    assert [request["body"]["name"] for request in found] == [
        "gitexp bot: trunk",
        "gitexp bot: environment staging",
        "gitexp bot: environment production",
        "gitexp bot: runs",
        "gitexp bot: analyses",
        "gitexp bot: change requests",
    ]
    assert '"context": "mine"' in gitexp("forge", "rules", "github", "--check", "mine").out


def test_owners_are_a_file(gitexp: Run, project: Path) -> None:
    found = gitexp("forge", "codeowners", "github").ok().out.splitlines()
    assert "/gitexp.yaml @ada" in found


def test_a_forge_that_is_not_known_is_a_usage_error(gitexp: Run, project: Path) -> None:
    assert gitexp("forge", "rules", "sourcehut").code == 2
