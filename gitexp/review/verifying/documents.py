"""Whether the documents of the trunk, of experiments and of change requests are valid.

Of an experiment's branch that is the experiment itself: what else is there came from the trunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gitexp.documents import layout
from gitexp.experiments.homes import all_homes
from gitexp.experiments.versions import list_versions
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.sources import tree_source
from gitexp.review.changes.ledger import read_ledger
from gitexp.review.validating import validate_source
from gitexp.review.verifying.examination import Branch, Examination, shown_with_git
from gitexp.review.verifying.ledgers import check_unchanged
from gitexp.store.model import TreeId
from gitexp.store.trees import entry_at, tree_of, walk_files


def check_documents(look: Examination) -> None:
    """Note the documents on the trunk and on the branches of experiments that are not valid."""
    for branch in look.branch(look.workspace.trunk_ref):
        look.since_then("documents", branch, partial(_check_files, look, ""))
    for branch in look.branches(layout.experiment_branches(Name(look.workspace.project_id))):
        name = branch.name.rpartition("/")[2]
        if not name_fault(name):
            directory = f"{layout.EXPERIMENTS_DIR}/{name}"
            look.since_then("documents", branch, partial(_check_files, look, directory))


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


def check_changes(look: Examination) -> None:
    """Note what is wrong with the change requests, and what was changed of them."""
    for branch in look.branch(layout.changes_branch(Name(look.workspace.project_id))):
        look.since_then("changes", branch, partial(_check_ledger, look))


def _check_ledger(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    check_unchanged(look, "changes", branch, since)
    with look.reading("changes", branch=branch.name, commit=branch.tip):
        found = read_ledger(look.store, branch.tip, cache=look.workspace.cache)
        look.looked_at["changes"] += len(found.changes)
        problems = {name: [problem] for name, problem in found.problems.items()}
        problems |= {facts.id: list(facts.problems) for facts in found.changes if facts.problems}
        for name, listed in problems.items():
            for problem in listed:
                path = f"{layout.CHANGES_DIR}/{name}"
                look.add(
                    "changes",
                    problem,
                    f"It counts for nothing; {shown_with_git(branch.name, path)} shows who "
                    "wrote it.",
                    branch=branch.name,
                    commit=branch.tip,
                    path=path,
                )
