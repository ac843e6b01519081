"""Finding a project: from a directory to a repository and the project in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import Name
from gitexp.project.finding import definitions
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.disk import DiskStore
from gitexp.store.protocol import Remote, RemoteOpener
from gitexp.store.signing import Sign
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.environments.binding import Binding
    from gitexp.environments.planning import Proposal
    from gitexp.runs.rows import ResultRow, Score
    from gitexp.runs.run import Run
    from gitexp.store.transaction import Transaction

_INIT_HINT = "Make one here with `gitexp init`."
_PUSH_HINT = "Push a trunk to it that holds a project, which `gitexp init` makes in a clone."


def open_workspace(
    directory: Path, *, project: str | None, surroundings: Surroundings, lenient: bool = False
) -> Workspace:
    """Return the project around a directory, or in a bare repository.

    Args:
        project: the id of the project, needed in a bare repository that holds several.
        lenient: open a working tree whose definition is not valid too, as only validating can.

    Raises:
        NotFound: there is no repository, or no project in it.
        InvalidInput: the definition is a symbolic link.
        InvalidDocuments: the definition is not valid.
    """
    store = DiskStore.discover(directory, environ=surroundings.environ)
    cache = DerivedCache(store.private_dir)
    if store.worktree is None:
        root, definition = _project_in_tree(store, cache, project)
        return _workspace(store, cache, root, None, definition, surroundings)
    found = _project_directory(directory.resolve(), store.worktree.resolve(), store)
    try:
        definition = _definition(found / layout.PROJECT_FILE, cache)
    except InvalidInput:
        if not lenient:
            raise
        definition = {"id": "invalid"}
    if project not in (None, definition["id"]):
        raise NotFound(
            f"{found} is the directory of project {definition['id']!r}, not {project!r}",
            hint=f"Go to the directory of {project!r}, or name {definition['id']!r}.",
        )
    root = found.relative_to(store.worktree.resolve()).as_posix()
    return _workspace(store, cache, "" if root == "." else root, found, definition, surroundings)


def open_by_trunk(
    directory: Path,
    trunk: str,
    *,
    remote: str = "origin",
    project: str | None = None,
    surroundings: Surroundings,
) -> Workspace:
    """Return a project as the trunk of the shared remote defines it, whatever is checked out.

    The trunk is fetched where it is not here. Nothing of the working tree is read.

    Args:
        project: its id; needed where the trunk holds several, and the directory is in none.

    Raises:
        NotFound: there is no repository or no such trunk, or no such project on it.
        InvalidInput: it is not known which of several projects is meant.
        MissingObject: the trunk is not in this clone and cannot be fetched.
    """
    from dataclasses import replace

    from gitexp.review.reporting.points import find_commit

    store = DiskStore.discover(directory, environ=surroundings.environ)
    cache = DerivedCache(store.private_dir)
    names = {"id": "", "trunk": trunk, "remote": remote}
    bare = _workspace(store, cache, "", None, names, surroundings)
    tip = find_commit(bare, f"{remote}/{trunk}" if bare.has_remote else bare.trunk_ref)
    found, broken = definitions(store, cache, tip)
    if broken:
        raise broken[0]
    root = _root_at(directory, store, found, project)
    return replace(bare, root=root, project_id=Name(found[root]["id"]))


def _root_at(
    directory: Path, store: DiskStore, found: Mapping[str, Mapping[str, Any]], wanted: str | None
) -> str:
    """Return the directory of the project that is meant, by its id or by where somebody stands."""
    fitting = [root for root, data in found.items() if wanted in (None, data["id"])]
    if wanted is None and store.worktree is not None:
        here = directory.resolve().relative_to(store.worktree.resolve())
        around = {"" if p == Path() else p.as_posix() for p in (here, *here.parents)}
        inside = sorted((root for root in fitting if root in around), key=len)
        fitting = inside[-1:] or fitting
    if len(fitting) == 1:
        return fitting[0]
    ids = ", ".join(sorted(data["id"] for data in found.values()))
    if not fitting:
        raise NotFound(
            f"the trunk holds no project{f' {wanted!r}' if wanted else ''}",
            hint=f"It holds {ids}." if ids else _PUSH_HINT,
        )
    raise InvalidInput(f"the trunk holds several projects: {ids}", hint="Name one: `--project ID`.")


def _workspace(
    store: DiskStore,
    cache: DerivedCache,
    root: str,
    directory: Path | None,
    definition: Mapping[str, Any],
    surroundings: Surroundings,
) -> Workspace:
    return Workspace(
        store=store,
        root=root,
        directory=directory,
        project_id=Name(definition["id"]),
        trunk=definition.get("trunk", "main"),
        remote_name=definition.get("remote", "origin"),
        open_remote=remote_opener(store, surroundings),
        surroundings=surroundings,
        cache=cache,
        guard=_guard,
        sign=commit_signing(store, surroundings),
        recombine=_recombine,
    )


def _guard(tx: Transaction, workspace: Workspace, proposal: Proposal) -> Binding:
    """Ask the policies, where there are any; without them, and unsigned, nothing is imported."""
    from gitexp.project.in_force import policies_in_force
    from gitexp.store.gitconfig import parse_bool

    signs = parse_bool(workspace.store.config("gitexp.sign") or "false", False)
    if not signs and not policies_in_force(workspace, proposal.move.environment, reader=tx):
        return proposal.binding
    from gitexp.review.policies.guard import guard

    return guard(tx, workspace, proposal)


def _recombine(workspace: Workspace, run: Run) -> Callable[[ResultRow], Mapping[str, Score]]:
    from gitexp.evaluation.running.recombining import recombining

    return recombining(workspace, run)


def commit_signing(store: DiskStore, surroundings: Surroundings) -> Sign:
    """Return what signs commits by the key that the user's configuration names."""

    def signed(data: bytes) -> bytes:
        from gitexp.review.signatures.commits import sign_commit

        return sign_commit(store.config, surroundings, data)

    return signed


def remote_opener(store: DiskStore, surroundings: Surroundings) -> RemoteOpener:
    """Return what opens a repository's remotes."""

    def open_one(name_or_url: str) -> Remote:
        from gitexp.store.remotes import open_remote

        return open_remote(
            store, name_or_url, environ=surroundings.environ, interactive=surroundings.interactive
        )

    return open_one


def _project_directory(directory: Path, top: Path, store: DiskStore) -> Path:
    """Return the nearest directory upwards that holds a definition, inside the repository."""
    for candidate in (directory, *directory.parents):
        file = candidate / layout.PROJECT_FILE
        if file.is_symlink() or file.is_file():
            return candidate
        if candidate == top:
            break
    head = store.head()
    if head.commit is None and store.refs("refs/"):
        raise NotFound(
            f"nothing is checked out in {top}: HEAD names {head.branch!r}, which does not exist",
            hint="Check a branch out with `git switch main`.",
        )
    above = f" or above it, up to {top}" if directory != top else ""
    raise NotFound(f"no {layout.PROJECT_FILE} in {directory}{above}", hint=_INIT_HINT)


def _definition(path: Path, cache: DerivedCache) -> Mapping[str, Any]:
    """Return the checked definition of the working tree, parsed once for each content."""
    data = definition_bytes(path)
    key = f"definition/2/{hashlib.sha256(data).hexdigest()}"
    known = cache.get(key)
    if known is None:
        known = checked_definition(data, file=path.name)
        cache.put(key, known)
    return known  # type: ignore[no-any-return]


def definition_bytes(path: Path) -> bytes:
    """Return what stands in a definition of the working tree.

    Raises:
        InvalidInput: it is a symbolic link or no file.
        NotFound: it cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        kind = "symbolic link, and links are never followed" if path.is_symlink() else "directory"
        raise InvalidInput(
            f"{path} is a {kind}", hint=f"Put the definition itself there, as `{path.name}`."
        )
    try:
        return path.read_bytes()
    except OSError as exc:
        raise NotFound(
            f"{path} cannot be read: {exc.strerror}", hint="Check who may read it."
        ) from exc


def checked_definition(data: bytes, *, file: str) -> Any:
    """Return the document of a definition whose names can be those of branches.

    Raises:
        InvalidDocuments: it breaks its schema, or a name in it is not usable.
    """
    from gitexp.documents import schemas
    from gitexp.documents.problems import ProblemCollector
    from gitexp.project.definition import DEFAULT_TRUNK, name_faults

    definition = schemas.load("project", data, file=file)
    names = definition["id"], definition.get("trunk", DEFAULT_TRUNK), definition.get("remote")
    found = ProblemCollector()
    for place, message in name_faults(names[0], names[1], names[2] or "origin"):
        found.add(file, place, message)
    found.raise_if_any(hint=f"Correct {file}; `gitexp validate` checks it.")
    return definition


def _project_in_tree(
    store: DiskStore, cache: DerivedCache, wanted: str | None
) -> tuple[str, Mapping[str, Any]]:
    """Return the directory and definition of a project in the tree of a bare repository's HEAD."""
    if store.head().commit is None:
        raise NotFound("this bare repository has no commit on its HEAD", hint=_PUSH_HINT)
    found, broken = definitions(store, cache, store.head().commit)
    fitting = {root: d for root, d in found.items() if wanted in (None, d["id"])}
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    if broken and not fitting:
        raise broken[0]
    raise _no_single_project(found, fitting, wanted)


def _no_single_project(
    found: Mapping[str, Mapping[str, Any]], fitting: Mapping[str, Any], wanted: str | None
) -> NotFound:
    ids = ", ".join(sorted(d["id"] for d in found.values()))
    hint = f"It holds {ids}: name one, from Python with `project=ID`." if ids else _PUSH_HINT
    if wanted is None and fitting:
        return NotFound(f"this bare repository holds several projects: {ids}", hint=hint)
    if fitting:
        places = ", ".join(root or "its top" for root in sorted(fitting))
        return NotFound(
            f"this bare repository holds project {wanted!r} more than once: in {places}",
            hint="Give each project an id of its own.",
        )
    of = f" {wanted!r}" if wanted else ""
    return NotFound(f"this bare repository holds no project{of}", hint=hint)
