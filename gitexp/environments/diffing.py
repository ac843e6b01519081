"""Differences, value by value: between two versions, two environments, or one of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.environments.binding import Snapshot, snapshot_at
from gitexp.environments.branches import environment_name, tip_of
from gitexp.environments.live import bound_snapshot
from gitexp.environments.locating import ENVIRONMENT_PREFIX, Located, locate_version
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.homes import find_home
from gitexp.ids import Digest, Name, VersionId, name_fault
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.revisions import resolve_revision

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """One parameter that differs.

    Attributes:
        name: the slot.
        kind: `added` and `removed` say that it has a value on one side only.
        before: its value before; None when it was added.
        after: its value after; None when it was removed.
        type: the slot type where it is known, else empty.
    """

    name: str
    kind: Kind
    before: Any = None
    after: Any = None
    type: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON data; the side that has no value is left out."""
        data: dict[str, Any] = {"name": self.name, "kind": self.kind, "type": self.type}
        if self.kind != "added":
            data["before"] = self.before
        if self.kind != "removed":
            data["after"] = self.after
        return data


def value_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], types: Mapping[str, str]
) -> tuple[ValueChange, ...]:
    """Return the parameters that differ, in the order of `before`, then of `after`.

    Values are compared as JSON: `True` and 1 differ, 1 and 1.0 do not.
    """
    found = (
        _change(name, before, after, types.get(name, ""))
        for name in dict.fromkeys([*before, *after])
    )
    return tuple(change for change in found if change is not None)


def _change(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], kind: str
) -> ValueChange | None:
    if name not in before:
        return ValueChange(name=name, kind="added", after=after[name], type=kind)
    if name not in after:
        return ValueChange(name=name, kind="removed", before=before[name], type=kind)
    if same_value(before[name], after[name]):
        return None
    return ValueChange(name=name, kind="changed", before=before[name], after=after[name], type=kind)


def same_value(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same value."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison.

    Attributes:
        label: what people call it, such as `checkout@1a2b3c4d5e` or `env:production`.
        environment: the environment, where one was named.
    """

    label: str
    experiment: str
    version: VersionId
    digest: Digest
    environment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Diff:
    """How the values of two sides differ, from `a` to `b`."""

    a: Side
    b: Side
    changes: tuple[ValueChange, ...]


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """A side with what is compared."""

    side: Side
    values: Mapping[str, Any]
    types: Mapping[str, str]


def diff(workspace: Workspace, a: str, b: str) -> Diff:
    """Return how the values of two things differ.

    Each is an experiment (its latest version), `EXPERIMENT@REVISION`, `env:ENVIRONMENT`, the
    bare name of an environment, or a commit: of an environment's branch, or one that saved a
    version of one experiment.

    Raises:
        NotFound: there is no such thing.
        NotBound: nothing is bound to the environment.
        InvalidInput: a name means both an experiment and an environment, or a commit fits
            several versions.
    """
    left, right = _contents(workspace, a), _contents(workspace, b)
    changes = value_changes(left.values, right.values, {**left.types, **right.types})
    return Diff(a=left.side, b=right.side, changes=changes)


def _contents(workspace: Workspace, text: str) -> _Contents:
    if text.startswith(ENVIRONMENT_PREFIX):
        name = environment_name(text.removeprefix(ENVIRONMENT_PREFIX))
        return _of_snapshot(bound_snapshot(workspace, name), f"{ENVIRONMENT_PREFIX}{name}")
    experiment, at, revision = text.partition("@")
    if at:
        if not revision:
            raise InvalidInput(
                f"{text!r} lacks a revision after '@'", hint=f"Write {experiment}@latest."
            )
        return _of_version(locate_version(workspace, revision, experiment=experiment))
    return _named(workspace, text)


def _named(workspace: Workspace, text: str) -> _Contents:
    """Return what a bare word means: an experiment, an environment or a commit."""
    is_experiment = find_home(workspace, text) is not None
    is_environment = _is_environment(workspace, text)
    if is_experiment and is_environment:
        raise InvalidInput(
            f"{text!r} is both an experiment and an environment",
            hint=f"Write {text}@latest or {ENVIRONMENT_PREFIX}{text}.",
        )
    if is_experiment:
        return _of_version(locate_version(workspace, "latest", experiment=text))
    if is_environment:
        return _contents(workspace, f"{ENVIRONMENT_PREFIX}{text}")
    return _of_commit(workspace, text)


def _is_environment(workspace: Workspace, text: str) -> bool:
    if name_fault(text):
        return False
    if tip_of(workspace, Name(text)) is not None:
        return True
    try:
        return text in current_project(workspace).environments
    except NotFound:
        return False  # a shallow checkout of another branch need not hold the trunk


def _of_commit(workspace: Workspace, text: str) -> _Contents:
    try:
        commit = resolve_revision(workspace.store, text)
    except NotFound as exc:
        raise NotFound(
            f"{text!r} is no experiment, environment or commit",
            hint="List them with `gitexp experiment list` and `gitexp env list`.",
        ) from exc
    snapshot = snapshot_at(workspace.store, commit, cache=workspace.cache)
    if snapshot is None:
        return _of_version(locate_version(workspace, text))
    label = f"{ENVIRONMENT_PREFIX}{snapshot.binding.environment}@{commit[:10]}"
    return _of_snapshot(snapshot, label)


def _of_snapshot(snapshot: Snapshot, label: str) -> _Contents:
    subject = snapshot.subject
    side = Side(
        label=label,
        experiment=subject.experiment,
        version=subject.version,
        digest=subject.digest,
        environment=snapshot.binding.environment,
    )
    return _Contents(side=side, values=snapshot.values, types=snapshot.binding.types)


def _of_version(located: Located) -> _Contents:
    version = located.version
    assert version.digest is not None  # only versions with valid values are located
    side = Side(
        label=f"{located.header.name}@{version.version[:10]}",
        experiment=located.header.name,
        version=version.version,
        digest=version.digest,
    )
    return _Contents(side=side, values=version.values, types=version.types)
