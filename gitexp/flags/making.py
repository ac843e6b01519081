"""Making flags: each is one commit on the trunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.documents import layout, schemas
from gitexp.documents.parsed import ParsedDocument
from gitexp.errors import AlreadyExists, InvalidDocuments
from gitexp.experiments.permissions import require_role_for
from gitexp.flags.documents import Flag
from gitexp.flags.problems import problems_of
from gitexp.ids import parse_name
from gitexp.project.workspace import Workspace
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import entry_at, tree_of


def shared_out(keys: Sequence[str], weights: Sequence[float] = ()) -> list[dict[str, Any]]:
    """Return variants with these weights; without any, whole percentages at most 1 apart."""
    share, left = divmod(100, len(keys)) if keys else (0, 0)
    chosen = weights or [share + (place < left) for place in range(len(keys))]
    return [{"key": key, "weight": weight} for key, weight in zip(keys, chosen, strict=True)]


def create_flag(workspace: Workspace, key: str, document: Mapping[str, Any]) -> Flag:
    """Return a new flag, in one commit on the trunk; who makes it is written into it.

    Raises:
        InvalidInput: the key is not usable.
        InvalidDocuments: everything that is wrong with the document.
        AlreadyExists: there is a flag of that key.
        Forbidden: whoever asks may not write in the project.
        UncommittedWork: the trunk is checked out and the file stands there.
    """
    name = parse_name(key, "flag key")
    signature = workspace.signature()
    path = layout.flag_path(workspace.root, name)
    made = {"active": False, **document}
    made.setdefault("created_by", signature.email)
    _check(made, path)

    def work(tx: Transaction) -> Flag:
        from gitexp.documents.yaml_writer import dump_yaml

        require_role_for(workspace, None, f"create flag {key!r}", reader=tx)
        tip = workspace.trunk_tip(tx)
        tree = tree_of(tx, tip) if tip else None
        if tree is not None and entry_at(tx, tree, path) is not None:
            raise AlreadyExists(
                f"flag {key!r} exists already", hint=f"See `gitexp flag show {key}`."
            )
        commit = tx.commit(
            tree=tx.tree(tree, {path: dump_yaml(made, schema="flag")}),
            parents=[tip] if tip else [],
            message=f"flag {key}: new\n",
            author=signature,
            sign=workspace.commit_sign(),
        )
        old = tx.ref(workspace.trunk_ref)
        tx.set_ref(workspace.trunk_ref, old=old, new=commit, message=f"gitexp flag create {key}")
        return Flag.from_dict(key, made)

    return transact(workspace.store, work)


def _check(document: Mapping[str, Any], file: str) -> None:
    parsed = ParsedDocument(value=dict(document))
    problems = schemas.check("flag", parsed, file=file) or problems_of(parsed, file)
    if problems:
        raise InvalidDocuments(problems, hint="Correct what is named, then do it again.")
