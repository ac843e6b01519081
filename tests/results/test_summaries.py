"""Results by run and by version: what belongs together, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gitexp.documents.canonical import digest_of
from gitexp.errors import InvalidInput
from gitexp.experiments.versions import Version, list_versions
from gitexp.project.workspace import Workspace
from gitexp.results.groups import Group, Key, grouped
from gitexp.results.rates import change_points, distinct_samples, pass_rate_interval
from gitexp.results.summaries import ResultsQuery, by_run, by_version, results, summarize
from gitexp.runs.aggregating import MAX_BRIEFS, Tally, aggregate_of
from gitexp.runs.recording import ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.stats.intervals import wilson_interval
from gitexp.store.memory import MemoryStore
from tests.builders import MOMENT, commit_files
from tests.runs.making import (
    EXPERIMENT_ID,
    IDENTITY,
    dataset_reference,
    make_run,
    references,
    run_id,
    workspace_on,
)

DEFINITION = b"""\
format: 1

id: bot

parameters:
  heat:
    type: integer
  word:
    type: string
"""


@pytest.fixture
def workspace() -> Workspace:
    """A workspace whose experiment `tone` has three versions."""
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    for parameters in ("heat: 1\n", "heat: 2\n", "heat: 2\n\nword: hi\n"):
        save(workspace, parameters)
    return workspace


def save(workspace: Workspace, parameters: str) -> None:
    header = f"id: {EXPERIMENT_ID}\n\nname: tone\n"
    commit_files(
        workspace.store,
        {
            "gitexp.yaml": DEFINITION,
            "experiments/tone/experiment.yaml": header.encode(),
            "experiments/tone/parameters.yaml": parameters.encode(),
        },
        message=parameters,
    )


def run_of(used: Version, number: int = 0, *, stats: Stats | None = None, **fields: Any) -> Run:
    """Return a finished run of a version, over ten samples unless told otherwise."""
    given = {
        "version": used.version,
        "digest": used.digest,
        "parameters": dict(used.values),
        "dataset": dataset_reference(),
        "evaluators": references("exact-match"),
        "stats": stats or Stats(passed=5, failed=5),
    }
    return make_run(run_id(number), **{**given, **fields})


def items(workspace: Workspace, *runs: Run) -> list[dict[str, Any]]:
    return by_version(workspace, "tone", runs)


def tallies(*runs: Run) -> tuple[Tally, ...]:
    """Return a tally for each run."""
    return aggregate_of(by_run(runs)).tallies


def groups_of(versions: list[Version], *runs: Run) -> dict[Key | None, Group]:
    at_hand = {run.id: run.to_dict() for run in runs}
    return grouped(versions, tallies(*runs), documents=lambda ids: at_hand)


def version_of(number: int, values: Mapping[str, Any], parent: int | None = None) -> Version:
    """Return a version whose hash is a digit, repeated."""
    return Version(
        version=str(number) * 40,  # type: ignore[arg-type]
        digest=digest_of(values),
        parent_version=None if parent is None else str(parent) * 40,  # type: ignore[arg-type]
        message="",
        author="",
        created_at=MOMENT,
        values=values,
        types={},
    )


# --- by run


def test_by_run_is_the_runs_themselves(workspace: Workspace) -> None:
    versions = list_versions(workspace, "tone")
    runs = [run_of(versions[0], 2), run_of(versions[1], 1)]
    found = summarize(workspace, "tone", runs)
    assert found == {"items": by_run(runs)}
    assert [item["id"] for item in found["items"]] == [run_id(2), run_id(1)]
    assert found["items"][0]["stats"] == {
        "total": 10,
        "passed": 5,
        "failed": 5,
        "errors": 0,
        "unscored": 0,
    }


def test_other_groupings_are_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput) as caught:
        summarize(workspace, "tone", [], group_by="hour")
    assert str(caught.value) == "results cannot be grouped by 'hour'"
    with pytest.raises(InvalidInput):
        results(workspace, "tone", ResultsQuery(group_by="tag:"))


# --- by version


def test_versions_with_runs_come_newest_first(workspace: Workspace) -> None:
    first, _, third = list_versions(workspace, "tone")
    found = summarize(workspace, "tone", [run_of(third), run_of(first)], group_by="version")
    assert [item["version"] for item in found["items"]] == [third.version, first.version]


def test_an_item_says_all_about_its_version(workspace: Workspace) -> None:
    first, second, _ = list_versions(workspace, "tone")
    better = run_of(second, 2, stats=Stats(passed=6, failed=2, errors=2, unscored=3))
    [item, _] = items(workspace, better, run_of(first, 1))
    interval = wilson_interval(6, 10)
    assert interval is not None
    assert item == {
        "version": second.version,
        "digest": second.digest,
        "message": "heat: 2",
        "parent_version": first.version,
        "datasets": ["q"],
        "run_count": 1,
        "runs": [
            {
                "id": run_id(2),
                "status": "finished",
                "created_at": "2026-01-02T00:00:02Z",
                "stats": {"total": 10, "passed": 6, "failed": 2, "errors": 2, "unscored": 3},
            }
        ],
        "unfinished": 0,
        "stats": {"total": 10, "passed": 6, "failed": 2, "errors": 2, "unscored": 3},
        "pass_rate": 0.6,
        "pass_rate_interval": [pytest.approx(interval.low), pytest.approx(interval.high)],
        "samples": 10,
        "scored_pass_rate": 0.75,
        "change_points": pytest.approx(10.0),
        "changed": {"heat": {"before": 1, "after": 2}},
    }


def test_a_slot_that_one_side_lacks_is_null_there(workspace: Workspace) -> None:
    third = list_versions(workspace, "tone")[2]
    [item] = items(workspace, run_of(third))
    assert item["changed"] == {"word": {"before": None, "after": "hi"}}


def test_the_first_version_has_nothing_to_compare_with(workspace: Workspace) -> None:
    first = list_versions(workspace, "tone")[0]
    [item] = items(workspace, run_of(first))
    assert (item["parent_version"], item["change_points"], item["changed"]) == (None, None, {})


def test_only_finished_runs_count_in_rates(workspace: Workspace) -> None:
    first = list_versions(workspace, "tone")[0]
    killed = replace(make_run(run_id(3), status="killed"), stats=Stats(failed=3))
    killed = replace(killed, version=first.version, digest=first.digest)
    [item] = items(workspace, killed, run_of(first, 1))
    assert (item["stats"]["total"], item["unfinished"], len(item["runs"])) == (10, 1, 2)


def test_nothing_that_was_judged_has_no_rate(workspace: Workspace) -> None:
    first = list_versions(workspace, "tone")[0]
    [item] = items(workspace, run_of(first, stats=Stats(unscored=4)))
    assert (item["pass_rate"], item["pass_rate_interval"], item["scored_pass_rate"]) == (
        None,
        None,
        None,
    )


def test_an_experiment_without_runs_has_no_items(workspace: Workspace) -> None:
    assert items(workspace) == []


# --- which runs belong together


def test_a_rewritten_commit_still_finds_its_results(workspace: Workspace) -> None:
    second = list_versions(workspace, "tone")[1]
    [item] = items(workspace, run_of(second, version="f" * 40))
    assert item["version"] == second.version


def test_of_versions_with_equal_values_the_one_that_was_named_counts() -> None:
    same = {"heat": 1}
    versions = [version_of(1, same), version_of(2, {"heat": 2}, 1), version_of(3, same, 2)]
    groups = groups_of(versions, run_of(versions[0]), run_of(versions[0], 1, version="f" * 40))
    assert [len(groups[version.version, None].tallies) for version in versions] == [1, 0, 1]


def test_overrides_are_apart_and_marked(workspace: Workspace) -> None:
    third = list_versions(workspace, "tone")[2]
    values = {"heat": 7, "word": "hi"}
    warm = run_of(
        third,
        2,
        digest=digest_of(values),
        parameters=values,
        overrides={"heat": 7},
        stats=Stats(passed=9, failed=1),
    )
    plain, overridden = items(workspace, warm, run_of(third, 1))
    assert plain["version"] == overridden["version"] == third.version
    assert "overrides" not in plain
    assert overridden["overrides"] == {"heat": 7}
    assert overridden["digest"] == digest_of(values)
    assert overridden["change_points"] == pytest.approx(40)
    assert overridden["changed"] == {"heat": {"before": 2, "after": 7}}


def test_overrides_that_come_to_a_saved_version_belong_to_it(workspace: Workspace) -> None:
    first, second, _ = list_versions(workspace, "tone")
    run = run_of(first, digest=second.digest, parameters={"heat": 2}, overrides={"heat": 2})
    [item] = items(workspace, run)
    assert item["version"] == second.version


def test_what_cannot_be_traced_comes_last(workspace: Workspace) -> None:
    first = list_versions(workspace, "tone")[0]
    lost = run_of(first, 5, version="f" * 40, digest=digest_of({"heat": 99}))
    known, unknown = items(workspace, lost, run_of(first, 1))
    assert (known["version"], unknown["version"]) == (first.version, "f" * 40)
    assert (unknown["message"], unknown["parent_version"], unknown["changed"]) == ("", None, {})


# --- rates


A = version_of(1, {"heat": 1})


def test_asking_the_same_samples_again_makes_the_rate_no_surer() -> None:
    once, thrice = tallies(run_of(A)), tallies(*(run_of(A, n) for n in range(3)))
    assert pass_rate_interval(once) == pass_rate_interval(thrice)
    assert distinct_samples(thrice) == 10


def test_samples_of_other_datasets_make_it_surer() -> None:
    runs = tallies(run_of(A), run_of(A, dataset=dataset_reference("other", digit="2")))
    assert distinct_samples(runs) == 20
    wide, narrow = pass_rate_interval(runs[:1]), pass_rate_interval(runs)
    assert wide is not None
    assert narrow is not None
    assert narrow.high - narrow.low < wide.high - wide.low


def test_a_part_of_a_dataset_adds_no_samples() -> None:
    part = run_of(A, dataset=dataset_reference(samples=4, digit="2"), stats=Stats(passed=4))
    assert distinct_samples(tallies(run_of(A), part)) == 10


def test_no_runs_have_no_interval() -> None:
    assert pass_rate_interval([]) is None
    assert distinct_samples([]) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": dataset_reference(digit="2")},
        {"evaluators": references("numeric")},
        {"evaluators": references("exact-match", "numeric")},
        {"stats": Stats(unscored=10)},
    ],
)
def test_what_does_not_compare_is_not_compared(fields: dict[str, Any]) -> None:
    assert change_points(tallies(run_of(A)), tallies(run_of(A, **fields))) is None


def test_the_order_of_evaluators_does_not_matter() -> None:
    before = run_of(A, evaluators=references("a", "b"))
    after = run_of(A, evaluators=references("b", "a"), stats=Stats(passed=10))
    assert change_points(tallies(before), tallies(after)) == pytest.approx(50)


def test_only_what_both_have_in_common_is_compared() -> None:
    other = dataset_reference("other", digit="2")
    before = [run_of(A)]
    after = [run_of(A, stats=Stats(passed=6, failed=4)), run_of(A, dataset=other)]
    assert change_points(tallies(*before), tallies(*after)) == pytest.approx(10)


def test_several_datasets_count_by_their_samples() -> None:
    large = dataset_reference("large", samples=30, digit="2")
    before = [run_of(A), run_of(A, dataset=large, stats=Stats(passed=15, failed=15))]
    after = [
        run_of(A, stats=Stats(passed=10)),
        run_of(A, dataset=large, stats=Stats(passed=15, failed=15)),
    ]
    assert change_points(tallies(*before), tallies(*after)) == pytest.approx(50 * 10 / 40)


# --- over all recorded runs


@pytest.fixture
def recorded(workspace: Workspace) -> Workspace:
    """The workspace with runs of all versions, of two datasets and three days, some unfinished."""
    first, second, third = list_versions(workspace, "tone")
    other = dataset_reference("other", samples=4, digit="2")
    broken = replace(make_run(run_id(9), status="killed"), stats=Stats(failed=3))
    values = {"heat": 7}
    changed = {"digest": digest_of(values), "parameters": values, "overrides": values}
    runs = [
        run_of(first, 1, tags={"team": "a"}),
        run_of(first, 2, stats=Stats(passed=8, errors=2), tags={"team": "b"}),
        run_of(second, 3, dataset=other, stats=Stats(passed=4)),
        replace(run_of(third, 4, tags={"team": "a"}), created_at=MOMENT - timedelta(days=1)),
        run_of(second, 5, version="f" * 40),
        run_of(third, 6, **changed),
        replace(broken, version=first.version, digest=first.digest),
        run_of(first, 7, dataset=None, tags={"team": "a"}),
    ]
    ledger.append(workspace, "tone", [record_of(run) for run in runs])
    deleted = replace(run_of(first, 8), lifecycle="deleted")
    ledger.append(workspace, "tone", [record_of(deleted)])
    return workspace


def runs_in(workspace: Workspace) -> list[Run]:
    return [run for run in ledger.read(workspace, "tone") if run.lifecycle == "active"]


@pytest.mark.parametrize("group_by", ["run", "version", "dataset", "day", "tag:team", "tag:none"])
def test_sums_by_the_index_are_those_over_the_runs(recorded: Workspace, group_by: str) -> None:
    found = results(recorded, "tone", ResultsQuery(group_by=group_by))
    newest_first = sorted(runs_in(recorded), key=lambda run: run.created_at, reverse=True)
    assert found == summarize(recorded, "tone", newest_first, group_by=group_by)
    limited = results(recorded, "tone", ResultsQuery(group_by=group_by, limit=3))
    assert limited == summarize(recorded, "tone", newest_first[:3], group_by=group_by)


def test_runs_of_a_dataset_or_those_that_fit_count_alone(recorded: Workspace) -> None:
    query = ResultsQuery(group_by="version", dataset="other")
    [item] = results(recorded, "tone", query)["items"]
    assert (item["datasets"], item["run_count"], item["pass_rate"]) == (["other"], 1, 1.0)
    query = ResultsQuery(group_by="dataset", filter="tags.team = 'a' OR tags.team = 'b'")
    assert [(i["dataset"], i["run_count"]) for i in results(recorded, "tone", query)["items"]] == [
        ("q", 3),
        (None, 1),
    ]
    query = ResultsQuery(filter="tags.team = 'a' OR tags.team = 'b'", dataset="q")
    assert len(results(recorded, "tone", query)["items"]) == 3


def test_a_wrong_filter_is_refused_with_its_own_column(recorded: Workspace) -> None:
    with pytest.raises(InvalidInput) as caught:
        results(recorded, "tone", ResultsQuery(filter="statis = 'x'", dataset="q"))
    assert str(caught.value) == "filter, column 1: unknown attribute 'statis'"


def test_a_dataset_s_item_says_all_about_it(recorded: Workspace) -> None:
    items = results(recorded, "tone", ResultsQuery(group_by="dataset"))["items"]
    assert [item["dataset"] for item in items] == ["other", "q", None]
    interval = wilson_interval(4, 4)
    assert interval is not None
    assert items[0] == {
        "dataset": "other",
        "versions": 1,
        "datasets": ["other"],
        "run_count": 1,
        "unfinished": 0,
        "stats": {"total": 4, "passed": 4, "failed": 0, "errors": 0, "unscored": 0},
        "pass_rate": 1.0,
        "pass_rate_interval": [pytest.approx(interval.low), pytest.approx(interval.high)],
        "samples": 4,
        "scored_pass_rate": 1.0,
    }
    assert (items[2]["run_count"], items[2]["unfinished"]) == (2, 1)


def test_days_come_newest_first_and_tags_by_their_values(recorded: Workspace) -> None:
    days = results(recorded, "tone", ResultsQuery(group_by="day"))["items"]
    assert [item["day"] for item in days] == ["2026-01-02", "2026-01-01"]
    teams = results(recorded, "tone", ResultsQuery(group_by="tag:team"))["items"]
    assert [(item["tag"], item["value"], item["run_count"]) for item in teams] == [
        ("team", "a", 3),
        ("team", "b", 1),
        ("team", None, 4),
    ]


def test_a_long_value_of_a_tag_is_named_whole(workspace: Workspace) -> None:
    (used, *_), text = list_versions(workspace, "tone"), "z" * 400
    ledger.append(workspace, "tone", [record_of(run_of(used, tags={"team": text}))])
    for limit in (None, 10):
        asked = ResultsQuery(group_by="tag:team", limit=limit)
        (item,) = results(workspace, "tone", asked)["items"]
        assert item["value"] == text


def test_of_many_runs_the_newest_are_named(workspace: Workspace) -> None:
    first = list_versions(workspace, "tone")[0]
    many = [record_of(run_of(first, n)) for n in range(MAX_BRIEFS + 5)]
    ledger.append(workspace, "tone", many)
    [item] = results(workspace, "tone", ResultsQuery(group_by="version"))["items"]
    assert item["run_count"] == MAX_BRIEFS + 5
    assert [run["id"] for run in item["runs"]] == [
        run_id(n) for n in reversed(range(5, MAX_BRIEFS + 5))
    ]
