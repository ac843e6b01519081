"""Datasets: samples, their ids, their digest, and everything that is wrong in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.datasets.loading import Dataset, load


def write(directory: Path, name: str, text: str) -> None:
    (directory / "datasets").mkdir(exist_ok=True)
    (directory / "datasets" / name).write_text(text, encoding="utf-8")


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def ids_of(dataset: Dataset) -> list[str]:
    return [sample.id for sample in dataset.samples]


def test_json_lines_are_samples(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "input": {"q": 1}, "expected": [1], "metadata": {"k": "v"}, "weight": 2},
        {"id": 7, "input": None},
    ]
    write(tmp_path, "q.jsonl", lines(*rows))
    first, second = load(tmp_path, "q").samples
    assert (first.id, first.input, first.expected) == ("a", {"q": 1}, [1])
    assert (first.metadata, first.weight) == ({"k": "v"}, 2.0)
    assert (second.id, second.input, second.expected, second.weight) == ("7", None, MISSING, 1.0)


def test_csv_rows_are_samples(tmp_path: Path) -> None:
    write(tmp_path, "q.csv", 'id,input,expected,metadata.kind\na,"x, ""y""",1,colour\nb,,,\n')
    first, second = load(tmp_path, "q").samples
    assert (first.id, first.input, first.expected) == ("a", 'x, "y"', "1")
    assert first.metadata == {"kind": "colour"}
    assert (second.input, second.expected) == ("", MISSING)


def test_a_yaml_list_is_samples(tmp_path: Path) -> None:
    write(tmp_path, "q.yaml", "- input: no\n  expected: 1e3\n- input: two\n")
    first, second = load(tmp_path, "q").samples
    assert (first.input, first.expected) == ("no", 1000.0)
    assert second.expected is MISSING


def test_expecting_null_is_expecting_nothing(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"input": 1, "expected": None}))
    assert load(tmp_path, "q").samples[0].expected is MISSING


def test_the_path_is_that_in_the_repository(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"input": 1}))
    assert load(tmp_path, "q", root="apps/bot").path == "apps/bot/datasets/q.jsonl"


# --- ids and digests


def test_derived_ids_do_not_depend_on_the_order(tmp_path: Path) -> None:
    rows = [{"input": n, "expected": n % 2} for n in range(5)]
    write(tmp_path, "one.jsonl", lines(*rows))
    write(tmp_path, "two.jsonl", lines(*reversed(rows)))
    one, two = load(tmp_path, "one"), load(tmp_path, "two")
    assert ids_of(one) == list(reversed(ids_of(two)))
    assert one.digest == two.digest


def test_a_derived_id_stays_when_metadata_change(tmp_path: Path) -> None:
    write(tmp_path, "one.jsonl", lines({"input": 1}))
    write(tmp_path, "two.jsonl", lines({"input": 1, "metadata": {"seen": True}}))
    one, two = load(tmp_path, "one"), load(tmp_path, "two")
    assert ids_of(one) == ids_of(two)
    assert one.digest != two.digest


def test_equal_samples_are_numbered(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"input": 1}, {"input": 2}, {"input": 1}, {"input": 1}))
    first, other, second, third = ids_of(load(tmp_path, "q"))
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert other != first


def test_a_derived_id_gives_way_to_an_explicit_one(tmp_path: Path) -> None:
    write(tmp_path, "one.jsonl", lines({"input": 1}))
    [derived] = ids_of(load(tmp_path, "one"))
    write(tmp_path, "two.jsonl", lines({"input": 1}, {"id": derived, "input": 2}))
    assert ids_of(load(tmp_path, "two")) == [f"{derived}-2", derived]


def test_the_digest_is_over_the_content_and_not_its_notation(tmp_path: Path) -> None:
    write(tmp_path, "one.jsonl", '{"id": "a", "input": 1, "expected": "\\u00e9"}\n')
    write(tmp_path, "two.jsonl", '\n{ "expected":"é","input":1.0,  "id":"a" }')
    write(tmp_path, "three.yaml", "- id: a\n  input: 1\n  expected: é\n")
    digests = {load(tmp_path, name).digest for name in ("one", "two", "three")}
    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")


@pytest.mark.parametrize("more", [{"expected": None}, {"metadata": {}}, {"weight": 1}])
def test_what_goes_without_saying_changes_no_digest(
    tmp_path: Path, more: dict[str, object]
) -> None:
    write(tmp_path, "one.jsonl", lines({"id": "a", "input": 1}))
    write(tmp_path, "two.jsonl", lines({"id": "a", "input": 1, **more}))
    assert load(tmp_path, "one").digest == load(tmp_path, "two").digest


@pytest.mark.parametrize(
    "other",
    [{"id": "b", "input": 1}, {"id": "a", "input": 2}, {"id": "a", "input": 1, "expected": 1}],
)
def test_another_content_has_another_digest(tmp_path: Path, other: object) -> None:
    write(tmp_path, "one.jsonl", lines({"id": "a", "input": 1}))
    write(tmp_path, "two.jsonl", lines(other))
    assert load(tmp_path, "one").digest != load(tmp_path, "two").digest


def test_the_first_samples_are_a_dataset_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "all.jsonl", lines({"input": 1}, {"input": 2}, {"input": 3}))
    write(tmp_path, "two.jsonl", lines({"input": 1}, {"input": 2}))
    part = load(tmp_path, "all").first(2)
    assert part.digest == load(tmp_path, "two").digest
    assert len(part.samples) == 2
    everything = load(tmp_path, "all")
    assert everything.first(None) == everything.first(3) == everything.first(9) == everything


# --- what is refused


def test_all_problems_are_reported_with_their_lines(tmp_path: Path) -> None:
    write(
        tmp_path,
        "q.jsonl",
        lines({"input": 1}, {"expected": 2}, {"input": 3, "weight": -1}, {"input": 4, "colour": 5}),
    )
    with pytest.raises(InvalidDocuments) as caught:
        load(tmp_path, "q")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    assert {problem.file for problem in caught.value.problems} == {"datasets/q.jsonl"}


def test_repeated_ids_are_refused_with_both_lines(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"id": 1, "input": 1}, {"input": 2}, {"id": "1", "input": 3}))
    with pytest.raises(InvalidDocuments) as caught:
        load(tmp_path, "q")
    assert str(caught.value) == (
        'datasets/q.jsonl:3: [2].id: "1" is the id of the sample in line 1 already'
    )
    assert caught.value.hint == "Give every sample an id of its own, or leave the ids out."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.jsonl", '{"input": 1}\n{"input": \n'),
        ("q.jsonl", '{"input": 1}\n{"input": NaN}\n'),
        ("q.jsonl", '{"input": 1}\n{"input": 1, "input": 2}\n'),
        ("q.jsonl", '{"input": 1}\n[1]\n'),
        ("q.csv", "input\na\nb,c\n"),
        ("q.yaml", "- input: 1\n- input: *x\n"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_a_line(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    with pytest.raises(InvalidDocuments) as caught:
        load(tmp_path, "q")
    assert all(problem.line is not None for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "text"), [("q.jsonl", ""), ("q.jsonl", "\n\n"), ("q.csv", "input\n"), ("q.yaml", "[]")]
)
def test_a_dataset_without_samples_is_refused(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, "q")
    assert str(caught.value) == f"datasets/{name} has no samples"


def test_a_mapping_is_no_list_of_samples(tmp_path: Path) -> None:
    write(tmp_path, "q.yaml", "input: 1\n")
    with pytest.raises(InvalidDocuments, match="expected a list of samples"):
        load(tmp_path, "q")


def test_an_absent_dataset_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load(tmp_path, "q")
    assert str(caught.value) == "no dataset 'q' in the project"
    assert caught.value.hint == (
        "Make the file datasets/q.jsonl, datasets/q.csv, datasets/q.yaml, datasets/q.parquet or "
        "datasets/q.dataset.yaml."
    )


@pytest.mark.parametrize("file", ["questions.jsonl", "questions.dataset.yaml", "questions.yaml"])
def test_an_absent_dataset_may_be_another_one(tmp_path: Path, file: str) -> None:
    write(tmp_path, file, "")
    write(tmp_path, "question.txt", "")
    with pytest.raises(NotFound) as caught:
        load(tmp_path, "question")
    assert caught.value.hint.startswith(
        "Did you mean 'questions'? Make the file datasets/question.jsonl, "
    )


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"input": 1}))
    write(tmp_path, "q.csv", "input\n1\n")
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, "q")
    assert str(caught.value) == "dataset 'q' has several files: datasets/q.jsonl, datasets/q.csv"


@pytest.mark.parametrize("name", ["../q", "/etc/passwd", "a/b", ".git", "Q", "nul", ""])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a usable dataset name"):
        load(tmp_path, name)


def test_a_link_that_leads_out_of_the_project_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_text(lines({"input": "secret"}))
    project = tmp_path / "project"
    (project / "datasets").mkdir(parents=True)
    (project / "datasets" / "q.jsonl").symlink_to(outside)
    with pytest.raises(InvalidInput) as caught:
        load(project, "q")
    assert str(caught.value) == (
        f"datasets/q.jsonl leads out of the project, to {outside.resolve()}"
    )


def test_a_linked_directory_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    write(tmp_path, "x.jsonl", lines({"input": 1}))
    (tmp_path / "datasets").rename(outside)
    project = tmp_path / "project"
    project.mkdir()
    (project / "datasets").symlink_to(outside)
    with pytest.raises(InvalidInput, match="leads out of the project"):
        load(project, "x")


def test_a_link_inside_the_project_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "q.jsonl", lines({"input": 1}))
    (tmp_path / "datasets" / "again.jsonl").symlink_to("q.jsonl")
    assert len(load(tmp_path, "again").samples) == 1


def test_a_directory_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "datasets" / "q.jsonl").mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"datasets/q\.jsonl is no regular file"):
        load(tmp_path, "q")
