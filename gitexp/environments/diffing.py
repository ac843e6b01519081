"""Differences, value by value: between two versions, two environments, or one of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.environments.binding import Snapshot, snapshot_at
from gitexp.environments.branches import environment_name, tip_of
from gitexp.environments.live import bound_snapshot
from gitexp.environments.locating import ENVIRONMENT_PREFIX, Located, locate_version
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.changes import ValueChange, value_changes
from gitexp.experiments.homes import find_home
from gitexp.ids import Digest, Name, VersionId, name_fault
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.revisions import resolve_revision


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
