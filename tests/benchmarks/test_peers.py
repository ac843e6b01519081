"""The peers: found where they are installed, installed where they are missing, told where not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks import peers


def test_peers_that_are_installed_are_left_as_they_are(tmp_path: Path) -> None:
    programs = installed_peers(tmp_path)
    for program in programs.values():
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()
    assert peers.install(tmp_path) == []
    assert {name: peers.find(name, tmp_path) for name in programs} == programs
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        programs.values()
    )


def installed_peers(place: Path) -> dict[str, Path]:
    windows = sys.platform == "win32"
    scripts, suffix = ("Scripts", ".exe") if windows else ("bin", "")
    return {
        name: place / environment / scripts / (name + suffix)
        for environment, names in peers.REQUIREMENTS.items()
        for name in names
    } | {
        name: place / environment / "node_modules" / ".bin" / (name + (".cmd" if windows else ""))
        for environment, names in peers.NODE_REQUIREMENTS.items()
        for name in names
    }


def test_peers_that_cannot_be_installed_are_told(tmp_path: Path) -> None:
    for name in (*peers.REQUIREMENTS, *peers.NODE_REQUIREMENTS):
        (tmp_path / name).write_text("a file stands where the environment would be")
    told = peers.install(tmp_path)
    assert [line.split(" (")[0] for line in told] == [
        "cannot be installed and will be left out: dvc and gto",
        "cannot be installed and will be left out: mlflow",
        "cannot be installed and will be left out: inspect",
        "cannot be installed and will be left out: promptfoo",
    ]


def test_without_npm_its_programs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in installed_peers(tmp_path).values():
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()
    installed_peers(tmp_path)["promptfoo"].unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peers.install(tmp_path) == [
        "cannot be installed and will be left out: promptfoo (npm is not on the PATH)"
    ]


def test_the_interpreter_of_a_program_stands_beside_it() -> None:
    assert peers.interpreter_of(Path("place/bin/mlflow")).parent == Path("place/bin")
