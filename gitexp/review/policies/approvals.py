"""Approvals: which votes count for a policy, and who else may give what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitexp.clock import SKEW
from gitexp.project.groups import Groups, identity_key, same_person
from gitexp.project.policies import Approvals, Policy
from gitexp.review.policies.facts import Ballot, Evidence, Vote
from gitexp.review.policies.judgements import Outcome, Requirement
from gitexp.review.policies.moves import Move
from gitexp.review.policies.wording import in_one_line, people_text


def may_approve(rule: Approvals, identity: str, *, owner: str, groups: Groups) -> bool:
    """Return whether somebody is one of those whose vote a policy asks for.

    Args:
        owner: the group that owns what is moved, whose approvers are asked where the policy
            names nobody; empty where no group does, so that everybody may.
    """
    if rule.by:
        return groups.is_among(identity, rule.by.groups, rule.by.users)
    return groups.may(identity, "approve", owner)


def approvals_requirement(
    policy: Policy, rule: Approvals, move: Move, subject: str, evidence: Evidence
) -> Requirement:
    """Return what a policy's approvals come to for a subject."""
    ballot = evidence.ballot(move, subject)
    requesters = ballot.requesters if ballot is not None else [move.actor.identity]
    owner = evidence.owner(move)
    counted = _counting(policy, rule, ballot, owner, evidence) if ballot is not None else []
    given = [vote.by for vote in counted if vote.decision == "approve"]
    rejected = next((vote for vote in counted if vote.decision == "reject"), None)
    excluded = [*given, *([] if rule.self_approval else requesters)]
    outcome, text = _outcome(rule, ballot, given, rejected)
    who = _approvers(rule, owner, evidence.groups, excluded) if outcome == "missing" else ()
    if outcome == "missing":
        text += _by_whom(rule, who, owner)
    return Requirement(policy=policy.name, kind="approvals", outcome=outcome, text=text, who=who)


def _outcome(
    rule: Approvals, ballot: Ballot | None, given: Sequence[str], rejected: Vote | None
) -> tuple[Outcome, str]:
    if rejected is not None:
        return "refused", f"rejected by {rejected.by}: {in_one_line(rejected.reason)}"
    if ballot is not None and ballot.closed:
        return "refused", f"the change request is {ballot.closed}"
    text = f"{len(given)} of {_count(rule.count)} given"
    if given:
        text += f" (by {', '.join(given)})"
    if ballot is not None and ballot.unsigned:
        votes = "1 vote" if ballot.unsigned == 1 else f"{ballot.unsigned} votes"
        text += f"; not counting {votes} that nobody signed"
    return ("met" if len(given) >= rule.count else "missing"), text


def _count(count: int) -> str:
    return "1 approval" if count == 1 else f"{count} approvals"


def _counting(
    policy: Policy, rule: Approvals, ballot: Ballot, owner: str, evidence: Evidence
) -> list[Vote]:
    """Return the votes that count, one of each person: the first in the ballot's order."""
    found: dict[str, Vote] = {}
    for vote in ballot.votes:
        if _counts(policy, rule, ballot, vote, owner, evidence):
            found.setdefault(identity_key(vote.by), vote)
    return list(found.values())


def _counts(
    policy: Policy, rule: Approvals, ballot: Ballot, vote: Vote, owner: str, evidence: Evidence
) -> bool:
    is_own = any(same_person(vote.by, requester) for requester in ballot.requesters)
    if is_own and vote.decision == "approve" and not rule.self_approval:
        return False
    if not may_approve(rule, vote.by, owner=owner, groups=evidence.groups):
        return False
    if policy.signed is not None and not vote.is_signed:
        return False
    age = evidence.now - vote.at
    return -SKEW <= age <= rule.expires_after


def _approvers(
    rule: Approvals, owner: str, groups: Groups, excluded: Iterable[str]
) -> tuple[str, ...]:
    """Return who may still approve, as far as they are known by name."""
    asked = rule.by.groups if rule.by else ((owner,) if owner else ())
    known = groups.people(asked, rule.by.users)
    left = [who for who in known if not any(same_person(who, other) for other in excluded)]
    return tuple(left)


def _by_whom(rule: Approvals, who: Sequence[str], owner: str) -> str:
    if not rule.by and not owner:
        return "; anybody may approve" + ("" if rule.self_approval else " but who asked for it")
    named = people_text(rule.by) if rule.by else f"a member of {owner} who may approve"
    nobody = "" if who else ", and none is left who may"
    return f"; asked of {named}{nobody}"
