"""What a vote on a move of an environment is for, as one digest.

A change request says it when it is asked, and every judgement works it out again from the move
itself, so the two agree only while nothing that matters is another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.documents.canonical import digest_of
from gitexp.ids import Digest, ObjectId


def policies_digest(documents: Sequence[Mapping[str, Any]]) -> Digest:
    """Return what tells the policies of an environment from any others: order and names count.

    Args:
        documents: the policies as they stand in `gitexp.yaml`.
    """
    return digest_of([dict(document) for document in documents])


def subject_digest(
    *,
    project: str,
    environment: str,
    base: ObjectId | None,
    action: str,
    experiment_id: str | None,
    version: str | None,
    digest: str | None,
    flags: Mapping[str, Any],
    change: str | None,
    policies: Digest,
) -> Digest:
    """Return what a vote is for: anything of this that is another makes it another subject.

    Who carries a move out, when, and with which words is no part of it.

    Args:
        base: the commit that the environment stands at; None where it has none.
        digest: of the values that would be live.
        flags: what becomes of published flags.
        change: the id of the change request.
        policies: the digest of all policies of the environment, whether they apply or not.
    """
    return digest_of(
        {
            "project": project,
            "environment": environment,
            "from": base,
            "action": action,
            "experiment": experiment_id,
            "version": version,
            "digest": digest,
            "change": change,
            "policy": policies,
            **({"flags": dict(flags)} if flags else {}),
        }
    )
