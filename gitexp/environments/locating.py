"""Locating what bindings and revisions speak of: the experiment of today, the version anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from gitexp.documents import layout
from gitexp.environments.binding import Binding
from gitexp.environments.branches import environment_name
from gitexp.environments.live import live_snapshot
from gitexp.errors import InvalidInput, NotBound, NotFound
from gitexp.experiments.catalog import known_experiments, superseding_name
from gitexp.experiments.headers import Header, header_at, read_header
from gitexp.experiments.versions import Version, resolve_version
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.workspace import Workspace
from gitexp.store.trees import entry_at, list_dir, read_commit, tree_of

ENVIRONMENT_PREFIX = "env:"
"""What stands before an environment's name where a version is expected."""


@dataclass(frozen=True, kw_only=True)
class Located:
    """A version with the experiment that it is of."""

    header: Header
    version: Version


def find_experiment(workspace: Workspace, binding: Binding) -> Header | None:
    """Return the header of the experiment that a binding is of, which may have been renamed.

    None when the experiment is not in this repository (any more).
    """
    if binding.experiment:
        try:
            header = read_header(workspace, binding.experiment)
        except NotFound:
            header = None
        if header and header.id == binding.experiment_id:
            now = superseding_name(workspace, header.name)
            return read_header(workspace, now) if now else header
    return _by_id(workspace, binding.experiment_id)


def _by_id(workspace: Workspace, experiment_id: str | None) -> Header | None:
    headers = (header for _, header in known_experiments(workspace))
    return next((header for header in headers if header.id == experiment_id), None)


def locate_version(workspace: Workspace, text: str, *, experiment: str | None = None) -> Located:
    """Return the version that a revision names, of an experiment or of whichever it belongs to.

    Raises:
        NotFound: nothing fits, or the commit saved no version.
        InvalidInput: the revision fits several versions, or means nothing without an experiment;
            or the version's values are not valid.
    """
    name = experiment or _experiment_of(workspace, text)
    return Located(
        header=read_header(workspace, name),
        version=resolve_version(workspace, name, text).checked(),
    )


def _experiment_of(workspace: Workspace, text: str) -> str:
    """Return the name of the experiment that a revision speaks of by itself."""
    if text.startswith(ENVIRONMENT_PREFIX):
        return _bound_experiment(workspace, text.removeprefix(ENVIRONMENT_PREFIX))
    if text == "latest" or text.startswith("latest~"):
        raise InvalidInput(
            f"{text!r} does not say of which experiment",
            hint=f"Name the experiment too, as in `EXPERIMENT@{text}`.",
        )
    from gitexp.store.revisions import resolve_revision

    commit = resolve_revision(workspace.store, text)
    return _today(workspace, commit, _saved_in(workspace, commit, text))


def _bound_experiment(workspace: Workspace, environment: str) -> str:
    snapshot = live_snapshot(workspace, environment_name(environment))
    header = find_experiment(workspace, snapshot.bound().binding) if snapshot else None
    if header is None:
        raise NotBound(
            f"environment {environment!r} is bound to no experiment that is here",
            hint="Bring others' experiments over with `gitexp fetch`.",
        )
    return header.name


def _saved_in(workspace: Workspace, commit: ObjectId, text: str) -> Name:
    """Return the one experiment whose values a commit changed against every parent."""
    saved = saved_experiments(workspace, commit)
    if not saved:
        raise NotFound(
            f"{text!r} names commit {commit[:10]}, which saved no version",
            hint=f"Name the experiment too, as in `EXPERIMENT@{text}`.",
        )
    if len(saved) > 1:
        raise InvalidInput(
            f"commit {commit[:10]} saved versions of several experiments: {', '.join(saved)}",
            hint=f"Name one of them, as in `{saved[0]}@{commit[:10]}`.",
        )
    return saved[0]


def saved_experiments(workspace: Workspace, commit: ObjectId) -> list[Name]:
    """Return the names of the experiments whose values a commit changed against every parent."""
    parsed = read_commit(workspace.store, commit)
    now = _values_by_name(workspace, commit)
    before = [_values_by_name(workspace, parent) for parent in parsed.parents]
    return [name for name, blob in now.items() if all(old.get(name) != blob for old in before)]


def _values_by_name(workspace: Workspace, commit: ObjectId) -> dict[Name, ObjectId]:
    """Return the id of each experiment's `parameters.yaml` in a commit, by name."""
    tree = tree_of(workspace.store, commit)
    found = {}
    for entry in list_dir(workspace.store, tree, layout.experiments_dir(workspace.root)):
        if not name_fault(entry.name):
            name = Name(entry.name)
            path = layout.parameters_path(workspace.root, name)
            file = entry_at(workspace.store, tree, path)
            if file is not None:
                found[name] = file.id
    return found


def _today(workspace: Workspace, commit: ObjectId, name: Name) -> str:
    """Return the name that the experiment has today."""
    header = _by_id(workspace, header_at(workspace, commit, name).id)
    return header.name if header else name
