"""Making a directory a project: a repository where there is none, and one commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.errors import AlreadyExists, InvalidInput, NotFound
from gitexp.ids import Name, parse_name
from gitexp.opening import remote_opener
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
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
    files, the index, the branch.

    Raises:
        InvalidInput: no usable project id follows from the directory's name.
        AlreadyExists: an uncommitted `gitexp.yaml` of another project is in the way.
    """
    directory.mkdir(parents=True, exist_ok=True)
    store = _discovered(directory, surroundings) or DiskStore.init(
        directory, environ=surroundings.environ
    )
    top = (store.worktree or directory).resolve()
    path = directory.resolve() / layout.PROJECT_FILE
    if path.exists():
        return _adopt(store, path, top, project, surroundings)
    _write_definition(store, path, top, _new_definition(directory, project, name), surroundings)
    return True


def _discovered(directory: Path, surroundings: Surroundings) -> DiskStore | None:
    try:
        store = DiskStore.discover(directory, environ=surroundings.environ)
    except NotFound:
        return None
    if store.worktree is None:
        raise InvalidInput(
            f"{directory} is inside a bare repository, which has no working tree",
            hint="Clone it, and run `gitexp init` in the clone.",
        )
    return store


def _new_definition(directory: Path, project: str | None, name: str | None) -> dict[str, Any]:
    guess = directory.resolve().name.lower().replace(" ", "-")
    identity = parse_name(project or guess, "project id")
    definition: dict[str, Any] = {"format": 1, "id": identity}
    return definition | ({"name": name} if name else {})


def _adopt(
    store: DiskStore, path: Path, top: Path, project: str | None, surroundings: Surroundings
) -> bool:
    """Commit a definition that somebody wrote by hand; do nothing when it is committed."""
    from gitexp.documents import schemas

    data = path.read_bytes()
    definition = schemas.load("project", data, file=path.name)
    if project not in (None, definition["id"]):
        raise AlreadyExists(
            f"{path} defines project {definition['id']!r}, not {project!r}",
            hint="Change `id` there, or leave `--project` out.",
        )
    head = store.head().commit
    inside = path.relative_to(top).as_posix()
    if head is not None and entry_at(store, tree_of(store, head), inside) is not None:
        return False
    _commit_file(store, inside, data, surroundings)
    return True


def _write_definition(
    store: DiskStore,
    path: Path,
    top: Path,
    definition: dict[str, Any],
    surroundings: Surroundings,
) -> None:
    from gitexp.documents.yaml_writer import dump_yaml

    branch = store.head().branch
    if branch is None:
        raise InvalidInput(
            "HEAD is detached, so there is no branch to begin the project on",
            hint="Switch to the branch that shall be the trunk: `git switch main`.",
        )
    if branch != "main":
        definition["trunk"] = branch
    content = dump_yaml(definition | {"parameters": {}, "environments": {}}, schema="project")
    for key, comment in _COMMENTS.items():
        content = content.replace(b"\n" + key, b"\n" + comment + key)
    _commit_file(store, path.relative_to(top).as_posix(), content, surroundings)


def _commit_file(store: DiskStore, path: str, content: bytes, surroundings: Surroundings) -> None:
    """Commit one file on the current branch; index and working tree follow."""
    bootstrap = Workspace(
        store=store,
        project_id=Name(""),
        open_remote=remote_opener(store, surroundings),
        surroundings=surroundings,
    )
    signature = bootstrap.signature()

    def work(tx: Transaction) -> None:
        head = tx.head()
        base = tree_of(tx, head.commit) if head.commit else None
        commit = tx.commit(
            tree=tx.tree(base, {path: content}),
            parents=[head.commit] if head.commit else [],
            message="gitexp: new project",
            author=signature,
        )
        ref = f"refs/heads/{head.branch}"
        tx.set_ref(ref, old=head.commit, new=commit, message="gitexp init")

    transact(store, work)
