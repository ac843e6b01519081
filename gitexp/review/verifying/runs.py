"""Whether recorded runs are whole, agree with their versions, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.errors import Conflict, GitexpError, InvalidInput, StoreError
from gitexp.experiments.versions import list_versions
from gitexp.ids import Digest, Name, ObjectId, RunId, VersionId, is_object_id
from gitexp.project.sources import tree_source
from gitexp.review.validating import validate_source
from gitexp.review.verifying.examination import (
    Branch,
    Examination,
    one_line,
    shown_with_git,
)
from gitexp.review.verifying.ledgers import check_unchanged
from gitexp.review.verifying.values import values_of_version
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.large_files import LFS_DIR, objects_here
from gitexp.runs.journalling.side_files import Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.changes import changed_runs, is_run
from gitexp.runs.recording.places import Ledger, all_ledgers, find
from gitexp.runs.recording.results import rows_of, totals_of
from gitexp.runs.run import Run
from gitexp.store.model import TreeId
from gitexp.store.trees import changed_paths, entry_at, list_dir, tree_of


def check_runs(look: Examination) -> None:
    """Note what is wrong with the runs on the runs branches."""
    for branch in look.branches(layout.runs_branches(Name(look.workspace.project_id))):
        look.since_then("runs", branch, partial(_check_branch, look))


def _check_branch(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    check_unchanged(look, "runs", branch, since)
    with look.reading("runs", branch=branch.name):
        old = tree_of(look.store, since) if since else None
        new = tree_of(look.store, branch.tip)
        _check_documents(look, branch, old, new)
        for changed in changed_runs(look.store, old, new):
            if changed.is_gone:
                continue
            if is_run(changed.id):
                _check_run(look, branch, new, RunId(changed.id))
            else:
                _note(look, branch, "it is no part of a run", changed.id)


def _check_documents(look: Examination, branch: Branch, old: TreeId | None, new: TreeId) -> None:
    """Note the files that break their schemas, of those that are new."""
    paths = [path for path, _, entry in changed_paths(look.store, old, new) if entry is not None]
    source = tree_source(look.workspace, branch.tip, paths, place="runs", label=branch.name)
    report = validate_source(look.workspace, source)
    look.looked_at["files"] += report.files
    for problem in report.problems:
        path = problem.file.removeprefix(f"{branch.name}:")
        place = f"{problem.place}: " if problem.place else ""
        _note(look, branch, place + problem.message, path)


def _check_run(look: Examination, branch: Branch, tree: TreeId, run_id: RunId) -> None:
    look.looked_at["runs"] += 1
    place = Ledger(branch=branch.name, tree=tree)
    path = layout.run_path(run_id)
    try:
        run = ledger.run_at(look.workspace, [place], run_id)
        if run is not None:
            for message in (*_faults(look, run), *_tally_faults(look, run_id)):
                _note(look, branch, message, path)
            for message in _missing_beside(look, tree, run):
                _note(look, branch, message, path)
            _note_absent(look, branch, run)
    except (StoreError, InvalidInput) as exc:
        _note(look, branch, one_line(exc).removeprefix(f"{place.branch}:{path} "), path)


# --- what it says of itself and of its version ----------------------------------------------


def _faults(look: Examination, run: Run) -> Iterator[str]:
    """Yield what is wrong with what a run says it is."""
    if run.project != look.workspace.project_id:
        yield f"it is a run of another project, {run.project!r}"
    if run.digest is not None and digest_of(dict(run.parameters)) != run.digest:
        yield "its values are not those of its digest"
    elif run.digest is not None and not run.overrides:
        yield from _version_faults(look, run)


def _version_faults(look: Examination, run: Run) -> Iterator[str]:
    """Yield what is wrong between a run and its version, where that is here."""
    version = run.version
    if version is None or not is_object_id(version) or not look.is_here(ObjectId(version)):
        return
    found = values_of_version(look, VersionId(version), run.experiment_id)
    if found is None:
        yield f"version {version[:10]} holds nothing of its experiment, {run.experiment_id}"
    elif found.problem is None and _digest_of_slots(run, found.values) != digest_of(found.values):
        yield f"it says that it used the values of version {version[:10]}, and used others"


def _digest_of_slots(run: Run, values: Mapping[str, Any]) -> Digest:
    """Return the digest of a run's values without those that were asked for beside `values`."""
    beside = {*run.evaluation.get("arguments", {}), *run.job.get("values", {})} - set(values)
    return digest_of({name: v for name, v in run.parameters.items() if name not in beside})


def _tally_faults(look: Examination, run_id: RunId) -> Iterator[str]:
    """Yield what is wrong with the totals of a run that has rows: they are counted again."""
    places = find(look.store, _all_ledgers(look), run_id)
    beside = {place.beside.id for place in places if place.beside is not None}
    if len(beside) != 1 or not _has_rows(look, TreeId(next(iter(beside)))):
        return  # without rows, or with others on the remote that are not joined yet
    try:
        run = ledger.run_from(look.workspace, places)
    except Conflict as exc:
        yield one_line(exc)
        return
    counted = totals_of(rows_of(look.workspace, run_id, beside=Sides(None)))
    said = {"stats": run.stats.to_dict(), "rates": dict(run.rates)}
    for name, value in said.items():
        if value != counted[name]:
            yield f"its {name} are not what its rows come to"


def _has_rows(look: Examination, beside: TreeId) -> bool:
    entries = {entry.name for entry in list_dir(look.store, beside, "")}
    return bool(entries & {layout.RESULTS_FILE, layout.RESULTS_DIR})


# --- what it needs --------------------------------------------------------------------------


def _missing_beside(look: Examination, tree: TreeId, run: Run) -> Iterator[str]:
    """Yield what a run names and its branch does not hold."""
    directory = layout.run_dir(run.id)
    for artifact in run.artifacts:
        folder = {"git": layout.ARTIFACTS_DIR, "lfs": LFS_DIR}.get(artifact.stored)
        path = f"{directory}/{folder}/{artifact.path}"
        if folder and entry_at(look.store, tree, path) is None:
            yield f"its artifact {artifact.path!r} is not beside it"


def _note_absent(look: Examination, branch: Branch, run: Run) -> None:
    """Note what is elsewhere, or may be gone: versions, other runs, large artifacts."""
    path = layout.run_path(run.id)
    name = branch.name.rpartition("/")[2]  # what the experiment is called now
    if _is_version_gone(look, run, name):
        message = (
            f"its version {str(run.version)[:10]} is not here, and no version of "
            f"{name!r} here has its values"
        )
        _note(look, branch, message, path, note="`gitexp fetch` brings what others shared.")
    for word, other in (("parent", run.parent), ("first attempt", run.retry_of)):
        if other and not find(look.store, _all_ledgers(look), other):
            message = f"run {other}, its {word}, is not here"
            _note(look, branch, message, path, note="`gitexp run sync` brings others' runs.")
    for artifact in run.artifacts:
        if artifact.stored == "lfs" and not _is_large_one_here(look, artifact):
            message = f"its artifact {artifact.path!r} of {artifact.size} bytes is not here"
            advice = f"`gitexp run download {run.id} {artifact.path}` fetches it."
            _note(look, branch, message, path, note=advice)


def _is_version_gone(look: Examination, run: Run, experiment: str) -> bool:
    if run.version is None or look.is_here(ObjectId(run.version)):
        return False
    return run.digest is None or run.digest not in _digests(look, experiment)


def _digests(look: Examination, experiment: str) -> frozenset[str]:
    """Return the digests of all versions that an experiment has now."""

    def listed() -> frozenset[str]:
        try:
            versions = list_versions(look.workspace, experiment)
        except GitexpError:
            return frozenset()
        return frozenset(version.digest for version in versions if version.digest)

    return look.once(f"digests/{experiment}", listed)


def _all_ledgers(look: Examination) -> list[Ledger]:
    return look.once("ledgers", lambda: all_ledgers(look.workspace))


def _is_large_one_here(look: Examination, artifact: Artifact) -> bool:
    objects = objects_here(look.workspace)
    return objects is None or objects.is_sound(artifact.pointer)


def _note(look: Examination, branch: Branch, message: str, path: str, *, note: str = "") -> None:
    look.add(
        "runs",
        message,
        note or f"See what changed it with {shown_with_git(branch.name, path)}.",
        severity="note" if note else "problem",
        branch=branch.name,
        commit=branch.tip,
        path=path,
    )
