"""`gitexp group`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run, git


def shared_trunk(project: Path) -> None:
    git("push", "--quiet", "origin", "main", directory=project)


def test_a_project_without_groups_says_so(project: Path, gitexp: Run) -> None:
    result = gitexp("group").ok()
    assert result.out == ""
    assert result.err == "no groups: everybody may do everything; see `gitexp group create`\n"
    assert gitexp("group", "list", "--format", "json").ok().out == "[]\n"


def test_a_group_is_made_and_filled_and_counts_once_it_is_pushed(
    project: Path, gitexp: Run
) -> None:
    made = gitexp("group", "create", "leads", "--description", "Who decides").ok()
    assert made.err.endswith("it counts once main is pushed: git push origin main\n")
    added = gitexp(
        "group", "add-member", "leads", "bob@example.com", "--role", "approve", "--username", "bob"
    ).ok()
    assert "bob@example.com" in added.out
    assert "counts once main is pushed" in gitexp("group", "list").ok().out
    shared_trunk(project)
    assert "counts once" not in gitexp("group", "list").ok().out
    assert gitexp("group", "show", "leads", "-q").ok().out == "ada@example.org\nbob@example.com\n"
    assert json.loads(gitexp("group", "show", "leads", "--format", "json").ok().out) == {
        "name": "leads",
        "description": "Who decides",
        "members": [
            {
                "identity": "ada@example.org",
                "name": "Ada Example",
                "roles": ["read", "write", "approve", "admin"],
                "usernames": [],
            },
            {
                "identity": "bob@example.com",
                "name": "",
                "roles": ["read", "approve"],
                "usernames": ["bob"],
            },
        ],
    }
    removed = gitexp("group", "remove-member", "leads", "bob@example.com", "-q").ok()
    assert removed.out == "ada@example.org\n"


def test_whoami_tells_identity_and_roles(project: Path, gitexp: Run) -> None:
    before = gitexp("group", "whoami").ok()
    assert before.err == (
        "Ada Example <ada@example.org>\nthe project has no groups: everybody may do everything\n"
    )
    gitexp("group", "create", "leads").ok()
    shared_trunk(project)
    assert gitexp("group", "whoami", "-q").ok().out == "ada@example.org\n"
    found = json.loads(gitexp("group", "whoami", "--format", "json").ok().out)
    assert found["groups"] == {"leads": ["read", "write", "approve", "admin"]}


def test_refusals_name_who_what_and_whom_to_ask(project: Path, gitexp: Run) -> None:
    file = project / "gitexp.yaml"
    file.write_text(file.read_text().replace("id: bot\n", "id: bot\n\ngroup: leads\n"))
    git("commit", "--quiet", "-am", "owned", directory=project)
    gitexp("group", "create", "leads").ok()
    gitexp("experiment", "create", "tone").ok()
    shared_trunk(project)
    git("config", "user.email", "eve@example.org", directory=project)
    refused = gitexp("experiment", "create", "mine")
    assert refused.code == 1
    assert refused.err == (
        "error: eve@example.org may not create experiment 'mine': it takes the role write in "
        "group 'leads'\nhint: Ask ada@example.org for it.\n"
    )
    hidden = gitexp("versions", "tone")
    assert (hidden.code, hidden.err.splitlines()[0]) == (
        1,
        "error: no experiment 'tone' in project 'bot'",
    )
    assert gitexp("experiment", "list", "-q").ok().out == ""
    for command in (["diff", "tone"], ["results", "tone"], ["runs", "tone"], ["blame", "tone"]):
        assert gitexp(*command).code == 1, command


def test_an_unknown_group_is_named(project: Path, gitexp: Run) -> None:
    result = gitexp("group", "show", "poets")
    assert (result.code, result.err.splitlines()[0]) == (
        1,
        "error: no group 'poets' in project 'bot'",
    )


def test_completion_offers_nothing_that_others_alone_may_read(
    project: Path, gitexp: Run, process: Run
) -> None:
    file = project / "gitexp.yaml"
    file.write_text(file.read_text().replace("id: bot\n", "id: bot\n\ngroup: leads\n"))
    git("commit", "--quiet", "-am", "owned", directory=project)
    gitexp("group", "create", "leads").ok()
    gitexp("experiment", "create", "tone").ok()
    shared_trunk(project)
    asked = {"_GITEXP_COMPLETE": "bash_complete", "COMP_WORDS": "gitexp show ", "COMP_CWORD": "2"}
    assert process(env=asked).out == "plain,tone\n"
    git("config", "user.email", "eve@example.org", directory=project)
    assert process(env=asked).out.strip() == ""
