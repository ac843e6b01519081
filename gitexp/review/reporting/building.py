"""Building a report: both ends are found, compared and validated, and policies are asked.

Nothing of the change is run or checked out: it is read as data, from the objects of the
repository. What counts as the project's rules is what the trunk of the shared remote says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.experiments.versions import latest_at
from gitexp.ids import Name, ObjectId, VersionId
from gitexp.project.definition import Project
from gitexp.project.groups import shared_trunk
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare
from gitexp.review.diffing.contents import TreeContents
from gitexp.review.diffing.definitions import definition_in
from gitexp.review.diffing.experiments import State
from gitexp.review.diffing.model import ProjectDiff
from gitexp.review.reporting.bringing import bring_over
from gitexp.review.reporting.effects import Candidate, effects, judging_in
from gitexp.review.reporting.environment_changes import of_environment
from gitexp.review.reporting.evaluations import evaluated
from gitexp.review.reporting.points import find_points
from gitexp.review.reporting.report import Effect, Report
from gitexp.review.reporting.work import Request, Work
from gitexp.store.trees import tree_of


def build(workspace: Workspace, request: Request) -> Report:
    """Return the report of a change.

    Raises:
        NotFound, MissingObject: an end of it is not here and cannot be fetched.
        InvalidInput: an end is no state of this project.
    """
    work = begin(workspace, request)
    snapshot = work.snapshot(work.points.head)
    return _of_project(work) if snapshot is None else of_environment(work, snapshot)


def begin(workspace: Workspace, request: Request) -> Work:
    """Return what a report begins with: its ends, here and in a workspace that can be trusted.

    Raises:
        NotFound, MissingObject: an end is not here and cannot be fetched.
        RemoteUnavailable: it was asked to fetch, and the remote cannot be reached.
    """
    may_fetch = request.fetch is not False and workspace.has_remote
    was_shallow = workspace.store.is_shallow()
    points = find_points(workspace, request.base, request.head, fetch=may_fetch)
    trusted = trusting(workspace, points.base, request.trunk)
    lacks = was_shallow or shared_trunk(trusted) is None
    notes = _brought(trusted, request) if may_fetch and (request.fetch or lacks) else ()
    return Work(workspace=trusted, request=request, points=points, notes=(*points.notes, *notes))


def trusting(workspace: Workspace, base: ObjectId, trunk: str | None) -> Workspace:
    """Return a workspace whose trunk is not what the change says that it is."""
    if trunk is not None:
        return replace(workspace, trunk=trunk)
    try:
        project = project_at(workspace, tree_of(workspace.store, base))
    except (NotFound, InvalidInput):
        return workspace
    return replace(
        workspace,
        project_id=Name(project.id),
        trunk=project.trunk,
        remote_name=project.remote,
    )


def _brought(workspace: Workspace, request: Request) -> tuple[str, ...]:
    """Fetch what is looked at; return what is to be said where that cannot be done."""
    try:
        bring_over(workspace)
    except GitexpError as exc:
        if request.fetch:
            raise
        return (f"runs and environments are as last fetched: {exc.message}",)
    return ()


def _of_project(work: Work) -> Report:
    """Return the report of a change of the project's files."""
    workspace, request, points = work.workspace, work.request, work.points
    diff = compare(workspace, points.compared, points.head, results=request.results)
    found, notes = _effects(work, diff)
    return Report(
        project=workspace.project_id,
        kind="project",
        base=work.base,
        head=work.head,
        compared=points.compared,
        diff=diff,
        validity=work.validity(),
        evaluated=tuple(evaluated(workspace, diff.experiments)) if request.results else (),
        effects=found,
        notes=(*work.notes, *notes),
    )


def _effects(work: Work, diff: ProjectDiff) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """Return what the change means for environments, and what is to be said about it."""
    project, why = _definition(work.workspace)
    if project is None:
        return (), (why,)
    candidates = list(_candidates(work, diff, project))
    names = list(project.environments)
    return tuple(effects(work.workspace, names, candidates, judging_in(work.workspace))), ()


def _definition(workspace: Workspace) -> tuple[Project | None, str]:
    """Return the definition that counts, or why there is none."""
    tip = shared_trunk(workspace)
    if tip is None:
        return None, f"the trunk {workspace.trunk!r} is not here: environments were not looked at"
    try:
        return project_at(workspace, tree_of(workspace.store, tip)), ""
    except GitexpError as exc:
        return None, f"the definition on the trunk cannot be read: {exc.message}"


def _candidates(work: Work, diff: ProjectDiff, project: Project) -> Iterator[Candidate]:
    """Yield the valid values that experiments have after the change."""
    workspace, head = work.workspace, work.points.head
    contents = TreeContents(workspace=workspace, commit=head)
    definition = definition_in(workspace, contents)
    state = State(workspace=workspace, contents=contents, definition=definition)
    is_signed = any(p.signed_versions for e in project.environments.values() for p in e.policies)
    for found in diff.experiments:
        if found.kind == "removed" or found.digest_after is None or found.id is None:
            continue
        yield Candidate(
            experiment=found.name,
            experiment_id=found.id,
            version=_version(workspace, head, found.name) if is_signed else VersionId(head),
            digest=found.digest_after,
            values=state.experiment(found.name).values,
            types=definition.types,
        )


def _version(workspace: Workspace, head: ObjectId, name: str) -> VersionId:
    """Return the commit that saved what a commit holds of an experiment."""
    try:
        version = latest_at(workspace, head, name)
    except GitexpError:
        version = None  # history is cut off: the head itself is what is there
    return version.version if version is not None else VersionId(head)
