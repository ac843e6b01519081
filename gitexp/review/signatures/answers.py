"""What is known of a signature: whose it is, or why it counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SignatureKind = Literal["ssh", "gpg"]


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A signature by an allowed key.

    Attributes:
        identity: the address of whoever the key belongs to.
        key: the fingerprint of the key.
    """

    identity: str
    key: str
    kind: SignatureKind


@dataclass(frozen=True, kw_only=True)
class Unverified:
    """No signature, or one that counts for nothing.

    Attributes:
        reason: why, as the end of a sentence that begins with what should be signed.
        signed: whether there is a signature at all.
        broken: whether it is one that nobody made for this: what it signs was changed, or the
            signature was. Other ones are good, by a key that does not count (any more).
    """

    reason: str
    signed: bool = True
    broken: bool = field(default=False, compare=False)


Answer = Verified | Unverified

CHANGED = "what it signs was changed afterwards"
MALFORMED = "the signature is malformed"
SEVERAL = "it carries several signatures"
BROKEN = frozenset([CHANGED, MALFORMED, SEVERAL])
"""The reasons of a signature that nobody made for this."""

UNSIGNED = Unverified(reason="it is not signed", signed=False)
