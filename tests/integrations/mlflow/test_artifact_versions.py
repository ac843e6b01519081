from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import Conflict, InvalidInput
from gitexp.integrations.mlflow.artifact_versions import ArtifactShelf, current_artifacts
from gitexp.project.workspace import Workspace
from gitexp.runs.run import Run
from tests.runs.making import disk_workspace, make_run, run_id


@pytest.fixture
def on_disk(tmp_path: Path) -> Workspace:
    return disk_workspace(tmp_path / "project")


def file(tmp_path: Path, text: str, name: str = "table.json") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def logged(workspace: Workspace, run: Run, *files: tuple[str, Path]) -> Run:
    """Return a run with more artifacts, each call one of MLflow's."""
    shelf = ArtifactShelf(workspace, run)
    for path, source in files:
        shelf.put(path, source)
    return replace(run, artifacts=shelf.artifacts)


def test_another_content_of_a_path_is_a_later_version(on_disk: Workspace, tmp_path: Path) -> None:
    run = make_run(run_id(1))
    for text in ("one", "two", "three"):
        run = logged(on_disk, run, ("a/table.json", file(tmp_path, text)))
    assert [(artifact.path, artifact.size) for artifact in run.artifacts] == [
        ("a/table.json", 3),
        ("mlflow-versions/1/a/table.json", 3),
        ("mlflow-versions/2/a/table.json", 5),
    ]
    number, newest = current_artifacts(run)["a/table.json"]
    assert (number, newest.path) == (2, "mlflow-versions/2/a/table.json")


def test_the_same_content_again_is_the_same_artifact(on_disk: Workspace, tmp_path: Path) -> None:
    run = logged(on_disk, make_run(run_id(1)), ("table.json", file(tmp_path, "one")))
    assert logged(on_disk, run, ("table.json", file(tmp_path, "one"))) == run


def test_going_back_to_a_former_content_is_a_version_too(
    on_disk: Workspace, tmp_path: Path
) -> None:
    run = make_run(run_id(1))
    for text in ("one", "two", "one"):
        run = logged(on_disk, run, ("table.json", file(tmp_path, text)))
    assert current_artifacts(run)["table.json"][0] == 2


def test_paths_that_differ_in_case_alone_are_refused(on_disk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        logged(
            on_disk,
            make_run(run_id(1)),
            ("table.json", file(tmp_path, "one")),
            ("TABLE.json", file(tmp_path, "two", "TABLE.json")),
        )


def test_the_paths_of_versions_are_not_for_others(on_disk: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        logged(on_disk, make_run(run_id(1)), ("mlflow-versions/1/x", file(tmp_path, "x", "x")))
    assert str(caught.value) == ("'mlflow-versions/1/x' is a path that gitexp chooses itself")
