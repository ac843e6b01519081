"""Judging a move: every policy that applies is asked, and says what is there and what is missing.

It looks nothing up itself and changes nothing: what it needs to know it asks an `Evidence`. The
client, the hook of a server and a check in CI judge with this one function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitexp.clock import iso
from gitexp.environments.binding import Action
from gitexp.environments.published import flag_mark
from gitexp.project.groups import Role
from gitexp.project.policies import Order, People, Policy
from gitexp.review.policies.approvals import approvals_requirement
from gitexp.review.policies.conditions import holds
from gitexp.review.policies.facts import Ballot as Ballot
from gitexp.review.policies.facts import Decision as Decision
from gitexp.review.policies.facts import Evidence as Evidence
from gitexp.review.policies.facts import GateFinding as GateFinding
from gitexp.review.policies.facts import Period as Period
from gitexp.review.policies.facts import Vote as Vote
from gitexp.review.policies.judgements import Judgement as Judgement
from gitexp.review.policies.judgements import Kind, Outcome
from gitexp.review.policies.judgements import Requirement as Requirement
from gitexp.review.policies.judgements import Verdict as Verdict
from gitexp.review.policies.moves import Move as Move
from gitexp.review.policies.moves import policy_digest as policy_digest
from gitexp.review.policies.moves import subject_of as subject_of
from gitexp.review.policies.moves import values_mark
from gitexp.review.policies.windows import frozen_until
from gitexp.review.policies.wording import duration_text, in_one_line, people_text
from gitexp.review.signatures.answers import Answer, Verified

_MOVING: Role = "write"
"""The role that members need of a group that may sign promotions, or pass policies over."""


def judge(policies: Sequence[Policy], move: Move, evidence: Evidence) -> Judgement:
    """Return what the policies of an environment come to for one move of it.

    Args:
        policies: all policies of the environment, as they stand on the trunk of the shared
            remote.
    """
    subject = subject_of(move, policies)
    action = _Action(move, evidence)
    found: list[Requirement] = []
    passed_over: list[str] = []
    for policy in policies:
        if applies(policy, move, action):
            found += _requirements(policy, move, subject, evidence)
        else:
            passed_over.append(policy.name)
    return Judgement(subject=subject, requirements=tuple(found), passed_over=tuple(passed_over))


class _Action:
    """What a move really does, found out when a condition asks for it."""

    def __init__(self, move: Move, evidence: Evidence) -> None:
        self._move, self._evidence = move, evidence
        self._known: Action | None = None

    def __call__(self) -> Action:
        if self._known is None:
            self._known = real_action(self._move, self._evidence)
        return self._known


def real_action(move: Move, evidence: Evidence) -> Action:
    """Return what a move does, whatever its binding says: only what was live is rolled back to."""
    if move.of_flags_alone:
        return "flags"
    if not move.after.bound:
        return "unbind"
    mark = values_mark(move.after)
    if move.action != "rollback" or mark is None:
        return "promote"
    was_live = evidence.live_periods(move.environment, mark)
    return "rollback" if was_live else "promote"


def applies(policy: Policy, move: Move, action: _Action) -> bool:
    """Return whether a policy has anything to say to a move."""
    return not policy.when or any(
        holds(
            condition,
            action=action() if condition.action is not None else move.action,
            before=move.values_before,
            after=move.values,
        )
        for condition in policy.when
    )


def _requirements(
    policy: Policy, move: Move, subject: str, evidence: Evidence
) -> Iterator[Requirement]:
    bypass = move.after.bypass
    if bypass is not None and policy.name in bypass.policies:
        yield _bypassed(policy, move, evidence)
        return
    yield from _frozen(policy, evidence)
    yield from _order_of_flags(policy, move, evidence)
    if move.after.bound and not move.of_flags_alone:
        yield from _order(policy, move, evidence)
        yield from _gates(policy, move, evidence)
        yield from _version_signature(policy, move, evidence)
    yield from _signature(policy, move, evidence)
    if policy.approvals is not None:
        yield approvals_requirement(policy, policy.approvals, move, subject, evidence)


def may_pass_over(policy: Policy, move: Move, evidence: Evidence) -> bool:
    """Return whether whoever moves the environment may do so without asking this policy."""
    return _is_among(policy.bypass, move.actor.identity, evidence)


def _bypassed(policy: Policy, move: Move, evidence: Evidence) -> Requirement:
    who = evidence.groups.people(policy.bypass.groups, policy.bypass.users, role=_MOVING)
    if may_pass_over(policy, move, evidence):
        reason = move.after.bypass.reason if move.after.bypass else ""
        text = f"passed over by {move.actor.identity}: {in_one_line(reason)}"
        return _requirement(policy, "bypassed", "met", text)
    allowed = people_text(policy.bypass) or "nobody"
    text = f"{move.actor.identity} may not pass it over, only {allowed} may"
    if not policy.bypass:
        text = "nobody may pass it over"
    return _requirement(policy, "bypassed", "refused", text, who)


def _frozen(policy: Policy, evidence: Evidence) -> Iterator[Requirement]:
    for window in policy.frozen:
        until = frozen_until(window, evidence.now)
        if until is not None:
            end = f"until {iso(until)}" if until.year < 9999 else "without an end"
            why = f" ({in_one_line(window.reason)})" if window.reason else ""
            yield _requirement(policy, "frozen", "missing", f"nothing may move {end}{why}")
    if policy.frozen and all(frozen_until(w, evidence.now) is None for w in policy.frozen):
        yield _requirement(policy, "frozen", "met", "no frozen window is open")


def _order(policy: Policy, move: Move, evidence: Evidence) -> Iterator[Requirement]:
    for order in policy.order:
        periods = evidence.live_periods(order.after, values_mark(move.after) or "")
        yield _order_requirement(policy, order, periods, evidence)


def _order_of_flags(policy: Policy, move: Move, evidence: Evidence) -> Iterator[Requirement]:
    """Yield whether flags that are published were so elsewhere before; taking one away may be."""
    marks = [(key, flag_mark(key, digest)) for key, digest in move.flags.items() if digest]
    for order in policy.order:
        for key, mark in marks:
            periods = evidence.live_periods(order.after, mark)
            yield _order_requirement(policy, order, periods, evidence, what=f"flag {key} as it is")


def _order_requirement(
    policy: Policy,
    order: Order,
    periods: Sequence[Period],
    evidence: Evidence,
    what: str = "these values",
) -> Requirement:
    longest = max((period.length(evidence.now) for period in periods), default=None)
    if longest is None:
        text = f"{what} {_were(what)} never live in {order.after}"
        return _requirement(policy, "order", "missing", text)
    text = f"{what} {_were(what)} live in {order.after} for {duration_text(longest)}"
    if longest >= order.live_for:
        return _requirement(policy, "order", "met", text)
    text += f" without a break, and {duration_text(order.live_for)} are asked for"
    return _requirement(policy, "order", "missing", text)


def _were(what: str) -> str:
    return "was" if what.startswith("flag") else "were"


def _gates(policy: Policy, move: Move, evidence: Evidence) -> Iterator[Requirement]:
    for rule in policy.gates:
        found = evidence.gate(rule, move)
        outcome: Outcome = "met" if found.passed else "refused"
        if found.passed is None:
            outcome = "missing"
        yield _requirement(policy, "gate", outcome, found.text)


def _version_signature(policy: Policy, move: Move, evidence: Evidence) -> Iterator[Requirement]:
    if not policy.signed_versions:
        return
    answer = evidence.version_signature(move)
    label = move.after.label
    if isinstance(answer, Verified):
        text = f"version {label} is signed by {answer.identity}"
        yield _requirement(policy, "version_signature", "met", text)
    else:
        text = f"version {label} has no signature that counts: {answer.reason}"
        yield _requirement(policy, "version_signature", "refused", text)


def _signature(policy: Policy, move: Move, evidence: Evidence) -> Iterator[Requirement]:
    if policy.signed is None:
        return
    answer = evidence.promotion_signature(move)
    outcome, text = _signed(policy.signed, answer, move, evidence)
    who = evidence.groups.people(policy.signed.groups, policy.signed.users, role=_MOVING)
    yield _requirement(policy, "signed", outcome, text, () if outcome == "met" else who)


def _signed(signers: People, answer: Answer, move: Move, evidence: Evidence) -> tuple[Outcome, str]:
    if not isinstance(answer, Verified):
        outcome: Outcome = "refused" if answer.signed else "missing"
        return outcome, f"the promotion has no signature that counts: {answer.reason}"
    if move.after.previous != move.tip:
        return "refused", "the promotion was signed for another commit of the environment"
    if signers and not _is_among(signers, answer.identity, evidence):
        return "refused", f"{answer.identity} signed it, and {people_text(signers)} must"
    return "met", f"the promotion is signed by {answer.identity}"


def _is_among(people: People, identity: str, evidence: Evidence) -> bool:
    """Return whether somebody is one of the people who are named to move an environment."""
    return evidence.groups.is_among(identity, people.groups, people.users, role=_MOVING)


def _requirement(
    policy: Policy, kind: Kind, outcome: Outcome, text: str, who: Sequence[str] = ()
) -> Requirement:
    return Requirement(policy=policy.name, kind=kind, outcome=outcome, text=text, who=tuple(who))
