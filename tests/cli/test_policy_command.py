"""`gitexp policy`, and what commands that move environments say where policies stand in the way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

POLICIES = """\
  production:
    policies:
      - name: reviewed
        when: [{parameter: temperature, changes_by: "> 0.2"}, {action: unbind}]
        approvals: {count: 2, users: [bea@example.org, cyd@example.org], expires_after: 7d}
        bypass: {users: [ada@example.org]}
      - name: tried
        order: {after: staging, for: 36h}
        bypass: {users: [ada@example.org]}
"""
APPROVED = """\
  production:
    policies: [{name: reviewed, approvals: {users: [bea@example.org]}}]
"""


def define(project: Path, policies: str) -> None:
    """Put the policies of production on the shared trunk."""
    file = project / "gitexp.yaml"
    text = re.sub(r"(?m)^  production:.*\n?(^   .*\n)*", "", file.read_text()).rstrip("\n")
    file.write_text(f"{text}\n\n{policies}")
    git("commit", "--quiet", "-am", "policies", directory=project)
    git("push", "--quiet", "origin", "main", directory=project)


@pytest.fixture
def version(project: Path, gitexp: Run) -> str:
    """A shared version of the experiment `tone`."""
    gitexp("experiment", "create", "tone").ok()
    saved = gitexp("commit", "tone", "--set", "temperature=0.9", "-q").ok().out.strip()
    gitexp("share", "tone").ok()
    return saved


def test_a_project_without_policies_says_so(project: Path, gitexp: Run) -> None:
    found = gitexp("policy").ok()
    assert (found.out, found.err) == ("", "no policies: whoever may push may move what is live\n")


def test_policies_are_shown_in_words(project: Path, gitexp: Run) -> None:
    define(project, POLICIES)
    found = json.loads(gitexp("policy", "show", "production", "--format", "json").ok().out)
    assert [{k: v for k, v in item.items() if k != "document"} for item in found] == [
        {
            "environment": "production",
            "name": "reviewed",
            "when": "temperature changes by > 0.2 or on unbind",
            "asks": [
                "2 approvals by bea@example.org or cyd@example.org, not of who asks, within 7d"
            ],
            "bypass": "ada@example.org",
        },
        {
            "environment": "production",
            "name": "tried",
            "when": "always",
            "asks": ["the same values were live in staging for 1d 12h before"],
            "bypass": "ada@example.org",
        },
    ]
    assert found[1]["document"]["order"] == {"after": "staging", "for": "36h"}
    assert gitexp("policy", "list", "-q").ok().out == "reviewed\ntried\n"
    assert gitexp("policy", "show", "staging", "-q").ok().out == ""


def test_a_check_says_what_a_promotion_would_take_and_does_nothing(
    project: Path, gitexp: Run, version: str
) -> None:
    define(project, POLICIES)
    before = git("ls-remote", "origin", directory=project)
    result = gitexp("policy", "check", "production", "tone@latest", "--format", "json")
    assert result.code == 3
    found = json.loads(result.out)
    assert found["verdict"] == "approval_required"
    assert [(r["policy"], r["kind"], r["outcome"], r["text"]) for r in found["requirements"]] == [
        (
            "reviewed",
            "approvals",
            "missing",
            "0 of 2 approvals given; asked of bea@example.org or cyd@example.org",
        ),
        ("tried", "order", "missing", "these values were never live in staging"),
    ]
    people = gitexp("policy", "check", "production", "tone")
    assert people.code == 3
    assert "bea@example.org, cyd@example.org" in people.out
    assert people.err == "it takes approval: `gitexp promote` asks for that\n"
    assert git("ls-remote", "origin", directory=project) == before


def test_a_check_of_what_is_allowed_ends_well(project: Path, gitexp: Run, version: str) -> None:
    free = gitexp("policy", "check", "staging", "tone").ok()
    assert free.err == "it is allowed now\n"
    gitexp("promote", "tone", "staging").ok()
    assert gitexp("policy", "check", "staging").ok().err == "nothing would change\n"
    wrong = gitexp("policy", "check", "staging", "tone", "--action", "unbind")
    assert wrong.code == 2


def test_a_promotion_that_takes_approval_prints_the_change_and_ends_with_4(
    project: Path, gitexp: Run, version: str
) -> None:
    define(project, APPROVED)
    result = gitexp("promote", "tone", "production")
    assert result.code == 4
    change = result.out.strip()
    assert re.fullmatch(r"\d{8}-[a-z2-7]{8}", change)
    assert result.err == (
        f"error: promoting tone@{version[:10]} in environment 'production' takes approval: change "
        f"request {change} waits for it\n"
        "  missing: reviewed: 0 of 1 approval given; asked of bea@example.org\n"
        "  who can give it: bea@example.org\n"
        f"hint: See what is missing with `gitexp change show {change}`; others approve with "
        f"`gitexp change approve {change}`.\n"
    )
    again = gitexp("promote", "tone", "production")
    assert (again.code, again.out.strip()) == (4, change)


def test_a_promotion_that_is_refused_says_every_reason(
    project: Path, gitexp: Run, version: str
) -> None:
    define(project, "  production: {policies: [{name: tried, order: {after: staging}}]}\n")
    result = gitexp("promote", "tone", "production")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: the policies of environment 'production' do not allow promoting "
        f"tone@{version[:10]} in environment 'production':\n"
        "  tried: these values were never live in staging\n"
        "hint: See what they ask with `gitexp policy show production`.\n"
    )


def test_a_bypass_is_shown_in_the_history(project: Path, gitexp: Run, version: str) -> None:
    define(project, POLICIES)
    assert gitexp("promote", "tone", "production", "--bypass", " ").code == 1
    done = gitexp("promote", "tone", "production", "--bypass", "it is down").ok()
    assert "reviewed, tried: it is down" in done.out
    history = json.loads(gitexp("env", "history", "production", "--format", "json").ok().out)
    assert history[0]["bypass"] == {"policies": ["reviewed", "tried"], "reason": "it is down"}


def test_validate_finds_what_is_wrong_with_policies(project: Path, gitexp: Run) -> None:
    file = project / "gitexp.yaml"
    text = re.sub(r"(?m)^  production:.*\n?(^   .*\n)*", "", file.read_text()).rstrip("\n")
    file.write_text(
        text
        + """

  production:
    policies:
      - when: [{parameter: temprature.deep}]
        approvals: {count: 3, users: [bea@example.org], groups: []}
        gates: [{dataset: golden, rules: [min accuracy=0.9, most beautiful]}]
        signed: true
"""
    )
    result = gitexp("validate", "--format", "json")
    assert result.code == 3
    messages = [problem["message"] for problem in json.loads(result.out)["problems"]]
    assert messages == [
        'there is no parameter slot "temprature"',
        "3 people must approve, and 1 person is named who may",
        'there is no dataset "golden"',
        "most 'beautiful' is no rule",
        "nobody's key counts: there is neither allowed_signers nor allowed_keys.asc",
    ]


def test_validate_finds_environments_that_come_after_each_other(project: Path, gitexp: Run) -> None:
    file = project / "gitexp.yaml"
    text = re.sub(r"(?m)^environments:\n(^ .*\n|^\n)*", "", file.read_text()).rstrip("\n")
    chain = {"one": "two", "two": "three", "three": "two", "four": "one"}
    policies = "".join(
        f"  {name}: {{policies: [{{order: {{after: {after}}}}}]}}\n\n"
        for name, after in chain.items()
    )
    file.write_text(f"{text}\n\nenvironments:\n{policies}")
    result = gitexp("validate", "--format", "json")
    assert [problem["message"] for problem in json.loads(result.out)["problems"]] == [
        "two comes after three, which comes after two",
        "three comes after two, which comes after three",
    ]
    file.write_text(
        file.read_text().replace(
            "{order: {after: three}", "{when: [{action: promote}], order: {after: three}"
        )
    )
    assert gitexp("validate").code == 0
