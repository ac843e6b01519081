from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.conftest import Run, git


def broken(project: Path) -> str:
    """Return the commit that spoils the values of an experiment on its branch."""
    path = project / "experiments" / "tone" / "parameters.yaml"
    git("switch", "--quiet", "exp/bot/tone")
    path.write_text("temperature: hot\n")
    git("commit", "--quiet", "--all", "--message=by hand")
    git("switch", "--quiet", "main")
    return git("rev-parse", "exp/bot/tone").strip()


def saved(gitexp: Run) -> None:
    gitexp("experiment", "create", "tone").ok()
    gitexp("commit", "tone", "--set", "temperature=1").ok()


def test_a_sound_repository_is_done(project: Path, gitexp: Run) -> None:
    saved(gitexp)
    result = gitexp("verify").ok()
    assert result.out == ""
    assert result.err.startswith("looked at ")
    assert result.err.endswith(": everything is in order\n")
    assert gitexp("verify", "versions", "--full").ok().err == (
        "looked at 1 version: everything is in order\n"
    )


def test_what_is_wrong_is_a_no_with_advice(project: Path, gitexp: Run) -> None:
    saved(gitexp)
    commit = broken(project)
    result = gitexp("verify", "versions")
    assert result.code == 3
    lines = result.out.splitlines()
    assert lines[0].startswith(
        f"problem: exp/bot/tone@{commit[:10]}:experiments/tone/parameters.yaml: "
        "its values are not valid: "
    )
    assert lines[1].startswith("  Save corrected values with `gitexp commit tone`")
    assert result.err == "looked at 2 versions: 1 problem\n"


def test_forms_for_programs(project: Path, gitexp: Run) -> None:
    saved(gitexp)
    commit = broken(project)
    document = json.loads(gitexp("verify", "versions", "--format", "json").out)
    assert document["sound"] is False
    assert document["checks"] == ["versions"]
    assert [found["commit"] for found in document["problems"]] == [commit]
    assert gitexp("verify", "versions", "--quiet").out == (
        f"exp/bot/tone@{commit[:10]}:experiments/tone/parameters.yaml\n"
    )
    assert gitexp("verify", "versions", "--format", "csv").out.startswith("severity,check,branch,")
    assert gitexp("verify", "versions", "--junit", "out.xml").code == 3
    suite = ET.parse(project / "out.xml").getroot()[0]
    assert [(case.get("name"), len(case)) for case in suite] == [("versions", 1)]


def test_a_wrong_word_is_an_error(project: Path, gitexp: Run) -> None:
    result = gitexp("verify", "everything")
    assert result.code == 1
    assert "'everything' is nothing that can be verified" in result.err


def test_a_place_without_a_project_could_not_be_looked_at(directory: Path, gitexp: Run) -> None:
    assert gitexp("verify").code == 1
