"""Making a directory a project: a repository where there is none, and one commit."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import AlreadyExists, InvalidInput, NotFound
from gitexp.ids import parse_name
from gitexp.opening import checked_definition, commit_signing, definition_bytes
from gitexp.project.definition import DEFAULT_TRUNK, Project
from gitexp.project.finding import project_ids
from gitexp.project.workspace import signature_of
from gitexp.store.cache import DerivedCache
from gitexp.store.disk import DiskStore
from gitexp.store.gitconfig import GitConfig, Place, parse_bool
from gitexp.store.model import Signature
from gitexp.store.signing import Sign
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import entry_at, tree_of
from gitexp.surroundings import Surroundings

_COMMENTS = {
    b"parameters: {}": b"""\
# The typed parameters of every experiment, one slot each, such as
#
#   temperature:
#     type: number
#     default: 0.7
#     minimum: 0
#
""",
    b"environments: {}": b"# Where versions go live; `gitexp env create NAME` adds one here.\n",
}


def init_project(
    directory: Path, *, project: str | None, name: str | None, surroundings: Surroundings
) -> bool:
    """Make a directory a project, in one commit on the current branch; False when it was one.

    A directory outside any repository becomes one. What is there already is left as it is:
    files, the index, the branch. What can be wrong is looked for before anything is written.

    Raises:
        InvalidInput: no usable project id follows from the directory's name, no branch is
            checked out, the definition is not valid or names another trunk, or nobody's name
            is configured.
        AlreadyExists: the definition that is there, or another one of the repository, has the id.
    """
    _refuse_other_than_directory(directory)
    store = _discovered(directory, surroundings)
    path = directory.resolve() / layout.PROJECT_FILE
    start = _Start(
        store=store, path=path, top=_top(store, path), branch=_branch(store), id=project, name=name
    )
    content = start.content()
    if content is None:
        return False
    signature = signature_of(store.config if store else _user_config(surroundings), surroundings)
    directory.mkdir(parents=True, exist_ok=True)
    made = store or DiskStore.init(
        directory, branch=start.trunk(content), environ=surroundings.environ
    )
    wanted = parse_bool(made.config("commit.gpgsign") or "", False)
    sign = commit_signing(made, surroundings) if wanted else None
    _commit_file(made, start.inside, content, signature, sign=sign)
    return True


def _refuse_other_than_directory(directory: Path) -> None:
    """Raise InvalidInput when a file is in the place of a directory, or of one above it."""
    for place in (directory, *directory.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            raise InvalidInput(
                f"{place} is a file, and a project is a directory",
                hint="Name a directory: `gitexp init DIR`.",
            )


def _discovered(directory: Path, surroundings: Surroundings) -> DiskStore | None:
    nearest = next(place for place in (directory, *directory.absolute().parents) if place.is_dir())
    try:
        store = DiskStore.discover(nearest, environ=surroundings.environ)
    except NotFound:
        return None
    if store.worktree is None:
        raise InvalidInput(
            f"{directory} is inside a bare repository, which has no working tree",
            hint="Clone it, and run `gitexp init` in the clone.",
        )
    return store


def _top(store: DiskStore | None, path: Path) -> Path:
    """Return the top of the working tree that a project is begun in."""
    return store.worktree.resolve() if store and store.worktree else path.parent


def _branch(store: DiskStore | None) -> str | None:
    """Return the branch to commit on; None where a repository is yet to be made.

    Raises:
        InvalidInput: no branch is checked out.
    """
    branch = store.head().branch if store else None
    if store is not None and branch is None:
        raise InvalidInput(
            "HEAD is detached, so there is no branch to begin the project on",
            hint="Switch to the branch that shall be the trunk: `git switch main`.",
        )
    return branch


def _user_config(surroundings: Surroundings) -> Callable[[str], str | None]:
    """Return what reads the configuration that a repository which is yet to be made will have."""
    nowhere = Place(git_dir=os.devnull, common_dir=os.devnull, branch=lambda: None)
    return GitConfig(nowhere, surroundings.environ).get


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What a project begins with.

    Attributes:
        store: the repository; None where one is yet to be made.
        path: the file of the definition, which may be there.
        top: the top of the working tree.
        branch: the branch that is checked out.
        id: the project's id, where it was given.
        name: the project's name for people, where it was given.
    """

    store: DiskStore | None
    path: Path
    top: Path
    branch: str | None
    id: str | None
    name: str | None

    @property
    def inside(self) -> str:
        """The path of the definition in the repository."""
        return self.path.relative_to(self.top).as_posix()

    def content(self) -> bytes | None:
        """Return the definition to commit, None when it is committed."""
        if not os.path.lexists(self.path):
            return self._new()
        data = definition_bytes(self.path)
        definition = checked_definition(data, file=self.path.name)
        if self.id not in (None, definition["id"]):
            raise AlreadyExists(
                f"{self.path} defines project {definition['id']!r}, not {self.id!r}",
                hint="Change `id` there, or leave `--project` out.",
            )
        if self._is_committed():
            return None
        Project.from_dict(definition, file=self.path.name)
        self._refuse_another_trunk(definition.get("trunk", DEFAULT_TRUNK))
        self._refuse_same_id(definition["id"])
        return data

    def trunk(self, content: bytes) -> str:
        """Return the trunk that a definition names."""
        trunk: str = checked_definition(content, file=self.path.name).get("trunk", DEFAULT_TRUNK)
        return trunk

    def _is_committed(self) -> bool:
        head = self.store.head().commit if self.store else None
        if self.store is None or head is None:
            return False
        return entry_at(self.store, tree_of(self.store, head), self.inside) is not None

    def _new(self) -> bytes:
        from gitexp.documents.yaml_writer import dump_yaml

        guess = self.path.parent.name.lower().replace(" ", "-")
        identity = parse_name(self.id or guess, "project id")
        self._refuse_same_id(identity)
        definition: dict[str, Any] = {"format": 1, "id": identity}
        definition |= {"name": self.name} if self.name else {}
        definition |= {"trunk": self.branch} if self.branch not in (None, DEFAULT_TRUNK) else {}
        content = dump_yaml(definition | {"parameters": {}, "environments": {}}, schema="project")
        for key, comment in _COMMENTS.items():
            content = content.replace(b"\n" + key, b"\n" + comment + key)
        checked_definition(content, file=self.path.name)
        return content

    def _refuse_another_trunk(self, trunk: str) -> None:
        """Raise InvalidInput when a definition would be committed elsewhere than on its trunk."""
        if self.branch not in (None, trunk):
            raise InvalidInput(
                f"{self.path} names the trunk {trunk!r}, and {self.branch!r} is checked out",
                hint=f"Write `trunk: {self.branch}` into it, or switch first: "
                f"`git switch {shell_word(trunk)}`.",
            )

    def _refuse_same_id(self, identity: str) -> None:
        """Raise AlreadyExists when another project of the repository has the id."""
        if self.store is None:
            return
        found = project_ids(self.store, DerivedCache(None), self.store.head().commit)
        for root, other in found.items():
            if other == identity:
                raise AlreadyExists(
                    f"this repository has a project {identity!r} in {root or 'its top'} already",
                    hint="Give this one an id of its own: `gitexp init --project ID`.",
                )


def _commit_file(
    store: DiskStore, path: str, content: bytes, signature: Signature, *, sign: Sign | None
) -> None:
    """Commit one file on the current branch; index and working tree follow."""

    def work(tx: Transaction) -> None:
        head = tx.head()
        base = tree_of(tx, head.commit) if head.commit else None
        commit = tx.commit(
            tree=tx.tree(base, {path: content}),
            parents=[head.commit] if head.commit else [],
            message="gitexp: new project",
            author=signature,
            sign=sign,
        )
        ref = f"refs/heads/{head.branch}"
        tx.set_ref(ref, old=head.commit, new=commit, message="gitexp init")

    transact(store, work)
