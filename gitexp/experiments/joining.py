"""Joining: an experiment's local branch with its shared twin, by parameter where both saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import Conflict, Diverged
from gitexp.experiments.headers import header_at, id_at
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.merging import Side
from gitexp.experiments.refusals import refuse_former_name
from gitexp.experiments.sharing import refuse_namesake
from gitexp.experiments.uniting import Union, United
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor, merge_base
from gitexp.store.model import TreeId
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import entry_at, list_dir, tree_of


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
        NotAllowed: the experiment has another name now.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> None:
        home = get_home(workspace, name, reader=tx)
        refuse_former_name(workspace, home, reader=tx)
        if home.shared is None or home.local is None or is_ancestor(tx, home.shared, home.local):
            return
        refuse_namesake(workspace, home, reader=tx)
        new = home.shared
        if not is_ancestor(tx, home.local, home.shared):
            new = tx.commit(
                tree=_united(tx, workspace, home, take, chosen or {}),
                parents=(home.local, home.shared),
                message=f"{name}: join what was saved here and on {workspace.remote_name}",
                author=signature,
                sign=workspace.commit_sign(),
            )
        tx.set_ref(home.branch, old=home.local, new=new, message=f"gitexp pull {name}")

    transact(workspace.store, work)
    return get_home(workspace, name)


def _united(
    tx: Transaction, workspace: Workspace, home: Home, take: Side | None, chosen: Mapping[str, Any]
) -> TreeId:
    """Return the tree in which both sides of a branch are joined."""
    local, shared = home.local, home.shared
    assert local is not None
    assert shared is not None
    fork = merge_base(tx, local, shared)
    united = Union(
        workspace=workspace,
        tx=tx,
        name=home.name,
        base=_common(tx, workspace, home, fork) if fork else None,
        ours=tree_of(tx, local),
        theirs=tree_of(tx, shared),
        take=take,
        chosen=chosen,
    ).unite()
    if united.tree is None:
        raise _diverged(workspace, home, united)
    return united.tree


def _common(tx: Transaction, workspace: Workspace, home: Home, fork: ObjectId) -> TreeId:
    """Return the tree that both sides come from, with the experiment under its present name."""
    tree = tree_of(tx, fork)
    own = layout.experiment_dir(workspace.root, home.name)
    if entry_at(tx, tree, own) is not None:
        return tree
    mine = header_at(workspace, home.tip, home.name, reader=tx).id
    for entry in list_dir(tx, tree, layout.experiments_dir(workspace.root)):
        if id_at(workspace, fork, entry.name, reader=tx) == mine:
            former = layout.experiment_dir(workspace.root, Name(entry.name))
            return tx.tree(tree, {former: None, own: entry})
    return tree


def _diverged(workspace: Workspace, home: Home, united: United) -> Conflict:
    name, branch = home.name, layout.branch_name(home.branch)
    if united.parameters:
        return Diverged(
            f"experiment {name!r}: both sides changed {', '.join(united.parameters)}",
            parameters=united.parameters,
            hint=f"Decide each with `gitexp pull {name} --set SLOT=VALUE`, or all of them with "
            "`--take ours` or `--take theirs`.",
        )
    by_hand = (
        f"Merge them by hand: `git switch {branch} && "
        f"git merge {shell_word(workspace.remote_name)}/{branch}`."
    )
    test = layout.ab_test_path(workspace.root, home.name)
    flags = layout.join(workspace.root, layout.FLAGS_DIR) + "/"
    of_test = all(path == test or path.startswith(flags) for path in united.paths)
    return Conflict(
        f"the two sides of {branch} conflict in " + ", ".join(united.paths),
        hint=f"Decide for one side of the A/B test with `gitexp pull {name} --take theirs` or "
        "`--take ours`."
        if of_test
        else by_hand,
    )
