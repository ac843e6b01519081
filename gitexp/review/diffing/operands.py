"""What people name on either side of a comparison: values, or a project in one state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.environments.binding import Snapshot, snapshot_at
from gitexp.environments.branches import environment_name, tip_of
from gitexp.environments.live import bound_snapshot
from gitexp.environments.locating import ENVIRONMENT_PREFIX, Located, locate_version
from gitexp.errors import InvalidInput, MissingObject, NotFound, RemoteError
from gitexp.experiments.permissions import find_visible
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, TreeContents, WorkingContents
from gitexp.review.diffing.model import Side
from gitexp.store.revisions import resolve_revision
from gitexp.store.trees import entry_at, tree_of

_REVIEW = re.compile(r"([^/]+)/((?:pull|pulls|merge-requests)/\d+/(?:head|merge))([~^].*)?\Z")
"""How forges name the branch of a review, behind the name of a remote."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """A set of values: a version's, or what is live in an environment.

    Attributes:
        experiment_id: the stable id of their experiment; None where no header can be read.
    """

    side: Side
    experiment_id: str | None
    values: Mapping[str, Any]
    types: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A project in one state.

    Attributes:
        text: what it was called; empty for the working tree.
    """

    side: Side
    contents: Contents
    text: str = ""


Operand = Values | Whole


def operand(workspace: Workspace, text: str) -> Operand:
    """Return what a text names.

    It is an experiment (its latest version), `EXPERIMENT@REVISION`, `env:ENVIRONMENT`, the bare
    name of an environment, or a revision: a commit of an environment's branch is what was live
    then, any other one the whole project in that state. `REMOTE/pull/12/head` is fetched.

    Raises:
        NotFound: there is no such thing.
        NotBound: nothing is bound to the environment.
        InvalidInput: a name means both an experiment and an environment.
        MissingObject: it is cut off from this shallow clone.
    """
    if text.startswith(ENVIRONMENT_PREFIX):
        name = environment_name(text.removeprefix(ENVIRONMENT_PREFIX))
        return of_snapshot(bound_snapshot(workspace, name), f"{ENVIRONMENT_PREFIX}{name}")
    experiment, at, revision = text.partition("@")
    if at and experiment and (not revision or find_visible(workspace, experiment) is not None):
        return _version(workspace, text, experiment, revision)
    return _named(workspace, text)


def _version(workspace: Workspace, text: str, experiment: str, revision: str) -> Values:
    if not revision:
        raise InvalidInput(
            f"{text!r} lacks a revision after '@'", hint=f"Write {experiment}@latest."
        )
    return of_version(locate_version(workspace, revision, experiment=experiment))


def _named(workspace: Workspace, text: str) -> Operand:
    """Return what a bare word means: an experiment, an environment or a revision."""
    is_experiment = find_visible(workspace, text) is not None
    is_environment = _is_environment(workspace, text)
    if is_experiment and is_environment:
        raise InvalidInput(
            f"{text!r} is both an experiment and an environment",
            hint=f"Write {text}@latest or {ENVIRONMENT_PREFIX}{text}.",
        )
    if is_experiment:
        return of_version(locate_version(workspace, "latest", experiment=text))
    if is_environment:
        return operand(workspace, f"{ENVIRONMENT_PREFIX}{text}")
    return revision(workspace, text)


def _is_environment(workspace: Workspace, text: str) -> bool:
    if name_fault(text):
        return False
    if tip_of(workspace, Name(text)) is not None:
        return True
    try:
        return text in current_project(workspace).environments
    except (NotFound, InvalidInput):
        # A shallow checkout of another branch need not hold the trunk, which may be broken, too.
        return False


def revision(workspace: Workspace, text: str) -> Operand:
    """Return what was live in a commit of an environment's branch, else the project in a commit.

    Raises:
        NotFound, InvalidInput, MissingObject: it names no commit that is here.
    """
    commit = commit_of(workspace, text)
    snapshot = None
    if not _holds_project(workspace, commit):
        snapshot = snapshot_at(workspace.store, commit, cache=workspace.cache)
    if snapshot is not None:
        label = f"{ENVIRONMENT_PREFIX}{snapshot.binding.environment}@{commit[:10]}"
        return of_snapshot(snapshot, label)
    label = text if not text.startswith(commit[:12]) else commit[:10]
    return at_commit(workspace, commit, label, text)


def _holds_project(workspace: Workspace, commit: ObjectId) -> bool:
    """Return whether a commit is of the project itself, whose `environment.yaml` is its own."""
    tree = tree_of(workspace.store, commit)
    return entry_at(workspace.store, tree, layout.project_path(workspace.root)) is not None


def at_commit(workspace: Workspace, commit: ObjectId, label: str, text: str = "") -> Whole:
    """Return the project in a commit."""
    contents = TreeContents(workspace=workspace, commit=commit)
    side = Side(label=label, kind="revision", commit=commit)
    return Whole(side=side, contents=contents, text=text or commit)


def working_tree(workspace: Workspace) -> Whole:
    """Return the project as it stands in the working tree; in a bare repository, in HEAD."""
    if workspace.directory is None:
        return at_commit(workspace, commit_of(workspace, "HEAD"), "HEAD", "HEAD")
    side = Side(label="working tree", kind="worktree")
    return Whole(side=side, contents=WorkingContents(workspace=workspace))


def commit_of(workspace: Workspace, text: str) -> ObjectId:
    """Return the commit that a revision names; the branch of a review is fetched first.

    Raises:
        NotFound, InvalidInput, MissingObject: it names no commit that is here.
    """
    review = _REVIEW.match(text)
    if review:
        _fetch_review(workspace, review[1], review[2])
    try:
        return resolve_revision(workspace.store, text)
    except NotFound as exc:
        raise NotFound(
            f"{text!r} is no experiment, environment or commit", hint=_hint(workspace, text)
        ) from exc


def _fetch_review(workspace: Workspace, remote: str, name: str) -> None:
    """Bring the branch of a review over; what is here is good enough where that cannot be done."""
    if workspace.store.config(f"remote.{remote}.url") is None:
        return
    ref = f"refs/remotes/{remote}/{name}"
    depth = 1 if workspace.store.is_shallow() else None
    try:
        workspace.open_remote(remote).fetch([f"+refs/{name}:{ref}"], depth=depth)
    except NotFound:
        return
    except RemoteError as exc:
        if workspace.store.ref(ref) is None:
            raise
        workspace.surroundings.notice(f"{remote}/{name} is as last fetched: {exc.message}")


def _hint(workspace: Workspace, text: str) -> str:
    remote, _, branch = text.partition("/")
    if branch and workspace.store.config(f"remote.{remote}.url") is not None:
        depth = "--depth=1 " if workspace.store.is_shallow() else ""
        refspec = shell_word(f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}")
        return f"Bring it here with `git fetch {depth}{shell_word(remote)} {refspec}`."
    return "List them with `gitexp experiment list` and `gitexp env list`."


def of_snapshot(snapshot: Snapshot, label: str) -> Values:
    """Return what is live in an environment."""
    subject = snapshot.subject
    side = Side(
        label=label,
        kind="environment",
        commit=snapshot.commit,
        experiment=subject.experiment,
        version=subject.version,
        digest=subject.digest,
        environment=snapshot.binding.environment,
    )
    return Values(
        side=side,
        experiment_id=subject.experiment_id,
        values=snapshot.values,
        types=snapshot.binding.types,
    )


def of_version(located: Located) -> Values:
    """Return the values of a version."""
    version = located.version
    assert version.digest is not None  # only versions with valid values are located
    side = Side(
        label=f"{located.header.name}@{version.version[:10]}",
        kind="version",
        commit=version.version,
        experiment=located.header.name,
        version=version.version,
        digest=version.digest,
    )
    return Values(
        side=side,
        experiment_id=located.header.id,
        values=version.values,
        types=version.types,
    )


def values_of(workspace: Workspace, whole: Whole, other: Values) -> Values:
    """Return the values that a state of the project has, to compare with others.

    They are those that its commit saved, else those of the other side's experiment.

    Raises:
        NotFound: it has none.
        InvalidInput: it saved versions of several experiments.
    """
    if whole.side.kind == "worktree":
        return _working_values(workspace, whole, other)
    try:
        return of_version(locate_version(workspace, whole.text))
    except (NotFound, InvalidInput, MissingObject) as exc:
        if not other.side.experiment or find_visible(workspace, other.side.experiment) is None:
            raise
        try:
            name = other.side.experiment
            return of_version(locate_version(workspace, whole.text, experiment=name))
        except NotFound:
            raise exc from None


def _working_values(workspace: Workspace, whole: Whole, other: Values) -> Values:
    from gitexp.review.diffing.definitions import definition_in
    from gitexp.review.diffing.experiments import State

    name = other.side.experiment or ""
    definition = definition_in(workspace, whole.contents)
    state = State(workspace=workspace, contents=whole.contents, definition=definition)
    if not state.has(name):
        raise NotFound(
            f"experiment {name!r} is not in the working tree",
            hint=f"Name the other side too, or check it out: `git switch "
            f"{layout.branch_name(layout.experiment_branch(workspace.project_id, Name(name)))}`.",
        )
    found = state.experiment(name)
    if found.digest is None:
        problem = "; ".join(found.problems) or "gitexp.yaml is not valid"
        raise InvalidInput(
            f"experiment {name!r} cannot be read from the working tree: {problem}",
            hint="`gitexp validate` says what is wrong.",
        )
    side = Side(label="working tree", kind="worktree", experiment=name, digest=found.digest)
    return Values(side=side, experiment_id=found.id, values=found.values, types=definition.types)
