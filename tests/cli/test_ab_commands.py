"""`gitexp ab` and the verbs that make A/B tests and lead them through their life."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, git


@pytest.fixture
def warm(project: Path, gitexp: Run) -> str:
    """A draft that can be launched."""
    gitexp("ab", "create", "warm", "--flag", "words", "--primary", "sales:mean").ok()
    return "warm"


def shown(gitexp: Run, name: str = "warm") -> Any:
    return json.loads(gitexp("ab", "show", name, "--format", "json").ok().out)


def test_a_project_without_tests_says_so(project: Path, gitexp: Run) -> None:
    result = gitexp("ab").ok()
    assert (result.out, result.err) == (
        "",
        "no A/B tests that fit; make one with `gitexp ab create`\n",
    )
    assert gitexp("ab", "list", "--format", "json").ok().out == "[]\n"


def test_a_test_is_made_from_options(project: Path, gitexp: Run) -> None:
    made = gitexp(
        "ab", "create", "warm", "--flag", "words", "--title", "Warm words",
        "--variant", "control=80", "--variant", "test=12.5", "--variant", "other=7.5",
        "--primary", "paid:proportion", "--secondary", "errors:mean:decrease",
    ).ok()  # fmt: skip
    assert made.out == "warm: draft\n"
    found = shown(gitexp)
    assert (found["title"], found["flag"]) == ("Warm words", "words")
    assert [variant["split"] for variant in found["variants"]] == [80, 12.5, 7.5]
    assert found["metrics"] == {
        "primary": [{"key": "paid", "type": "proportion", "goal": "increase"}],
        "secondary": [{"key": "errors", "type": "mean", "goal": "decrease"}],
    }


def test_a_test_is_made_from_a_file(project: Path, gitexp: Run) -> None:
    definition = {
        "flag": "words",
        "variants": [{"key": "control"}, {"key": "warm"}],
        "metrics": {"primary": [{"key": "sales", "type": "mean"}]},
        "statistics": {"method": "sequential"},
    }
    gitexp(
        "ab", "create", "warm", "--from", "-", "--primary", "b:mean", stdin=json.dumps(definition)
    ).ok()
    found = shown(gitexp)
    assert (found["flag"], found["statistics"]) == ("words", {"method": "sequential"})
    assert [variant["key"] for variant in found["variants"]] == ["control", "warm"]
    assert [metric["key"] for metric in found["metrics"]["primary"]] == ["sales", "b"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--variant", "test=many", "--variant 'test=many': 'many' is no percentage"),
        ("--primary", "sales", "--primary 'sales' is no metric"),
        ("--primary", "sales:sum", "--primary 'sales:sum' is no metric"),
        ("--secondary", "sales:mean:up", "--secondary 'sales:mean:up' is no metric"),
        ("--secondary", "a:mean:increase:b", "--secondary 'a:mean:increase:b' is no metric"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(
    project: Path, gitexp: Run, option: str, value: str, message: str
) -> None:
    result = gitexp("ab", "create", "warm", option, value)
    assert result.code == 2
    assert f"error: {message}\n" in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: x", 'description: unknown key "description"'),
        ("self: x", 'self: unknown key "self"'),
        ("metrics: 5", "metrics: expected a mapping, found 5"),
        ("metrics: {primary: 5}", "metrics.primary: expected a list, found 5"),
        ("metrics: {other: []}", 'metrics.other: unknown key "other"'),
        ("variants: [5]", "variants[0]: expected a mapping, found 5"),
    ],
)
def test_a_file_that_is_no_definition_is_refused_with_its_place(
    project: Path, gitexp: Run, text: str, message: str
) -> None:
    options = ("--from", "-", "--primary", "sales:mean") if "metrics" in text else ("--from", "-")
    result = gitexp("ab", "create", "warm", *options, stdin=text)
    assert (result.code, result.out) == (1, "")
    assert f"error: experiments/warm/ab-test.yaml: {message}" in result.err


def test_a_page_says_who_made_a_test_and_where_it_stands(project: Path, gitexp: Run) -> None:
    words = "Do warm words sell?"
    gitexp("ab", "create", "warm", "--description", words, "--primary", "a:mean").ok()
    gitexp("ab", "launch", "warm").ok()
    gitexp("ab", "freeze", "warm").ok()
    found = shown(gitexp)
    assert (found["description"], found["created_by"]) == (words, "ada@example.org")
    assert found["created_at"][:10] == found["updated_at"][:10] == found["frozen_at"][:10]
    page = {line.split()[0]: line for line in gitexp("ab", "show", "warm").ok().out.splitlines()}
    assert page["by"].split() == ["by", "ada@example.org"]
    assert {"description", "made", "frozen"} <= page.keys()
    (line,) = json.loads(gitexp("ab", "list", "--format", "json").ok().out)
    assert line["description"] == words


def test_places_of_a_definition_are_changed(warm: str, gitexp: Run, project: Path) -> None:
    (project / "query.sql").write_text("SELECT 1\n")
    changed = gitexp(
        "ab", "update", warm, "--set", "title=Warm words", "--set", "statistics.method=bayesian",
        "--set", "metrics.primary.sales.window=14d", "--set-file", "data.events.sql=query.sql",
        "--from", "-", stdin="minimum: {sample_size: 200}\nflag: words\n",
    ).ok()  # fmt: skip
    assert (changed.out, changed.err) == ("warm: draft\n", "")
    found = shown(gitexp)
    assert (found["title"], found["statistics"]) == ("Warm words", {"method": "bayesian"})
    assert found["metrics"]["primary"] == [
        {"key": "sales", "type": "mean", "goal": "increase", "window": "14d"}
    ]
    assert (found["minimum"], found["data"]) == (
        {"sample_size": 200},
        {"events": {"sql": "SELECT 1\n"}},
    )
    gitexp("ab", "update", warm, "--unset", "title", "--unset", "data.events").ok()
    assert "title" not in shown(gitexp)
    again = gitexp("ab", "update", warm, "--set", "statistics.method=bayesian").ok()
    assert again.err == "nothing was to be changed\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "nothing to change"),
        (("--set", "title"), 2, "--set 'title' has no '='"),
        (("--set", "title=1", "--set", "title=2"), 2, "--set names 'title' twice"),
        (("--set", "title=5"), 1, "experiments/warm/ab-test.yaml: title: expected text, found 5"),
        (("--set", "title=a: b: c"), 1, "--set title:1: not YAML: mapping values are not allowed"),
        (("--set", "status=running"), 1, 'cannot change "status" directly'),
        (("--unset", "title"), 1, 'there is nothing in "title" to remove'),
        (("--from", "nowhere.yaml"), 1, "nowhere.yaml cannot be read"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    warm: str, gitexp: Run, words: tuple[str, ...], code: int, message: str
) -> None:
    result = gitexp("ab", "update", warm, *words)
    assert result.code == code
    assert f"error: {message}" in result.err


def test_a_test_that_was_shipped_is_launched_again(warm: str, gitexp: Run) -> None:
    gitexp("ab", "launch", warm).ok()
    gitexp("ab", "ship", warm, "test").ok()
    said = gitexp("ab", "reset", warm).ok().err
    assert "note: `gitexp ab launch warm --fit-flag` makes flag words fit" in said
    refused = gitexp("ab", "launch", warm)
    assert refused.code == 1
    assert "hint: `gitexp ab launch warm --fit-flag` makes flag words fit" in refused.err
    gitexp("ab", "launch", warm, "--fit-flag").ok()
    assert git("show", "exp/bot/warm:flags/words.yaml").count("weight: 50") == 2


def test_a_test_goes_through_its_life(warm: str, gitexp: Run) -> None:
    launched = gitexp("ab", "launch", warm).ok()
    assert launched.out == "warm: running\n"
    assert "note: Applications see flag words as it is shared and then published: " in launched.err
    said = [
        gitexp("ab", *words).ok().out
        for words in (
            ("pause", warm),
            ("resume", warm),
            ("freeze", warm),
            ("unfreeze", warm),
            ("end", warm, "--conclusion", "won", "-m", "better"),
            ("conclude", warm, "inconclusive"),
            ("ship", warm, "test", "--to-everyone"),
            ("archive", warm),
            ("unarchive", warm),
            ("reset", warm),
        )
    ]
    assert [line.removeprefix("warm: ").strip() for line in said] == [
        "paused", "running", "running, frozen", "running", "stopped", "stopped", "stopped",
        "stopped, archived", "stopped", "draft",
    ]  # fmt: skip
    log = git("log", "--format=%s", "exp/bot/warm").splitlines()
    assert len(log) == 13


def test_a_step_that_the_state_forbids_fails(warm: str, gitexp: Run) -> None:
    result = gitexp("ab", "pause", warm)
    assert result.code == 1
    assert result.out == ""
    assert result.err == (
        "error: the A/B test of 'warm' has not been launched yet: it is draft, and must be running "
        "to be paused\nhint: See `gitexp ab show warm`.\n"
    )
    assert gitexp("ab", "unarchive", warm).code == 1


def test_a_step_is_told_to_programs(warm: str, gitexp: Run) -> None:
    found = json.loads(gitexp("ab", "launch", warm, "--format", "json").ok().out)
    assert (found["experiment"], found["status"]) == ("warm", "running")
    assert found["commit"] == git("rev-parse", "exp/bot/warm").strip()
    assert len(found["notes"]) == 2
    assert gitexp("ab", "pause", warm, "-q").ok().out == "warm\n"


def test_an_added_metric_is_marked(warm: str, gitexp: Run, project: Path) -> None:
    gitexp("ab", "launch", warm).ok()
    git("switch", "--quiet", "exp/bot/warm")
    file = project / "experiments/warm/ab-test.yaml"
    text = file.read_text()
    at = text.index("  primary:\n") + len("  primary:\n")
    file.write_text(f"{text[:at]}    - {{key: late, type: mean}}\n{text[at:]}")
    git("commit", "--quiet", "-am", "late")
    assert shown(gitexp)["marks"] == {"late": "added after launch"}
    page = gitexp("ab", "show", warm).ok().out
    assert "late: mean, increase (added after launch)" in page
    assert "control 50 %" in page


def test_what_was_edited_by_hand_after_the_launch_is_found(
    warm: str, gitexp: Run, project: Path
) -> None:
    gitexp("ab", "launch", warm).ok()
    launch = git("rev-parse", "exp/bot/warm").strip()[:10]
    git("switch", "--quiet", "exp/bot/warm")
    file = project / "experiments/warm/ab-test.yaml"
    assert gitexp("validate").ok()
    file.write_text(file.read_text().replace("split: 50", "split: 40", 1).replace(
        "split: 50", "split: 60", 1))  # fmt: skip
    result = gitexp("validate")
    assert result.code == 3
    assert f"variants: locked since the launch in {launch}: the splits were 50/50" in result.out
    assert "flag: flag 'words' shares by 50/50, and the test by 40/60" in result.out
    git("commit", "--quiet", "-am", "by hand")
    verified = gitexp("verify")
    assert verified.code == 3
    assert f"locked since the launch in {launch}" in verified.out


def test_uncommitted_work_is_never_overwritten(warm: str, gitexp: Run, project: Path) -> None:
    git("switch", "--quiet", "exp/bot/warm")
    file = project / "experiments/warm/ab-test.yaml"
    before = file.read_text()
    file.write_text(f"{before}# mine\n")
    refused = gitexp("ab", "launch", warm)
    assert refused.code == 1
    assert "not committed in" in refused.err
    assert file.read_text() == f"{before}# mine\n"
    git("commit", "--quiet", "-am", "mine")
    gitexp("ab", "launch", warm).ok()
    assert "status: running" in file.read_text()
    assert "# mine\n" in file.read_text()
    assert git("status", "--short") == ""


def test_a_test_goes_on_where_its_branch_was_squashed_into_the_trunk(
    warm: str, gitexp: Run
) -> None:
    gitexp("ab", "launch", warm).ok()
    git("merge", "--quiet", "--squash", "exp/bot/warm")
    git("commit", "--quiet", "-m", "warm")
    git("branch", "--quiet", "-D", "exp/bot/warm")
    squash = git("rev-parse", "HEAD").strip()
    assert shown(gitexp)["launched_in"] == squash
    gitexp("ab", "end", warm).ok()
    found = shown(gitexp)
    assert (found["status"], found["launched_in"]) == ("stopped", squash)
    gitexp("validate", "--revision", "exp/bot/warm").ok()


def test_tests_are_listed(warm: str, gitexp: Run) -> None:
    gitexp("ab", "create", "cold", "--primary", "a:mean").ok()
    gitexp("ab", "launch", "cold").ok()
    assert gitexp("ab", "list", "-q", "--order", "name").ok().out == "cold\nwarm\n"
    assert gitexp("ab", "list", "-q", "--status", "draft").ok().out == "warm\n"
    (line,) = json.loads(gitexp("ab", "list", "--flag", "cold", "--format", "json").ok().out)
    assert (line["name"], line["status"], line["primary"]) == ("cold", "running", ["a"])
    page = gitexp("ab", "list", "--limit", "1").ok()
    assert page.err == "2 A/B tests fit; see more with --offset\n"


def test_a_list_shows_the_first_problem_of_a_test_and_counts_the_others(
    warm: str, gitexp: Run, project: Path
) -> None:
    git("checkout", "--quiet", "exp/bot/warm")
    file = project / "experiments" / "warm" / "ab-test.yaml"
    file.write_text("status: drift\nflags: words\nwindow: 3d\n")
    git("commit", "--quiet", "-am", "wrong")
    (row,) = gitexp("ab", "list").ok().out.splitlines()[1:]
    assert row.endswith('ab-test.yaml:1: the key "flag" is missing, and 4 more')
    (item,) = json.loads(gitexp("ab", "list", "--format", "json").ok().out)
    assert len(item["problem"].splitlines()) == 5


def test_a_copy_is_a_draft_of_its_own(warm: str, gitexp: Run) -> None:
    gitexp("ab", "launch", warm).ok()
    assert gitexp("ab", "duplicate", warm, "-q").ok().out == "warm-copy\n"
    found = shown(gitexp, "warm-copy")
    assert (found["status"], found["title"]) == ("draft", "warm (Copy)")


def test_a_copy_is_made_in_another_project(warm: str, gitexp: Run, project: Path) -> None:
    (project / "shop").mkdir()
    gitexp("init", "shop", "--project", "shop").ok()
    gitexp("ab", "launch", warm).ok()
    assert gitexp("ab", "duplicate", warm, "--into", "shop", "-q").ok().out == "warm\n"
    copied = json.loads(gitexp("-C", "shop", "ab", "show", warm, "--format", "json").ok().out)
    first = shown(gitexp)
    assert (copied["status"], first["status"]) == ("draft", "running")
    same = ("flag", "variants", "metrics")
    assert {key: copied[key] for key in same} == {key: first[key] for key in same}
    gitexp("-C", "shop", "ab", "launch", warm).ok()
    again = gitexp("ab", "duplicate", warm, "--into", "shop")
    assert (again.code, "has an A/B test already" in again.err) == (1, True)


def test_tests_are_counted(warm: str, gitexp: Run) -> None:
    gitexp("ab", "launch", warm).ok()
    assert json.loads(gitexp("ab", "stats", "--format", "json").ok().out) == {
        "launched_last_30d": 1,
        "launched_previous_30d": 0,
        "percent_change": 100.0,
        "active_experiments": 1,
        "completed_last_30d": 0,
    }
    assert "active" in gitexp("ab", "stats").ok().out


def test_counting_remembers_what_it_has_read(warm: str, gitexp: Run, project: Path) -> None:
    derived = project / ".git/gitexp"
    shutil.rmtree(derived)
    gitexp("ab", "stats").ok()
    assert list(derived.glob("cache-*"))
