from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from gitexp.errors import ApprovalRequired, InvalidInput, MissingObject, NotFound
from gitexp.repository import Repository
from gitexp.review.checking.checking import CheckReport, Question, check
from gitexp.review.checking.proposals import Review
from gitexp.review.reporting.building import build
from gitexp.review.reporting.work import Request
from tests.builders import MOMENT
from tests.review.reporting.conftest import DEFINITION, World, parameters

LOOSE = DEFINITION.partition("    policies:")[0].replace("production:", "production: {}")


def checked(
    world: World, base: str, head: str, directory: Path | None = None, **more: Any
) -> CheckReport:
    with world.open(directory) as repository:
        return check(repository.workspace, Question(base=base, head=head, **more))


def said(report: CheckReport) -> str:
    return "\n".join(refusal.message for refusal in report.refusals)


def review(
    user: str, commit: str, decision: Literal["approve", "reject"] = "approve"
) -> Sequence[Review]:
    at = MOMENT + timedelta(seconds=30)
    return [Review(user=user, decision=decision, at=at, commit=commit, reason="no")]


def test_a_writer_may_change_values(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    for actor in ("grace", "ada"):
        report = checked(world, "origin/main", "warmer", actor=actor)
        assert (report.kind, report.branch, report.refusals) == ("trunk", "main", ())


@pytest.mark.parametrize("actor", ["lin", "stranger", "grace@example.org.evil", "Grace"])
def test_nobody_else_may_change_values(world: World, actor: str) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = checked(world, "origin/main", "warmer", actor=actor)
    assert not report.allowed
    assert "may not change experiment 'tone'" in said(report)


def test_whoever_asks_must_be_known_where_there_are_groups(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = checked(world, "origin/main", "warmer")
    assert said(report) == "it is not known who asks for this"


def test_a_writer_may_not_loosen_policies_without_an_admin(world: World) -> None:
    head = world.branch("loose", {"gitexp.yaml": LOOSE})
    report = checked(world, "origin/main", "loose", actor="grace")
    assert "takes the role 'admin' in group 'leads'" in said(report)
    assert "On a forge it takes their approval of this commit" in report.refusals[0].hint
    assert checked(world, "origin/main", "loose", actor="ada").allowed
    approved = checked(world, "origin/main", "loose", actor="grace", reviews=review("ada", head))
    assert approved.allowed


def test_an_approval_of_another_commit_or_of_another_person_does_not_count(world: World) -> None:
    head = world.branch("loose", {"gitexp.yaml": LOOSE})
    for reviews in (
        review("ada", "f" * 40),
        review("lin", head),
        review("stranger", head),
        review("ada", head, "reject"),
    ):
        report = checked(world, "origin/main", "loose", actor="grace", reviews=reviews)
        assert not report.allowed, reviews


def test_a_group_that_one_makes_oneself_the_admin_of_does_not_count(world: World) -> None:
    groups = "members:\n  grace@example.org: {roles: [admin], usernames: [grace]}\n"
    world.branch("mine", {"groups/leads.yaml": groups})
    report = checked(world, "origin/main", "mine", actor="grace")
    assert "may not change who belongs to a group" in said(report)


def test_a_trunk_or_project_that_the_change_names_does_not_count(world: World) -> None:
    text = LOOSE.replace("id: bot\n", "id: other\n\ntrunk: mine\n")
    world.branch("mine", {"gitexp.yaml": text})
    world.git("switch", "--quiet", "mine")
    report = checked(world, "origin/main", "mine", actor="grace")
    assert (report.kind, report.allowed) == ("trunk", False)
    assert "takes the role 'admin'" in said(report)


def test_documents_that_are_not_valid_are_refused(world: World) -> None:
    world.branch("bad", parameters("temperature: hot\n"))
    report = checked(world, "origin/main", "bad", actor="ada")
    assert "temperature" in said(report)


def test_what_the_trunk_did_since_is_no_part_of_the_change(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    (world.clone / "gitexp.yaml").write_text(DEFINITION + "\n# more\n")
    world.git("commit", "--quiet", "--all", "--message=trunk moves on")
    world.git("push", "--quiet", "origin", "main")
    assert checked(world, "origin/main", "warmer", actor="grace").allowed


def test_the_base_may_be_a_commit_where_its_branch_is_named(world: World) -> None:
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    base = world.git("rev-parse", "main")
    with pytest.raises(InvalidInput, match="names no branch"):
        checked(world, base, head, actor="grace")
    assert checked(world, base, head, branch="main", actor="grace").allowed


def test_branches_that_are_not_ours_have_no_rules(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = checked(world, "origin/main", "warmer", branch="feature")
    assert (report.kind, report.allowed) == ("other", True)


@pytest.mark.parametrize(
    ("branch", "message"),
    [
        ("runs/bot/tone", "is written by gitexp alone"),
        ("changes/bot", "is written by gitexp alone"),
        ("env/nobody/production", "the trunk holds no project 'nobody'"),
        ("env/bot/nowhere", "is not declared"),
        ("Env/bot/production", "looks like one of gitexp's own"),
        ("env/bot/production/x", "is no reference of gitexp's"),
    ],
)
def test_branches_that_look_like_ours_are_refused(world: World, branch: str, message: str) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = checked(world, "origin/main", "warmer", branch=branch, actor="ada")
    assert message in said(report)


# --- environments ---------------------------------------------------------------------------


def test_a_change_of_an_environment_waits_for_approval(world: World) -> None:
    head = world.proposed(temperature=0.75)
    world.run(1, [True] * 10, temperature=0.75)
    report = checked(world, "env:production", head, actor="ada")
    assert (report.kind, report.branch) == ("environment", "env/bot/production")
    assert "takes approval" in said(report)
    assert "lin@example.org" in report.approvers


def test_an_approval_on_the_forge_is_a_vote(world: World) -> None:
    head = world.proposed(temperature=0.75)
    commit = world.git("rev-parse", head)
    world.run(1, [True] * 10, temperature=0.75)
    report = checked(world, "env:production", head, actor="ada", reviews=review("lin", commit))
    assert report.refusals == ()


@pytest.mark.parametrize(
    ("user", "decision"), [("ada", "approve"), ("grace", "approve"), ("stranger", "approve")]
)
def test_an_approval_of_oneself_or_of_others_is_none(
    world: World, user: str, decision: Literal["approve"]
) -> None:
    head = world.proposed(temperature=0.75)
    commit = world.git("rev-parse", head)
    world.run(1, [True] * 10, temperature=0.75)
    reviews = review(user, commit, decision)
    assert not checked(world, "env:production", head, actor="ada", reviews=reviews).allowed


def test_a_rejection_on_the_forge_ends_it(world: World) -> None:
    head = world.proposed(temperature=0.75)
    commit = world.git("rev-parse", head)
    world.run(1, [True] * 10, temperature=0.75)
    reviews = review("lin", commit, "reject")
    report = checked(world, "env:production", head, actor="ada", reviews=reviews)
    assert "rejected by lin@example.org: no" in said(report)


def test_a_gate_that_is_not_passed_is_refused_whoever_approves(world: World) -> None:
    head = world.proposed(temperature=0.75)
    commit = world.git("rev-parse", head)
    world.run(1, [True, False], temperature=0.75)
    report = checked(world, "env:production", head, actor="ada", reviews=review("lin", commit))
    assert "exact-match.pass_rate" in said(report)


def test_a_gate_is_not_passed_by_a_run_of_another_experiment_with_equal_values(
    world: World,
) -> None:
    head = world.proposed(temperature=0.75)
    commit = world.git("rev-parse", head)
    with world.open() as repository:
        repository.experiments.create("other").share()
    world.run(1, [True] * 10, experiment="other", temperature=0.75)
    report = checked(world, "env:production", head, actor="ada", reviews=review("lin", commit))
    assert "no shared run evaluated these values over golden" in said(report)


def test_values_that_are_not_those_of_the_version_are_refused(world: World) -> None:
    world.proposed(temperature=0.75)
    world.git("switch", "--quiet", "--detach", "origin/change/bot/20260102-aaaaaaaa")
    file = world.clone / "parameters.yaml"
    file.write_text(file.read_text().replace("0.75", "1.75"))
    world.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    head = world.git("rev-parse", "HEAD")
    world.git("switch", "--quiet", "main")
    report = checked(world, "env:production", head, actor="ada")
    assert "is not the digest of" in said(report)


def test_what_was_made_for_another_state_of_the_environment_is_refused(world: World) -> None:
    head = world.proposed(temperature=0.75)
    world.git("switch", "--quiet", "--detach", "origin/env/bot/production")
    world.git("commit", "--quiet", "--allow-empty", "--message=moved")
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/env/bot/production")
    world.git("switch", "--quiet", "main")
    report = checked(world, "env:production", head, actor="ada")
    assert said(report) == "environment 'production' has moved since this was asked for"
    assert "gitexp change renew" in report.refusals[0].hint


def test_other_files_on_the_branch_of_an_environment_are_refused(world: World) -> None:
    world.proposed(temperature=0.75)
    world.git("switch", "--quiet", "--detach", "origin/change/bot/20260102-aaaaaaaa")
    (world.clone / "run.sh").write_text("echo\n")
    world.git("add", "run.sh")
    world.git("commit", "--quiet", "--amend", "--no-edit")
    head = world.git("rev-parse", "HEAD")
    world.git("switch", "--quiet", "main")
    report = checked(world, "env:production", head, actor="ada")
    assert "alone, not run.sh" in said(report)


# --- what CI checks out ---------------------------------------------------------------------


def test_a_shallow_checkout_of_the_trunk_does(world: World) -> None:
    head = world.git("rev-parse", world.proposed(temperature=0.75))
    base = world.git("rev-parse", "origin/env/bot/production")
    world.run(1, [True] * 10, temperature=0.75)
    where = world.shallow()
    question = {"branch": "env/bot/production", "actor": "ada", "trunk": "main"}
    assert "takes approval" in said(checked(world, base, head, where, **question))
    reviews = review("lin", head)
    assert checked(world, base, head, where, reviews=reviews, **question).refusals == ()


def test_a_shallow_checkout_of_the_change_does(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    where = world.shallow("warmer")
    assert checked(world, "origin/main", "HEAD", where, branch="main", actor="grace").allowed


def test_what_cannot_be_looked_at_is_no_answer(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    with pytest.raises((NotFound, MissingObject)):
        checked(world, "origin/main", "f" * 40, actor="grace")


def asked_for(world: World) -> tuple[str, str]:
    """Return the id and the head of a change request that Ada opened and Lin approved."""
    with world.open() as repository:
        tone = repository.experiments.get("tone")
        tone.commit({"temperature": 0.75}, message="warmer")
        tone.share()
        with pytest.raises(ApprovalRequired) as caught:
            tone.promote("production")
    change = caught.value.change
    assert change is not None
    lin = {"GIT_AUTHOR_NAME": "Lin", "GIT_AUTHOR_EMAIL": "lin@example.org"}
    environ = {**world.surroundings.environ, **lin}
    others = replace(world.surroundings, environ=environ)
    with Repository.open(world.clone, surroundings=others) as repository:
        repository.changes.approve(change, apply=False)
    world.git("fetch", "--quiet", "origin")
    return change, world.git("rev-parse", f"origin/change/bot/{change}")


def test_a_vote_that_nobody_signed_counts_only_where_a_hook_checks_votes(world: World) -> None:
    world.run(1, [True] * 10, temperature=0.75)
    _, head = asked_for(world)
    report = checked(world, "env:production", head, actor="ada")
    assert "0 of 1 approval given" in said(report)
    assert "count if they are signed, or with --trust-votes" in report.refusals[0].hint
    trusting = checked(world, "env:production", head, actor="ada", trusts_votes=True)
    assert trusting.refusals == ()


@pytest.mark.parametrize("trusts_votes", [False, True])
def test_a_report_counts_the_votes_that_the_check_counts(world: World, trusts_votes: bool) -> None:
    world.run(1, [True] * 10, temperature=0.75)
    _, head = asked_for(world)
    allowed = checked(world, "env:production", head, actor="ada", trusts_votes=trusts_votes).allowed
    request = Request(base="env:production", head=head, trusts_votes=trusts_votes)
    with world.open() as repository:
        (effect,) = build(repository.workspace, request).effects
    (approvals,) = (r for r in effect.requirements if r.kind == "approvals")
    assert (effect.verdict == "allowed") is (approvals.outcome == "met") is allowed is trusts_votes
    assert ("not counting 1 vote that nobody signed" in approvals.text) is not trusts_votes


def test_whoever_opens_the_pull_request_cannot_approve_it_in_the_name_of_another(
    world: World,
) -> None:
    world.run(1, [True] * 10, temperature=0.75)
    _, head = asked_for(world)
    reviews = review("lin", head)
    report = checked(world, "env:production", head, actor="lin", reviews=reviews)
    assert not report.allowed
