from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import DEFINITION, Run, git


def test_a_valid_project_is_done(project: Path, gitexp: Run) -> None:
    assert gitexp("validate").ok().out == "1 file checked, nothing is wrong\n"


def test_a_wrong_project_is_a_no(project: Path, gitexp: Run) -> None:
    (project / "gitexp.yaml").write_text(DEFINITION.replace("type: list", "type: lists"))
    result = gitexp("validate")
    assert result.code == 3
    assert result.out.startswith("gitexp.yaml:")
    assert result.out.endswith("1 file checked, 1 problem\n")
    assert (gitexp("validate", "-q").code, gitexp("validate", "-q").out) == (3, "")


def test_a_revision_is_checked_without_a_checkout(project: Path, gitexp: Run) -> None:
    (project / "gitexp.yaml").write_text(DEFINITION.replace("type: list", "type: lists"))
    git("commit", "--quiet", "--all", "--message=broken")
    (project / "gitexp.yaml").write_text(DEFINITION)
    assert gitexp("validate", "--revision", "HEAD~1").ok().out.endswith("nothing is wrong\n")
    assert gitexp("validate", "--revision", "HEAD").code == 3


def test_json_and_annotations(project: Path, gitexp: Run) -> None:
    (project / "gitexp.yaml").write_text(DEFINITION.replace("type: list", "type: lists"))
    document = json.loads(gitexp("validate", "--format", "json").out)
    assert document["valid"] is False
    assert document["problems"][0]["file"] == "gitexp.yaml"
    assert gitexp("validate", "--format", "github").out.startswith("::error file=gitexp.yaml,line=")


def test_named_files_are_checked_from_where_the_command_works(project: Path, gitexp: Run) -> None:
    assert gitexp("validate", "gitexp.yaml").ok().out == "1 file checked, nothing is wrong\n"
    assert gitexp("-C", str(project), "validate", "gitexp.yaml").code == 0
    result = gitexp("validate", "nowhere.yaml")
    assert result.code == 1
    assert "nowhere.yaml" in result.err
