"""Whether the documents of the trunk and of experiments are valid.

Of an experiment's branch that is the experiment itself: what else is there came from the trunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gitexp.documents import layout
from gitexp.environments.binding import snapshot_at
from gitexp.environments.lockfile import LockEntry
from gitexp.errors import InvalidDocuments, NotBound
from gitexp.experiments.homes import all_homes
from gitexp.experiments.versions import list_versions
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.reading import read_document
from gitexp.project.sources import tree_source
from gitexp.review.validating import validate_source
from gitexp.review.verifying.examination import Branch, Examination
from gitexp.store.model import TreeId
from gitexp.store.trees import entry_at, tree_of, walk_files


def check_documents(look: Examination) -> None:
    """Note the documents on the trunk and on the branches of experiments that are not valid."""
    for branch in look.branch(look.workspace.trunk_ref):
        look.since_then("documents", branch, partial(_check_trunk, look))
    for branch in look.branches(layout.experiment_branches(Name(look.workspace.project_id))):
        name = branch.name.rpartition("/")[2]
        if not name_fault(name):
            directory = f"{layout.EXPERIMENTS_DIR}/{name}"
            look.since_then("documents", branch, partial(_check_files, look, directory))


def _check_trunk(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    _check_files(look, "", branch, since)
    _check_lock(look, branch)


def _check_files(look: Examination, directory: str, branch: Branch, since: ObjectId | None) -> None:
    with look.reading("documents", branch=branch.name, commit=branch.tip):
        paths = _paths(look, branch.tip, directory)
        source = tree_source(look.workspace, branch.tip, paths, place="project", label=branch.name)
        report = validate_source(look.workspace, source)
        look.looked_at["files"] += report.files
        for problem in report.problems:
            path = problem.file.removeprefix(f"{branch.name}:")
            line = f"line {problem.line}: " if problem.line else ""
            place = f"{problem.place}: " if problem.place else ""
            look.add(
                "documents",
                line + place + problem.message,
                f"Correct it there; `gitexp validate {branch.name}` shows it alone.",
                branch=branch.name,
                commit=branch.tip,
                path=path,
            )


def _check_lock(look: Examination, branch: Branch) -> None:
    """Note what a lock file pins that the environment's commit does not say."""
    path = layout.lock_path(look.workspace.root)
    with look.reading("documents", branch=branch.name, commit=branch.tip, path=path):
        tree = tree_of(look.store, branch.tip)
        document = read_document(look.workspace, tree, path, "lock") or {"environments": {}}
        for name, data in document["environments"].items():
            entry = LockEntry.from_dict(data)
            if look.is_here(entry.commit) and not _is_pinned_truly(look, entry):
                look.add(
                    "documents",
                    f"environments.{name}: it is not what commit {entry.commit[:10]} says",
                    f"Pin it again with `gitexp env lock {name}`.",
                    branch=branch.name,
                    commit=branch.tip,
                    path=path,
                )


def _is_pinned_truly(look: Examination, entry: LockEntry) -> bool:
    try:
        snapshot = snapshot_at(look.store, entry.commit, cache=look.workspace.cache)
        return snapshot is not None and LockEntry.of(snapshot) == entry
    except (InvalidDocuments, NotBound):
        return False


def _paths(look: Examination, commit: ObjectId, directory: str) -> Sequence[str]:
    """Return the files of a commit below a directory of the project, by path in the project."""
    root = look.workspace.root
    entry = entry_at(look.store, tree_of(look.store, commit), root)
    if entry is None or not entry.is_tree:
        return []
    return [path for path, _ in walk_files(look.store, TreeId(entry.id), directory)]


def check_versions(look: Examination) -> None:
    """Note the versions whose values are not valid, which no save makes."""
    for home in all_homes(look.workspace):
        branch = Branch(ref=home.branch, tip=home.tip)
        with look.reading("versions", branch=branch.name):
            for version in list_versions(look.workspace, home.name):
                look.looked_at["versions"] += 1
                if version.problem is not None:
                    look.add(
                        "versions",
                        f"its values are not valid: {version.problem}",
                        f"Save corrected values with `gitexp commit {home.name}`; what used this "
                        "version before cannot be repeated.",
                        branch=branch.name,
                        commit=version.version,
                        path=layout.parameters_path(look.workspace.root, home.name),
                    )
