"""What policies come to for a move, over facts that are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.environments.binding import Bypass
from gitexp.review.policies.judging import (
    GateFinding,
    Period,
    judge,
    policy_digest,
    subject_of,
)
from gitexp.review.signatures.answers import Unverified, Verified
from tests.review.policies.known import (
    NOW,
    TIP,
    Known,
    ago,
    approve,
    judged,
    lines,
    move,
    policies,
    reject,
)

COOL, WARM = {"temperature": 0.2}, {"temperature": 0.9}
TWO = {"approvals": {"count": 2, "users": ["bea@example.com"], "groups": ["leads"]}}
ONE: dict[str, Any] = {"approvals": {}}


def test_without_policies_everything_is_allowed_and_nothing_is_asked() -> None:
    known = Known()
    judgement = judge((), move(WARM, COOL), known)
    assert judgement.verdict == "allowed"
    assert judgement.requirements == ()
    assert known.asked == []


# --- approvals --------------------------------------------------------------------------------


def test_what_is_missing_and_who_can_give_it_is_said() -> None:
    judgement = judged(TWO, move(WARM, COOL))
    assert judgement.verdict == "approval_required"
    assert lines(judgement) == [
        "missing: 0 of 2 approvals given; asked of bea@example.com or a member of leads"
    ]
    assert judgement.approvers == ("bea@example.com", "lea@example.com", "lin@example.com")


def test_enough_votes_allow_the_move() -> None:
    votes = [approve("bea@example.com"), approve("lin@example.com")]
    judgement = judged(TWO, move(WARM, COOL, change="c"), votes=votes)
    assert judgement.verdict == "allowed"
    assert lines(judgement) == ["met: 2 of 2 approvals given (by bea@example.com, lin@example.com)"]


@pytest.mark.parametrize(
    "vote",
    [
        pytest.param(approve("eve@example.com"), id="of somebody who is not asked"),
        pytest.param(approve("rob@example.com"), id="of a member who may only read"),
        pytest.param(approve("ann@example.com"), id="of whoever asked for it"),
        pytest.param(approve("ann@EXAMPLE.com"), id="of whoever asked, written otherwise"),
        pytest.param(approve("lea@example.com", at=ago(days=15)), id="that is too old"),
        pytest.param(approve("lea@example.com", at=ago(minutes=-6)), id="from the future"),
        pytest.param(reject("eve@example.com", "no"), id="against it, of somebody not asked"),
    ],
)
def test_a_vote_does_not_count(vote: Any) -> None:
    policy = {"approvals": {"groups": ["leads"], "users": ["ann@example.com"]}}
    judgement = judged(policy, move(WARM, COOL, change="c"), votes=[vote])
    assert judgement.verdict == "approval_required"
    assert lines(judgement)[0].startswith("missing: 0 of 1 approval given")


def test_one_person_counts_once() -> None:
    votes = [approve("lea@example.com"), approve("lea@Example.com")]
    judgement = judged(TWO, move(WARM, COOL, change="c"), votes=votes)
    assert lines(judgement)[0].startswith("missing: 1 of 2 approvals given (by lea@example.com)")
    assert judgement.approvers == ("bea@example.com", "lin@example.com")


def test_self_approval_counts_where_the_policy_says_so() -> None:
    policy = {"approvals": {"users": ["ann@example.com"], "self_approval": True}}
    votes = [approve("ann@example.com")]
    assert judged(policy, move(WARM, COOL, change="c"), votes=votes).verdict == "allowed"


def test_somebody_else_may_carry_out_what_was_approved_but_not_approve_for_the_requester() -> None:
    asked = move(WARM, COOL, change="c", actor="bea@example.com")
    policy = {"approvals": {"users": ["ann@example.com", "bea@example.com"]}}
    own = judged(policy, asked, votes=[approve("ann@example.com")])
    assert own.verdict == "approval_required"
    assert judged(policy, asked, votes=[approve("bea@example.com")]).verdict == "allowed"


def test_without_names_those_who_may_approve_in_the_owning_group_are_asked() -> None:
    asked = move(WARM, COOL, change="c")
    judgement = judged(ONE, asked, votes=[approve("eve@example.com")], owned_by="leads")
    assert lines(judgement) == [
        "missing: 0 of 1 approval given; asked of a member of leads who may approve"
    ]
    assert judgement.approvers == ("lea@example.com", "lin@example.com")
    votes = [approve("lin@example.com")]
    assert judged(ONE, asked, votes=votes, owned_by="leads").verdict == "allowed"


def test_without_an_owner_anybody_else_may_approve() -> None:
    asked = move(WARM, COOL, change="c")
    assert lines(judged(ONE, asked)) == [
        "missing: 0 of 1 approval given; anybody may approve but who asked for it"
    ]
    assert judged(ONE, asked, votes=[approve("eve@example.com")]).verdict == "allowed"


def test_it_is_said_when_nobody_is_left_who_may_approve() -> None:
    judgement = judged({"approvals": {"users": ["ann@example.com"]}}, move(WARM, COOL))
    assert lines(judgement) == [
        "missing: 0 of 1 approval given; asked of ann@example.com, and none is left who may"
    ]


def test_a_rejection_of_one_who_is_asked_ends_it() -> None:
    votes = [approve("bea@example.com"), reject("lea@example.com", "too warm")]
    judgement = judged(TWO, move(WARM, COOL, change="c"), votes=votes)
    assert judgement.verdict == "refused"
    assert lines(judgement) == ["refused: rejected by lea@example.com: too warm"]


def test_a_change_that_is_over_allows_nothing() -> None:
    votes = [approve("lea@example.com")]
    judgement = judged(ONE, move(WARM, COOL, change="c"), votes=votes, closed="cancelled")
    assert judgement.verdict == "refused"
    assert lines(judgement) == ["refused: the change request is cancelled"]


def test_votes_must_be_signed_by_their_voters_where_signatures_are_asked_for() -> None:
    policy = {"approvals": {"users": ["bea@example.com"]}, "signed": True}
    asked = move(WARM, COOL, change="c")
    signed = Verified(identity="ann@example.com", key="SHA256:k", kind="ssh")
    for signed_by, verdict in (
        (None, "approval_required"),
        ("eve@example.com", "approval_required"),
        ("bea@example.com", "allowed"),
    ):
        votes = [approve("bea@example.com", signed_by=signed_by)]
        assert judged(policy, asked, votes=votes, signed=signed).verdict == verdict


# --- gates and order --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("passed", "verdict"), [(True, "allowed"), (False, "refused"), (None, "refused")]
)
def test_a_gate_refuses_unless_it_passed(passed: bool | None, verdict: str) -> None:
    policy = {"gates": [{"dataset": "golden", "rules": ["min accuracy=0.9"]}]}
    found = GateFinding(passed=passed, text="accuracy is 0.95")
    assert judged(policy, move(WARM, COOL), gates={"golden": found}).verdict == verdict


def test_a_gate_that_may_still_be_judged_does_not_keep_people_from_approving() -> None:
    policy = {"gates": [{"dataset": "golden", "rules": ["min accuracy=0.9"]}], **ONE}
    assert judged(policy, move(WARM, COOL)).verdict == "approval_required"
    failed = GateFinding(passed=False, text="accuracy is 0.1")
    assert judged(policy, move(WARM, COOL), gates={"golden": failed}).verdict == "refused"


@pytest.mark.parametrize(
    ("periods", "line"),
    [
        ([], "missing: these values were never live in staging"),
        (
            [Period(start=ago(hours=23))],
            (
                "missing: these values were live in staging for 23h without a break, and 1d are "
                "asked for"
            ),
        ),
        ([Period(start=ago(hours=24))], "met: these values were live in staging for 1d"),
        (
            [Period(start=ago(days=3), end=ago(days=1, hours=12)), Period(start=ago(hours=1))],
            "met: these values were live in staging for 1d 12h",
        ),
        (
            [Period(start=ago(hours=40), end=ago(hours=20)), Period(start=ago(hours=19))],
            (
                "missing: these values were live in staging for 20h without a break, and 1d are "
                "asked for"
            ),
        ),
    ],
)
def test_order_asks_for_one_time_without_a_break(periods: list[Period], line: str) -> None:
    policy = {"order": {"after": "staging", "for": "24h"}}
    judgement = judged(policy, move(WARM, COOL), periods={"staging": periods})
    assert lines(judgement) == [line]
    assert judgement.verdict == ("allowed" if line.startswith("met") else "refused")


def test_nothing_is_evaluated_signed_or_tried_before_an_environment_is_left_without_a_version() -> (
    None
):
    policy = {
        "gates": [{"rules": ["min accuracy=0.9"]}],
        "order": {"after": "staging"},
        "versions": "signed",
    }
    assert judged(policy, move(None, COOL)).requirements == ()


# --- frozen -----------------------------------------------------------------------------------


def test_nothing_moves_in_a_frozen_window() -> None:
    window = {"from": "2026-11-21T00:00:00Z", "until": "2026-11-22T00:00:00Z", "reason": "fair"}
    judgement = judged({"frozen": [window]}, move(WARM, COOL))
    assert judgement.verdict == "refused"
    assert lines(judgement) == ["missing: nothing may move until 2026-11-22T00:00:00Z (fair)"]
    after = judged({"frozen": [window]}, move(WARM, COOL), now=NOW + timedelta(days=1))
    assert lines(after) == ["met: no frozen window is open"]


# --- signatures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed", "answer", "line"),
    [
        (
            True,
            Verified(identity="eve@example.com", key="k", kind="ssh"),
            "met: the promotion is signed by eve@example.com",
        ),
        (
            {"groups": ["leads"]},
            Verified(identity="eve@example.com", key="k", kind="ssh"),
            "refused: eve@example.com signed it, and a member of leads must",
        ),
        (
            {"groups": ["leads"]},
            Verified(identity="lin@example.com", key="k", kind="ssh"),
            "met: the promotion is signed by lin@example.com",
        ),
        (
            {"groups": ["leads"]},
            Verified(identity="lea@example.com", key="k", kind="ssh"),
            "refused: lea@example.com signed it, and a member of leads must",
        ),
        (
            True,
            Unverified(reason="it is not signed", signed=False),
            "missing: the promotion has no signature that counts: it is not signed",
        ),
        (
            True,
            Unverified(reason="its key has expired"),
            "refused: the promotion has no signature that counts: its key has expired",
        ),
    ],
)
def test_the_promotion_must_be_signed(signed: Any, answer: Any, line: str) -> None:
    judgement = judged({"signed": signed}, move(WARM, COOL), signed=answer)
    assert lines(judgement) == [line]
    assert judgement.verdict == ("allowed" if line.startswith("met") else "refused")


def test_a_signed_promotion_does_not_count_where_the_environment_stands_elsewhere_by_now() -> None:
    answer = Verified(identity="eve@example.com", key="k", kind="ssh")
    stale = move(WARM, COOL, previous="c" * 40)
    assert lines(judged({"signed": True}, stale, signed=answer)) == [
        "refused: the promotion was signed for another commit of the environment"
    ]


def test_a_version_without_a_verified_signature_is_refused() -> None:
    policy = {"versions": "signed"}
    assert lines(judged(policy, move(WARM, COOL))) == [
        "refused: version tone@bbbbbbbbbb has no signature that counts: it is not signed"
    ]
    answer = Verified(identity="eve@example.com", key="k", kind="gpg")
    assert judged(policy, move(WARM, COOL), version_signed=answer).verdict == "allowed"


# --- bypass -----------------------------------------------------------------------------------

PASSED_OVER = Bypass(policies=("rule",), reason="production is down")


def test_those_whom_a_policy_names_may_pass_it_over() -> None:
    policy = {**ONE, "bypass": {"users": ["ann@example.com"]}}
    judgement = judged(policy, move(WARM, COOL, bypass=PASSED_OVER))
    assert judgement.verdict == "allowed"
    assert lines(judgement) == ["met: passed over by ann@example.com: production is down"]
    assert judgement.requirements[0].kind == "bypassed"


def test_nobody_else_may() -> None:
    asked = move(WARM, COOL, bypass=PASSED_OVER, actor="eve@example.com")
    named = judged({**ONE, "bypass": {"groups": ["leads"]}}, asked)
    assert named.verdict == "refused"
    assert lines(named) == [
        "refused: eve@example.com may not pass it over, only a member of leads may"
    ]
    assert lines(judged(ONE, asked)) == ["refused: nobody may pass it over"]


def test_a_bypass_of_one_policy_is_none_of_another() -> None:
    both = policies(
        {"name": "rule", **ONE, "bypass": {"users": ["ann@example.com"]}},
        {"name": "other", **ONE, "bypass": {"users": ["ann@example.com"]}},
    )
    judgement = judge(both, move(WARM, COOL, bypass=PASSED_OVER), Known())
    assert [(r.policy, r.outcome) for r in judgement.requirements] == [
        ("rule", "met"),
        ("other", "missing"),
    ]


# --- which policies apply, and what is really done --------------------------------------------


def test_a_policy_whose_conditions_do_not_hold_asks_for_nothing() -> None:
    policy = {"when": [{"parameter": "model"}], **ONE}
    judgement = judged(policy, move(WARM, COOL))
    assert judgement.verdict == "allowed"
    assert judgement.passed_over == ("rule",)


def test_what_a_binding_calls_a_rollback_is_one_only_where_its_values_were_live() -> None:
    policy = {"when": [{"action": "promote"}], **ONE}
    claimed = move(WARM, COOL, action="rollback")
    assert judged(policy, claimed).verdict == "approval_required"
    known = {"production": [Period(start=ago(days=3), end=ago(days=1))]}
    assert judged(policy, claimed, periods=known).verdict == "allowed"


def test_leaving_an_environment_without_a_version_is_an_unbinding_whatever_it_is_called() -> None:
    policy = {"when": [{"action": "unbind"}], **ONE}
    assert judged(policy, move(None, COOL)).verdict == "approval_required"
    assert judged(policy, move(WARM, COOL)).verdict == "allowed"


def test_facts_are_looked_up_only_where_a_policy_asks() -> None:
    known = Known()
    judge(policies({"when": [{"parameter": "model"}], **TWO, "signed": True}), move(COOL), known)
    assert known.asked == []


RULES: list[dict[str, Any]] = [
    {"approvals": {}},
    {"approvals": {"count": 3}},
    {"order": {"after": "staging", "for": "24h"}},
    {"order": {"after": "staging", "for": "72h"}},
    {"signed": True},
    {"versions": "signed"},
    {"when": [{"parameter": "model"}], "versions": "signed"},
    {"frozen": [{"until": "2030-01-01T00:00:00Z"}]},
    {"gates": [{"dataset": "golden", "rules": ["min accuracy=0.9"]}]},
]
FACTS: dict[str, Any] = {
    "votes": [approve("bea@example.com")],
    "periods": {"staging": [Period(start=ago(days=2))]},
    "signed": Verified(identity="ann@example.com", key="k", kind="ssh"),
    "gates": {"golden": GateFinding(passed=True, text="fine")},
}


@given(st.lists(st.sampled_from(RULES), max_size=4), st.lists(st.sampled_from(RULES), max_size=4))
def test_more_policies_never_allow_more(some: list[Any], others: list[Any]) -> None:
    def is_allowed(documents: list[Any]) -> bool:
        asked = move(WARM, COOL, change="c")
        return judge(policies(*documents), asked, Known(**FACTS)).verdict == "allowed"

    assert is_allowed(some + others) == (is_allowed(some) and is_allowed(others))
    assert is_allowed([])


def test_words_of_people_stay_in_one_line() -> None:
    votes = [reject("lea@example.com", "too warm\nmet: everything")]
    judgement = judged(TWO, move(WARM, COOL, change="c"), votes=votes)
    assert lines(judgement) == ["refused: rejected by lea@example.com: too warm met: everything"]


# --- subjects ---------------------------------------------------------------------------------


def test_a_subject_stays_the_same_whoever_carries_the_move_out_and_when() -> None:
    rules = policies(TWO)
    mine = move(WARM, COOL, change="c")
    theirs = move(
        WARM, COOL, change="c", actor="eve@example.com", at=ago(days=1), reason="y", nonce="z" * 16
    )
    assert subject_of(mine, rules) == subject_of(theirs, rules)


def test_a_subject_is_another_for_any_other_move() -> None:
    rules = policies(TWO)
    moves = [
        move(WARM, COOL, change="c"),
        move(COOL, WARM, change="c"),
        move(WARM, COOL, change="d"),
        move(WARM, COOL, change="c", tip=None),
        move(WARM, COOL, change="c", action="rollback"),
        move(WARM, COOL, change="c", version="d" * 40),
        move(WARM, COOL, change="c", experiment_id="y" * 16),
        move(None, COOL, change="c"),
    ]
    subjects = {subject_of(one, rules) for one in moves}
    subjects.add(subject_of(moves[0], policies({**TWO, "signed": True})))
    subjects.add(subject_of(moves[0], ()))
    assert len(subjects) == len(moves) + 2
    assert all(len(subject) == len("sha256:") + 64 for subject in subjects)


def test_the_digest_of_policies_does_not_depend_on_how_the_file_orders_keys() -> None:
    one = policies({"name": "a", "signed": True})
    other = policies({"signed": True, "name": "a"})
    assert policy_digest(one) == policy_digest(other)


def test_a_judgement_is_plain_data_too() -> None:
    judgement = judged(ONE, move(WARM, COOL, tip=TIP), owned_by="leads")
    data = judgement.to_dict()
    assert data["verdict"] == "approval_required"
    assert data["requirements"] == [
        {
            "policy": "rule",
            "kind": "approvals",
            "outcome": "missing",
            "text": "0 of 1 approval given; asked of a member of leads who may approve",
            "who": ["lea@example.com", "lin@example.com"],
        }
    ]
