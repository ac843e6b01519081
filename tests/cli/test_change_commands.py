"""`gitexp change`, as people at a shell use it, each with a Git identity of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, Run, git

POLICIES = """\
    policies:
      - name: reviewed
        approvals: {count: 2}
"""

As = Callable[..., Result]


@pytest.fixture
def reviewed(tone: list[str], directory: Path, gitexp: Run) -> list[str]:
    """The versions of a shared experiment, where production takes two approvals."""
    define(directory, POLICIES)
    gitexp("share", "tone").ok()
    return tone


def define(directory: Path, policies: str) -> None:
    """Give production other policies on the trunk of the shared remote."""
    file = directory / "gitexp.yaml"
    text = re.sub(r"  production:.*\Z", f"  production:\n{policies}", file.read_text(), flags=re.S)
    file.write_text(text)
    git("commit", "--quiet", "--all", "--message=policies")
    git("push", "--quiet", "origin", "main")


@pytest.fixture
def by(gitexp: Run, monkeypatch: pytest.MonkeyPatch) -> As:
    """Runs a command line as somebody."""

    def run(name: str, *arguments: str) -> Result:
        with monkeypatch.context() as patched:
            patched.setenv("GIT_AUTHOR_NAME", name)
            patched.setenv("GIT_AUTHOR_EMAIL", f"{name.lower()}@example.org")
            return gitexp(*arguments)

    return run


@pytest.fixture
def change(reviewed: list[str], gitexp: Run) -> str:
    """The id of a change request by Ada."""
    asked = gitexp("promote", "tone", "production", "-m", "Calmer answers")
    assert asked.code == 4
    return asked.out.strip()


def entry(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.ok().out))


def test_a_promotion_that_takes_approval_prints_the_id_and_says_who_can_give_it(
    reviewed: list[str], gitexp: Run
) -> None:
    asked = gitexp("promote", "tone", "production")
    assert asked.code == 4
    assert re.fullmatch(r"\d{8}-[a-z2-7]{8}\n", asked.out)
    change = asked.out.strip()
    assert asked.err.splitlines() == [
        (
            f"error: promoting tone@{reviewed[1][:10]} in environment 'production' takes "
            f"approval: change request {change} waits for it"
        ),
        ("  missing: reviewed: 0 of 2 approvals given; anybody may approve but who asked for it"),
        (
            f"hint: See what is missing with `gitexp change show {change}`; others approve with "
            f"`gitexp change approve {change}`."
        ),
    ]
    again = gitexp("promote", "tone", "production")
    assert (again.code, again.out) == (4, asked.out)


def test_the_second_approval_applies_it(change: str, by: As, gitexp: Run) -> None:
    first = by("Bob", "change", "approve", change, "-m", "Tried it").ok()
    assert first.out == ""
    assert first.err == (
        f"change request {change} is pending: reviewed: 1 of 2 approvals given "
        "(by bob@example.org); anybody may approve but who asked for it\n"
    )
    second = by("Cy", "change", "approve", change, "--format", "json")
    assert second.err == f"change request {change} is applied\n"
    assert entry(second)["state"] == "applied"
    shown = json.loads(gitexp("env", "show", "production", "--format", "json").ok().out)
    assert (shown["change"], shown["reason"]) == (change, "Calmer answers")


def test_an_approval_need_not_apply(change: str, by: As) -> None:
    by("Bob", "change", "approve", change).ok()
    found = by("Cy", "change", "approve", change, "--no-apply").ok()
    assert found.err == f"change request {change} is approved\n"
    missing = by("Ada", "change", "list", "--missing")
    assert (missing.code, missing.out) == (0, "")
    applied = by("Ada", "change", "apply", change, "--format", "json")
    assert entry(applied)["created"]
    again = by("Ada", "change", "apply", change)
    assert again.code == 0
    assert again.err.startswith("no change: tone@")


def test_applying_without_all_approvals_is_exit_code_4(change: str, gitexp: Run) -> None:
    applied = gitexp("change", "apply", change)
    assert (applied.code, applied.out) == (4, f"{change}\n")
    assert f"hint: See what is missing with `gitexp change show {change}`." in applied.err


def test_a_change_request_is_shown_with_what_is_missing(
    change: str, reviewed: list[str], by: As, gitexp: Run
) -> None:
    by("Bob", "change", "approve", change, "-m", "Tried it").ok()
    text = gitexp("change", "show", change).ok().out
    dated = ("change ", "digest ", "asked   ", "expires ", "branch ", "  approved ")
    assert [line for line in text.splitlines() if not line.startswith(dated)] == [
        "state        pending",
        "environment  production",
        "action       promote",
        "experiment   tone",
        "version      " + reviewed[1][:10],
        "changed      temperature = 0.9, prompt = Be kind., stop = [], api_key = BOT_KEY",
        "reason       Calmer answers",
        "by           Ada Example <ada@example.org>",
        "",
        "asked of it:",
        (
            "  missing reviewed: 1 of 2 approvals given (by bob@example.org); anybody may "
            "approve but who asked for it"
        ),
        "",
        "votes:",
    ]
    assert re.search(r"approved by Bob <bob@example.org> on [0-9T:-]+Z: Tried it\n", text)
    data = entry(gitexp("change", "show", change, "--format", "json"))
    assert data["requirements"]["verdict"] == "approval_required"
    assert data["approvals"] == {"given": 1, "asked": 2}
    assert [vote["by"] for vote in data["votes"]] == ["Bob <bob@example.org>"]
    assert (data["version"], data["reason"]) == (reviewed[1], "Calmer answers")


def test_change_requests_are_listed(change: str, by: As, gitexp: Run) -> None:
    assert gitexp("change", "-h").code == 0
    assert gitexp("change").ok().out == gitexp("change", "list").ok().out
    assert gitexp("change", "list", "-q").ok().out == f"{change}\n"
    assert gitexp("change", "list", "--mine", "-q").ok().out == f"{change}\n"
    assert gitexp("change", "list", "--waiting-for-me", "-q").ok().out == ""
    assert by("Bob", "change", "list", "--waiting-for-me", "-q").ok().out == f"{change}\n"
    assert by("Bob", "change", "list", "--mine", "-q").ok().out == ""
    assert gitexp("change", "list", "--environment", "staging", "-q").ok().out == ""
    missing = gitexp("change", "list", "--missing", "-q")
    assert (missing.code, missing.out) == (3, f"{change}\n")
    by("Bob", "change", "reject", change, "-m", "too hot").ok()
    assert gitexp("change", "list", "-q").ok().out == ""
    assert gitexp("change", "list", "--all", "-q").ok().out == f"{change}\n"
    assert gitexp("change", "list", "--state", "rejected", "-q").ok().out == f"{change}\n"
    assert gitexp("change", "list", "--all", "--state", "stale").code == 2
    row = gitexp("change", "list", "--all", "--format", "csv").ok().out.splitlines()[1]
    assert row.startswith(f"{change},rejected,production,promote,")


def test_an_empty_list_says_where_the_others_are(reviewed: list[str], gitexp: Run) -> None:
    empty = gitexp("change", "list").ok()
    assert empty.err == "no such change requests; see all with `gitexp change list --all`\n"


def test_a_rejection_needs_a_reason(change: str, by: As) -> None:
    refused = by("Bob", "change", "reject", change)
    assert (refused.code, refused.err) == (
        2,
        "error: a rejection needs a reason\nhint: Give it with -m TEXT.\n",
    )
    rejected = by("Bob", "change", "reject", change, "-m", "too hot").ok()
    assert rejected.err == f"change request {change} is rejected\n"
    late = by("Cy", "change", "approve", change)
    assert late.code == 1
    assert f"error: change request {change} is rejected, by Bob <bob@example.org>" in late.err


def test_whoever_asked_is_told_that_others_approve(change: str, gitexp: Run) -> None:
    refused = gitexp("change", "approve", change)
    assert refused.code == 1
    assert refused.err.startswith(
        f"error: ada@example.org asked for change request {change}, and others have to approve it\n"
    )


def test_it_can_be_given_up(change: str, by: As, gitexp: Run) -> None:
    assert by("Bob", "change", "cancel", change).code == 1
    found = gitexp("change", "cancel", change, "-m", "Not needed").ok()
    assert found.err == f"change request {change} is cancelled\n"
    shown = gitexp("change", "show", change).ok().out
    assert "ended        cancelled by Ada Example: Not needed\n" in shown


@pytest.mark.parametrize("rewriting", ["let", "denied"])
def test_a_stale_one_is_renewed(
    change: str, by: As, gitexp: Run, reviewed: list[str], directory: Path, rewriting: str
) -> None:
    shared = directory.parent / "remote.git"
    git("config", "receive.denyNonFastForwards", str(rewriting == "denied"), directory=shared)
    other = gitexp("promote", "tone", "production", "--version", reviewed[0]).out.strip()
    for name in ("Bob", "Cy"):
        by(name, "change", "approve", other).ok()
    stale = by("Bob", "change", "approve", change)
    assert stale.code == 1
    assert stale.err.startswith(
        f"error: change request {change} is stale: environment 'production' has moved"
    )
    assert gitexp("change", "list", "--format", "json").ok().out.count('"stale"') == 1
    assert f"  `gitexp change renew {change}` puts it" in gitexp("change", "show", change).out
    renewed = gitexp("change", "renew", change).ok()
    assert renewed.err.startswith(f"change request {change} is pending: ")
    assert "renewed      once, last by Ada Example\n" in gitexp("change", "show", change).out
    for name in ("Bob", "Cy"):
        by(name, "change", "approve", change).ok()
    assert git("rev-list", "--count", "origin/env/bot/production").strip() == "2"


def test_rollback_and_unbinding_ask_too(change: str, by: As, gitexp: Run) -> None:
    for name in ("Bob", "Cy"):
        by(name, "change", "approve", change).ok()
    asked = gitexp("env", "unbind", "production", "--yes")
    assert asked.code == 4
    unbinding = asked.out.strip()
    for name in ("Bob", "Cy"):
        by(name, "change", "approve", unbinding).ok()
    shown = json.loads(gitexp("env", "show", "production", "--format", "json").ok().out)
    assert not shown["bound"]
    asked = gitexp("env", "rollback", "production")
    assert asked.code == 4
    assert gitexp("change", "list", "-q").ok().out == asked.out


def test_a_change_request_is_opened_by_itself(reviewed: list[str], gitexp: Run) -> None:
    opened = gitexp("change", "open", "staging", "tone", "-m", "For a look").ok()
    change = opened.out.strip()
    assert opened.err == f"change request {change} is approved\n"
    assert gitexp("change", "apply", change, "-q").ok().out
    unbinding = gitexp("change", "open", "staging", "--unbind").ok().out.strip()
    shown = entry(gitexp("change", "show", unbinding, "--format", "json"))
    assert (shown["action"], shown["version"]) == ("unbind", None)
    for wrong in (["staging"], ["staging", "tone", "--unbind"], ["staging", "tone", "--to", "x"]):
        assert gitexp("change", "open", *wrong).code == 2


def test_what_was_published_is_shared_and_asked_for(reviewed: list[str], gitexp: Run) -> None:
    asked = gitexp("publish", "tone", "--set", "temperature=0.1", "--env", "production")
    assert asked.code == 4
    change = asked.out.strip()
    shown = entry(gitexp("change", "show", change, "--format", "json"))
    assert git("rev-parse", "origin/exp/bot/tone").strip() == shown["version"]


def test_plain_git_shows_what_is_asked(change: str, by: As, gitexp: Run) -> None:
    for name in ("Bob", "Cy"):
        by(name, "change", "approve", change).ok()
    gitexp("commit", "tone", "--set", "temperature=0.1").ok()
    gitexp("share", "tone").ok()
    second = gitexp("promote", "tone", "production", "-m", "Cold").out.strip()
    span = f"origin/env/bot/production..origin/change/bot/{second}"
    assert git("rev-list", "--count", span).strip() == "1"
    assert git("log", "-1", "--format=%s%n%b", span).startswith("production: promote tone@")
    assert git("diff", "--name-only", span.replace("..", "...")).split() == [
        "environment.yaml",
        "parameters.yaml",
    ]
    values = git("diff", "-U0", span.replace("..", "..."), "--", "parameters.yaml")
    assert re.findall(r"^[-+][^-+].*$", values, flags=re.M) == [
        "-temperature: 0.9",
        "+temperature: 0.1",
    ]
    facts = git("ls-tree", "-r", "--name-only", "origin/changes/bot").split()
    assert facts.count(f"changes/{second}/change.yaml") == 1
    assert sum(path.startswith(f"changes/{change}/votes/") for path in facts) == 2


def test_merging_by_plain_git_applies_it(change: str, gitexp: Run, tmp_path: Path) -> None:
    other = tmp_path / "forge"
    git("clone", "--quiet", str(tmp_path / "remote.git"), str(other))
    git("switch", "--quiet", "-c", "env/bot/production", f"origin/change/bot/{change}",
        directory=other)  # fmt: skip
    git("push", "--quiet", "origin", "env/bot/production", f":change/bot/{change}", directory=other)
    gitexp("fetch").ok()
    assert entry(gitexp("change", "show", change, "--format", "json"))["state"] == "applied"
    assert gitexp("change", "tidy", "-q").ok().out == f"{change}\n"
    assert gitexp("change", "tidy", "-q").ok().out == ""


def test_the_shared_repository_itself_lists_them(change: str, gitexp: Run, directory: Path) -> None:
    shared = str(directory.parent / "remote.git")
    assert gitexp("-C", shared, "change", "list", "-q").ok().out == f"{change}\n"
    shown = entry(gitexp("-C", shared, "change", "show", change, "--format", "json"))
    assert shown["state"] == "pending"


def test_ids_are_completed(change: str, process: Run) -> None:
    words = ["gitexp", "change", "show", change[:4]]
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": "3"}
    offered = process(env={"_GITEXP_COMPLETE": "bash_complete", **asked}).out
    assert offered == f"plain,{change}\n"


def test_the_library_has_the_same(change: str, directory: Path, by: As) -> None:
    from gitexp.repository import Repository

    with Repository.open(directory) as repository:
        (found,) = repository.changes.list(mine=True)
        assert (found.id, found.state) == (change, "pending")
        assert repository.changes.get(change).missing == (
            "reviewed: 0 of 2 approvals given; anybody may approve but who asked for it",
        )


def test_hostile_names_and_reasons_do_nothing_to_a_terminal(
    reviewed: list[str], gitexp: Run, by: As
) -> None:
    asked = gitexp("promote", "tone", "production", "-m", "a \u202e reversed\nsecond line")
    change = asked.out.strip()
    by("Bob", "change", "approve", change, "-m", "fine\u202e").ok()
    for page in (gitexp("change", "show", change), gitexp("change", "list")):
        assert "\u202e" not in page.ok().out
