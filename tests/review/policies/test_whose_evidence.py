"""Evidence is of one experiment: another one with equal values was neither evaluated nor tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitexp.errors import Refused
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.records import Record
from tests.review.policies.conftest import Team

Reviewed = Callable[..., Team]

GATED = "- {name: good, gates: [{dataset: golden, rules: [min metrics.accuracy=0.9]}]}"
STEADY = "- {name: same, gates: [{rules: [max-regression metrics.accuracy=0.02]}]}"
RULE = "max-regression metrics.accuracy=0.02"
ORDERED = "- {name: tried, order: {after: staging}}"
NO_RUN = "no shared run evaluated these values"


def refused(team: Team, experiment: str = "tone") -> str:
    """Return why a promotion to production is refused."""
    with pytest.raises(Refused) as caught:
        team.person("Ada").environments.promote(experiment, "production")
    return caught.value.message


def test_a_run_of_another_experiment_with_equal_values_passes_no_gate(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    tone = team.shared()
    other = team.shared(experiment="other")
    assert other.digest == tone.digest
    team.evaluated(other, 0.95, experiment="other")
    assert NO_RUN in refused(team)
    assert team.person("Ada").environments.promote("other", "production").experiment == "other"


def test_a_run_of_another_experiment_with_equal_values_fails_no_gate(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    team.evaluated(team.shared(), 0.95)
    team.clock.on(hours=1)
    team.evaluated(team.shared(experiment="other"), 0.1, experiment="other")
    assert team.person("Ada").environments.promote("tone", "production").experiment == "tone"


def test_a_run_that_another_experiment_recorded_in_this_ones_name_passes_no_gate(
    reviewed: Reviewed,
) -> None:
    team = reviewed(GATED)
    version = team.shared()
    team.shared(experiment="other")
    workspace = team.person("Ada").workspace
    run = team.evaluated(version, 0.95, shared=False)
    ledger.append(workspace, "other", [Record(run=replace(run, name="mine"))])
    exchange.push(workspace, ["other"])
    assert NO_RUN in refused(team)


def test_a_run_of_a_former_experiment_of_the_same_name_passes_no_gate(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    team.evaluated(team.shared(), 0.95, experiment_id="x" * 17)
    assert NO_RUN in refused(team)


def test_a_run_from_before_a_rename_still_passes_a_gate(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    team.evaluated(team.shared(), 0.95)
    team.person("Ada").experiments.get("tone").rename("pitch")
    assert team.person("Ada").environments.promote("pitch", "production").experiment == "pitch"


def test_a_rollback_to_what_was_live_under_a_former_name_finds_its_runs(
    reviewed: Reviewed,
) -> None:
    team = reviewed(GATED)
    ada = team.person("Ada")
    first = team.shared(temperature=0.2)
    team.evaluated(first, 0.95)
    ada.environments.promote("tone", "production")
    team.evaluated(team.shared(temperature=0.3), 0.95)
    ada.environments.promote("tone", "production")
    ada.experiments.get("tone").rename("pitch")
    assert ada.environments.rollback("production").version == first.version


def test_a_regression_is_measured_against_what_was_live_under_a_former_name(
    reviewed: Reviewed,
) -> None:
    team = reviewed(STEADY)
    ada = team.person("Ada")
    live = team.shared(temperature=0.2)
    ada.experiments.get("tone").update(metrics={"accuracy": "maximize"})
    ada.experiments.get("tone").share()
    before = team.evaluated(live, 0.95)
    team.clock.on(hours=1)
    ada.environments.promote("tone", "production")
    ada.experiments.get("tone").rename("pitch")
    worse = team.shared(experiment="pitch", temperature=0.9)
    run = team.evaluated(worse, 0.5, experiment="pitch")
    assert "max-regression metrics.accuracy=0.02 failed" in refused(team, "pitch")
    for baseline in ("version:latest~1", "latest"):
        report = ada.runs.gate(run.id, RULE, baseline=baseline)
        assert (report.outcome, report.baseline) == ("failed", before.id)


def test_a_regression_is_not_measured_against_runs_of_another_experiment(
    reviewed: Reviewed,
) -> None:
    team = reviewed(STEADY)
    ada = team.person("Ada")
    live = team.shared(temperature=0.2)
    ada.experiments.get("tone").update(metrics={"accuracy": "maximize"})
    ada.experiments.get("tone").share()
    team.evaluated(live, 0.95)
    ada.environments.promote("tone", "production")
    team.clock.on(hours=1)
    team.evaluated(team.shared(experiment="other", temperature=0.2), 0.1, experiment="other")
    team.evaluated(team.shared(temperature=0.9), 0.5)
    assert "max-regression metrics.accuracy=0.02 failed" in refused(team)


def test_another_experiment_that_is_live_with_equal_values_is_something_to_be_worse_than(
    reviewed: Reviewed,
) -> None:
    team = reviewed(STEADY)
    ada = team.person("Ada")
    other = team.shared(experiment="other")
    team.evaluated(other, 0.95, experiment="other")
    ada.environments.promote("other", "production")
    version = team.shared()
    ada.experiments.get("tone").update(metrics={"accuracy": "maximize"})
    ada.experiments.get("tone").share()
    team.evaluated(version, 0.5)
    assert "max-regression metrics.accuracy=0.02 failed" in refused(team)


def test_what_another_experiment_tried_with_equal_values_meets_no_order(
    reviewed: Reviewed,
) -> None:
    team = reviewed(ORDERED)
    ada = team.person("Ada")
    team.shared()
    team.shared(experiment="other")
    ada.environments.promote("other", "staging")
    assert "these values were never live in staging" in refused(team)
    assert ada.environments.promote("other", "production").experiment == "other"


def test_what_was_tried_before_a_rename_meets_an_order(reviewed: Reviewed) -> None:
    team = reviewed(ORDERED)
    ada = team.person("Ada")
    team.shared()
    ada.environments.promote("tone", "staging")
    ada.experiments.get("tone").rename("pitch")
    assert ada.environments.promote("pitch", "production").experiment == "pitch"
