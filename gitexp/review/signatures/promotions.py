"""Signed records: promotions, approvals and rejections, each for itself and for nothing else.

A signed commit says who made content, and not where it may go: it can be pushed to another
branch, again later, or with an older date. So what is signed is the record itself: the canonical
JSON of the document without its signature, in a namespace of its own. The record names the
project, the environment, the commit that the environment stood at, what becomes live there, by
whom, when and why, and a nonce; a vote names the subject that all of this makes up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from gitexp.clock import SKEW, parse_iso
from gitexp.documents.canonical import canonical_json
from gitexp.project.groups import address_of, identity_key
from gitexp.project.workspace import Workspace
from gitexp.review.signatures.answers import UNSIGNED, Answer, Unverified, Verified
from gitexp.review.signatures.keys import Config, SigningKey, is_on, signing_key
from gitexp.review.signatures.signers import Check
from gitexp.surroundings import Surroundings

Purpose = Literal["gitexp-promotion", "gitexp-approval"]

PROMOTION: Purpose = "gitexp-promotion"
APPROVAL: Purpose = "gitexp-approval"


def sign(document: Mapping[str, Any], key: SigningKey, *, purpose: Purpose = PROMOTION) -> str:
    """Return the armored signature of a record; one that stands in the record is left out.

    Raises:
        InvalidInput: the key cannot be used.
        NotFound: the program that it needs is not installed.
    """
    return key.sign(_payload(document, purpose, key.format), namespace=purpose).decode("ascii")


def seal(config: Config, surroundings: Surroundings, document: Mapping[str, Any]) -> str | None:
    """Return the signature of a promotion record, None where `gitexp.sign` does not ask for one.

    Raises:
        InvalidInput, NotFound: as `sign` says.
    """
    if not is_on(config, "gitexp.sign"):
        return None
    return sign(document, signing_key(config, surroundings))


def seal_vote(workspace: Workspace, document: Mapping[str, Any], *, asked: bool) -> str | None:
    """Return the signature of a vote where it was asked for, here or by `gitexp.sign`, or None.

    Raises:
        InvalidInput, NotFound: as `sign` says.
    """
    config = workspace.store.config
    if not (asked or is_on(config, "gitexp.sign")):
        return None
    return sign(document, signing_key(config, workspace.surroundings), purpose=APPROVAL)


def verify(
    document: Mapping[str, Any],
    check: Check,
    *,
    purpose: Purpose = PROMOTION,
    oldest: timedelta | None = None,
) -> Answer:
    """Return who signed a record, which must be whom the record itself names as `by`.

    The moment in the record is held to the check's: it may lie `SKEW` in its future, and, where
    `oldest` says so, no more than that in its past. Whether the record fits the branch that it
    is on is not looked at here.

    Args:
        document: the document as it stands in the file, `signature` included.

    Raises:
        NotFound: the program that the signature needs is not installed.
    """
    signature = document.get("signature")
    if not signature:
        return UNSIGNED
    if not isinstance(signature, str):
        return Unverified(reason="its signature is no text")
    by = document.get("by")
    claimed = address_of(by) if isinstance(by, str) else ""
    if not claimed:
        return Unverified(reason="it names nobody as `by`")
    if fault := _moment_fault(document.get("at"), check.now, oldest):
        return Unverified(reason=fault)
    armored = signature.encode("utf-8", "replace")
    form = "ssh" if armored.startswith(b"-----BEGIN SSH") else "openpgp"
    payload = _payload(document, purpose, form)
    answer = check.answer(payload, armored, namespace=purpose, claimed=claimed)
    if isinstance(answer, Verified) and identity_key(answer.identity) != identity_key(claimed):
        return Unverified(reason=f"it names {claimed}, and was signed by {answer.identity}")
    return answer


def _payload(document: Mapping[str, Any], purpose: str, form: str) -> bytes:
    plain = {key: value for key, value in document.items() if key != "signature"}
    text = canonical_json(plain)
    # An SSH signature carries its namespace; an OpenPGP signature gets it in what it signs.
    return text if form == "ssh" else f"{purpose}\n".encode() + text


def _moment_fault(at: Any, now: datetime, oldest: timedelta | None) -> str | None:
    try:
        moment = at if isinstance(at, datetime) else parse_iso(str(at))
    except ValueError:
        return "it says no usable moment as `at`"
    if moment - now > SKEW:
        return f"it is dated {at}, which is in the future"
    if oldest is not None and now - moment > oldest:
        return f"it is dated {at}, which is too long ago"
    return None
