"""The datasets of a project: listed, added, checked, and compared sample by sample."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import (
    AlreadyExists,
    DamagedObject,
    InvalidDocuments,
    InvalidInput,
    NotAllowed,
    NotFound,
)
from gitexp.evaluation.datasets.collection import Datasets, NewDataset
from gitexp.evaluation.datasets.comparing import SampleChange
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.runs.making import disk_workspace, workspace_on

ROWS = [{"id": str(n), "input": f"why {n}", "metadata": {"lang": "de"}} for n in range(3)]


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture
def datasets(top: Path) -> Datasets:
    workspace = disk_workspace(top)
    around = replace(workspace.surroundings, directory=top)
    (top / "datasets").mkdir()
    return Datasets(replace(workspace, surroundings=around))


def write(top: Path, path: str, text: str) -> None:
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    (top / path).write_text(text, encoding="utf-8")


# --- listing


def test_datasets_are_listed_without_reading_their_rows(datasets: Datasets, top: Path) -> None:
    write(top, "datasets/b.csv", "not\x00read")
    write(top, "datasets/a.jsonl", Pointer(oid="0" * 64, size=12345).to_bytes().decode())
    write(top, "raw/c.csv", "input\nx\n")
    write(top, "datasets/c.dataset.yaml", "description: Many\npath: raw/c.csv\n")
    write(
        top,
        "datasets/d.dataset.yaml",
        f"url: s3://b/d.bin\nformat: parquet\ndigest: {digest('d')}\n",
    )
    write(top, "datasets/e.dataset.yaml", "url: 5\n")
    write(top, "datasets/README.md", "not a dataset")
    write(top, "datasets/Bad Name.csv", "input\n")
    found = {entry.name: entry for entry in datasets.list()}
    assert list(found) == datasets.names() == ["a", "b", "c", "d", "e"]
    assert (found["a"].storage, found["a"].bytes, found["a"].format) == ("lfs", 12345, "jsonl")
    assert (found["b"].storage, found["b"].bytes, found["b"].path) == ("file", 8, "datasets/b.csv")
    assert (found["c"].storage, found["c"].source, found["c"].bytes) == ("path", "raw/c.csv", 8)
    assert (found["c"].description, found["c"].format) == ("Many", "csv")
    assert (found["d"].storage, found["d"].format, found["d"].bytes) == ("url", "parquet", None)
    assert found["d"].digest == digest("d")
    assert found["e"].problem == ("datasets/e.dataset.yaml:1: url: expected text, found 5")


def test_a_project_without_datasets_lists_none(tmp_path: Path) -> None:
    assert Datasets(workspace_on(MemoryStore(), directory=tmp_path)).list() == []


def test_a_bare_repository_has_no_datasets_to_list() -> None:
    with pytest.raises(NotAllowed, match="this repository is bare"):
        Datasets(workspace_on(MemoryStore())).list()


# --- reading


def test_a_dataset_is_read_by_name_by_revision_and_by_path(datasets: Datasets, top: Path) -> None:
    files = {"datasets/q.jsonl": lines(*ROWS[:2]).encode(), "gitexp.yaml": b"id: bot\n"}
    commit = commit_files(datasets._workspace.store, files)
    write(top, "datasets/q.jsonl", lines(*ROWS))
    write(top, "old/p.csv", "input\nx\n")
    assert datasets.get("q").count == 3
    assert datasets.get(f"q@{commit}").count == 2
    assert datasets.get("q@main").path == "datasets/q.jsonl"
    assert datasets.get("q@refs/heads/main").count == 2
    assert datasets.get("old/p.csv").name == "p"
    with pytest.raises(NotFound, match="no dataset 'r' in main"):
        datasets.get("r@main")
    with pytest.raises(NotFound, match=r"old/none\.csv does not exist"):
        datasets.get("old/none.csv")


def test_a_described_dataset_is_read_from_a_revision(datasets: Datasets, top: Path) -> None:
    said = "path: raw/x.csv\nfields: {input: q}\n"
    files = {"datasets/q.dataset.yaml": said.encode(), "raw/x.csv": b"q\nfirst\n"}
    commit_files(datasets._workspace.store, files)
    write(top, "datasets/q.dataset.yaml", said)
    write(top, "raw/x.csv", "q\nsecond\n")
    assert [s.input for s in datasets.get("q@main")] == ["first"]
    assert [s.input for s in datasets.get("q")] == ["second"]


# --- adding


def test_an_address_is_fetched_checked_and_pinned(
    datasets: Datasets, top: Path, tmp_path: Path
) -> None:
    text = "question,answer\nwhy,because\n"
    (tmp_path / "far.csv").write_text(text)
    url = (tmp_path / "far.csv").as_uri()
    fields = {"input": "question", "expected": "answer"}
    added = datasets.add(NewDataset(name="q", source=url, fields=fields, description="Far"))
    assert [(s.input, s.expected) for s in added] == [("why", "because")]
    written = (top / "datasets/q.dataset.yaml").read_text()
    assert written.startswith(
        "# yaml-language-server: $schema=https://gitexp.dev/schemas/1/dataset"
    )
    assert parse_yaml(written, file="q.yaml").value == {
        "description": "Far",
        "url": url,
        "digest": digest(text),
        "fields": {"input": "question", "expected": "answer"},
    }


def test_what_is_wrong_is_not_added(datasets: Datasets, top: Path, tmp_path: Path) -> None:
    (tmp_path / "far.jsonl").write_text('{"inptu": 1}\n')
    url = (tmp_path / "far.jsonl").as_uri()
    with pytest.raises(InvalidDocuments, match='did you mean "input"'):
        datasets.add(NewDataset(name="q", source=url))
    with pytest.raises(DamagedObject):
        datasets.add(NewDataset(name="q", source=url, digest=digest("other")))
    with pytest.raises(InvalidDocuments, match="does not end with a format"):
        datasets.add(NewDataset(name="q", source="https://example.org/q"))
    with pytest.raises(InvalidDocuments, match="has to begin with one of https://"):
        datasets.add(NewDataset(name="q", source="ftp://example.org/q.csv"))
    assert list((top / "datasets").iterdir()) == []


def test_a_name_that_is_taken_is_refused(datasets: Datasets, top: Path, tmp_path: Path) -> None:
    write(top, "datasets/q.jsonl", lines(*ROWS))
    (tmp_path / "far.csv").write_text("input\nx\n")
    url = (tmp_path / "far.csv").as_uri()
    for again in (False, True):
        with pytest.raises(AlreadyExists) as caught:
            datasets.add(NewDataset(name="q", source=url, replace=again))
    assert str(caught.value) == "there is a dataset 'q' already: datasets/q.jsonl"


def test_a_description_is_pinned_anew_and_keeps_what_it_said(
    datasets: Datasets, top: Path, tmp_path: Path
) -> None:
    far = tmp_path / "far.csv"
    far.write_text("q\nfirst\n")
    fields = {"input": "q"}
    datasets.add(NewDataset(name="q", source=far.as_uri(), fields=fields, description="Far"))
    far.write_text("q\nsecond\n")
    with pytest.raises(AlreadyExists):
        datasets.add(NewDataset(name="q", source=far.as_uri()))
    assert [s.input for s in datasets.get("q")] == ["first"]
    again = datasets.add(NewDataset(name="q", source=far.as_uri(), replace=True))
    assert [s.input for s in again] == ["second"]
    assert "description: Far" in (top / "datasets/q.dataset.yaml").read_text()


def test_a_file_of_the_project_is_described_where_it_is(datasets: Datasets, top: Path) -> None:
    write(top, "raw/x.csv", "q,lang\nwhy,de\n")
    new = NewDataset(
        name="q",
        source="raw/x.csv",
        fields={"input": "q", "metadata": ["lang"]},
        splits={"german": "metadata.lang = 'de'"},
    )
    assert datasets.add(new).named_splits == {"german": "metadata.lang = 'de'"}
    assert "path: raw/x.csv" in (top / "datasets/q.dataset.yaml").read_text()


def test_a_file_from_elsewhere_is_copied(datasets: Datasets, top: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("input\nx\n")
    assert datasets.add(NewDataset(name="q", source=str(tmp_path / "mine.csv"))).count == 1
    assert [file.name for file in (top / "datasets").iterdir()] == ["q.csv"]
    with pytest.raises(InvalidInput, match="is outside the project"):
        datasets.add(
            NewDataset(name="r", source=str(tmp_path / "mine.csv"), fields={"input": "input"})
        )


def test_a_copied_file_is_checked_first(datasets: Datasets, top: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("input,colour\nx,y\n")
    with pytest.raises(InvalidDocuments, match='unknown column "colour"'):
        datasets.add(NewDataset(name="q", source=str(tmp_path / "mine.csv")))
    assert list((top / "datasets").iterdir()) == []


# --- checking


def test_problems_of_descriptions_and_of_rows_are_returned(datasets: Datasets, top: Path) -> None:
    write(top, "datasets/a.jsonl", lines(*ROWS))
    write(top, "datasets/b.jsonl", '{"input": 1}\n{}\n')
    write(top, "datasets/c.dataset.yaml", "path: 5\n")
    assert datasets.problems("a") == ()
    assert [str(p) for p in datasets.problems("b")] == [
        'datasets/b.jsonl:2: [1]: the key "input" is missing'
    ]
    assert [str(p) for p in datasets.problems("c")] == [
        "datasets/c.dataset.yaml:1: path: expected text, found 5"
    ]


def test_bytes_that_are_not_the_pinned_ones_are_a_problem(datasets: Datasets, top: Path) -> None:
    write(top, "raw/x.csv", "input\nx\n")
    write(top, "datasets/a.dataset.yaml", f"path: raw/x.csv\ndigest: {digest('other')}\n")
    write(top, "datasets/b.jsonl", "")
    [problem] = datasets.problems("a")
    assert problem.message.endswith(f"and pinned is {digest('other')}")
    [problem] = datasets.problems("b")
    assert problem.message == "datasets/b.jsonl has no samples"
    with pytest.raises(NotFound):
        datasets.problems("none")


# --- comparing


def compared(datasets: Datasets, top: Path, old: str, new: str) -> list[SampleChange]:
    write(top, "old.jsonl", old)
    write(top, "new.jsonl", new)
    return list(datasets.diff("old.jsonl", "new.jsonl").changes)


def test_samples_with_ids_are_matched_by_them(datasets: Datasets, top: Path) -> None:
    changed = {**ROWS[1], "input": "who", "metadata": {"lang": "en", "x": 1}, "expected": 5}
    new = lines({"id": "9", "input": "new"}, changed, ROWS[0])
    changes = compared(datasets, top, lines(*ROWS), new)
    assert [(c.id, c.kind, c.fields) for c in changes] == [
        ("1", "changed", ("input", "metadata.lang", "metadata.x", "expected")),
        ("2", "removed", ()),
        ("9", "added", ()),
    ]
    assert changes[0].before == ROWS[1]
    assert changes[0].after == changed
    assert (changes[1].before, changes[1].after) == (ROWS[2], None)
    found = datasets.diff("old.jsonl", "new.jsonl")
    assert (found.count("added"), found.count("removed"), found.count("changed")) == (1, 1, 1)
    assert (found.same, found.a.samples, found.b.samples) == (1, 3, 3)


def test_samples_without_ids_are_matched_by_content(datasets: Datasets, top: Path) -> None:
    old = lines({"input": 1}, {"input": 2, "metadata": {"k": 1}}, {"input": 3})
    new = lines({"input": 3}, {"input": 2, "metadata": {"k": 2}}, {"input": 4})
    found = [(c.kind, c.fields) for c in compared(datasets, top, old, new)]
    assert sorted(found) == [("added", ()), ("changed", ("metadata.k",)), ("removed", ())]


def test_order_and_notation_make_no_difference(datasets: Datasets, top: Path) -> None:
    write(top, "a.jsonl", lines(*ROWS))
    rows = [f"{r['id']},{r['input']},de,{'1' if n else ''}\n" for n, r in enumerate(ROWS)]
    write(top, "b.csv", "id,input,metadata.lang,weight\n" + "".join(reversed(rows)))
    found = datasets.diff("a.jsonl", "b.csv")
    assert (found.changes, found.same) == ((), 3)


def test_numbers_and_texts_are_told_apart(datasets: Datasets, top: Path) -> None:
    old, new = lines({"id": "a", "input": 1}), lines({"id": "a", "input": "1"})
    assert [c.fields for c in compared(datasets, top, old, new)] == [("input",)]
