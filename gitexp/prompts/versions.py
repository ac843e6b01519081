"""Versions of prompts: the commits that changed `prompts/NAME.yaml`, numbered for people.

A version's id is the full hash of its commit; its number is its place in the history of the trunk,
from 1. A commit made by hand counts like any other. The same content on lines of history that run
side by side, such as a branch and its squash, is one version under two hashes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.documents.problems import Problem, place_of
from gitexp.errors import InvalidDocuments, InvalidInput, MissingObject, NotFound
from gitexp.ids import Digest, Name, ObjectId, VersionId, name_fault
from gitexp.project.file_history import FileChange, file_history, folded
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.prompts.documents import Prompt, faults
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import entry_at, list_dir, read_commit, tree_of

_NUMBER = re.compile(r"v?([1-9][0-9]{0,5})\Z")
_BACK = re.compile(r"latest(?:~([0-9]{0,6}))?\Z")
_PREFIX_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class PromptVersion:
    """A version of a prompt.

    Attributes:
        number: its place in the history, from 1.
        version: the full hash of the commit.
        digest: over what the file says; None where that is not valid.
        prompt: what the file says; None where that is not valid.
        aliases: other commits that wrote the same on a parallel line of history.
        problem: why the file is not valid, which only a commit made by hand can cause.
    """

    name: str
    number: int
    version: VersionId
    digest: Digest | None
    message: str
    author: str
    created_at: datetime
    prompt: Prompt | None
    aliases: tuple[VersionId, ...] = ()
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the version entry as JSON data."""
        entry: dict[str, Any] = {
            "name": self.name,
            "number": self.number,
            "version": self.version,
            "digest": self.digest,
            "message": self.message,
            "author": self.author,
            "created_at": iso(self.created_at),
        }
        if self.aliases:
            entry["aliases"] = list(self.aliases)
        if self.problem:
            entry["problem"] = self.problem
        return entry

    def checked(self) -> Prompt:
        """Return what the file says.

        Raises:
            InvalidInput: that is not valid.
        """
        if self.prompt is not None:
            return self.prompt
        raise InvalidInput(
            f"version {self.number} of prompt {self.name!r} is not valid: {self.problem}",
            hint="Choose another version, or mend the file and commit it.",
        )


def prompt_names(workspace: Workspace, *, reader: Store | None = None) -> list[str]:
    """Return the names of the prompts that the trunk holds, sorted."""
    store = reader or workspace.store
    tip = workspace.trunk_tip(store)
    if tip is None:
        return []
    folder = layout.join(workspace.root, layout.PROMPTS_DIR)
    files = (e.name for e in list_dir(store, tree_of(store, tip), folder) if e.is_file)
    stems = (name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
    return sorted(stem for stem in stems if not name_fault(stem))


def prompt_versions(
    workspace: Workspace, name: str, *, reader: Store | None = None
) -> list[PromptVersion]:
    """Return the versions of a prompt, oldest to newest.

    Raises:
        NotFound: the trunk holds no such prompt, nor did it ever.
        MissingObject: the clone is shallow, so that versions would have wrong numbers.
    """
    store = reader or workspace.store
    changes = _changes(workspace, name, store)
    return [_version(workspace, name, i, change, store) for i, change in enumerate(changes, 1)]


def _changes(workspace: Workspace, name: str, store: Store) -> Sequence[FileChange]:
    tip = None if name_fault(name) else workspace.trunk_tip(store)
    path = layout.prompt_path(workspace.root, Name(name))
    history = file_history(workspace, tip, [path], reader=store) if tip else None
    if history is not None and history.cut:
        raise MissingObject(
            f"the history of this clone is cut off, so versions of prompt {name!r} have no number",
            hint="Fetch the rest with `git fetch --unshallow`.",
        )
    found = folded(store, history) if history else ()
    if not found:
        raise _missing(workspace, name, store)
    return found


def _missing(workspace: Workspace, name: str, store: Store) -> NotFound:
    close = difflib.get_close_matches(name, prompt_names(workspace, reader=store), n=1)
    path = layout.join(workspace.root, layout.PROMPTS_DIR, f"{name}.yaml")
    return NotFound(
        f"no prompt {name!r} in project {workspace.project_id!r}",
        hint=f"Did you mean {close[0]!r}?"
        if close
        else f"A prompt is a file that {workspace.trunk} holds: write {path} and commit it there.",
    )


def _version(
    workspace: Workspace, name: str, number: int, change: FileChange, store: Store
) -> PromptVersion:
    commit = read_commit(store, change.commit)
    prompt, problem = _prompt_in(workspace, commit.tree, name, store)
    return PromptVersion(
        name=name,
        number=number,
        version=change.commit,
        digest=prompt.digest if prompt else None,
        message=commit.message.strip(),
        author=str(commit.author),
        created_at=commit.author.when,
        prompt=prompt,
        aliases=change.aliases,
        problem=problem,
    )


def _prompt_in(
    workspace: Workspace, tree: TreeId, name: str, store: Store
) -> tuple[Prompt | None, str | None]:
    """Return a prompt in a tree, or why it is not valid."""
    try:
        return prompt_in(workspace, tree, name, reader=store), None
    except InvalidDocuments as exc:
        return None, str(exc.problems[0])
    except InvalidInput as exc:
        return None, exc.message


def prompt_in(
    workspace: Workspace, tree: TreeId, name: str, *, reader: Store | None = None
) -> Prompt | None:
    """Return a prompt in a tree; None where there is none.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    path = layout.prompt_path(workspace.root, Name(name))
    data: Mapping[str, Any] | None = read_document(workspace, tree, path, "prompt", reader=reader)
    if data is None:
        return None
    found = [Problem(file=path, place=place_of(place), message=why) for place, why in faults(data)]
    if found:
        raise InvalidDocuments(found, hint="Correct the file at the places named.")
    return Prompt.from_dict(name, data)


def resolve_prompt(
    workspace: Workspace, name: str, text: str = "latest", *, reader: Store | None = None
) -> PromptVersion:
    """Return the version of a prompt that a text names.

    It is a number (`3` or `v3`), `latest`, `latest~2`, a version's hash or any prefix of 4
    digits or more, its digest, or a Git revision: then the version that this commit holds.

    Raises:
        NotFound: nothing fits.
        InvalidInput: a prefix fits several versions.
    """
    versions = prompt_versions(workspace, name, reader=reader)
    found = (
        _by_number(versions, text)
        or _by_hash(versions, text, name)
        or _by_revision(workspace, versions, name, text, reader or workspace.store)
    )
    if found is None:
        raise NotFound(
            f"prompt {name!r} has no version {text!r}: it has {len(versions)}",
            hint=f"List them with `gitexp prompt versions {name}`.",
        )
    return found


def _by_number(versions: Sequence[PromptVersion], text: str) -> PromptVersion | None:
    if match := _BACK.match(text):
        steps = int(match[1] or 1) if match[1] is not None else 0
        return versions[-1 - steps] if steps < len(versions) else None
    number = int(match[1]) if (match := _NUMBER.match(text)) else 0
    return versions[number - 1] if 0 < number <= len(versions) else None


def _by_hash(versions: Sequence[PromptVersion], text: str, name: str) -> PromptVersion | None:
    if text.startswith("sha256:") and len(text) >= len("sha256:") + 8:
        return next((v for v in reversed(versions) if (v.digest or "").startswith(text)), None)
    if len(text) < _PREFIX_DIGITS or not all(c in "0123456789abcdef" for c in text):
        return None
    found = [v for v in versions if any(h.startswith(text) for h in (v.version, *v.aliases))]
    if len(found) > 1:
        listed = ", ".join(v.version[:16] for v in found)
        raise InvalidInput(
            f"{text!r} fits several versions of prompt {name!r}: {listed}",
            hint="Give more digits of the version.",
        )
    return found[0] if found else None


def _by_revision(
    workspace: Workspace, versions: Sequence[PromptVersion], name: str, text: str, store: Store
) -> PromptVersion | None:
    """Return the version whose content a revision holds."""
    try:
        commit = resolve_revision(store, text)
    except (NotFound, MissingObject, InvalidInput):
        return None
    blob = _blob(workspace, commit, name, store)
    same = (v for v in reversed(versions) if _blob(workspace, v.version, name, store) == blob)
    return next(same, None) if blob else None


def _blob(workspace: Workspace, commit: ObjectId, name: str, store: Store) -> ObjectId | None:
    path = layout.prompt_path(workspace.root, Name(name))
    entry = entry_at(store, tree_of(store, commit), path)
    return entry.id if entry else None
