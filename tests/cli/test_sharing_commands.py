from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.conftest import Run, git

Tone = list[str]


def clone(project: Path) -> Path:
    """Return a second person's clone of the shared remote."""
    other = project.parent / "other"
    git("clone", "--quiet", str(project.parent / "remote.git"), str(other))
    return other


def test_status_tells_what_is_private_and_what_to_do(tone: Tone, gitexp: Run) -> None:
    page = gitexp("status").ok().out
    assert page.startswith("Project bot, on branch main\nShared remote origin at ")
    assert "\nPrivate: not on the shared remote (use `gitexp share NAME`):\n  tone\n" in page
    assert "  production  nothing is live\n" in page
    document = json.loads(gitexp("status", "--format", "json").ok().out)
    assert document["experiments"][0]["sharing"] == "private"
    gitexp("experiment", "create", "length").ok()
    gitexp("experiment", "archive", "tone").ok()
    assert "  length\n  tone    archived\n" in gitexp("status").ok().out
    assert gitexp("status", "-q").ok().out == "length\ntone\n"
    lines = gitexp("status", "--format", "jsonl").ok().out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["length", "tone"]


def test_sharing_and_taking_back(tone: Tone, gitexp: Run) -> None:
    assert "visibility   shared\n" in gitexp("share", "tone").ok().out
    assert "\nShared, nothing to send or to join:\n  tone\n" in gitexp("status").ok().out
    assert "visibility   private\n" in gitexp("unshare", "tone").ok().out


def test_new_versions_are_ahead_until_they_are_pushed(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    gitexp("commit", "tone", "--set", "temperature=0.1").ok()
    assert "  tone  1 ahead\n" in gitexp("status").ok().out
    pushed = json.loads(gitexp("push", "--format", "json").ok().out)
    assert [change["ref"] for change in pushed] == ["refs/heads/exp/bot/tone"]
    assert gitexp("push").ok().err == "everything is on the shared remote already\n"


def test_others_versions_are_pulled(tone: Tone, project: Path, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    other = clone(project)
    gitexp("-C", str(other), "commit", "tone", "--set", "temperature=0.1").ok()
    gitexp("-C", str(other), "push").ok()
    assert gitexp("fetch", "-q").ok().out != ""
    assert gitexp("fetch").ok().err == "nothing new on the shared remote\n"
    assert "  tone  1 behind\n" in gitexp("status").ok().out
    assert gitexp("pull", "-q").ok().out == "tone\n"
    assert gitexp("show", "tone").out == gitexp("-C", str(other), "show", "tone").out
    assert gitexp("pull").ok().err == "nothing to pull\n"


def test_a_divergence_is_named_by_parameter_and_settled(
    tone: Tone, project: Path, gitexp: Run
) -> None:
    gitexp("share", "tone").ok()
    other = clone(project)
    gitexp("-C", str(other), "commit", "tone", "--set", "temperature=0.1").ok()
    gitexp("-C", str(other), "push").ok()
    gitexp("commit", "tone", "--set", "temperature=0.2").ok()
    result = gitexp("pull", "tone")
    assert result.code == 1
    assert "  temperature: was 0.9, ours 0.2, theirs 0.1\n" in result.err
    gitexp("pull", "tone", "--set", "temperature=0.15").ok()
    assert (
        json.loads(gitexp("show", "tone", "--format", "json").out)["values"]["temperature"] == 0.15
    )


def test_a_pull_with_values_needs_one_experiment(tone: Tone, gitexp: Run) -> None:
    result = gitexp("pull", "--set", "temperature=1")
    assert (result.code, result.err) == (
        2,
        "error: --set needs one experiment\nhint: Name the experiment to pull.\n",
    )


def test_publishing_saves_shares_and_promotes(project: Path, gitexp: Run) -> None:
    published = gitexp(
        "publish", "tone", "--set", "temperature=0.4", "--env", "staging", "-m", "First", "-q"
    ).ok()
    assert gitexp("env", "show", "staging", "-q").ok().out == published.out
    gitexp("publish", "tone", "--set", "prompt=Hi", "--env", "staging").ok()
    values = json.loads(gitexp("env", "get", "staging").ok().out)
    assert (values["temperature"], values["prompt"]) == (0.4, "Hi")


def test_a_clone_is_a_project(tone: Tone, project: Path, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    cloned = gitexp("clone", str(project.parent / "remote.git"), "copy", "-q").ok()
    assert cloned.out == f"{project / 'copy'}\n"
    assert gitexp("-C", "copy", "versions", "tone", "-q").ok().out.splitlines() == tone[::-1]


def test_an_unreachable_remote_is_an_error_with_a_hint(
    tone: Tone, project: Path, gitexp: Run
) -> None:
    os.rename(project.parent / "remote.git", project.parent / "gone.git")
    result = gitexp("share", "tone")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert "\nhint: " in result.err


def test_a_push_without_a_remote_is_an_error_with_a_hint(
    tone: Tone, project: Path, gitexp: Run
) -> None:
    git("remote", "remove", "origin")
    result = gitexp("push")
    assert (result.code, result.out, result.err) == (
        1,
        "",
        (
            "error: the shared remote 'origin' is not configured\n"
            "hint: Add it with `git remote add origin URL`.\n"
        ),
    )


def test_a_push_does_not_claim_that_private_experiments_were_sent(tone: Tone, gitexp: Run) -> None:
    assert gitexp("push").ok().err == (
        "nothing new to send\nstill private: tone; `gitexp share EXPERIMENT` sends it\n"
    )
    gitexp("share", "tone").ok()
    assert gitexp("push").ok().err == "everything is on the shared remote already\n"
