"""`gitexp run artifacts` and `gitexp run download`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

LARGE = b"large " * 300_000


@pytest.fixture
def run_id(tone: list[str], gitexp: Run, directory: Path) -> str:
    """A run that is over and has three artifacts."""
    made = directory.parent / "made"
    (made / "plots").mkdir(parents=True)
    (made / "plots" / "loss.txt").write_bytes(b"0.3\n")
    (made / "plots" / "acc.txt").write_bytes(b"0.9\n")
    (made / "model.bin").write_bytes(LARGE)
    run = gitexp("run", "start", "tone").ok().out.strip()
    gitexp("run", "log", run, "--artifact", str(made)).ok()
    gitexp("run", "end", run).ok()
    return run


def test_artifacts_are_listed(run_id: str, gitexp: Run) -> None:
    assert gitexp("run", "artifacts", run_id, "-q").ok().out.splitlines() == [
        "model.bin",
        "plots/acc.txt",
        "plots/loss.txt",
    ]
    items = json.loads(gitexp("run", "artifacts", run_id, "--format", "json").ok().out)
    assert [(item["size"], item["stored"]) for item in items] == [
        (len(LARGE), "lfs"),
        (4, "git"),
        (4, "git"),
    ]


def test_a_part_of_the_artifacts_is_listed(run_id: str, gitexp: Run) -> None:
    listed = gitexp("run", "artifacts", run_id, "plots", "--format", "csv").ok().out.splitlines()
    assert listed[0] == "path,size,digest,stored,location"
    assert [line.split(",")[0] for line in listed[1:]] == ["plots/acc.txt", "plots/loss.txt"]


def test_an_artifact_that_is_not_there_is_an_error(run_id: str, gitexp: Run) -> None:
    result = gitexp("run", "artifacts", run_id, "plots/los.txt")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f'error: run {run_id} has no artifact "plots/los.txt"\n'
        f"hint: Did you mean 'plots/loss.txt'? `gitexp run artifacts {run_id}` lists them.\n"
    )


def test_artifacts_are_copied_out_of_the_repository(
    run_id: str, gitexp: Run, directory: Path
) -> None:
    said = gitexp("run", "download", run_id, "--to", "got", "-q").ok().out.splitlines()
    assert said == [
        str(directory / "got" / name) for name in ("model.bin", "plots/acc.txt", "plots/loss.txt")
    ]
    assert (directory / "got" / "model.bin").read_bytes() == LARGE
    gitexp("run", "download", run_id, "plots/acc.txt").ok()
    assert (directory / run_id / "plots" / "acc.txt").read_bytes() == b"0.9\n"


def test_a_file_of_ones_own_is_not_overwritten(run_id: str, gitexp: Run, directory: Path) -> None:
    (directory / "got").mkdir()
    (directory / "got" / "model.bin").write_bytes(b"mine")
    result = gitexp("run", "download", run_id, "--to", "got")
    assert result.code == 1
    assert "is there already with other content; nothing was overwritten" in result.err
    assert (directory / "got" / "model.bin").read_bytes() == b"mine"


def test_a_run_without_artifacts_says_so(tone: list[str], gitexp: Run) -> None:
    run = gitexp("run", "start", "tone").ok().out.strip()
    for verb in ("artifacts", "download"):
        result = gitexp("run", verb, run).ok()
        assert (result.out, result.err) == ("", f"run {run} has no artifacts\n")
