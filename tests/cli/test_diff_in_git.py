"""What git itself shows and merges once `gitexp git-setup` was called, checked with git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

PARAMETERS = "experiments/calm/parameters.yaml"
BEFORE = """\
# How it answers.
temperature: 0.5

prompt: |
  Be kind.
  Be brief.

model: small
"""


@pytest.fixture
def calm(project: Path, gitexp: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an experiment on its trunk, set up for git."""
    here = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{here}{os.pathsep}{os.environ['PATH']}")
    (project / PARAMETERS).parent.mkdir(parents=True)
    (project / PARAMETERS).write_text(BEFORE)
    (project / "datasets").mkdir()
    (project / "datasets/q.jsonl").write_text('{"id": "a", "input": "x"}\n')
    commit("begin")
    gitexp("git-setup").ok()
    return project


def commit(message: str) -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)


def attempt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def shown(text: str) -> list[str]:
    """Return the lines of a diff that came or went."""
    signs = ("+", "-")
    lines = [line for line in text.splitlines() if line.startswith(signs)]
    return [line for line in lines if not line.startswith(("+++", "---"))]


def test_git_shows_values_and_no_layout(calm: Path) -> None:
    (calm / PARAMETERS).write_text(
        "model: small\ntemperature: 7.0e-1 # warmer\nprompt: |\n  Be kind.\n  Be exact.\n"
    )
    (calm / "datasets/q.jsonl").write_text('{"input": "y", "id": "a"}\n')
    expected = [
        *("-  input: x", '+  input: "y"'),
        *("-    Be brief.", "-temperature: 0.5", "+    Be exact.", "+temperature: 0.7"),
    ]
    assert shown(git("diff")) == expected
    assert len(git("diff", "--numstat").splitlines()) == 2
    commit("warmer")
    assert shown(git("show")) == expected
    assert shown(git("log", "-p", "-1")) == expected


def test_other_words_for_the_same_values_show_nothing(calm: Path) -> None:
    (calm / PARAMETERS).write_text(BEFORE.replace("# How it answers.\n", "").replace("0.5", "5e-1"))
    assert shown(git("diff")) == []


def test_git_shows_a_broken_file_as_it_is(calm: Path) -> None:
    (calm / PARAMETERS).write_text("temperature: [\n")
    assert "+temperature: [" in shown(git("diff"))


def test_git_goes_on_showing_and_merging_where_gitexp_is_gone(
    calm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("switch", "--quiet", "--create", "side")
    (calm / PARAMETERS).write_text(BEFORE.replace("small", "large"))
    commit("larger")
    git("switch", "--quiet", "main")
    (calm / PARAMETERS).write_text(BEFORE.replace("0.5", "0.7"))
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    assert shown(git("diff")) == ["-temperature: 0.5", "+temperature: 0.7"]
    commit("warmer")
    git("merge", "--quiet", "--no-edit", "side")
    assert (calm / PARAMETERS).read_text() == (
        BEFORE.replace("small", "large").replace("0.5", "0.7")
    )


def test_different_parameters_merge_where_lines_would_conflict(calm: Path) -> None:
    (calm / PARAMETERS).write_text("a: 1\nb: 2\nc: 3\n")
    commit("close together")
    git("switch", "--quiet", "--create", "side")
    (calm / PARAMETERS).write_text("a: 1\nb: 2\nc: 4\n")
    commit("side")
    git("switch", "--quiet", "main")
    (calm / PARAMETERS).write_text("# ours\na: 9\nb: 8\nc: 3\n")
    commit("ours")
    git("merge", "--quiet", "--no-edit", "side")
    assert (calm / PARAMETERS).read_text() == "# ours\na: 9\nb: 8\nc: 4\n"


@pytest.mark.parametrize("way", ["merge", "rebase", "cherry-pick"])
def test_the_same_parameter_conflicts_and_is_named(calm: Path, way: str) -> None:
    git("switch", "--quiet", "--create", "side")
    (calm / PARAMETERS).write_text(BEFORE.replace("0.5", "0.9").replace("small", "large"))
    commit("side")
    git("switch", "--quiet", "main")
    (calm / PARAMETERS).write_text(BEFORE.replace("0.5", "0.7"))
    commit("ours")
    result = attempt(way, "side")
    assert result.returncode == 1
    sides = ("0.9", "0.7") if way == "rebase" else ("0.7", "0.9")
    assert (
        f"{PARAMETERS}: both sides changed temperature "
        f"(base 0.5, ours {sides[0]}, theirs {sides[1]})"
    ) in result.stderr
    text = (calm / PARAMETERS).read_text()
    assert text == BEFORE.replace("small", "large").replace(
        "temperature: 0.5\n",
        f"<<<<<<< ours\ntemperature: {sides[0]}\n=======\n"
        f"temperature: {sides[1]}\n>>>>>>> theirs\n",
    )


def test_comments_of_both_sides_stay(calm: Path) -> None:
    git("switch", "--quiet", "--create", "side")
    (calm / PARAMETERS).write_text(BEFORE.replace("model: small", "model: small  # cheap"))
    commit("side")
    git("switch", "--quiet", "main")
    (calm / PARAMETERS).write_text(BEFORE.replace("0.5", "0.7"))
    commit("ours")
    git("merge", "--quiet", "--no-edit", "side")
    merged = BEFORE.replace("0.5", "0.7").replace("model: small", "model: small  # cheap")
    assert (calm / PARAMETERS).read_text() == merged


def test_what_cannot_be_read_is_merged_line_by_line(calm: Path) -> None:
    (calm / PARAMETERS).write_text("a: [\n\n\n\n\nb: 2\n")
    commit("broken")
    git("switch", "--quiet", "--create", "side")
    (calm / PARAMETERS).write_text("a: [\n\n\n\n\nb: 3\n")
    commit("side")
    git("switch", "--quiet", "main")
    (calm / PARAMETERS).write_text("a: (\n\n\n\n\nb: 2\n")
    commit("ours")
    result = attempt("merge", "--no-edit", "side")
    assert result.returncode == 0
    assert "is merged line by line: " in result.stderr
    assert (calm / PARAMETERS).read_text() == "a: (\n\n\n\n\nb: 3\n"


def test_two_moves_of_an_environment_never_blend(calm: Path) -> None:
    git("switch", "--quiet", "--orphan", "env")
    binding = "project: bot\nenvironment: live\naction: promote\nversion: a\ndigest: d\n\n\nat: 1\n"
    (calm / "environment.yaml").write_text(binding)
    (calm / "parameters.yaml").write_text("a: 1\n\n\n\n\n\nb: 1\n")
    commit("first")
    git("switch", "--quiet", "--create", "change")
    (calm / "environment.yaml").write_text(binding.replace("version: a", "version: b"))
    (calm / "parameters.yaml").write_text("a: 2\n\n\n\n\n\nb: 1\n")
    commit("change")
    git("switch", "--quiet", "env")
    (calm / "environment.yaml").write_text(binding.replace("at: 1", "at: 2"))
    (calm / "parameters.yaml").write_text("a: 1\n\n\n\n\n\nb: 2\n")
    commit("moved")
    assert attempt("merge", "change").returncode == 1
    assert git("diff", "--name-only", "--diff-filter=U").split() == [
        "environment.yaml",
        "parameters.yaml",
    ]


def test_setting_up_again_changes_nothing_and_removing_leaves_no_trace(
    project: Path, gitexp: Run
) -> None:
    config, attributes = project / ".git/config", project / ".git/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.bin binary")
    before = config.read_text()
    first = json.loads(gitexp("git-setup", "--format", "json").ok().out)
    assert (first["set_up"], first["changed"]) == (True, True)
    assert Path(first["attributes"]) == attributes
    assert attributes.read_text().startswith("*.bin binary\n# Written by `gitexp git-setup`")
    again = json.loads(gitexp("git-setup", "--format", "json").ok().out)
    assert again["changed"] is False
    gitexp("git-setup", "--shared").ok()
    assert (project / ".gitattributes").read_text().count("merge=gitexp") == 5
    gitexp("git-setup", "--remove").ok()
    assert config.read_text() == before
    assert attributes.read_text() == "*.bin binary\n"
    assert not (project / ".gitattributes").exists()
    gone = json.loads(gitexp("git-setup", "--remove", "--format", "json").ok().out)
    assert gone["changed"] is False


def test_init_offers_it_and_does_it_on_request(directory: Path, gitexp: Run) -> None:
    offered = gitexp("init", "one").ok()
    assert "`gitexp git-setup` lets git diff and git merge understand the files" in offered.err
    assert "gitexp" not in (directory / "one/.git/config").read_text()
    done = gitexp("init", "two", "--git-config").ok()
    assert "git-setup" not in done.err
    assert "textconv" in (directory / "two/.git/config").read_text()


def test_a_program_that_is_not_on_the_path_is_called_by_its_place(
    project: Path, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    found = json.loads(gitexp("git-setup", "--format", "json").ok().out)
    assert f"{sys.executable} -m gitexp textconv" in found["settings"]["diff.gitexp.textconv"]
