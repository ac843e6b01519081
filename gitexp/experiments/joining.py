"""Joining: an experiment's local branch with its shared twin, by parameter where both saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.errors import Conflict, Diverged
from gitexp.experiments.homes import Home, get_home, on_commit
from gitexp.experiments.merging import Side, merge_values
from gitexp.experiments.sharing import refuse_namesake
from gitexp.experiments.versions import Version, latest_at
from gitexp.ids import ObjectId
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import UNMERGED, Unmerged, entry_at, merge_trees, tree_of


def pull(
    workspace: Workspace,
    name: str,
    *,
    take: Side | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> Home:
    """Bring an experiment's local branch up to its shared twin, and return its home then.

    Fast-forwards where it can; where both sides saved, joins them by parameter in one merge
    commit. `chosen` decides conflicts by name, `take` all the others.

    Raises:
        Diverged: both sides changed the same parameters; nothing was written.
        Conflict: other files of the branch conflict.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> None:
        home = get_home(workspace, name, reader=tx)
        if home.shared is None or home.local is None or is_ancestor(tx, home.shared, home.local):
            return
        refuse_namesake(workspace, home, reader=tx)
        new = home.shared
        if not is_ancestor(tx, home.local, home.shared):
            plan = _Join(tx=tx, workspace=workspace, home=home, take=take, chosen=chosen or {})
            new = tx.commit(
                tree=plan.tree(),
                parents=(home.local, home.shared),
                message=f"{name}: join what was saved here and on {workspace.remote_name}",
                author=signature,
            )
        tx.set_ref(home.branch, old=home.local, new=new, message=f"gitexp pull {name}")

    transact(workspace.store, work)
    return get_home(workspace, name)


@dataclass(frozen=True, kw_only=True)
class _Join:
    """A merge of an experiment's local branch with its shared twin."""

    tx: Transaction
    workspace: Workspace
    home: Home
    take: Side | None
    chosen: Mapping[str, Any]

    def tree(self) -> Any:
        """Return the merged tree."""
        local, shared = self.home.local, self.home.shared
        assert local is not None
        assert shared is not None
        fork = merge_base(self.tx, local, shared)
        base = tree_of(self.tx, fork) if fork else None
        ours, theirs = tree_of(self.tx, local), tree_of(self.tx, shared)
        merged = merge_trees(self.tx, base, ours, theirs, combine=self._combine)
        if merged.tree is None:
            raise self._unclean(merged.conflicts)
        values = self._values(fork, local, shared)
        if values is None:
            return merged.tree
        path = layout.parameters_path(self.workspace.root, self.home.name)
        project = project_at(self.workspace, merged.tree, reader=self.tx)
        return self.tx.tree(merged.tree, {path: self._encoded(project.resolve(values, file=path))})

    def _combine(
        self, path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None
    ) -> bytes | Unmerged | None:
        if path == layout.parameters_path(self.workspace.root, self.home.name):
            return ours
        if path == layout.header_path(self.workspace.root, self.home.name) and ours and theirs:
            return merged_header(path, base, ours, theirs)
        return UNMERGED

    def _values(
        self, fork: ObjectId | None, local: ObjectId, shared: ObjectId
    ) -> Mapping[str, Any] | None:
        """Return the merged values, None where neither side has any."""
        sides = [self._latest(commit) for commit in (fork, local, shared)]
        if sides[1] is None and sides[2] is None:
            return None
        base, ours, theirs = (side.checked().values if side else {} for side in sides)
        merged = merge_values(base, ours, theirs, take=self.take, chosen=self.chosen)
        if merged.conflicts:
            raise self._diverged(merged.conflicts)
        return merged.values

    def _latest(self, commit: ObjectId | None) -> Version | None:
        if commit is None or not on_commit(self.workspace, commit, self.home.name, reader=self.tx):
            return None
        return latest_at(self.workspace, commit, self.home.name, reader=self.tx)

    def _encoded(self, values: Mapping[str, Any]) -> bytes:
        from gitexp.documents.yaml_editor import edit_yaml
        from gitexp.documents.yaml_writer import dump_yaml
        from gitexp.store.trees import blob_at

        path = layout.parameters_path(self.workspace.root, self.home.name)
        tree = tree_of(self.tx, self.home.local or self.home.tip)
        if entry_at(self.tx, tree, path) is None:
            return dump_yaml(values, schema="parameters")
        return edit_yaml(blob_at(self.tx, tree, path) or b"", values, file=path)

    def _diverged(self, conflicts: Mapping[str, tuple[Any, Any, Any]]) -> Diverged:
        name = self.home.name
        return Diverged(
            f"experiment {name!r}: both sides changed {', '.join(conflicts)}",
            parameters=conflicts,
            hint=f"Decide each with `gitexp pull {name} --set SLOT=VALUE`, or all of them with "
            "`--take ours` or `--take theirs`.",
        )

    def _unclean(self, paths: Sequence[str]) -> Conflict:
        branch = layout.branch_name(self.home.branch)
        return Conflict(
            f"the two sides of {branch} conflict in " + ", ".join(paths),
            hint=f"Merge them by hand: `git switch {branch} && "
            f"git merge {self.workspace.remote_name}/{branch}`.",
        )


def merged_header(
    path: str, base: bytes | None, ours: bytes, theirs: bytes
) -> bytes | Unmerged | None:
    """Return the three-way merge of two headers by key; ours wins where both changed one."""
    from gitexp.documents import schemas
    from gitexp.documents.yaml_editor import edit_yaml

    sides = [schemas.load("experiment", data, file=path) if data else {} for data in (base,)]
    mine, other = (schemas.load("experiment", data, file=path) for data in (ours, theirs))
    if mine["id"] != other["id"]:
        return UNMERGED
    return edit_yaml(ours, merge_values(sides[0], mine, other, take="ours").values, file=path)
