from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import DEFINITION, Run, git
from tests.integrations.forge_server import TOKEN, FakeForge, served

HOSTILE = "<img src=x>\n::add-mask::x\n@org/team #12 [x](https://evil.example) ```"


@pytest.fixture
def project(gitexp: Run, directory: Path) -> Path:
    """A project with an experiment on its trunk and a branch that changes it."""
    gitexp("init", "--project", "bot").ok()
    (directory / "gitexp.yaml").write_text(DEFINITION)
    git("commit", "--quiet", "--all", "--message", "slots")
    gitexp("experiment", "create", "tone").ok()
    gitexp("commit", "tone", "--set", "temperature=0.5", "-m", "first").ok()
    git("merge", "--quiet", "--ff-only", "exp/bot/tone")
    git("switch", "--quiet", "-c", "warmer")
    values = json.dumps({"temperature": 0.75, "prompt": HOSTILE})
    (directory / "experiments/tone/parameters.yaml").write_text(values + "\n")
    git("commit", "--quiet", "--all", "--message", HOSTILE)
    return directory


def test_a_report_is_markdown_by_default(gitexp: Run, project: Path) -> None:
    found = gitexp("report", "--base", "main").ok()
    assert found.out.startswith("<!-- gitexp:report:bot -->\n## gitexp: 2 parameters of 1")
    assert "<img" not in found.out.split("```diff")[0]


def test_a_report_is_html_in_a_file(gitexp: Run, project: Path) -> None:
    found = gitexp("report", "--base", "main", "--format", "html", "-o", "r.html").ok()
    assert found.out == ""
    text = (project / "r.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "<img" not in text


def test_a_report_is_json_that_can_be_read_again(gitexp: Run, project: Path) -> None:
    written = gitexp("report", "--base", "main", "--format", "json", "-o", "r.json").ok()
    assert written.out == ""
    assert json.loads((project / "r.json").read_text())["project"] == "bot"
    again = gitexp("report", "--from", "r.json").ok()
    assert again.out == gitexp("report", "--base", "main").ok().out
    assert gitexp("report", "--from", "r.json", "--format", "json").ok().out == (
        (project / "r.json").read_text()
    )


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"format": 1}', b"\xff\xfe", b"[" * 9999])
def test_a_file_that_is_no_report_is_an_error(gitexp: Run, project: Path, data: bytes) -> None:
    (project / "r.json").write_bytes(data)
    found = gitexp("report", "--from", "r.json")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("error: r.json: ")


def test_a_report_is_made_or_read_and_not_both(gitexp: Run, project: Path) -> None:
    for arguments in ((), ("--base", "main", "--from", "x")):
        found = gitexp("report", *arguments)
        assert found.code == 2
        assert "a report is either made or read" in found.err


def test_a_report_is_added_to_the_summary_of_a_job(
    gitexp: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = project.parent / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    found = gitexp("report", "--base", "main", "--summary").ok()
    assert found.out == ""
    assert summary.read_text().startswith("before\n<!-- gitexp:report:bot -->\n")


def test_a_summary_without_a_job_is_an_error(gitexp: Run, project: Path) -> None:
    found = gitexp("report", "--base", "main", "--summary")
    assert found.code == 1
    assert found.err == (
        "error: there is no summary: GITHUB_STEP_SUMMARY is not set\n"
        "hint: The runner of GitHub and Gitea Actions sets it; leave --summary out elsewhere.\n"
    )


def test_problems_are_annotated_with_their_lines(gitexp: Run, project: Path) -> None:
    path = project / "experiments/tone/parameters.yaml"
    path.write_text('temperature: 0.5\n\n"x::y,z%\\n::error::": 1\n')
    git("commit", "--quiet", "--all", "--message", "bad")
    found = gitexp("report", "--base", "main", "--annotations").ok()
    lines = [line for line in found.err.splitlines() if line.lstrip().startswith("::")]
    assert len(lines) == 1
    assert lines[0].startswith("::error file=experiments/tone/parameters.yaml,line=3,col=1,title=")
    title = lines[0].partition("title=")[2].partition("::")[0]
    assert "," not in title
    assert ":" not in title
    assert gitexp("report", "--base", "main").ok().err == ""


# --- the comment ----------------------------------------------------------------------------


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeForge]:
    with served("github") as found:
        monkeypatch.setenv("GITHUB_API_URL", found.address)
        monkeypatch.setenv("GITHUB_REPOSITORY", "team/bot")
        monkeypatch.setenv("GITHUB_REF", "refs/pull/12/merge")
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
        yield found


def test_a_comment_is_made_and_then_changed(gitexp: Run, project: Path, forge: FakeForge) -> None:
    first = gitexp("report", "--base", "main", "--comment", "github").ok()
    assert first.out == ""
    assert first.err == "comment created: https://forge.example/pulls/1#c100\n"
    assert ("POST", "/api/repos/team/bot/issues/12/comments") in forge.asked
    again = gitexp("report", "--base", "main", "--comment", "github").ok()
    assert again.err == "comment unchanged: https://forge.example/pulls/1#c100\n"
    git("commit", "--quiet", "--allow-empty", "--message", "more")
    third = gitexp("report", "--base", "main", "--comment", "github").ok()
    assert third.err == "comment updated: https://forge.example/pulls/1#c100\n"
    assert len(forge.comments) == 1


def test_a_report_of_another_job_is_shown_as_data(
    gitexp: Run, project: Path, forge: FakeForge
) -> None:
    gitexp("report", "--base", "main", "--format", "json", "-o", "r.json").ok()
    gitexp("report", "--from", "r.json", "--comment", "github").ok()
    (comment,) = forge.comments
    assert comment["body"] == gitexp("report", "--base", "main").ok().out


def test_the_number_comes_from_the_event_where_the_reference_says_nothing(
    gitexp: Run, project: Path, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = project.parent / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 77}}))
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    gitexp("report", "--base", "main", "--comment", "github").ok()
    assert ("POST", "/api/repos/team/bot/issues/77/comments") in forge.asked


@pytest.mark.parametrize("event", ["", "[]", '{"pull_request": {"number": "77"}}', "{" * 9999])
def test_an_event_that_names_no_number_is_a_usage_error(
    gitexp: Run, project: Path, forge: FakeForge, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    (project.parent / "event.json").write_text(event)
    monkeypatch.setenv("GITHUB_REF", "refs/heads/12")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(project.parent / "event.json"))
    found = gitexp("report", "--base", "main", "--comment", "github")
    assert found.code == 2
    assert "it is not known which pull request is meant: --number is missing" in found.err
    assert forge.asked == []


@pytest.mark.parametrize("kind", ["gitlab", "gitea"])
def test_other_forges_take_the_comment_too(
    gitexp: Run, project: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with served(kind) as forge:
        monkeypatch.setenv("CI_API_V4_URL", forge.address)
        monkeypatch.setenv("CI_PROJECT_ID", "42")
        monkeypatch.setenv("CI_MERGE_REQUEST_IID", "7")
        monkeypatch.setenv("GITHUB_API_URL", forge.address)
        monkeypatch.setenv("GITHUB_REPOSITORY", "team/bot")
        monkeypatch.setenv("GITHUB_REF", "refs/pull/7/head")
        monkeypatch.setenv("MY_TOKEN", TOKEN)
        gitexp("report", "--base", "main", "--comment", kind, "--token-variable", "MY_TOKEN").ok()
        assert forge.comments[0]["body"].startswith("<!-- gitexp:report:bot -->\n")


def test_a_token_that_is_not_there_is_said_before_anything_is_done(
    gitexp: Run, project: Path, forge: FakeForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    found = gitexp("report", "--base", "nowhere", "--comment", "github")
    assert found.code == 1
    assert found.err == (
        "error: there is no token: the environment variable GITHUB_TOKEN is not set\n"
        "hint: Set it to a token of the forge, or name another one with "
        "`--token-variable NAME`.\n"
    )


def test_the_token_is_in_no_output(
    gitexp: Run, project: Path, forge: FakeForge, process: Callable[..., object]
) -> None:
    found = gitexp("report", "--base", "main", "--comment", "github")
    forge.troubles = [403]
    refused = gitexp("report", "--base", "main", "--comment", "github", "--author", "x")
    assert refused.code == 1
    assert "the token is not allowed to do this" in refused.err
    for result in (found, refused):
        assert TOKEN not in result.out + result.err
    assert all(TOKEN not in path for _, path in forge.asked)


def test_options_of_a_comment_without_one_are_refused(gitexp: Run, project: Path) -> None:
    found = gitexp("report", "--base", "main", "--number", "7")
    assert found.code == 2
    assert "options of a forge are given without --comment" in found.err
