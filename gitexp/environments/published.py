"""Flags of an environment: the documents that stand on its branch, and what a move changes of them.

`flags/KEY.yaml` on the branch is a flag as it was published; `environment.yaml` names the digest
of each, which is compared with them at every read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of_plain
from gitexp.errors import InvalidDocuments
from gitexp.ids import Digest, Name, ObjectId, name_fault
from gitexp.store.cache import DerivedCache
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction
from gitexp.store.trees import entry_at, list_dir, tree_of

FlagDocuments = Mapping[str, Mapping[str, Any]]
"""What is published, by key."""

FlagEdits = Mapping[str, Mapping[str, Any] | None]
"""What is to be published, by key; None takes a flag away."""

FlagChanges = Mapping[str, Digest | None]
"""The digests of flags that a move changes, by key; None where it takes one away."""

Fault = tuple[str, str, str]
"""A file, a place in it, and what is wrong there."""


def load_flags(
    store: Store, tree: TreeId, named: Callable[[str], str], *, cache: DerivedCache | None
) -> dict[str, Any]:
    """Return the documents of the flags in the tree of an environment's branch.

    Each distinct content is parsed once, however often something else is published.

    Args:
        named: tells how a message names a file.

    Raises:
        InvalidDocuments: a file breaks the schema of flags, or is none.
    """
    from gitexp.project.reading import document_of

    if entry_at(store, tree, layout.FLAGS_DIR) is None:
        return {}
    found = {}
    for entry in sorted(list_dir(store, tree, layout.FLAGS_DIR), key=lambda entry: entry.name):
        file = named(f"{layout.FLAGS_DIR}/{entry.name}")
        key = entry.name.removesuffix(".yaml")
        if key == entry.name or name_fault(key):
            from gitexp.documents.problems import Problem

            raise InvalidDocuments([Problem(file=file, message="this is no file of a flag")])
        found[key] = document_of(store, entry, file, "flag", cache=cache)
    return found


def faults(digests: Mapping[str, str], flags: FlagDocuments) -> Iterator[Fault]:
    """Yield how flags are not those that a binding names."""
    for key in sorted({*digests, *flags}):
        path = layout.flag_path("", Name(key))
        if key not in flags:
            yield path, "", "the file is missing"
        elif key not in digests:
            yield path, "", f"{layout.BINDING_FILE} does not name this flag"
        elif (found := digest_of_plain(flags[key])) != digests[key]:
            message = f"{digests[key]} is not the digest of {path}, which is {found}"
            yield layout.BINDING_FILE, f"flags.{key}", message


def edited(flags: FlagDocuments, edits: FlagEdits) -> dict[str, Mapping[str, Any]]:
    """Return what is published after some edits."""
    found = {**flags, **edits}
    return {key: document for key, document in found.items() if document is not None}


def edited_digests(digests: Mapping[str, Digest], edits: FlagEdits) -> dict[str, Digest]:
    """Return the digest of each flag after some edits, sorted by key; they were read before."""
    found = {key: digest for key, digest in digests.items() if key not in edits}
    new = {key: digest_of_plain(flag) for key, flag in edits.items() if flag is not None}
    return dict(sorted({**found, **new}.items()))


def flag_files(edits: FlagEdits) -> dict[str, bytes | None]:
    """Return the files that edits write on an environment's branch, by path; None removes one."""
    from gitexp.documents.yaml_writer import dump_yaml

    return {
        layout.flag_path("", Name(key)): None if flag is None else dump_yaml(flag, schema="flag")
        for key, flag in edits.items()
    }


def flags_alone(tx: Transaction, commit: ObjectId) -> TreeId | None:
    """Return a tree of nothing but the flags in a commit of an environment's branch, or None."""
    directory = entry_at(tx, tree_of(tx, commit), layout.FLAGS_DIR)
    return tx.tree(None, {layout.FLAGS_DIR: directory}) if directory else None


def flag_changes(before: Mapping[str, Digest], after: Mapping[str, Digest]) -> FlagChanges:
    """Return what differs between the digests of flags, sorted by key."""
    keys = sorted({*before, *after})
    return {key: after.get(key) for key in keys if before.get(key) != after.get(key)}


def flag_mark(key: str, digest: str) -> str:
    """Return what says in one text that a flag is live as it is."""
    return f"{key}={digest}"


def changes_text(changes: FlagChanges) -> str:
    """Return what is done to flags, for people: `publish flags a, b and withdraw flag c`."""
    kept = [key for key, digest in changes.items() if digest is not None]
    gone = [key for key, digest in changes.items() if digest is None]
    parts = [(verb, keys) for verb, keys in (("publish", kept), ("withdraw", gone)) if keys]
    told = (f"{verb} flag{'s' * (len(keys) > 1)} {', '.join(keys)}" for verb, keys in parts)
    return " and ".join(told) or "publish no flags"
