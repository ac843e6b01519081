"""Paths, references, and what a file is by where it stands."""

from __future__ import annotations

import pytest

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.errors import InvalidInput
from gitexp.ids import ChangeId, Name, ObjectId, RunId

BOT, WARM = Name("bot"), Name("warm")
RUN = RunId("20261121T131502-k3f5q2x7")


def test_paths_begin_at_the_project_wherever_it_is() -> None:
    assert layout.project_path("") == "gitexp.yaml"
    assert layout.project_path("apps/bot") == "apps/bot/gitexp.yaml"
    assert layout.lock_path("apps/bot") == "apps/bot/gitexp.lock"
    assert layout.header_path("", WARM) == "experiments/warm/experiment.yaml"
    assert layout.parameters_path("apps/bot", WARM) == ("apps/bot/experiments/warm/parameters.yaml")
    assert layout.endpoint_path("", Name("http")) == "endpoints/http.yaml"
    assert layout.evaluator_path("a", Name("exact")) == "a/evaluators/exact.yaml"


def test_a_dataset_is_looked_for_by_five_suffixes() -> None:
    assert layout.dataset_paths("a", Name("faq")) == (
        "a/datasets/faq.jsonl",
        "a/datasets/faq.csv",
        "a/datasets/faq.yaml",
        "a/datasets/faq.parquet",
        "a/datasets/faq.dataset.yaml",
    )


def test_the_paths_of_a_run_follow_from_its_id() -> None:
    assert layout.run_path(RUN) == "runs/2026/11/21/1315/20261121T131502-k3f5q2x7.json"
    assert layout.run_dir(RUN) == "runs/2026/11/21/1315/20261121T131502-k3f5q2x7"
    assert layout.results_path(RUN) == layout.run_dir(RUN) + "/results.jsonl"
    assert layout.segment_path(RUN, "s") == layout.run_dir(RUN) + "/events/s.jsonl"


def test_the_paths_of_a_change_request_follow_from_what_its_files_say() -> None:
    change, subject, person = ChangeId("20261121-k3f5q2x7"), "sha256:" + "a" * 64, "b" * 64
    start = "changes/20261121-k3f5q2x7"
    paths = {
        layout.change_path(change): "change",
        layout.renewal_path(change, 12): "renewal",
        layout.vote_path(change, subject, person): "vote",
        layout.closing_path(change): "closing",
    }
    assert list(paths) == [
        f"{start}/change.yaml",
        f"{start}/renewals/12.yaml",
        f"{start}/votes/{'a' * 16}-{'b' * 16}.yaml",
        f"{start}/closed.yaml",
    ]
    for path, kind in paths.items():
        assert layout.kind_of(path, place="changes") == kind
        assert layout.kind_of(path) is None


def test_references_of_branches_and_pins() -> None:
    version = ObjectId("a" * 40)
    assert layout.experiment_branch(BOT, WARM) == "refs/heads/exp/bot/warm"
    assert layout.environment_branch(BOT, Name("production")) == "refs/heads/env/bot/production"
    assert layout.runs_branch(BOT, WARM) == "refs/heads/runs/bot/warm"
    assert layout.experiment_branches(BOT) == "refs/heads/exp/bot/"
    assert layout.environment_branches(BOT) == "refs/heads/env/bot/"
    assert layout.runs_branches(BOT) == "refs/heads/runs/bot/"
    assert layout.pin_ref(version) == f"refs/gitexp/pins/{version}"
    assert layout.tracking("origin", "refs/heads/exp/bot/warm") == (
        "refs/remotes/origin/exp/bot/warm"
    )
    assert layout.tracking_prefix("origin") == "refs/remotes/origin/"
    assert layout.branch_name("refs/heads/exp/bot/warm") == "exp/bot/warm"


@pytest.mark.parametrize("ref", ["refs/heads/", "refs/tags/v1", "main", ""])
def test_what_is_no_branch_has_no_branch_name(ref: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        layout.branch_name(ref)
    assert str(caught.value) == f"{ref!r} is not a branch"


@pytest.mark.parametrize(
    ("path", "place", "kind"),
    [
        ("gitexp.yaml", "project", "project"),
        ("gitexp.lock", "project", "lock"),
        ("experiments/warm/experiment.yaml", "project", "experiment"),
        ("experiments/warm/parameters.yaml", "project", "parameters"),
        ("datasets/faq.jsonl", "project", "sample"),
        ("datasets/faq.csv", "project", "sample"),
        ("datasets/faq.yaml", "project", "sample"),
        ("datasets/faq.parquet", "project", "sample"),
        ("datasets/faq.dataset.yaml", "project", "dataset"),
        ("endpoints/http.yaml", "project", "endpoint"),
        ("evaluators/exact.yaml", "project", "evaluator"),
        ("environment.yaml", "environment", "environment"),
        ("parameters.yaml", "environment", "parameters"),
        (layout.run_path(RUN), "runs", "run"),
        (layout.results_path(RUN), "runs", "result"),
        ("environment.yaml", "project", None),
        ("parameters.yaml", "project", None),
        ("experiments/warm/notes.yaml", "project", None),
        ("experiments/Warm/parameters.yaml", "project", None),
        ("a/gitexp.yaml", "project", None),
        ("datasets/sub/faq.csv", "project", None),
        ("gitexp.yaml\n", "project", None),
        ("gitexpXyaml", "project", None),
        (layout.run_path(RUN), "project", None),
    ],
)
def test_a_file_is_known_by_where_it_stands(
    path: str, place: layout.Place, kind: DocumentKind | None
) -> None:
    assert layout.kind_of(path, place=place) == kind
