"""`gitexp flag`: list, show, create, evaluate, eligible, publish and export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git
from tests.cli.test_policy_command import APPROVED, define


@pytest.fixture
def flags(project: Path, gitexp: Run) -> Path:
    """A project with two flags on the shared trunk."""
    gitexp("flag", "create", "checkout", "--variant", "control", "--variant", "test", "--on").ok()
    gitexp("flag", "create", "search", "--rollout", "0", "--description", "Finds things").ok()
    git("push", "--quiet", "origin", "main", directory=project)
    return project


def test_a_project_without_flags_says_so(project: Path, gitexp: Run) -> None:
    found = gitexp("flag").ok()
    assert (found.out, found.err) == ("", "no flags; make one with `gitexp flag create KEY`\n")
    assert gitexp("flag", "list", "--search", "pay").ok().err == "no such flags\n"


def test_a_flag_is_made_in_one_commit(project: Path, gitexp: Run) -> None:
    made = gitexp("flag", "create", "pay", "--variant", "control=90", "--variant", "test=10", "-q")
    assert made.ok().out == "pay\n"
    text = (project / "flags" / "pay.yaml").read_text()
    assert "created_by: ada@example.org" in text
    assert git("log", "-1", "--format=%s", directory=project).strip() == "flag pay: new"
    again = gitexp("flag", "create", "pay")
    assert (again.code, again.err.splitlines()[0]) == (1, "error: flag 'pay' exists already")
    wrong = gitexp("flag", "create", "odd", "--variant", "control=90", "--variant", "test=20")
    assert "flags/odd.yaml: variants: the weights add up to 110, not to 100" in wrong.err


def test_flags_are_listed_and_shown(flags: Path, gitexp: Run) -> None:
    assert gitexp("flag", "list", "-q").ok().out == "checkout\nsearch\n"
    assert gitexp("flag", "list", "--search", "finds", "-q").ok().out == "search\n"
    (first, _) = json.loads(gitexp("flag", "list", "--format", "json").ok().out)
    assert first["variants"] == [{"key": "control", "weight": 50}, {"key": "test", "weight": 50}]
    assert (first["created_by"], first["eligible"]) == ("ada@example.org", True)
    shown = json.loads(gitexp("flag", "show", "checkout", "--format", "json").ok().out)
    assert (shown["key"], shown["rollout"], shown["active"]) == ("checkout", 100, True)
    gitexp("flag", "create", "later").ok()
    assert [gitexp("flag", "show", key).ok().out.split()[3] for key in ("checkout", "later")] == [
        "yes",
        "no",
    ]
    unknown = gitexp("flag", "show", "chekout")
    assert unknown.err.splitlines() == [
        "error: no flag 'chekout'",
        "hint: Did you mean 'checkout'?",
    ]


def test_flags_are_evaluated(flags: Path, gitexp: Run) -> None:
    one = gitexp("flag", "evaluate", "checkout", "--id", "u1", "--format", "json").ok()
    assert json.loads(one.out) == {
        "key": "checkout",
        "enabled": True,
        "variant": "test",
        "payload": None,
        "reason": "condition_match",
    }
    everything = gitexp("flag", "evaluate", "--id", "u1", "-q").ok()
    assert everything.out == "test\nfalse\n"


def test_a_version_as_property_is_no_number(flags: Path, gitexp: Run) -> None:
    rule = "{key: version, operator: semver_gte, value: '1.9.0'}"
    (flags / "flags" / "new.yaml").write_text(
        f"active: true\nconditions:\n  - properties: [{rule}]\n"
    )
    git("add", "flags", directory=flags)
    git("commit", "--quiet", "-m", "new", directory=flags)
    for text, enabled in (("1.10", "true"), ("1.1", "false"), ('"1.10"', "true"), ("2", "true")):
        asked = gitexp("flag", "evaluate", "new", "--property", f"version={text}", "-q").ok()
        assert asked.out == f"{enabled}\n", text
    (flags / "flags" / "new.yaml").write_text(
        "active: true\nconditions:\n  - properties: [{key: version, value: '2.0'}]\n"
    )
    git("commit", "--quiet", "-am", "exact", directory=flags)
    asked = gitexp("flag", "evaluate", "new", "--property", "version=2.0", "-q").ok()
    assert asked.out == "true\n"


def test_a_flag_that_is_not_valid_is_named(flags: Path, gitexp: Run) -> None:
    (flags / "flags" / "odd.yaml").write_text("active: maybe\n")
    git("add", "flags", directory=flags)
    git("commit", "--quiet", "-m", "odd", directory=flags)
    said = 'flags/odd.yaml:1: active: expected true or false, found the text "maybe"'
    one = gitexp("flag", "evaluate", "odd", "--id", "u1")
    assert (one.code, one.err.splitlines()[0]) == (1, f"error: {said}")
    everything = gitexp("flag", "evaluate", "--id", "u1", "-q").ok()
    assert everything.out == "test\nfalse\n"
    assert everything.err == f"warning: flag 'odd' is left out: {said}\n"


def test_what_an_environment_serves_is_shown_everywhere(flags: Path, gitexp: Run) -> None:
    gitexp("flag", "publish", "checkout", "search", "production", "-m", "go").ok()
    assert gitexp("flag", "list", "production", "--search", "FINDS", "-q").ok().out == "search\n"
    shown = json.loads(gitexp("env", "show", "production", "--format", "json").ok().out)
    assert (shown["bound"], list(shown["flags"])) == (False, ["checkout", "search"])
    assert (shown["reason"], shown["by"][:3]) == ("go", "Ada")
    assert "checkout, search" in gitexp("env", "show", "production").ok().out
    assert "checkout, search" in gitexp("env", "list").ok().out
    assert "flags" not in gitexp("env", "show", "staging").ok().out
    assert "  production  flags checkout, search\n" in gitexp("status").ok().out
    gitexp("flag", "publish", "search", "production", "--remove").ok()
    assert "  production  flag checkout\n" in gitexp("status").ok().out


def test_flags_that_a_test_may_use_are_listed(flags: Path, gitexp: Run) -> None:
    page = json.loads(gitexp("flag", "eligible", "--format", "json").ok().out)
    assert (page["count"], [one["key"] for one in page["results"]]) == (1, ["checkout"])
    assert gitexp("flag", "eligible", "--inactive", "-q").ok().out == ""
    bad = gitexp("flag", "eligible", "--limit", "0")
    assert (bad.code, bad.err.splitlines()[0]) == (1, "error: invalid limit or offset: 0 and 0")


def test_flags_are_published_and_taken_away(flags: Path, gitexp: Run) -> None:
    done = gitexp("flag", "publish", "checkout", "search", "production", "-m", "go").ok()
    assert "checkout, search" in done.out
    assert gitexp("flag", "list", "production", "-q").ok().out == "checkout\nsearch\n"
    again = gitexp("flag", "publish", "checkout", "production").ok()
    assert again.err == "no change: the flags of production are so already\n"
    gitexp("flag", "publish", "search", "production", "--remove").ok()
    asked = gitexp("flag", "evaluate", "--id", "u1", "--environment", "production", "-q").ok()
    assert asked.out == "test\n"


def test_publishing_says_whom_it_moves(flags: Path, gitexp: Run) -> None:
    gitexp("flag", "publish", "checkout", "production").ok()
    file = flags / "flags" / "checkout.yaml"
    text = file.read_text()
    first, second = text.replace("weight: 50", "weight: 60", 1).rsplit("weight: 50", 1)
    file.write_text(f"{first}weight: 40{second}")
    git("commit", "--quiet", "-am", "more", directory=flags)
    git("push", "--quiet", "origin", "main", directory=flags)
    done = gitexp("flag", "publish", "checkout", "production").ok()
    assert done.err == "note: checkout: 10 % of those with the flag change their variant\n"


def test_publishing_where_approval_is_asked_opens_a_change_request(
    flags: Path, gitexp: Run
) -> None:
    define(flags, APPROVED)
    done = gitexp("flag", "publish", "checkout", "production")
    assert done.code == 4
    change = done.out.strip()
    assert change in gitexp("change", "list", "-q").ok().out
    shown = gitexp("change", "show", change).ok().out
    assert "publish flag checkout" in shown


def test_flags_are_exported_for_flagd(flags: Path, gitexp: Run) -> None:
    done = gitexp("flag", "export", "checkout").ok()
    written = json.loads(done.out)["flags"]["checkout"]
    assert written["variants"] == {"control": "control", "test": "test"}
    assert "drawn by another hash" in done.err
