"""Evaluations of everything as it stood at a version."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from gitexp.errors import NotAllowed, NotFound
from gitexp.evaluation.running.exact import as_at_version
from gitexp.evaluation.running.runner import resume
from gitexp.runs.tallies import Stats
from tests.builders import commit_files
from tests.evaluation.projects import ANSWER, Project


@pytest.fixture
def versioned(project: Project) -> Project:
    """A project whose code, dataset and endpoint are in its version, and changed since then."""
    files = {
        path.relative_to(project.directory).as_posix(): path.read_bytes()
        for path in project.directory.rglob("*")
        if path.is_file()
    }
    commit_files(
        project.workspace.store,
        {**files, "experiments/tone/parameters.yaml": b"shift: 1\nword: w\n"},
    )
    project.code(ANSWER.replace("shift", "word"))
    project.dataset([{"id": "other", "input": 1}])
    project.write("endpoints/bot.yaml", "type: python\n\ncallable: nowhere:answer\n")
    return project


def test_code_and_files_are_those_of_the_version(versioned: Project) -> None:
    run = versioned.run(exact=True)
    assert run.stats == Stats(passed=4)
    assert (run.code.commit, run.code.dirty) == (run.version, False)


def test_it_is_gone_on_with_as_it_was(versioned: Project) -> None:
    run = versioned.run(exact=True, selection={"limit": 3})
    again = resume(versioned.workspace, run.id)
    assert again.stats == Stats(passed=3)


def test_the_directory_is_gone_afterwards(versioned: Project) -> None:
    with as_at_version(versioned.workspace, "tone", "latest") as found:
        directory = found.directory
        assert directory is not None
        assert (directory / "app.py").read_text() == ANSWER
        assert directory != versioned.directory
    assert not directory.exists()


def test_a_version_that_is_not_there_is_not_found(versioned: Project) -> None:
    with pytest.raises(NotFound), as_at_version(versioned.workspace, "tone", "latest~9"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such permission")
def test_programs_stay_programs_and_links_are_left_out(tmp_path: Path) -> None:
    from tests.runs.making import disk_workspace

    directory = tmp_path / "p"
    project = Project(workspace=disk_workspace(directory), directory=directory)
    script = project.write("bot.sh", "#!/bin/sh\n")
    script.chmod(0o755)
    (directory / "link").symlink_to("/etc/passwd")
    git = ["git", "-C", directory, "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "files"], check=True)
    project.save("shift: 2\n")
    with as_at_version(project.workspace, "tone", "latest") as found:
        assert found.directory is not None
        assert os.access(found.directory / "bot.sh", os.X_OK)
        assert not os.path.lexists(found.directory / "link")


def test_nothing_is_written_beside_the_directory(
    versioned: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree may hold names that lead elsewhere; whatever is made of them stays inside."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with as_at_version(versioned.workspace, "tone", "latest"):
        assert len(list(place.iterdir())) == 1
    assert list(place.iterdir()) == []


def test_a_bare_repository_can_be_evaluated_exactly(versioned: Project) -> None:
    from dataclasses import replace

    versioned.workspace = replace(versioned.workspace, directory=None)
    assert versioned.run(exact=True).stats == Stats(passed=4)
    with pytest.raises(NotAllowed, match="bare"):
        versioned.run()
