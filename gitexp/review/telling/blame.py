"""Blame: for each parameter who set its value, when and why, and since when it is live where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.documents.problems import MISSING
from gitexp.environments.binding import UNREADABLE, Snapshot
from gitexp.environments.branches import names_with_branches
from gitexp.environments.history import line as environment_line
from gitexp.environments.live import live_since, live_snapshot
from gitexp.errors import MissingObject
from gitexp.experiments.changes import same_value
from gitexp.experiments.headers import header_at
from gitexp.experiments.homes import get_home
from gitexp.experiments.lineage import Lineage, Save, lineage
from gitexp.experiments.versions import Version, entry_of, resolve_version, versions_of
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import project_at, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit

Origin = Literal["set", "default"]


@dataclass(frozen=True, kw_only=True)
class Live:
    """What an environment serves for a parameter.

    Attributes:
        value: what is live there.
        same: whether that is the value that is blamed.
        since: since when that value is live there without a break.
        by: who moved the environment then.
        commit: the commit of the environment's branch that did.
        whole: whether the history that tells since when is all here.
    """

    environment: str
    value: Any
    same: bool
    since: datetime
    by: str
    commit: ObjectId
    whole: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(vars(self)) | {"since": iso(self.since)}


@dataclass(frozen=True, kw_only=True)
class ParameterBlame:
    """Who set the value of one parameter.

    Attributes:
        origin: `default` where nobody gave the value: the project's definition did.
        is_default: whether the value is the default of its slot.
        version: the version that set it.
        by, at, message: who saved that version, when, and why.
        live: what is live of it in each environment that the experiment is bound to.
    """

    name: str
    type: str
    value: Any
    origin: Origin
    is_default: bool
    version: ObjectId
    digest: str | None
    by: str
    at: datetime
    message: str
    live: tuple[Live, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        found = {"at": iso(self.at), "live": [live.to_dict() for live in self.live]}
        return dict(vars(self)) | found


@dataclass(frozen=True, kw_only=True)
class Blame:
    """Who set the values of a version.

    Attributes:
        notes: what could not be told, a line each.
    """

    experiment: str
    experiment_id: str
    version: ObjectId
    digest: str | None
    parameters: tuple[ParameterBlame, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(vars(self)) | {
            "parameters": [parameter.to_dict() for parameter in self.parameters],
            "notes": list(self.notes),
        }


def blame(workspace: Workspace, name: str, revision: str = "latest") -> Blame:
    """Return who set each value of a version, and since when it is live in each environment.

    A value goes back to the oldest version on the lines that lead here that has it without a
    break. Versions that were saved again under another hash count once.

    Raises:
        NotFound: there is no such experiment or version.
        InvalidInput: the version's values are not valid.
        MissingObject: the history of this clone is cut off.
    """
    home = get_home(workspace, name)
    version = resolve_version(workspace, name, revision).checked()
    line = lineage(workspace, home.tip, home.name)
    if all(save.commit != version.version for save in line.saves):
        line = lineage(workspace, version.version, home.name)
    identity = header_at(workspace, home.tip, home.name).id
    serving = _serving(workspace, identity, version)
    origins = _Origins(workspace, line)
    return Blame(
        experiment=home.name,
        experiment_id=identity,
        version=version.version,
        digest=version.digest,
        parameters=tuple(
            origins.of(parameter, version, tuple(serving.of(parameter)))
            for parameter in version.values
        ),
        notes=tuple(serving.notes),
    )


# --- who set it -----------------------------------------------------------------------------


class _Origins:
    """Finds the versions that set values, walking a lineage back."""

    def __init__(self, workspace: Workspace, line: Lineage) -> None:
        self._workspace = workspace
        self._saves = {save.commit: save for save in line.saves}
        versions = versions_of(workspace, line)
        self._main = {alias: v for v in versions for alias in (v.version, *v.aliases)}
        self._entries: dict[ObjectId, Version] = {}

    def of(self, name: str, version: Version, live: tuple[Live, ...]) -> ParameterBlame:
        """Return who set a parameter of a version."""
        found = self._entry(self._oldest(self._saves[version.version], name))
        known = self._main.get(found.version, found)
        value, default = version.values[name], self._default(version, name)
        return ParameterBlame(
            name=name,
            type=version.types.get(name, ""),
            value=value,
            origin="set" if self._is_written(found, name) else "default",
            is_default=default is not MISSING and same_value(default, value),
            version=known.version,
            digest=known.digest,
            by=found.author,
            at=found.created_at,
            message=found.message,
            live=live,
        )

    def _oldest(self, save: Save, name: str) -> Save:
        """Return the oldest save that leads to one with the same value all the way."""
        while (before := next(self._same_before(save, name), None)) is not None:
            save = before
        return save

    def _same_before(self, save: Save, name: str) -> Iterator[Save]:
        value = self._entry(save).values[name]
        for commit in (save.parent, *save.others):
            before = self._saves.get(commit) if commit else None
            if before is None:
                continue
            values = self._entry(before).values
            if name in values and same_value(values[name], value):
                yield before

    def _entry(self, save: Save) -> Version:
        if save.commit not in self._entries:
            self._entries[save.commit] = entry_of(self._workspace, save)
        return self._entries[save.commit]

    def _is_written(self, version: Version, name: str) -> bool:
        """Return whether a version's own file holds a value, so that somebody gave it."""
        commit = read_commit(self._workspace.store, version.version)
        path = layout.parameters_path(self._workspace.root, Name(self._saves[version.version].name))
        raw = read_document(self._workspace, commit.tree, path, "parameters")
        return name in (raw or {})

    def _default(self, version: Version, name: str) -> Any:
        commit = read_commit(self._workspace.store, version.version)
        slot = project_at(self._workspace, commit.tree).slots.get(name)
        return slot.default if slot is not None else MISSING


# --- where it is live -----------------------------------------------------------------------


@dataclass
class _Serving:
    """What environments serve of an experiment, and since when."""

    version: Version
    live: dict[str, list[Live]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, name: str) -> Sequence[Live]:
        """Return what is live of a parameter, by environment."""
        return self.live.get(name, ())


def _serving(workspace: Workspace, experiment_id: str, version: Version) -> _Serving:
    """Return what every environment serves that the experiment is live in."""
    serving = _Serving(version=version)
    for environment in names_with_branches(workspace):
        try:
            snapshots, whole = _bound_snapshots(workspace, environment, experiment_id)
        except UNREADABLE as exc:
            serving.notes.append(f"environment {environment!r}: {exc.message.splitlines()[0]}")
            continue
        if not whole:
            serving.notes.append(
                f"the history of environment {environment!r} is cut off in this clone, so values "
                "may be live for longer: `git fetch --unshallow` brings it"
            )
        for name in version.values if snapshots else ():
            if name in snapshots[0].values:
                live = _live(workspace.store, environment, name, version, snapshots, whole)
                serving.live.setdefault(name, []).append(live)
    return serving


def _bound_snapshots(
    workspace: Workspace, environment: Name, experiment_id: str
) -> tuple[list[Snapshot], bool]:
    """Return the newest snapshots that bind an experiment without a break, and if that is all."""
    live = live_snapshot(workspace, environment)
    if live is None or live.binding.experiment_id != experiment_id:
        return [], True
    found: list[Snapshot] = []
    try:
        for snapshot in environment_line(workspace, environment):
            if snapshot.binding.experiment_id != experiment_id:
                break
            found.append(snapshot)
    except MissingObject:
        return found, False
    return found, True


def _live(
    store: Store,
    environment: str,
    name: str,
    version: Version,
    snapshots: Sequence[Snapshot],
    whole: bool,
) -> Live:
    value = snapshots[0].values[name]
    first = snapshots[0]
    reached_end = True
    for snapshot in snapshots:
        if not _serves(snapshot.values, name, value):
            reached_end = False
            break
        first = snapshot
    return Live(
        environment=environment,
        value=value,
        same=same_value(value, version.values[name]),
        since=live_since(store, first),
        by=first.binding.by,
        commit=first.commit,
        whole=whole or not reached_end,
    )


def _serves(values: Mapping[str, Any], name: str, value: Any) -> bool:
    return name in values and same_value(values[name], value)
