"""Whether the recorded days of A/B tests are whole, say where they belong, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gitexp.abtests.results.fingerprints import is_sound
from gitexp.documents import layout
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import read_document
from gitexp.project.sources import tree_source
from gitexp.review.validating import validate_source
from gitexp.review.verifying.examination import Branch, Examination, shown_with_git
from gitexp.review.verifying.ledgers import check_unchanged
from gitexp.store.model import TreeId
from gitexp.store.trees import changed_paths, tree_of


def check_analyses(look: Examination) -> None:
    """Note what is wrong with the days on the branches of analyses."""
    for branch in look.branches(layout.analyses_branches(Name(look.workspace.project_id))):
        look.since_then("analyses", branch, partial(_check_branch, look))


def _check_branch(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    check_unchanged(look, "analyses", branch, since, joined=True)
    with look.reading("analyses", branch=branch.name):
        old = tree_of(look.store, since) if since else None
        new = tree_of(look.store, branch.tip)
        added = [path for path, _, entry in changed_paths(look.store, old, new) if entry]
        broken = _check_documents(look, branch, added)
        for path in added:
            if path not in broken:
                _check_file(look, branch, new, path)


def _check_file(look: Examination, branch: Branch, tree: TreeId, path: str) -> None:
    with look.reading("analyses", branch=branch.name, commit=branch.tip, path=path):
        for message in _faults(look, tree, path):
            _note(look, branch, message, path)


def _check_documents(look: Examination, branch: Branch, paths: list[str]) -> set[str]:
    """Note the files that break their schemas; return them."""
    source = tree_source(look.workspace, branch.tip, paths, place="analyses", label=branch.name)
    report = validate_source(look.workspace, source)
    look.looked_at["files"] += report.files
    broken: set[str] = set()
    for problem in report.problems:
        path = problem.file.removeprefix(f"{branch.name}:")
        place = f"{problem.place}: " if problem.place else ""
        _note(look, branch, place + problem.message, path)
        broken.add(path)
    return broken


def _faults(look: Examination, tree: TreeId, path: str) -> Iterator[str]:
    """Yield what is wrong with what a valid file says about itself."""
    kind = layout.kind_of(path, place="analyses")
    document = read_document(look.workspace, tree, path, kind) if kind is not None else None
    if document is None:
        yield "it is no part of an analysis"
        return
    directory = layout.analysis_dir(document["metric"], document["fingerprint"])
    if path.rpartition("/")[0] != directory:
        yield f"what it says belongs in {directory}"
    elif kind == "fingerprint":
        if not is_sound(document):
            yield "its settings are not those of its fingerprint"
    else:
        look.looked_at["days"] += 1
        yield from _day_faults(look, tree, path, document)


def _day_faults(
    look: Examination, tree: TreeId, path: str, day: Mapping[str, Any]
) -> Iterator[str]:
    name = path.rpartition("/")[2]
    if name[:10] != day["day"]:
        yield f"it is about {day['day']}, which is not the day of its name"
    settings_path = layout.settings_path(day["metric"], day["fingerprint"])
    settings = read_document(look.workspace, tree, settings_path, "fingerprint")
    if settings is None:
        yield f"the settings that it was computed with are missing: {settings_path}"
    elif (settings["fingerprint"], settings["data"]) != (day["fingerprint"], day["data"]):
        yield f"its fingerprint is not that of {settings_path}"


def _note(look: Examination, branch: Branch, message: str, path: str) -> None:
    look.add(
        "analyses",
        message,
        f"See what changed it with {shown_with_git(branch.name, path)}; "
        "`gitexp ab recalculate` computes days again.",
        branch=branch.name,
        commit=branch.tip,
        path=path,
    )
