"""The values of a version, read from the very commit that saved it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import Name, VersionId, name_fault
from gitexp.project.reading import project_at, read_document
from gitexp.review.verifying.examination import Examination, one_line
from gitexp.store.model import TreeId
from gitexp.store.trees import list_dir, tree_of


@dataclass(frozen=True, kw_only=True)
class VersionValues:
    """The values that a commit holds of an experiment.

    Attributes:
        name: the experiment's name in that commit.
        values: the resolved values, defaults filled in.
        problem: why they are not valid; None when they are.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


def values_of_version(
    look: Examination, version: VersionId, experiment_id: str
) -> VersionValues | None:
    """Return the values of an experiment in a commit, None where it holds none of that id.

    Raises:
        MissingObject, DamagedObject: the commit or a file of it cannot be read.
        StoreError: it is no commit.
    """
    key = f"values/{version}/{experiment_id}"
    return look.once(key, lambda: _values(look, version, experiment_id))


def _values(look: Examination, version: VersionId, experiment_id: str) -> VersionValues | None:
    tree = tree_of(look.store, version)
    for name in _names(look, tree):
        if _id_of(look, tree, name) == experiment_id:
            return _resolved(look, tree, name)
    return None


def _names(look: Examination, tree: TreeId) -> Iterator[Name]:
    directory = layout.experiments_dir(look.workspace.root)
    for entry in list_dir(look.store, tree, directory):
        if entry.is_tree and not name_fault(entry.name):
            yield Name(entry.name)


def _id_of(look: Examination, tree: TreeId, name: Name) -> str | None:
    path = layout.header_path(look.workspace.root, name)
    try:
        header = read_document(look.workspace, tree, path, "experiment")
    except InvalidInput:
        return None
    return header["id"] if header else None


def _resolved(look: Examination, tree: TreeId, name: Name) -> VersionValues:
    path = layout.parameters_path(look.workspace.root, name)
    try:
        project = project_at(look.workspace, tree)
        raw = read_document(look.workspace, tree, path, "parameters")
        return VersionValues(name=name, values=project.resolve(raw or {}, file=path))
    except (InvalidInput, NotFound) as exc:
        return VersionValues(name=name, problem=one_line(exc))
