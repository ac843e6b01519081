"""Comparisons of whatever people name: two revisions, versions, environments, or one of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gitexp.documents import layout
from gitexp.errors import InvalidInput, MissingObject, NotFound
from gitexp.experiments.changes import value_changes
from gitexp.experiments.homes import find_home
from gitexp.ids import ObjectId, name_fault
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.ab_tests import ab_test_notes
from gitexp.review.diffing.contents import Contents, changed_files
from gitexp.review.diffing.definitions import definition_diff, definition_in
from gitexp.review.diffing.documents import compared, document_diffs, file_diffs
from gitexp.review.diffing.experiments import State, experiment_diffs, parameter_change
from gitexp.review.diffing.flags import flag_notes
from gitexp.review.diffing.model import DatasetDiff, DocumentDiff, ExperimentDiff, ProjectDiff
from gitexp.review.diffing.operands import (
    Operand,
    Values,
    Whole,
    at_commit,
    commit_of,
    operand,
    values_of,
    working_tree,
)
from gitexp.store.history import History


def compare(
    workspace: Workspace,
    a: str | None = None,
    b: str | None = None,
    *,
    merge_base: bool = False,
    results: bool = True,
) -> ProjectDiff:
    """Return how two things differ.

    Each is an experiment (its latest version), `EXPERIMENT@REVISION`, `env:ENVIRONMENT`, the bare
    name of an environment, or a revision; `A...B` names a revision and the merge base of both, and
    `REMOTE/pull/12/head` the branch of a review, which is fetched. Without `b`, a revision is
    compared with the working tree, an experiment too, and a version or an environment with the
    latest version of its experiment; without both, HEAD with the working tree.

    Args:
        merge_base: compare what `b` changed since it left `a`, as a pull request shows it.
        results: whether to look for the results of experiments whose values differ.

    Raises:
        NotFound: there is no such thing, or two revisions have no common ancestor.
        NotBound: nothing is bound to the environment.
        InvalidInput: a name means both an experiment and an environment, or a commit fits
            several versions.
        MissingObject: what is needed is cut off from a shallow clone.
    """
    a, b, merge_base = _parsed(workspace, a or "HEAD", b, merge_base)
    left = operand(workspace, a)
    right = operand(workspace, b) if b is not None else _other_side(workspace, a, left)
    if isinstance(left, Whole) and isinstance(right, Whole):
        found = _projects(workspace, *_from_base(workspace, left, right, merge_base))
        found = replace(found, base=found.a.commit if merge_base else None)
    elif merge_base:
        raise _no_base(left if isinstance(left, Values) else right)
    else:
        found = _values(workspace, left, right)
    return _with_results(workspace, found) if results else found


def _with_results(workspace: Workspace, found: ProjectDiff) -> ProjectDiff:
    if all(e.digest_before == e.digest_after for e in found.experiments):
        return found
    from gitexp.review.diffing.evidence import with_results

    return with_results(workspace, found)


def _parsed(
    workspace: Workspace, a: str, b: str | None, merge_base: bool
) -> tuple[str, str | None, bool]:
    """Return both sides of what may be written as one: `A...B` or `A..B`."""
    for dots in ("...", ".."):
        left, found, right = a.partition(dots)
        if b is None and found and find_home(workspace, a) is None:
            return left or "HEAD", right or "HEAD", merge_base or dots == "..."
    return a, b, merge_base


def _other_side(workspace: Workspace, a: str, left: Operand) -> Operand:
    """Return what something is compared with where nothing is named."""
    if isinstance(left, Values) and (left.side.kind == "environment" or a != left.side.experiment):
        return operand(workspace, f"{left.side.experiment}@latest")
    return working_tree(workspace)


def _from_base(
    workspace: Workspace, left: Whole, right: Whole, merge_base: bool
) -> tuple[Whole, Whole]:
    """Return both sides, the first replaced by where they parted if that is wanted."""
    if not merge_base:
        return left, right
    tip = right.side.commit or commit_of(workspace, "HEAD")
    assert left.side.commit is not None
    base = common_base(workspace, left.side.commit, tip)
    label = f"{base[:10]} (where {right.side.label} left {left.side.label})"
    return at_commit(workspace, base, label), right


def _no_base(values: Operand) -> InvalidInput:
    branch = f"exp/PROJECT/{values.side.experiment}"
    return InvalidInput(
        f"{values.side.label} is a set of values, and only revisions have a merge base",
        hint=f"Name a branch, such as {branch}, or leave the merge base out.",
    )


def common_base(workspace: Workspace, one: ObjectId, other: ObjectId) -> ObjectId:
    """Return the merge base of two commits.

    Raises:
        NotFound: they have no common ancestor.
        MissingObject: a shallow clone hides it.
    """
    try:
        base = History(workspace.store).merge_base(one, other)
    except MissingObject as exc:
        if not workspace.store.is_shallow():
            raise
        raise MissingObject(
            f"where {one[:10]} and {other[:10]} parted is not here: this clone is shallow, its "
            "history is cut off",
            hint="Run `git fetch --unshallow`, or compare the two as they are, without the merge "
            "base.",
        ) from exc
    if base is None:
        raise NotFound(
            f"commits {one[:10]} and {other[:10]} have no common ancestor",
            hint="Compare them as they are, without the merge base.",
        )
    return base


def _projects(workspace: Workspace, left: Whole, right: Whole) -> ProjectDiff:
    """Return how a project differs in two states."""
    before, after = left.contents, right.contents
    files = list(changed_files(before, after))
    changed = {path for path, _, _ in files}
    states = [
        State(workspace=workspace, contents=contents, definition=definition_in(workspace, contents))
        for contents in (before, after)
    ]
    definition = definition_diff(states[0].definition, states[1].definition)
    return ProjectDiff(
        a=left.side,
        b=right.side,
        experiments=tuple(experiment_diffs(states[0], states[1], _experiments_in(changed))),
        settings=definition.settings,
        slots=definition.slots,
        environments=definition.environments,
        documents=(
            *_broken_definition(workspace, left, right, states),
            *document_diffs(workspace, before, after, files),
        ),
        datasets=tuple(_dataset_diffs(before, after, changed)),
        files=tuple(file_diffs(files)),
        notes=(
            *_notes(left, right),
            *_faults(left, right, states),
            *flag_notes(workspace, before, after, changed),
            *ab_test_notes(workspace, before, after, changed),
        ),
    )


def _faults(left: Whole, right: Whole, states: list[State]) -> Iterator[str]:
    """Yield on which side the definition is not valid, so that no defaults are filled in."""
    for side, state in zip((left, right), states, strict=True):
        if state.definition.fault is not None:
            yield (
                f"{side.side.label}: values are compared without defaults, since the definition "
                f"is not valid: {state.definition.fault}"
            )


def _notes(left: Whole, right: Whole) -> tuple[str, ...]:
    """Return on which side there is no project.

    Raises:
        NotFound: there is none on either.
    """
    without = [side for side in (left, right) if side.contents.id(layout.PROJECT_FILE) is None]
    if len(without) == 2:
        raise NotFound(
            f"neither {left.side.label} nor {right.side.label} holds the project",
            hint="Compare their files with `git diff`.",
        )
    return tuple(f"{side.side.label} does not hold the project" for side in without)


def _dataset_diffs(before: Contents, after: Contents, changed: set[str]) -> Iterator[DatasetDiff]:
    described = (name.endswith(layout.DESCRIPTION_SUFFIX)
                 for name in after.names(layout.DATASETS_DIR))  # fmt: skip
    if not any(p.startswith(f"{layout.DATASETS_DIR}/") for p in changed) and not any(described):
        return
    from gitexp.review.diffing.datasets import dataset_diff, dataset_names

    for name in sorted(dataset_names(after, changed)):
        found = dataset_diff(before, after, name)
        if found is not None:
            yield found


def _experiments_in(changed: set[str]) -> set[str]:
    """Return the experiments whose own files are among some paths."""
    own = (layout.HEADER_FILE, layout.PARAMETERS_FILE)
    parts = (path.split("/") for path in changed)
    return {
        folders[1]
        for folders in parts
        if len(folders) == 3
        and folders[0] == layout.EXPERIMENTS_DIR
        and folders[2] in own
        and not name_fault(folders[1])
    }


def _broken_definition(
    workspace: Workspace, left: Whole, right: Whole, states: list[State]
) -> tuple[DocumentDiff, ...]:
    """Return the definition as a text where it cannot be read on one of the sides."""
    if not any(state.definition.problem for state in states):
        return ()
    changes, problem = compared(workspace, left.contents, right.contents, layout.PROJECT_FILE)
    if not changes:
        return ()
    path = layout.PROJECT_FILE
    return (
        DocumentDiff(
            type="project", name=path, path=path, kind="changed", changes=changes, problem=problem
        ),
    )


def _values(workspace: Workspace, left: Operand, right: Operand) -> ProjectDiff:
    """Return how two sets of values differ; a revision is the version that it saved."""
    if isinstance(left, Whole):
        assert isinstance(right, Values)
        left = values_of(workspace, left, right)
    if isinstance(right, Whole):
        right = values_of(workspace, right, left)
    types = {**left.types, **right.types}
    changes = value_changes(left.values, right.values, types)
    is_other = left.experiment_id != right.experiment_id
    found = ExperimentDiff(
        name=right.side.experiment or "",
        kind="changed",
        id=right.experiment_id,
        former_id=left.experiment_id if is_other else None,
        digest_before=left.side.digest,
        digest_after=right.side.digest,
        parameters=tuple(parameter_change(change) for change in changes),
    )
    return ProjectDiff(a=left.side, b=right.side, experiments=(found,) if changes else ())
