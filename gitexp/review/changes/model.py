"""The facts about a change request: what is asked, renewals, votes, and how it ended.

Each is a document of its own that is written once and never changed. A vote is for a subject: the
digest over everything that it agrees to. So it cannot be used for other values, on top of another
binding, in another environment, for another change request or under other policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Binding
from gitexp.environments.published import FlagChanges, changes_text
from gitexp.ids import ChangeId, Digest, ObjectId, VersionId
from gitexp.project.groups import address_of, identity_key
from gitexp.project.policies import Approvals, policies_of
from gitexp.review.subjects import policies_digest, subject_digest

Decision = Literal["approve", "reject"]
Ending = Literal["applied", "cancelled", "rejected", "failed"]
Asked = Literal["promote", "rollback", "unbind", "flags"]


@dataclass(frozen=True, kw_only=True)
class FrozenPolicies:
    """The policies of an environment as they were in force when something was asked.

    Attributes:
        commit: the commit of the trunk that they were read from; None where it was not known.
        asking: the names of those that apply and ask for approvals.
        documents: the policies as they stood in `gitexp.yaml`.
    """

    commit: ObjectId | None
    asking: tuple[str, ...] = ()
    documents: tuple[Mapping[str, Any], ...] = ()

    @property
    def digest(self) -> Digest:
        """The digest of the documents."""
        return policies_digest(self.documents)

    @cached_property
    def rules(self) -> Mapping[str, Approvals]:
        """What is asked of people, by the names of the policies that ask it."""
        found = ((p.name, p.approvals) for p in policies_of(self.documents))
        return {name: rule for name, rule in found if rule is not None and name in self.asking}

    @cached_property
    def signed(self) -> frozenset[str]:
        """The names of those that count signed votes alone."""
        return frozenset(p.name for p in policies_of(self.documents) if p.signed is not None)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FrozenPolicies:
        """Return what a checked document says; the digest in it is for people to compare."""
        return cls(
            commit=data["commit"],
            asking=tuple(data["asking"]),
            documents=tuple(data["documents"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document."""
        return {
            "commit": self.commit,
            "digest": self.digest,
            "asking": list(self.asking),
            "documents": [dict(document) for document in self.documents],
        }


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is voted on at one time: since the opening, or since the last renewal.

    Attributes:
        base: the commit at which the environment's branch stood; None when it had none.
        head: the commit of the change's branch: what the environment's branch shall hold.
        subject: the digest that votes are for.
        by: who asks on these terms, as `Name <address>`.
        at: since when.
        reason: why, where it was said.
        expires_at: until when it can be approved and applied.
        policy: the policies in force.
    """

    base: ObjectId | None
    head: ObjectId
    subject: Digest
    by: str
    at: datetime
    reason: str | None = None
    expires_at: datetime
    policy: FrozenPolicies

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, by: str, at: str) -> Terms:
        """Return the terms in a checked document; `by` and `at` are the keys that it has."""
        return cls(
            base=data["from"],
            head=data["head"],
            subject=data["subject"],
            by=data[by],
            at=parse_iso(data[at]),
            reason=data.get("reason"),
            expires_at=parse_iso(data["expires_at"]),
            policy=FrozenPolicies.from_dict(data["policy"]),
        )

    def to_dict(self, *, by: str, at: str) -> dict[str, Any]:
        """Return the keys of the document that say these terms."""
        said = {"reason": self.reason} if self.reason else {}
        return {
            "from": self.base,
            "head": self.head,
            "subject": self.subject,
            by: self.by,
            at: iso(self.at),
            **said,
            "expires_at": iso(self.expires_at),
            "policy": self.policy.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One person's decision about one subject.

    Attributes:
        by: who votes, as `Name <address>`.
        reason: why; a rejection always says it.
        signature: an armored signature of `signed_document`, where it was signed.
    """

    change: ChangeId
    decision: Decision
    by: str
    at: datetime
    reason: str | None = None
    subject: Digest
    signature: str | None = None

    @property
    def identity(self) -> str:
        """The address of whoever votes."""
        return address_of(self.by)

    @property
    def person(self) -> Digest:
        """The digest of the identity, which stands in the path of the vote."""
        return digest_of(identity_key(self.identity))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Vote:
        """Return the vote that a checked document describes."""
        return cls(
            change=data["change"],
            decision=data["decision"],
            by=data["by"],
            at=parse_iso(data["at"]),
            reason=data.get("reason"),
            subject=data["subject"],
            signature=data.get("signature"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document; what there is none of is left out."""
        return _stated(
            format=1,
            change=self.change,
            decision=self.decision,
            by=self.by,
            at=iso(self.at),
            reason=self.reason,
            subject=self.subject,
            signature=self.signature,
        )

    def signed_document(self) -> dict[str, Any]:
        """Return what a signature of this vote is over: the document without the signature."""
        return {key: value for key, value in self.to_dict().items() if key != "signature"}


@dataclass(frozen=True, kw_only=True)
class Closing:
    """How a change request ended.

    Attributes:
        commit: the commit of the environment's branch that holds it, where it was applied.
    """

    change: ChangeId
    state: Ending
    by: str
    at: datetime
    reason: str | None = None
    commit: ObjectId | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Closing:
        """Return the end that a checked document describes."""
        return cls(
            change=data["change"],
            state=data["state"],
            by=data["by"],
            at=parse_iso(data["at"]),
            reason=data.get("reason"),
            commit=data.get("commit"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document; what there is none of is left out."""
        return _stated(
            format=1,
            change=self.change,
            state=self.state,
            by=self.by,
            at=iso(self.at),
            reason=self.reason,
            commit=self.commit,
        )


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a change request asks for, from its opening to its end.

    Attributes:
        experiment: the experiment's name when it was asked.
        flags: what it does to flags; nothing for the other actions.
        opened: the terms on which it was opened.
    """

    id: ChangeId
    project: str
    environment: str
    action: Asked
    experiment_id: str | None = None
    experiment: str | None = None
    version: VersionId | None = None
    digest: Digest | None = None
    flags: FlagChanges = field(default_factory=dict)
    opened: Terms

    @property
    def label(self) -> str:
        """What shall be live, for people: `checkout@1a2b3c4d5e`, `nothing`, or flags."""
        if self.flags:
            return changes_text(self.flags)
        return f"{self.experiment}@{self.version[:10]}" if self.version else "nothing"

    def is_held_by(self, binding: Binding) -> bool:
        """Return whether a binding of the environment's branch is what is asked for here."""
        return (
            binding.change == self.id
            and binding.environment == self.environment
            and binding.digest == self.digest
            and binding.experiment_id == self.experiment_id
            and all(binding.flags.get(key) == digest for key, digest in self.flags.items())
        )

    def subject(self, base: ObjectId | None, policies: Digest) -> Digest:
        """Return what is voted on when this is asked on top of a commit, under some policies."""
        return subject_digest(
            project=self.project,
            environment=self.environment,
            base=base,
            action=self.action,
            experiment_id=self.experiment_id,
            version=self.version,
            digest=self.digest,
            flags=self.flags,
            change=self.id,
            policies=policies,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Request:
        """Return the request that a checked document describes."""
        experiment = data["experiment"] or {}
        return cls(
            id=data["id"],
            project=data["project"],
            environment=data["environment"],
            action=data["action"],
            experiment_id=experiment.get("id"),
            experiment=experiment.get("name"),
            version=data["version"],
            digest=data["digest"],
            flags=dict(data.get("flags", {})),
            opened=Terms.from_dict(data, by="requested_by", at="requested_at"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document."""
        named = {"id": self.experiment_id, "name": self.experiment} if self.experiment_id else None
        return {
            "format": 1,
            "id": self.id,
            "project": self.project,
            "environment": self.environment,
            "action": self.action,
            "experiment": named,
            "version": self.version,
            "digest": self.digest,
            **({"flags": dict(self.flags)} if self.flags else {}),
            **self.opened.to_dict(by="requested_by", at="requested_at"),
        }


@dataclass(frozen=True, kw_only=True)
class ChangeFacts:
    """Everything that was written down about a change request.

    Attributes:
        renewals: the terms of its renewals, in their order.
        votes: all votes, also those for terms that are over, sorted by their paths.
        problems: why some of its files do not count, a line each.
    """

    request: Request
    renewals: tuple[Terms, ...] = ()
    votes: tuple[Vote, ...] = ()
    closing: Closing | None = None
    problems: tuple[str, ...] = field(default=())

    @property
    def id(self) -> ChangeId:
        """The id of the change request."""
        return self.request.id

    @property
    def terms(self) -> Terms:
        """The terms that are voted on now."""
        return self.renewals[-1] if self.renewals else self.request.opened

    @property
    def requesters(self) -> tuple[str, ...]:
        """The addresses of whoever asked for it on the present terms, or opened it."""
        return tuple(dict.fromkeys(address_of(t.by) for t in (self.request.opened, self.terms)))


def _stated(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
