"""What is known of a signature: whose it is, or why it counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    reason: str
    signed: bool = True


Answer = Verified | Unverified

UNSIGNED = Unverified(reason="it is not signed", signed=False)
