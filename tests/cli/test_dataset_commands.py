"""`gitexp dataset`."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

ESCAPE = "\x1b]0;owned\x07"


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


ROWS = [
    {"id": "a", "input": "why", "expected": "x", "metadata": {"split": "test"}},
    {"id": "b", "input": "how", "expected": "y", "metadata": {"split": "train"}},
]


@pytest.fixture
def project(directory: Path, gitexp: Run) -> Path:
    gitexp("init").ok()
    (directory / "datasets").mkdir()
    (directory / "datasets" / "q.jsonl").write_text(lines(*ROWS))
    return directory


def commit(directory: Path) -> None:
    for words in (["add", "-A"], ["commit", "-qm", "datasets"]):
        subprocess.run(["git", *words], cwd=directory, check=True)


def test_datasets_are_listed(project: Path, gitexp: Run) -> None:
    assert gitexp("dataset").ok().out == (
        "name  format  storage  bytes\nq     jsonl   file       153\n"
    )
    assert gitexp("dataset", "list", "--quiet").ok().out == "q\n"
    [entry] = json.loads(gitexp("dataset", "list", "--format", "json").ok().out)
    assert (entry["name"], entry["path"]) == ("q", "datasets/q.jsonl")
    (project / "datasets" / "q.jsonl").unlink()
    assert gitexp("dataset").ok().err == (
        "no datasets; a dataset is a file in datasets/, such as datasets/NAME.jsonl\n"
    )


def test_a_dataset_is_shown(project: Path, gitexp: Run) -> None:
    shown = gitexp("dataset", "show", "q").ok().out
    assert "samples       2\n" in shown
    assert "splits        test 1, train 1\n" in shown
    whole = json.loads(gitexp("dataset", "show", "q", "--format", "json").ok().out)
    part = json.loads(
        gitexp("dataset", "show", "q", "--split", "test", "--format", "json").ok().out
    )
    assert (whole["samples"], part["samples"], part["splits"]) == (2, 1, {"test": 1})
    assert whole["digest"] != part["digest"]


def test_chosen_samples_are_a_dataset_again(project: Path, gitexp: Run) -> None:
    chosen = gitexp(
        "dataset", "show", "q", "--filter", "input = 'how'", "--samples", "--format", "jsonl"
    ).ok()
    assert [json.loads(line) for line in chosen.out.splitlines()] == [ROWS[1]]
    (project / "datasets" / "few.jsonl").write_text(chosen.out)
    one = gitexp("dataset", "show", "q", "--filter", "input = 'how'", "--format", "json").ok()
    two = gitexp("dataset", "show", "few", "--format", "json").ok()
    assert json.loads(one.out)["digest"] == json.loads(two.out)["digest"]
    assert gitexp("dataset", "show", "q", "--sample", "1", "--samples", "-q").ok().out in (
        "a\n",
        "b\n",
    )


def test_hostile_samples_are_harmless_where_they_are_shown(project: Path, gitexp: Run) -> None:
    rows = [{"id": f"x{ESCAPE}", "input": '=HYPERLINK("u")', "expected": f"@{ESCAPE}\u202e"}]
    (project / "datasets" / "q.jsonl").write_text(lines(*rows))
    table = gitexp("dataset", "show", "q", "--samples").ok().out
    assert "\x1b" not in table
    assert "\u202e" not in table
    [row] = csv.DictReader(
        io.StringIO(gitexp("dataset", "show", "q", "--samples", "--format", "csv").ok().out)
    )
    assert row["input"] == '\'=HYPERLINK("u")'
    assert row["expected"] == "'@\\x1b]0;owned\\x07\\u202e"
    exact = gitexp("dataset", "show", "q", "--samples", "--format", "jsonl").ok().out
    assert json.loads(exact) == rows[0]


def test_a_dataset_is_added_and_pinned(project: Path, gitexp: Run, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("Q,A,lang\nwhy,because,de\n")
    url = (tmp_path / "far.csv").as_uri()
    added = gitexp(
        "dataset", "add", "far", url, "--field", "input.q=Q", "--field", "expected=A",
        "--field", "metadata.lang=lang", "--split", "german=metadata.lang = 'de'",
    ).ok()  # fmt: skip
    assert "samples       1\n" in added.out
    samples = gitexp(
        "dataset", "show", "far", "--split", "german", "--samples", "--format", "jsonl"
    )
    row = json.loads(samples.ok().out)
    assert (row["input"], row["metadata"]) == ({"q": "why"}, {"lang": "de"})
    again = gitexp("dataset", "add", "far", url)
    assert (again.code, again.err.splitlines()[0]) == (
        1,
        "error: there is a dataset 'far' already: datasets/far.dataset.yaml",
    )
    wrong = gitexp("dataset", "add", "other", url, "--digest", "sha256:" + "0" * 64)
    assert wrong.code == 1
    assert f"and pinned is sha256:{'0' * 64}" in wrong.err


def test_a_digest_that_is_none_is_refused(project: Path, gitexp: Run, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("input\nx\n")
    url = (tmp_path / "far.csv").as_uri()
    found = gitexp("dataset", "add", "far", url, "--digest", "abc")
    assert found.code == 1
    assert "digest" in found.err
    assert not (project / "datasets" / "far.dataset.yaml").exists()


def test_datasets_are_checked(project: Path, gitexp: Run) -> None:
    assert gitexp("dataset", "validate").ok().out == "1 file checked, nothing is wrong\n"
    (project / "datasets" / "q.jsonl").write_text('{"input": 1}\n{"inptu": 2}\n')
    found = gitexp("dataset", "validate", "q")
    assert found.code == 3
    assert 'datasets/q.jsonl:2: [1].inptu: unknown key "inptu"; did you mean "input"?' in found.out
    assert gitexp("dataset", "validate", "--quiet").out == ""
    annotations = gitexp("dataset", "validate", "--format", "github").out
    assert annotations.startswith("::error file=datasets/q.jsonl,line=2,")


def test_the_whole_project_is_checked_with_its_datasets(project: Path, gitexp: Run) -> None:
    (project / "datasets" / "q.jsonl").write_text('{"inptu": 2}\n')
    (project / "datasets" / "r.dataset.yaml").write_text("url: https://example.org/r.csv\n")
    found = gitexp("validate")
    assert found.code == 3
    assert 'datasets/q.jsonl:1: [0].inptu: unknown key "inptu"' in found.out
    assert "datasets/r.dataset.yaml:1: what is at a `url` needs a `digest`" in found.out


def test_two_versions_are_compared(project: Path, gitexp: Run) -> None:
    commit(project)
    same = gitexp("dataset", "diff", "q", "--exit-code").ok()
    assert (same.out, same.err) == ("", "no differences\n")
    changed = [{**ROWS[0], "expected": "z"}, {"id": "c", "input": f"new{ESCAPE}"}]
    (project / "datasets" / "q.jsonl").write_text(lines(*changed))
    found = gitexp("dataset", "diff", "q")
    assert found.ok().out == (
        "id  kind     fields    before  after\n"
        "a   changed  expected  x       z\n"
        "b   removed            how\n"
        "c   added                      new\\x1b]0;owned\\x07\n"
    )
    assert found.err == "1 added, 1 removed, 1 changed, 0 the same\n"
    assert gitexp("dataset", "diff", "q@HEAD", "q", "--exit-code").code == 3
    assert gitexp("dataset", "diff", "q", "-q").out == "a\nb\nc\n"
    document = json.loads(gitexp("dataset", "diff", "q", "--format", "json").ok().out)
    assert (document["added"], document["same"], document["a"]["label"]) == (1, 0, "q@HEAD")
    assert document["changes"][0]["before"] == ROWS[0]
