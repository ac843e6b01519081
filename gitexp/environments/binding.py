"""Bindings: what an environment's branch says in one commit, and the values it holds there.

The tree of an environment's branch is two files: `environment.yaml`, the binding, and
`parameters.yaml`, the complete values; and `flags/KEY.yaml` for each flag that was published
there. The digests in the binding are compared with them at every read, also at those from the
cache, so values and flags that were changed without it are never served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import Problem, shown
from gitexp.environments.published import FlagDocuments, faults, load_flags
from gitexp.errors import (
    DamagedObject,
    GitexpError,
    InvalidDocuments,
    InvalidInput,
    MissingObject,
    NotBound,
)
from gitexp.ids import Digest, ObjectId, VersionId
from gitexp.store.cache import DerivedCache
from gitexp.store.protocol import Store

Action = Literal["promote", "rollback", "unbind", "flags", "unreadable"]
"""What a commit did; a history says `unreadable` of one that cannot be read, a file never does."""

UNREADABLE = (InvalidInput, MissingObject, DamagedObject)
"""The errors that say that a commit of an environment's branch cannot be read."""

_READING = "2"
"""Changes when the same commit may be read as something else, and so makes old entries unused."""

_SHORT = 10


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is live: a version of an experiment."""

    experiment_id: str
    experiment: str
    version: VersionId
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Bypass:
    """That policies were passed over: their names, and why."""

    policies: tuple[str, ...]
    reason: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Bypass:
        """Return what a checked document says."""
        return cls(policies=tuple(data["policies"]), reason=data["reason"])

    def to_dict(self) -> dict[str, Any]:
        """Return the document."""
        return {"policies": list(self.policies), "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What an environment's branch says in one commit.

    Attributes:
        project: the project's id.
        action: what made this the binding.
        experiment_id: the bound experiment's stable id; None when nothing is bound.
        experiment: the experiment's name when it was bound; None when nothing is bound.
        version: the bound version; None when nothing is bound.
        digest: over the canonical JSON of the values; None when nothing is bound.
        types: the slot type of each value.
        flags: the digest of each flag that is published, by key.
        by: who did it, as `Name <email>`.
        at: when, by the clock of whoever did it.
        reason: why, where it was said.
        change: the change request it came from, where there was one.
        previous: the commit that the environment's branch stood at; None when it had none.
        nonce: random text that makes a signed record unlike any other.
        bypass: which policies were passed over, and why, where any were.
        signature: an armored SSH signature of `signed_document`, where it was signed.
        commit: the commit of the environment's branch; None before it is made.
        created: whether the call that returned this made the commit.
    """

    project: str
    environment: str
    action: Action
    experiment_id: str | None = None
    experiment: str | None = None
    version: VersionId | None = None
    digest: Digest | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Digest] = field(default_factory=dict)
    by: str
    at: datetime
    reason: str | None = None
    change: str | None = None
    previous: ObjectId | None = None
    nonce: str | None = None
    bypass: Bypass | None = None
    signature: str | None = None
    commit: ObjectId | None = None
    created: bool = False

    @property
    def bound(self) -> bool:
        """Whether a version is live."""
        return self.subject is not None

    @property
    def subject(self) -> Subject | None:
        """What is live, or None."""
        if not (self.experiment_id and self.experiment and self.version and self.digest):
            return None
        return Subject(
            experiment_id=self.experiment_id,
            experiment=self.experiment,
            version=self.version,
            digest=self.digest,
        )

    @property
    def label(self) -> str:
        """What is live, for people: `checkout@1a2b3c4d5e`, or `nothing`."""
        return f"{self.experiment}@{self.version[:_SHORT]}" if self.version else "nothing"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, commit: ObjectId | None = None) -> Binding:
        """Return the binding that a checked `environment.yaml` describes."""
        experiment = data["experiment"] or {}
        return cls(
            project=data["project"],
            environment=data["environment"],
            action=data["action"],
            experiment_id=experiment.get("id"),
            experiment=experiment.get("name"),
            version=data["version"],
            digest=data["digest"],
            types=dict(data["types"]),
            flags=dict(data.get("flags", {})),
            by=data["by"],
            at=parse_iso(data["at"]),
            reason=data.get("reason"),
            change=data.get("change"),
            previous=data.get("from"),
            nonce=data.get("nonce"),
            bypass=Bypass.from_dict(data["bypass"]) if "bypass" in data else None,
            signature=data.get("signature"),
            commit=commit,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document; what there is none of, such as a reason, is left out."""
        data: dict[str, Any] = {
            "format": 1,
            "project": self.project,
            "environment": self.environment,
            "action": self.action,
            "experiment": {"id": self.experiment_id, "name": self.experiment}
            if self.experiment_id
            else None,
            "version": self.version,
            "digest": self.digest,
            "types": dict(self.types),
            "by": self.by,
            "at": iso(self.at),
        }
        optional = {
            "flags": dict(self.flags),
            "reason": self.reason,
            "change": self.change,
            "from": self.previous,
            "nonce": self.nonce,
            "bypass": self.bypass.to_dict() if self.bypass else None,
            "signature": self.signature,
        }
        return data | {key: value for key, value in optional.items() if value}

    def signed_document(self) -> dict[str, Any]:
        """Return what a signature of this binding is over: the document without the signature."""
        return {key: value for key, value in self.to_dict().items() if key != "signature"}

    def encode(self) -> bytes:
        """Return the bytes of `environment.yaml`.

        Raises:
            InvalidInput: a text in it holds control characters.
        """
        from gitexp.documents.yaml_writer import dump_yaml

        return dump_yaml(self.to_dict(), schema="environment")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An environment in one commit: its binding, its values, and the flags published there."""

    binding: Binding
    values: Mapping[str, Any]
    flags: FlagDocuments = field(default_factory=dict)

    @property
    def commit(self) -> ObjectId:
        """The commit that was read."""
        assert self.binding.commit is not None
        return self.binding.commit

    @property
    def subject(self) -> Subject:
        """What was live in this commit.

        Raises:
            NotBound: nothing was.
        """
        subject = self.bound().binding.subject
        assert subject is not None
        return subject

    def bound(self) -> Snapshot:
        """Return this snapshot.

        Raises:
            NotBound: nothing was bound in this commit.
        """
        if self.binding.bound:
            return self
        if self.binding.flags:
            why = "it holds flags alone"
        else:
            why = f"{self.binding.by} unbound it on {iso(self.binding.at)}"
        raise NotBound(
            f"no version is bound to environment {self.binding.environment!r} "
            f"in commit {self.commit[:_SHORT]}: {why}",
            hint=f"Bind one with `gitexp promote EXPERIMENT {self.binding.environment}`.",
        )


def snapshot_at(
    store: Store, commit: ObjectId, *, cache: DerivedCache | None = None
) -> Snapshot | None:
    """Return the environment in a commit, or None when the commit is of no environment's branch.

    Raises:
        InvalidDocuments: a file breaks its schema, or values or flags do not have the digests
            that the binding names.
        MissingObject, DamagedObject: the commit cannot be read.
    """
    key = f"environment-commit/{_READING}/{commit}"
    known = cache.get(key) if cache else None
    if known is None:
        known = _load(store, commit, cache)
        if known is None:
            return None
        _verify(commit, known)
        if cache:
            cache.put(key, known)
    else:
        _verify(commit, known)
    binding = Binding.from_dict(known["binding"], commit=commit)
    return Snapshot(binding=binding, values=known["values"], flags=known["flags"])


def environment_at(
    store: Store,
    commit: ObjectId,
    *,
    environment: str,
    project: str | None = None,
    cache: DerivedCache | None = None,
) -> Snapshot:
    """Return the snapshot in a commit of an environment's branch.

    Raises:
        InvalidDocuments: it holds no binding, or that of another environment or project; or as
            `snapshot_at` says.
        MissingObject, DamagedObject: the commit cannot be read.
    """
    found = snapshot_at(store, commit, cache=cache)
    if found is None:
        raise _broken(commit, layout.BINDING_FILE, "", "the file is missing")
    for place, expected in (("environment", environment), ("project", project)):
        said = getattr(found.binding, place)
        if expected is not None and said != expected:
            message = f"{shown(said)} stands there, but {shown(expected)} was asked for"
            raise _broken(commit, layout.BINDING_FILE, place, message)
    return found


def binding_at(
    store: Store, commit: ObjectId, *, cache: DerivedCache | None = None
) -> Binding | None:
    """Return the binding in a commit, None as `snapshot_at` does; raises as it does."""
    snapshot = snapshot_at(store, commit, cache=cache)
    return snapshot.binding if snapshot else None


def values_at(
    store: Store, commit: ObjectId, *, cache: DerivedCache | None = None
) -> Mapping[str, Any] | None:
    """Return the verified values in a commit, None as `snapshot_at` does; raises as it does."""
    snapshot = snapshot_at(store, commit, cache=cache)
    return snapshot.values if snapshot else None


def _load(store: Store, commit: ObjectId, cache: DerivedCache | None) -> dict[str, Any] | None:
    from gitexp.documents import schemas
    from gitexp.store.trees import blob_at, tree_of

    tree = tree_of(store, commit)
    binding = blob_at(store, tree, layout.BINDING_FILE)
    if binding is None:
        return None
    values = blob_at(store, tree, layout.PARAMETERS_FILE)
    if values is None:
        raise _broken(commit, layout.PARAMETERS_FILE, "", "the file is missing")
    document = schemas.load("environment", binding, file=_file(commit, layout.BINDING_FILE))
    _check_moment(commit, document["at"])
    return {
        "binding": document,
        "values": schemas.load("parameters", values, file=_file(commit, layout.PARAMETERS_FILE))
        or {},
        "flags": load_flags(store, tree, lambda path: _file(commit, path), cache=cache),
    }


def _check_moment(commit: ObjectId, text: str) -> None:
    try:
        parse_iso(text)
    except ValueError as exc:
        message = f"{shown(text)} is no moment such as 2026-11-21T13:15:02Z"
        raise _broken(commit, layout.BINDING_FILE, "at", message) from exc


def _verify(commit: ObjectId, known: Mapping[str, Any]) -> None:
    """Check that binding, values and flags belong together."""
    binding, values = known["binding"], known["values"]
    for file, place, message in faults(binding.get("flags", {}), known["flags"]):
        raise _broken(commit, file, place, message)
    if binding["digest"] is None:
        if values:
            raise _broken(commit, layout.PARAMETERS_FILE, "", "values, but nothing is bound")
    elif (found := digest_of(values)) != binding["digest"]:
        raise _broken(
            commit,
            layout.BINDING_FILE,
            "digest",
            f"{binding['digest']} is not the digest of {layout.PARAMETERS_FILE}, which is {found}",
        )


def _broken(commit: ObjectId, file: str, place: str, message: str) -> InvalidDocuments:
    return InvalidDocuments(
        [Problem(file=_file(commit, file), place=place, message=message)],
        hint="The branch of an environment is written by `gitexp promote`, `gitexp env rollback` "
        "and `gitexp env unbind`; promote again to repair it.",
    )


def one_line(error: GitexpError) -> str:
    """Return what an error says in one line: the first of its problems, and how many follow."""
    first, *others = error.message.splitlines()
    return f"{first} (and {len(others)} more)" if others else first


def _file(commit: ObjectId, path: str) -> str:
    return f"{commit[:_SHORT]}:{path}"
