"""Change requests by plain `git push`: forged, replayed and stretched approvals do not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from gitexp.documents.kinds import DocumentKind
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import ApprovalRequired, Conflict
from tests.review.enforcement.conftest import DEFINITION
from tests.review.enforcement.serving import Person, Server

pytestmark = pytest.mark.interop

LEDGER, PRODUCTION = "changes/bot", "env/bot/production"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def carol(server: Server) -> Person:
    """A writer with two shared versions of an experiment; she may not approve."""
    carol = server.person("carol")
    tone = carol.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.commit({"temperature": 0.2})
    tone.share()
    return carol


def asked(person: Person, version: str = "latest") -> str:
    """Return the change request that a promotion to production opens."""
    with pytest.raises(ApprovalRequired) as caught:
        person.repository.environments.promote("tone", "production", version=version)
    assert caught.value.change is not None
    return caught.value.change


def write(person: Person, path: str, data: dict[str, Any], kind: DocumentKind) -> None:
    """Commit a document on top of what the server has of the ledger, by hand."""
    person.git("fetch", "--quiet")
    person.git("switch", "--quiet", "--force-create", "ledger", f"origin/{LEDGER}")
    person.git.commit({path: dump_yaml(data, schema=kind).decode()})


def document(person: Person, path: str, branch: str = LEDGER) -> dict[str, Any]:
    person.git("fetch", "--quiet")
    found = yaml.safe_load(person.git("show", f"origin/{branch}:{path}"))
    assert isinstance(found, dict)
    return found


def vote(server: Server, change: str, *, by: str, **other: Any) -> tuple[str, dict[str, Any]]:
    """Return a vote and its path, as gitexp would write them for somebody."""
    from datetime import datetime, timezone

    from gitexp.documents import layout
    from gitexp.review.changes.model import Vote

    reader = server.person("alice")
    request = document(reader, f"changes/{change}/change.yaml")
    data = {
        "change": change,
        "decision": "approve",
        "by": f"{by.capitalize()} <{by}@example.com>",
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": request["subject"],
        **other,
    }
    made = Vote.from_dict(data)
    return layout.vote_path(made.change, made.subject, made.person), made.to_dict()


def test_an_approved_change_is_applied(server: Server, carol: Person) -> None:
    change = asked(carol)
    assert server.tip(PRODUCTION) is None
    server.person("bob").repository.changes.approve(change)
    assert server.tip(PRODUCTION) is not None


def test_nobody_votes_in_anothers_name(server: Server, carol: Person) -> None:
    change = asked(carol)
    write(carol, *vote(server, change, by="alice"), "vote")
    said = carol.refused(f"ledger:{LEDGER}")
    assert "Alice <alice@example.com> votes, and carol <carol@example.com> pushes it" in said


def test_nobody_votes_who_may_not(server: Server, carol: Person) -> None:
    change = asked(carol)
    write(carol, *vote(server, change, by="carol"), "vote")
    assert f"may not vote on change request {change}" in carol.refused(f"ledger:{LEDGER}")


def test_whoever_asks_does_not_approve(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    bob.repository.fetch()
    change = asked(bob)
    write(bob, *vote(server, change, by="bob"), "vote")
    assert "may not vote" in bob.refused(f"ledger:{LEDGER}")


def test_nobody_asks_in_anothers_name_to_approve_it_then(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    bob.repository.fetch()
    change = asked(bob)
    request = document(bob, f"changes/{change}/change.yaml")
    other = change[:-8] + "aaaaaaaa"
    request |= {"id": other, "requested_by": "Carol <carol@example.com>"}
    write(bob, f"changes/{other}/change.yaml", request, "change")
    assert bob.push(f"ledger:{LEDGER}").returncode != 0


def test_votes_that_are_dated_otherwise_than_now_are_refused(server: Server, carol: Person) -> None:
    bob, change = server.person("bob"), asked(carol)
    write(bob, *vote(server, change, by="bob", at="2026-01-01T00:00:00Z"), "vote")
    assert "which is not now" in bob.refused(f"ledger:{LEDGER}")


def test_what_was_said_stays_said(server: Server, carol: Person) -> None:
    change = asked(carol)
    path = f"changes/{change}/change.yaml"
    request = document(carol, path)
    request["policy"]["documents"] = []
    write(carol, path, request, "change")
    assert "what was said about a change request stays" in carol.refused(f"ledger:{LEDGER}")
    carol.git("switch", "--quiet", "--force-create", "ledger", f"origin/{LEDGER}")
    carol.git.commit({path: None})
    assert "stays" in carol.refused(f"ledger:{LEDGER}")
    assert "would be gone" in carol.refused("--delete", LEDGER)
    carol.git("switch", "--quiet", "--orphan", "new")
    carol.git.commit({"notes.txt": "new"})
    assert "would be gone" in carol.refused("--force", f"new:{LEDGER}")


def test_other_files_do_not_belong_in_the_ledger(server: Server, carol: Person) -> None:
    change = asked(carol)
    carol.git("fetch", "--quiet")
    carol.git("switch", "--quiet", "--force-create", "ledger", f"origin/{LEDGER}")
    carol.git.commit({f"changes/{change}/notes.txt": "mine"})
    assert "is no part of a change request" in carol.refused(f"ledger:{LEDGER}")


def test_an_unapproved_change_does_not_get_in_by_a_merge(server: Server, carol: Person) -> None:
    change = asked(carol)
    carol.git("fetch", "--quiet")
    said = carol.refused(f"origin/change/bot/{change}:refs/heads/{PRODUCTION}")
    assert "reviewed: 0 of 1 approval given" in said


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_an_approved_change_is_merged_by_any_method(
    server: Server, carol: Person, method: str
) -> None:
    bob = server.person("bob")
    first = asked(carol, "latest~1")
    bob.repository.changes.approve(first)
    change = asked(carol)
    bob.repository.changes.approve(change, apply=False)
    bob.git("fetch", "--quiet")
    bob.git("switch", "--quiet", "--force-create", "mine", f"origin/{PRODUCTION}")
    branch = f"origin/change/bot/{change}"
    if method == "merge":
        bob.git("merge", "--quiet", "--no-ff", "--no-edit", branch)
    elif method == "squash":
        bob.git("merge", "--quiet", "--squash", branch)
        bob.git("commit", "--quiet", "--message", "squashed")
    else:
        bob.git("cherry-pick", branch)
    bob.takes(f"mine:{PRODUCTION}")
    bob.git("switch", "--quiet", "main")
    bob.repository.fetch()
    assert bob.repository.changes.get(change).state == "applied"
    live = bob.repository.environments.get("production").binding
    assert live is not None
    assert live.change == change


def test_an_approval_is_for_nothing_else(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    bob.repository.changes.approve(asked(carol, "latest~1"))
    change = asked(carol, "latest")
    bob.repository.changes.approve(change, apply=False)
    other = carol.repository.experiments.get("tone").commit({"temperature": 0.9})
    carol.repository.experiments.get("tone").share()
    carol.git("fetch", "--quiet")
    carol.git("switch", "--quiet", "--force-create", "mine", f"origin/change/bot/{change}")
    data = document(carol, "environment.yaml", f"change/bot/{change}")
    data |= {"version": other.version, "digest": other.digest}
    files = {
        "environment.yaml": dump_yaml(data, schema="environment").decode(),
        "parameters.yaml": dump_yaml(dict(other.values), schema="parameters").decode(),
    }
    for path, text in files.items():
        (carol.git.path / path).write_text(text)
    carol.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    pin = f"{other.version}:refs/gitexp/pins/{other.version}"
    said = carol.refused(f"mine:{PRODUCTION}", pin)
    assert "reviewed: 0 of 1 approval given" in said


def test_a_change_is_applied_once(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    bob.repository.changes.approve(asked(carol, "latest~1"))
    change = asked(carol)
    bob.repository.changes.approve(change)
    applied = server.tip(PRODUCTION)
    bob.git("fetch", "--quiet")
    bob.git("switch", "--quiet", "--force-create", "mine", f"origin/{PRODUCTION}")
    bob.git("revert", "--no-edit", "HEAD")
    bob.git("revert", "--no-edit", "HEAD")
    said = bob.refused(f"mine:{PRODUCTION}")
    assert "was made for environment 'production' at" in said
    bob.git("switch", "--quiet", "main")
    bob.repository.changes.apply(change)
    assert server.tip(PRODUCTION) == applied


def test_of_two_changes_the_second_is_stale_and_renewed(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    first, second = asked(carol, "latest~1"), asked(carol, "latest")
    bob.repository.changes.approve(second, apply=False)
    bob.repository.changes.approve(first)
    with pytest.raises(Conflict, match=r"stale|moved"):
        bob.repository.changes.apply(second)
    carol.repository.changes.renew(second)
    assert bob.repository.changes.get(second).state == "stale"
    bob.repository.fetch()
    assert bob.repository.changes.get(second).state == "pending"
    bob.repository.changes.approve(second)
    assert bob.repository.changes.get(second).state == "applied"


def test_an_approval_under_other_policies_counts_no_more(server: Server, carol: Person) -> None:
    bob, alice = server.person("bob"), server.person("alice")
    change = asked(carol)
    bob.repository.changes.approve(change, apply=False)
    alice.git.commit({"gitexp.yaml": DEFINITION.replace("count: 1", "count: 2")})
    alice.takes("main")
    bob.git("fetch", "--quiet")
    said = bob.refused(f"origin/change/bot/{change}:refs/heads/{PRODUCTION}")
    assert "reviewed: 0 of 2 approvals given" in said


def test_only_whoever_asked_cancels(server: Server, carol: Person) -> None:
    bob, change = server.person("bob"), asked(carol)
    request = document(bob, f"changes/{change}/change.yaml")
    closing = {
        "format": 1,
        "change": change,
        "state": "cancelled",
        "by": "Bob <bob@example.com>",
        "at": vote(server, change, by="bob")[1]["at"],
    }
    assert request["requested_by"] == "Carol <carol@example.com>"
    write(bob, f"changes/{change}/closed.yaml", closing, "closing")
    assert f"change request {change} is not cancelled" in bob.refused(f"ledger:{LEDGER}")
    write(bob, f"changes/{change}/closed.yaml", closing | {"state": "applied"}, "closing")
    assert f"change request {change} is not applied" in bob.refused(f"ledger:{LEDGER}")
    assert "did not ask for" in bob.refused("--delete", f"change/bot/{change}")
    carol.repository.changes.cancel(change)
    assert server.tip(f"change/bot/{change}") is None


def test_the_branch_of_a_change_holds_what_was_asked(server: Server, carol: Person) -> None:
    change = asked(carol)
    carol.git("fetch", "--quiet")
    carol.git("switch", "--quiet", "--force-create", "mine", f"origin/change/bot/{change}")
    carol.git.commit({"parameters.yaml": "temperature: 0.9\n"})
    assert "asks for this commit" in carol.refused(f"mine:change/bot/{change}")
    assert "asks for this commit" in carol.refused("main:change/bot/20261121-aaaaaaaa")
