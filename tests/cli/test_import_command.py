from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.integrations.mlflow import leftovers


def test_a_tracking_directory_becomes_runs(project: Path, gitexp: Run) -> None:
    leftovers.tracking_directory(project / "mlruns")
    assert gitexp("import", "mlflow", "mlruns").ok().out.splitlines() == [
        "experiments     my-exp-one",
        "new             my-exp-one",
        "runs added      2",
        "runs changed    0",
        "runs unchanged  0",
        "artifacts       2",
    ]
    listed = json.loads(gitexp("run", "list", "my-exp-one", "--format", "json").ok().out)
    assert {run["name"] for run in listed} == {"first", "second"}


def test_doing_it_again_says_that_nothing_is_new(project: Path, gitexp: Run) -> None:
    leftovers.tracking_directory(project / "mlruns")
    gitexp("import", "mlflow", ".").ok()
    again = json.loads(gitexp("import", "mlflow", ".", "--format", "json").ok().out)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)


def test_artifacts_are_left_where_they_are_when_asked(project: Path, gitexp: Run) -> None:
    leftovers.tracking_directory(project / "mlruns")
    said = gitexp("import", "mlflow", "mlruns", "--no-artifacts", "--format", "json").ok()
    assert json.loads(said.out)["artifacts"] == 0


def test_what_gitexp_has_no_place_for_is_told(project: Path, gitexp: Run) -> None:
    leftovers.database(project / "mlflow.db")
    said = gitexp("import", "mlflow", "sqlite:///mlflow.db", "--quiet").ok()
    assert said.out == "tone\nold\n"
    assert said.err == (
        "warning: artifacts of runs stand elsewhere (1): the tag `mlflow.artifactUri` of each "
        "says where\nwarning: traces were left out (1): gitexp has no place for them\n"
    )


def test_what_cannot_be_brought_in_is_told_and_fails(project: Path, gitexp: Run) -> None:
    place = leftovers.tracking_directory(project / "mlruns") / "131985663220231815"
    leftovers.write(place / leftovers.CHILD / "meta.yaml", "run_name: [\n")
    said = gitexp("import", "mlflow", "mlruns", "--quiet")
    assert (said.code, said.out) == (1, "my-exp-one\n")
    assert said.err.startswith(
        f"warning: not brought in: 131985663220231815/{leftovers.CHILD} cannot be read: "
    )


def test_where_there_is_nothing_the_error_says_what_to_name(project: Path, gitexp: Run) -> None:
    said = gitexp("import", "mlflow", "nothing")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"error: there is no tracking directory or database of MLflow at {project / 'nothing'}\n"
        "hint: Name a directory such as `mlruns`, or a file such as `mlflow.db`.\n"
    )


def test_without_a_tracker_the_help_is_shown(project: Path, gitexp: Run) -> None:
    assert "mlflow  Bring in a tracking directory" in gitexp("import").ok().out
