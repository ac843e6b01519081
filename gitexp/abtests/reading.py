"""A/B tests as the repository has them: read at any commit, parsed once for each content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.abtests.definition import AbTest
from gitexp.abtests.problems import faults
from gitexp.documents import layout
from gitexp.documents.problems import Problem, place_of
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.experiments.homes import get_home
from gitexp.experiments.namesakes import known_experiments
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of


def read_test(workspace: Workspace, name: str, *, reader: Store | None = None) -> AbTest:
    """Return the A/B test of an experiment as its home has it.

    Raises:
        NotFound: there is no such experiment, or it has no A/B test.
        InvalidDocuments: everything that is wrong with the document.
    """
    home = get_home(workspace, name, reader=reader)
    found = find_test(workspace, home.tip, home.name, reader=reader)
    if found is None:
        raise missing_test(name)
    return found


def missing_test(name: str) -> NotFound:
    """Return the error for an experiment that is no A/B test."""
    return NotFound(
        f"experiment {name!r} has no A/B test",
        hint=f"Make it one with `gitexp ab create {name} --flag KEY`.",
    )


def find_test(
    workspace: Workspace, commit: ObjectId, name: str, *, reader: Store | None = None
) -> AbTest | None:
    """Return the A/B test of an experiment in a commit; None where there is none.

    A commit that was looked at before is not read again.

    Raises:
        InvalidDocuments: everything that is wrong with the document.
    """
    path = layout.ab_test_path(workspace.root, Name(name))
    key = f"ab-test-at/1/{commit}/{path}"
    known = workspace.cache.get(key)
    if known is None:
        tree = tree_of(reader or workspace.store, commit)
        known = {"document": read_document(workspace, tree, path, "ab-test", reader=reader)}
        workspace.cache.put(key, known)
    data = known["document"]
    if data is None:
        return None
    check(data, path)
    return AbTest.from_dict(name, data)


def all_tests(
    workspace: Workspace, *, deleted: bool = False, reader: Store | None = None
) -> Iterator[AbTest]:
    """Yield the A/B tests that can be read, those of deleted experiments only if asked for."""
    for home, header in known_experiments(workspace, reader=reader):
        if header.lifecycle == "deleted" and not deleted:
            continue
        try:
            found = find_test(workspace, home.tip, home.name, reader=reader)
        except InvalidInput:
            continue  # a broken file is told of where it is listed
        if found is not None:
            yield found


def document_at(
    workspace: Workspace, tree: TreeId, name: str, *, reader: Store | None = None
) -> dict[str, Any] | None:
    """Return the document of the A/B test of an experiment in a tree; None where there is none.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    path = layout.ab_test_path(workspace.root, Name(name))
    data: dict[str, Any] | None = read_document(workspace, tree, path, "ab-test", reader=reader)
    if data is not None:
        check(data, path)
    return data


def check(data: Mapping[str, Any], file: str) -> None:
    """Check what the schema of a document cannot see.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    problems = [
        Problem(file=file, place=place_of(place), message=text) for place, text in faults(data)
    ]
    if problems:
        raise InvalidDocuments(
            problems, hint="Correct the file at the places named; `gitexp validate` checks it."
        )
