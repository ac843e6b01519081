from __future__ import annotations

import pytest

from gitexp.documents.misplaced import misplaced


@pytest.mark.parametrize(
    "path",
    [
        "gitexp.yaml",
        "experiments/a/experiment.yaml",
        "experiments/a/parameters.yaml",
        "experiments/a/notes.yaml",
        "experiments/a/parameters-old.yaml",
        "experiments/a/parameters.backup.yaml",
        "experiments/a/experiment_notes.yaml",
        "experiments/a/plots/parameters.yaml",
        "experiments/README.md",
        "experiments/Notes and Plots/list.yaml",
        "datasets/d.jsonl",
        "datasets/README.md",
        "datasets/raw/Big File.csv",
        "src/experiment.yaml",
        "evaluators/exact.yaml",
    ],
)
def test_what_stands_where_it_belongs_is_left_alone(path: str) -> None:
    assert misplaced(path) is None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("experiments/a/paramters.yaml", "parameters.yaml"),
        ("experiments/a/params.yaml", "parameters.yaml"),
        ("experiments/a/Parameters.yaml", "parameters.yaml"),
        ("experiments/a/parameters.yml", "parameters.yaml"),
        ("experiments/a/parameters.json", "parameters.yaml"),
        ("experiments/a/experiments.yaml", "experiment.yaml"),
        ("experiments/a/EXPERIMENT.YML", "experiment.yaml"),
        ("datasets/d.yml", "d.yaml"),
        ("datasets/d.CSV", "d.csv"),
        ("endpoints/e.YAML", "e.yaml"),
    ],
)
def test_a_slip_is_met_with_what_was_meant(path: str, meant: str) -> None:
    assert misplaced(path) == f'unknown file; did you mean "{meant}"?'


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("experiments/parameters.yaml", "it must be in the directory of an experiment: "),
        ("experiments/A/parameters.yaml", '"A" is not a usable experiment name: '),
        ("experiments/a b/paramters.yaml", '"a b" is not a usable experiment name: '),
        ("experiments/nul/experiment.yaml", '"nul" is not a usable experiment name: '),
        ("experiments/a.lock/experiment.yaml", '"a.lock" is not a usable experiment name: '),
        ("datasets/A.jsonl", '"A" is not a usable name in datasets: '),
        ("evaluators/x y.yaml", '"x y" is not a usable name in evaluators: '),
    ],
)
def test_a_name_that_cannot_be_used_is_named(path: str, message: str) -> None:
    assert (misplaced(path) or "").startswith(message)
