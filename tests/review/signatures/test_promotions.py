"""Signed records: by whom they say, for what they say, and not from another time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gitexp.clock import iso
from gitexp.review.signatures.answers import Answer, Unverified, Verified
from gitexp.review.signatures.keys import SigningKey
from gitexp.review.signatures.promotions import (
    APPROVAL,
    PROMOTION,
    Purpose,
    sign,
    verify,
)
from gitexp.review.signatures.signers import Signers
from tests.review.signatures.keyring import PATH, Gpg, SshKey
from tests.review.signatures.test_signers import ADA, BOB, key_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
RECORD: dict[str, Any] = {
    "format": 1,
    "project": "bot",
    "environment": "production",
    "version": "1" * 40,
    "from": "2" * 40,
    "by": f"Ada <{ADA}>",
    "at": iso(NOW),
    "nonce": "k3fgq2x7",
}


def sealed(key: SigningKey, purpose: Purpose = PROMOTION, **changed: Any) -> dict[str, Any]:
    record = {**RECORD, **changed}
    return {**record, "signature": sign(record, key, purpose=purpose)}


def judged(
    record: dict[str, Any],
    signers: Signers,
    *,
    now: datetime = NOW,
    purpose: Purpose = PROMOTION,
    oldest: timedelta | None = None,
) -> Answer:
    with signers.checking(PATH, now=now) as check:
        return verify(record, check, purpose=purpose, oldest=oldest)


def test_a_record_that_its_maker_signed_is_theirs(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA))
    found = judged(sealed(key_of(ada)), signers)
    assert found == Verified(identity=ADA, key=ada.fingerprint, kind="ssh")


@pytest.mark.parametrize("field", sorted(set(RECORD) - {"by", "at"}))
def test_no_field_of_a_record_can_be_changed(ada: SshKey, field: str) -> None:
    record = {**sealed(key_of(ada)), field: "other"}
    found = judged(record, Signers(allowed=ada.allowed(ADA)))
    assert found == Unverified(reason="what it signs was changed afterwards")


def test_a_field_cannot_be_added(ada: SshKey) -> None:
    record = {**sealed(key_of(ada)), "bypass": {"policies": ["frozen"], "reason": "x"}}
    found = judged(record, Signers(allowed=ada.allowed(ADA)))
    assert found == Unverified(reason="what it signs was changed afterwards")


def test_a_record_in_another_ones_name_does_not_count(ada: SshKey, bob: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA) + bob.allowed(BOB))
    found = judged(sealed(key_of(bob)), signers)
    assert found == Unverified(reason=f"it names {ADA}, and was signed by {BOB}")


def test_the_case_of_a_domain_makes_nobody_else(ada: SshKey) -> None:
    record = sealed(key_of(ada), by="Ada <ada@Example.ORG>")
    assert isinstance(judged(record, Signers(allowed=ada.allowed(ADA))), Verified)


def test_an_approval_is_no_promotion(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA))
    vote = sealed(key_of(ada), APPROVAL)
    assert isinstance(judged(vote, signers, purpose=APPROVAL), Verified)
    assert judged(vote, signers) == Unverified(reason="it was made for another purpose")


def test_an_approval_by_an_openpgp_key_is_no_promotion_either(gpg: Gpg) -> None:
    name = gpg.make("Gerd <gerd@example.org>")
    key = SigningKey(
        name=name,
        format="openpgp",
        environ=gpg.environ,
        directory=gpg.home,
        interactive=False,
    )
    signers = Signers(keys=gpg.public(name))
    vote = sealed(key, APPROVAL, by="gerd@example.org")
    assert judged(vote, signers, purpose=APPROVAL) == Verified(
        identity="gerd@example.org", key=name, kind="gpg"
    )
    assert judged(vote, signers) == Unverified(reason="what it signs was changed afterwards")


def test_clocks_may_be_some_minutes_apart(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA))
    record = sealed(key_of(ada), at=iso(NOW + timedelta(minutes=5)))
    assert isinstance(judged(record, signers), Verified)
    late = sealed(key_of(ada), at=iso(NOW + timedelta(minutes=5, seconds=1)))
    assert judged(late, signers) == Unverified(
        reason="it is dated 2026-11-21T12:05:01Z, which is in the future"
    )


def test_a_record_may_be_too_old(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA))
    record = sealed(key_of(ada), at=iso(NOW - timedelta(days=2)))
    assert isinstance(judged(record, signers), Verified)
    assert isinstance(judged(record, signers, oldest=timedelta(days=2)), Verified)
    assert judged(record, signers, oldest=timedelta(days=1)) == Unverified(
        reason="it is dated 2026-11-19T12:00:00Z, which is too long ago"
    )


def test_an_expired_key_cannot_sign_with_an_older_date(ada: SshKey) -> None:
    signers = Signers(allowed=ada.allowed(ADA, 'valid-before="20260101"'))
    record = sealed(key_of(ada), at="2025-06-01T00:00:00Z")
    assert judged(record, signers) == Unverified(reason="its key has expired")


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"signature": None}, "it is not signed"),
        ({"signature": 5}, "its signature is no text"),
        ({"by": ""}, "it names nobody as `by`"),
        ({"at": "yesterday"}, "it says no usable moment as `at`"),
        ({"at": None}, "it says no usable moment as `at`"),
    ],
)
def test_what_is_no_record_does_not_count(
    ada: SshKey, changed: dict[str, Any], reason: str
) -> None:
    found = judged({**sealed(key_of(ada)), **changed}, Signers(allowed=ada.allowed(ADA)))
    assert isinstance(found, Unverified)
    assert found.reason == reason
