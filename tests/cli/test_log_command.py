"""`gitexp log` and `gitexp blame`, over real repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

Tone = list[str]


def story(gitexp: Run, *arguments: str) -> list[str]:
    """Return kind, action and experiment of each event."""
    lines = gitexp("log", *arguments, "--format", "jsonl").ok().out.splitlines()
    events = [json.loads(line) for line in lines]
    return [f"{e['kind']} {e['action']} {e['experiment'] or ''}".strip() for e in events]


def test_the_whole_story_is_told_newest_first(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "production", "-m", "Calmer").ok()
    assert sorted(story(gitexp)) == [
        "lifecycle create tone",
        "project definition",
        "promotion promote tone",
        "save save tone",
        "save save tone",
        "share share tone",
    ]
    assert story(gitexp)[0] == "promotion promote tone"
    page = gitexp("log", "--kind", "promotion").ok().out.splitlines()
    assert page[0].split() == ["at", "kind", "experiment", "environment", "what", "by", "id"]
    assert f"promoted tone@{tone[1][:10]}: Calmer" in page[1]
    markdown = gitexp("log", "tone", "--kind", "save", "--format", "md").ok().out.splitlines()
    assert len(markdown) == 4
    assert "| Hot |" in markdown[2]


def test_a_push_from_here_is_told_and_a_later_one_is_another(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    gitexp("commit", "tone", "--set", "temperature=0.1").ok()
    gitexp("push").ok()
    assert story(gitexp, "--kind", "share") == ["share push tone", "share share tone"]


def test_runs_are_told_with_how_they_ended(tone: Tone, gitexp: Run) -> None:
    run = gitexp("run", "start", "tone").ok().out.strip()
    gitexp("run", "end", run).ok()
    (line,) = gitexp("log", "--kind", "run", "--format", "jsonl").ok().out.splitlines()
    event = json.loads(line)
    assert (event["run"], event["experiment"], event["version"]) == (run, "tone", tone[1])
    assert event["action"] == "finished"
    assert event["details"]["ended_at"] is not None
    assert gitexp("log", "tone", "--kind", "run", "-q").ok().out == f"{run}\n"
    assert story(gitexp, "--kind", "run", "--author", "ada example") == ["run finished tone"]
    assert story(gitexp, "--kind", "run", "--author", "100% not'me") == []
    assert story(gitexp, "--kind", "run", "--since", "1h") == ["run finished tone"]
    assert story(gitexp, "--kind", "run", "--until", "1h") == []


def test_a_limit_is_told_of(tone: Tone, gitexp: Run) -> None:
    limited = gitexp("log", "--limit", "1").ok()
    assert len(limited.out.splitlines()) == 2
    assert limited.err == "there is more: the newest 1 are shown; see --limit and --all\n"
    assert gitexp("log", "--all").ok().err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--kind", "merge"], 2, "error: 'merge' is no kind of event\n"),
        (["--since", "soon"], 1, "error: 'soon' is no moment\n"),
        (["--since", "2026-02-30"], 1, "error: '2026-02-30' is no moment\n"),
        (["--env", "prod"], 1, "error: environment 'prod' is not declared in project 'bot'\n"),
        (["ton"], 1, "error: no experiment 'ton' in project 'bot'\n"),
    ],
)
def test_what_is_not_there_is_named(
    tone: Tone, gitexp: Run, arguments: list[str], code: int, message: str
) -> None:
    result = gitexp("log", *arguments)
    assert result.code == code
    assert result.err.startswith(message)


def test_a_shallow_clone_tells_what_it_has_and_says_so(
    tone: Tone, project: Path, gitexp: Run
) -> None:
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "production").ok()
    gitexp("env", "unbind", "production", "--yes").ok()
    shallow = project.parent / "shallow"
    url = (project.parent / "remote.git").as_uri()
    git("clone", "--quiet", "--depth=1", "--no-single-branch", url, str(shallow))
    told = gitexp("-C", str(shallow), "log").ok()
    experiment, environment = told.err.splitlines()
    assert experiment == (
        "warning: the history of experiment 'tone' is cut off in this clone: "
        "`git fetch --unshallow` brings it"
    )
    assert environment.startswith("warning: environment 'production' is told in part: commit ")
    assert "unbound" in told.out
    blamed = gitexp("-C", str(shallow), "blame", "tone")
    assert blamed.code == 1
    assert "git fetch --unshallow" in blamed.err
    git("fetch", "--quiet", "--unshallow", directory=shallow)
    assert gitexp("-C", str(shallow), "log").ok().err == ""


def test_blame_tells_who_when_why_and_where(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "production", "--version", tone[0]).ok()
    lines = gitexp("blame", "tone").ok().out.splitlines()
    assert lines[0].split() == [
        "parameter",
        "value",
        "note",
        "set",
        "by",
        "at",
        "version",
        "live",
        "message",
    ]
    by_name = {line.split()[0]: line for line in lines[1:]}
    assert tone[1][:10] in by_name["temperature"]
    assert by_name["temperature"].endswith("Hot")
    assert "production has 0.7" in by_name["temperature"]
    assert "the default" in by_name["prompt"]
    assert "production since 20" in by_name["prompt"]
    data = json.loads(gitexp("blame", "tone", "--version", tone[0], "--format", "json").ok().out)
    assert (data["experiment"], data["version"]) == ("tone", tone[0])
    assert gitexp("blame", "tone", "-q").ok().out.splitlines()[0] == tone[1]


def test_foreign_text_stays_in_its_line(tone: Tone, gitexp: Run) -> None:
    message = "x\x1b[2J | <b> `a`"
    gitexp("commit", "tone", "--set", "temperature=0.2", "-m", message).ok()
    for form in ("table", "md", "csv"):
        out = gitexp("log", "tone", "--kind", "save", "--limit", "1", "--format", form).ok().out
        assert "\x1b" not in out
        assert len(out.splitlines()) == (3 if form == "md" else 2)
