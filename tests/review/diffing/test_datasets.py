"""Datasets in two states of a project, sample by sample."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitexp.project.workspace import Workspace
from gitexp.review.diffing import datasets
from gitexp.review.diffing.comparing import compare
from gitexp.review.diffing.model import DatasetDiff
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.memory import MemoryStore
from tests.builders import Files, commit_files
from tests.runs.making import IDENTITY, workspace_on

GOLDEN = "datasets/golden.jsonl"


@pytest.fixture
def workspace() -> Workspace:
    """A project in memory."""
    made = workspace_on(MemoryStore(config=IDENTITY))
    commit_files(made.store, {"gitexp.yaml": b"format: 1\nid: bot\n"})
    return made


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def row(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "input": f"what is {name}?", "expected": name, **fields}


def diffs(workspace: Workspace, *states: Files) -> tuple[DatasetDiff, ...]:
    for files in states:
        commit_files(workspace.store, files)
    return compare(workspace, "main~1", "main").datasets


def test_samples_are_matched_by_their_ids(workspace: Workspace) -> None:
    before = lines(row("a"), row("b", metadata={"lang": "de"}), row("c"))
    after = lines(row("b", metadata={"lang": "en"}), row("c"), row("d"))
    [found] = diffs(workspace, {GOLDEN: before}, {GOLDEN: after})
    counts = (found.added, found.removed, found.changed, found.same)
    assert (found.name, found.kind, *counts) == ("golden", "changed", 1, 1, 1, 1)
    assert (found.samples_before, found.samples_after, found.left_out) == (3, 3, 0)
    assert [(s.id, s.kind) for s in found.samples] == [
        ("b", "changed"),
        ("d", "added"),
        ("a", "removed"),
    ]
    assert [(c.place, c.before, c.after) for c in found.samples[0].changes] == [
        ("metadata.lang", "de", "en")
    ]


def test_the_same_samples_in_another_order_or_form_are_no_difference(workspace: Workspace) -> None:
    files = {GOLDEN: lines(row("a"), row("b"))}
    assert diffs(workspace, files, {GOLDEN: lines(row("b", metadata={}), row("a"))}) == ()
    table = b"id,input,expected\na,what is a?,a\nb,what is b?,b\n"
    assert diffs(workspace, {GOLDEN: None, "datasets/golden.csv": table}) == ()


def test_datasets_come_and_go(workspace: Workspace) -> None:
    other = "datasets/other.jsonl"
    found = diffs(
        workspace, {GOLDEN: lines(row("a"))}, {GOLDEN: None, other: lines(row("x"), row("y"))}
    )
    assert [(d.name, d.kind, d.samples_before, d.samples_after) for d in found] == [
        ("golden", "removed", 1, None),
        ("other", "added", None, 2),
    ]
    assert (found[0].removed, found[1].added) == (1, 2)


def test_only_the_first_samples_that_differ_are_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_SAMPLES", 3)
    before = lines(*(row(f"s{n}") for n in range(10)))
    after = lines(*(row(f"s{n}", expected="x") for n in range(10)))
    [found] = diffs(workspace, {GOLDEN: before}, {GOLDEN: after})
    assert (found.changed, len(found.samples), found.left_out) == (10, 3, 7)


def test_pointers_to_large_files_are_compared_by_their_digests(workspace: Workspace) -> None:
    one, other = (Pointer(oid=digit * 64, size=5).to_bytes() for digit in "12")
    [found] = diffs(workspace, {GOLDEN: one}, {GOLDEN: other})
    assert (found.digest_before, found.digest_after) == (
        "sha256:" + "1" * 64,
        "sha256:" + "2" * 64,
    )
    assert found.large
    assert (found.added, found.samples_after, found.problem) == (None, None, None)


def test_a_file_and_the_pointer_to_it_are_the_same(workspace: Workspace) -> None:
    import hashlib

    data = lines(row("a"))
    pointer = Pointer(oid=hashlib.sha256(data).hexdigest(), size=len(data)).to_bytes()
    assert diffs(workspace, {GOLDEN: data}, {GOLDEN: pointer}) == ()


def test_a_dataset_elsewhere_is_compared_by_its_digest_and_never_fetched(
    workspace: Workspace,
) -> None:
    path = "datasets/far.dataset.yaml"
    said = "url: https://nowhere.invalid/x.jsonl\ndigest: sha256:"
    [found] = diffs(
        workspace,
        {path: f"{said}{'1' * 64}\n".encode()},
        {path: f"{said}{'2' * 64}\n".encode()},
    )
    assert (found.name, found.large, found.digest_after) == ("far", True, "sha256:" + "2" * 64)


def test_rows_that_a_description_names_are_followed(workspace: Workspace) -> None:
    said = {"datasets/d.dataset.yaml": b"path: data/rows.jsonl\n"}
    [found] = diffs(
        workspace,
        {**said, "data/rows.jsonl": lines(row("a"))},
        {"data/rows.jsonl": lines(row("a", expected="b"))},
    )
    assert (found.name, found.changed) == ("d", 1)


def test_a_dataset_that_cannot_be_read_says_why_and_differs(workspace: Workspace) -> None:
    [found] = diffs(workspace, {GOLDEN: lines(row("a"))}, {GOLDEN: b"{\n"})
    assert found.problem is not None
    assert found.problem.startswith("datasets/golden.jsonl:1")
    assert (found.samples_before, found.samples_after, found.changed) == (1, None, None)


def test_samples_without_ids_are_matched_by_content(workspace: Workspace) -> None:
    before, after = ([{"input": "a", "expected": "1"}, {"input": text}] for text in ("b", "c"))
    [found] = diffs(workspace, {GOLDEN: lines(*before)}, {GOLDEN: lines(*after)})
    assert (found.added, found.removed, found.changed, found.same) == (1, 1, 0, 1)
