from __future__ import annotations

import pytest

from gitexp.errors import InvalidDocuments
from gitexp.experiments.headers import read_header
from gitexp.project.workspace import Workspace
from tests.builders import commit_files

HEADER = "id: xabcdefghabcdefgh\n\nname: a\n\nmetrics: {latency: %s}\n"


def headed(workspace: Workspace, metric: str) -> Workspace:
    """Put an experiment with one declared metric on the trunk."""
    text = (HEADER % metric).encode()
    commit_files(workspace.store, {"experiments/a/experiment.yaml": text})
    return workspace


def test_a_metric_says_in_which_direction_it_is_better(workspace: Workspace) -> None:
    header = read_header(headed(workspace, "{direction: minimize}"), "a")
    assert header.metrics == {"latency": "minimize"}


def test_a_metric_without_a_direction_is_refused_with_its_place(workspace: Workspace) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        read_header(headed(workspace, "{}"), "a")
    assert str(caught.value) == (
        'experiments/a/experiment.yaml:5: metrics.latency: the key "direction" is missing'
    )
