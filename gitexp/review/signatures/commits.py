"""Signatures of commits: the user's own, and whose those are that others made."""

from __future__ import annotations

from gitexp.ids import ObjectId
from gitexp.review.signatures.answers import SEVERAL, UNSIGNED, Answer, Unverified
from gitexp.review.signatures.keys import Config, signing_key
from gitexp.review.signatures.signers import COMMITS, Check
from gitexp.store.objects import parse_commit
from gitexp.store.protocol import Store
from gitexp.store.signing import taken_apart
from gitexp.store.trees import MAX_TREE_BYTES
from gitexp.surroundings import Surroundings


def sign_commit(config: Config, surroundings: Surroundings, data: bytes) -> bytes:
    """Return the user's signature of the bytes of a commit.

    Raises:
        InvalidInput: no key is configured, or it cannot be used.
        NotFound: the program that it needs is not installed.
    """
    return signing_key(config, surroundings).sign(data, namespace=COMMITS)


def commit_answer(check: Check, store: Store, commit: ObjectId) -> Answer:
    """Return who signed a commit, or why nobody did.

    It is the owner of the key, who need not be the author or the committer that the commit
    names: those are what somebody wrote there. Parents and content are signed with it, the
    branch that it goes to is not.

    Raises:
        StoreError: the object is no commit.
        MissingObject, DamagedObject: it cannot be read.
        NotFound: the program that the signature needs is not installed.
    """
    raw = store.read(commit, limit=MAX_TREE_BYTES)
    committer = parse_commit(raw).committer.email
    signed = taken_apart(raw)
    if not signed.signatures:
        return UNSIGNED
    if len(signed.signatures) > 1:
        return Unverified(reason=SEVERAL, broken=True)
    (signature,) = signed.signatures
    return check.answer(signed.payload, signature, namespace=COMMITS, claimed=committer)
