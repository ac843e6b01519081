"""A run: its states, and its document."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from gitexp.documents import schemas
from gitexp.documents.json_codec import dump_json, parse_json
from gitexp.errors import NotAllowed
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.references import Exit
from gitexp.runs.rows import Failure
from gitexp.runs.run import TERMINAL, CodeReference, Machine, Run, RunStatus
from gitexp.runs.tallies import Stats
from tests.builders import MOMENT
from tests.runs.making import DIGEST, dataset_reference, make_run, references, run_id


def full_run() -> Run:
    return replace(
        make_run(run_id(7)),
        name="first try",
        description="with a warmer voice",
        parameters={"temperature": 0.9, "words": ["a", "b"]},
        overrides={"temperature": 0.9},
        dataset=dataset_reference(),
        endpoint=references("bot")[0],
        evaluators=references("exact-match", "numeric"),
        code=CodeReference(commit="b" * 40, dirty=True),
        machine=Machine(argv=("gitexp", "run"), python="3.11", platform="Linux", gitexp="1"),
        stats=Stats(passed=3, failed=2, errors=1, unscored=4),
        scores={"exact-match": {"count": 5, "mean": 0.6}},
        metrics={"loss": MetricPoint(math.inf, 3, 17), "acc": MetricPoint(0.5, -1, 17)},
        params={"lr": 0.1, "layers": [1, 2], "none": None},
        artifacts=(Artifact(path="a/b.txt", size=3, digest=DIGEST),),
        inputs=({"name": "train", "digest": "abc"},),
        attempt=2,
        retry_of=run_id(3),
        parent=run_id(4),
        segments=("20260102T030405000000-aaaaaaaa",),
        exit=Exit(code=1, output_tail="no\n"),
        tags={"team": "search"},
        error=Failure(type="ValueError", message="no"),
    )


@pytest.mark.parametrize("run", [full_run(), make_run(status="running"), make_run(status="killed")])
def test_a_document_reads_back_as_the_same_run(run: Run) -> None:
    document = parse_json(dump_json(run.to_dict()), file="run.json").value
    assert Run.from_dict(document) == run


@pytest.mark.parametrize("run", [full_run(), make_run(status="scheduled"), make_run()])
def test_a_document_keeps_its_schema(run: Run) -> None:
    document = parse_json(dump_json(run.to_dict()), file="run.json")
    assert schemas.check("run", document, file="run.json") == []


@pytest.mark.parametrize(
    ("status", "following"),
    [
        ("scheduled", {"running", "killed"}),
        ("running", {"finished", "failed", "killed"}),
        ("finished", set()),
        ("failed", set()),
        ("killed", set()),
    ],
)
def test_the_states_lead_only_where_they_may(status: RunStatus, following: set[RunStatus]) -> None:
    assert {end for end in TERMINAL if ends(make_run(status=status), end)} == following - {
        "running"
    }
    assert starts(make_run(status=status)) == ("running" in following)


def ends(run: Run, status: RunStatus) -> bool:
    try:
        return run.ended(status, MOMENT, duration_seconds=0).status == status
    except NotAllowed:
        return False


def starts(run: Run) -> bool:
    try:
        return run.started(MOMENT).status == "running"
    except NotAllowed:
        return False


def test_what_is_over_stays_over() -> None:
    run = make_run()
    with pytest.raises(NotAllowed) as caught:
        run.ended("killed", MOMENT, duration_seconds=1)
    assert (
        str(caught.value) == f"run {run.id} cannot become killed: it is finished, and that is final"
    )


def test_a_run_records_when_it_began_and_ended() -> None:
    run = make_run(status="scheduled").started(MOMENT)
    ended = run.ended("finished", MOMENT + timedelta(seconds=3), duration_seconds=2.5)
    assert (ended.started_at, ended.ended_at) == (MOMENT, MOMENT + timedelta(seconds=3))
    assert ended.duration_seconds == 2.5
    assert ended.is_over
    assert not run.is_over
