"""Uniting two lines of one experiment: its header by key, its values by parameter, the rest as Git.

An A/B test is united by key where that is safe; a side that is taken wins flags as a whole.

Both joins use it: of a local branch with its shared twin, and of a branch with the trunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents import layout
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.experiments.ab_tests import united_ab_test
from gitexp.experiments.changes import same_value
from gitexp.experiments.merging import Conflicts, Side, merge_values
from gitexp.ids import Name
from gitexp.project.reading import project_at, read_document
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeId
from gitexp.store.transaction import Transaction
from gitexp.store.trees import UNMERGED, Unmerged, blob_at, merge_trees


@dataclass(frozen=True, kw_only=True)
class United:
    """The outcome; `tree` is None when paths or parameters conflict."""

    tree: TreeId | None
    paths: Sequence[str] = ()
    parameters: Conflicts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Union:
    """Two lines of an experiment that are to be united.

    Attributes:
        base: the tree that both come from, or None.
        take: the side that wins where both changed one thing; None makes it a conflict.
        chosen: values that decide conflicts by name.
    """

    workspace: Workspace
    tx: Transaction
    name: Name
    base: TreeId | None
    ours: TreeId
    theirs: TreeId
    take: Side | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def unite(self) -> United:
        """Return the united tree, or what conflicts."""
        merged = merge_trees(self.tx, self.base, self.ours, self.theirs, combine=self._combine)
        if merged.tree is None:
            return United(tree=None, paths=merged.conflicts)
        base, ours, theirs = (self._raw(tree) for tree in (self.base, self.ours, self.theirs))
        if ours is None or theirs is None:
            return United(tree=merged.tree)
        values = merge_values(base or {}, ours, theirs, take=self.take, chosen=self.chosen)
        if values.conflicts:
            return United(tree=None, parameters=values.conflicts)
        return United(tree=self._with_values(merged.tree, values.values, ours, theirs))

    @property
    def _values_path(self) -> str:
        return layout.parameters_path(self.workspace.root, self.name)

    def _raw(self, tree: TreeId | None) -> dict[str, Any] | None:
        """Return the values as they stand in a file, with the defaults of that definition."""
        if tree is None:
            return None
        path = self._values_path
        raw = read_document(self.workspace, tree, path, "parameters", reader=self.tx)
        if raw is None:
            return None
        slots = project_at(self.workspace, tree, reader=self.tx).slots
        return {n: slots[n].normal(v) if n in slots and not slots[n].faults(v) else v
                for n, v in raw.items()}  # fmt: skip

    def _with_values(
        self,
        tree: TreeId,
        values: Mapping[str, Any],
        ours: Mapping[str, Any],
        theirs: Mapping[str, Any],
    ) -> TreeId:
        """Return the tree with the united values, in the layout of the side that has them."""
        path = self._values_path
        for side, raw in ((self.ours, ours), (self.theirs, theirs)):
            if same_value(dict(values), dict(raw)):
                return self.tx.tree(tree, {path: blob_at(self.tx, side, path)})
        text = blob_at(self.tx, self.ours, path) or b""
        return self.tx.tree(tree, {path: self._edited(text, values)})

    def _edited(self, text: bytes, values: Mapping[str, Any]) -> bytes:
        from gitexp.documents.yaml_editor import edit_yaml

        if not text:
            return dump_yaml(values, schema="parameters")
        return edit_yaml(text, values, file=self._values_path)

    def _combine(
        self, path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None
    ) -> bytes | Unmerged | None:
        if path == self._values_path and ours and theirs:
            return ours  # decided by parameter afterwards
        if path == layout.header_path(self.workspace.root, self.name) and ours and theirs:
            return united_header(path, base, ours, theirs, take=self.take or "ours")
        if path == layout.ab_test_path(self.workspace.root, self.name) and ours and theirs:
            return united_ab_test(path, base, ours, theirs, take=self.take)
        if self.take and path.startswith(layout.join(self.workspace.root, layout.FLAGS_DIR) + "/"):
            return ours if self.take == "ours" else theirs
        return UNMERGED


def united_header(
    path: str, base: bytes | None, ours: bytes, theirs: bytes, *, take: Side
) -> bytes | Unmerged:
    """Return the three-way merge of two headers by key; UNMERGED for two experiments."""
    from gitexp.documents import schemas
    from gitexp.documents.yaml_editor import edit_yaml

    before = schemas.load("experiment", base, file=path) if base else {}
    mine, other = (schemas.load("experiment", data, file=path) for data in (ours, theirs))
    if mine["id"] != other["id"]:
        return UNMERGED
    return edit_yaml(ours, merge_values(before, mine, other, take=take).values, file=path)
