from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import ApprovalRequired, InvalidInput, MissingObject, NotFound
from gitexp.review.reporting.building import build
from gitexp.review.reporting.forms import html, markdown
from gitexp.review.reporting.report import Report
from gitexp.review.reporting.work import Request
from tests.review.reporting.conftest import DEFINITION, World, parameters

WARMER = parameters("temperature: 0.75\n\nprompt: |\n  Be kind.\n  Be very short.\n")


def made(
    world: World, base: str, head: str, directory: Path | None = None, **more: object
) -> Report:
    with world.open(directory) as repository:
        return build(repository.workspace, Request(base=base, head=head, **more))  # type: ignore[arg-type]


def test_a_report_says_what_changes_value_by_value(world: World) -> None:
    head = world.branch("warmer", WARMER)
    report = made(world, "main", "warmer")
    assert (report.kind, report.project) == ("project", "bot")
    assert (report.head.label, report.head.commit) == ("warmer", head)
    assert [c.name for c in report.diff.changes] == ["temperature", "prompt"]
    assert report.validity.valid
    text = markdown(report)
    assert "## gitexp: 2 parameters of 1 experiment change" in text
    assert "| `temperature` | `0.5` | `0.75` | +0.25 (+50.0 %) |" in text
    assert "!Be {+very +}short." in text


def test_runs_of_exactly_these_values_are_found_after_a_squash(world: World) -> None:
    world.run(1, [True, True, False], temperature=0.75)
    world.run(2, [True, True, True], temperature=0.5)
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = made(world, "main", "warmer")
    (found,) = report.evaluated
    assert (found.experiment, found.total, found.finished) == ("tone", 1, 1)
    (results,) = report.diff.experiments[0].results
    assert results.dataset == "golden"
    (measure,) = [m for m in results.measures if m.name == "exact-match"]
    assert (measure.before, measure.after, measure.pairs) == (1.0, pytest.approx(2 / 3), 3)
    text = markdown(report)
    assert "1 run finished with exactly these values" in text
    assert "1 run used exactly these values" in text


def test_runs_of_another_experiment_with_equal_values_are_not_among_them(world: World) -> None:
    with world.open() as repository:
        other = repository.experiments.create("other")
        other.commit({"temperature": 0.75})
        other.share()
    world.run(1, [True] * 10, experiment="other", temperature=0.75)
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = made(world, "main", "warmer")
    (found,) = report.evaluated
    assert (found.experiment, found.total, found.runs) == ("tone", 0, ())
    (experiment,) = report.diff.experiments
    assert experiment.results == ()
    production = next(e for e in report.effects if e.environment == "production")
    assert {a.kind: a.outcome for a in production.requirements}["gate"] == "missing"


def test_experiments_with_equal_values_are_judged_each_by_its_own_runs(world: World) -> None:
    with world.open() as repository:
        other = repository.experiments.create("other")
        other.commit({"temperature": 0.5})
        other.share()
    world.git("merge", "--quiet", "exp/bot/other")
    world.git("push", "--quiet", "origin", "main")
    values = "temperature: 0.75\n"
    files = {f"experiments/{name}/parameters.yaml": values for name in ("other", "tone")}
    world.branch("warmer", files)
    world.run(1, [True] * 10, experiment="other", temperature=0.75)
    report = made(world, "main", "warmer")
    gates = {
        effect.experiment: asked.outcome
        for effect in report.effects
        for asked in effect.requirements
        if effect.environment == "production" and asked.kind == "gate"
    }
    assert (gates["tone"], {e.experiment: e.total for e in report.evaluated}) == (
        "missing",
        {"other": 1, "tone": 0},
    )


def test_values_that_nobody_evaluated_are_said_to_be_so(world: World) -> None:
    world.branch("warmer", WARMER)
    report = made(world, "main", "warmer")
    assert report.evaluated[0].total == 0
    assert "no finished run with exactly these values" in markdown(report)


def test_policies_are_asked_gate_by_gate(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    world.run(1, [True, True, False], temperature=0.75)
    report = made(world, "main", "warmer")
    by_name = {effect.environment: effect for effect in report.effects}
    assert by_name["staging"].verdict is None
    production = by_name["production"]
    assert (production.relation, production.bound) == ("other", True)
    assert production.verdict in ("approval_required", "refused")
    kinds = {asked.kind: asked.outcome for asked in production.requirements}
    assert kinds["approvals"] == "missing"
    assert kinds["gate"] in ("missing", "refused")
    approvals = next(a for a in production.requirements if a.kind == "approvals")
    assert "lin@example.org" in approvals.who
    assert "`lin@example.org`" in markdown(report)


def test_a_gate_that_is_passed_is_met(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    world.run(1, [True] * 10, temperature=0.75)
    report = made(world, "main", "warmer")
    production = next(e for e in report.effects if e.environment == "production")
    assert {a.kind: a.outcome for a in production.requirements}["gate"] == "met"


def test_a_signature_that_is_made_with_the_promotion_does_not_forbid_it(world: World) -> None:
    before, _, _ = DEFINITION.partition("    policies:")
    signed = f"{before}    policies:\n      - {{name: signed, signed: {{groups: [leads]}}}}\n"
    (world.clone / "gitexp.yaml").write_text(signed, encoding="utf-8")
    world.git("commit", "--quiet", "--all", "--message=signed")
    world.git("push", "--quiet", "origin", "main")
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = made(world, "main", "warmer")
    production = next(e for e in report.effects if e.environment == "production")
    assert production.verdict == "allowed"
    (asked,) = production.requirements
    assert (asked.kind, asked.outcome) == ("signed", "missing")
    assert asked.text == "whoever promotes it signs the promotion"
    assert asked.who == ("ada@example.org", "grace@example.org")


def test_policies_that_the_change_loosens_do_not_count(world: World) -> None:
    loose = DEFINITION.partition("    policies:")[0].replace("production:", "production: {}")
    world.branch("loose", {**parameters("temperature: 0.75\n"), "gitexp.yaml": loose})
    report = made(world, "main", "loose")
    production = next(e for e in report.effects if e.environment == "production")
    assert production.verdict != "allowed"
    assert report.diff.environments[0].name == "production"
    assert "### Environments and their policies" in markdown(report)


def test_a_trunk_that_the_change_names_does_not_count(world: World) -> None:
    loose = DEFINITION.partition("    policies:")[0].replace("production:", "production: {}")
    renamed = loose.replace("id: bot\n", "id: bot\n\ntrunk: loose\n")
    world.branch("loose", {**parameters("temperature: 0.75\n"), "gitexp.yaml": renamed})
    world.git("switch", "--quiet", "loose")
    report = made(world, "main", "loose")
    production = next(e for e in report.effects if e.environment == "production")
    assert production.verdict != "allowed"


def test_what_the_trunk_did_since_is_no_part_of_the_change(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    (world.clone / "README").write_text("new\n")
    world.git("add", "README")
    world.git("commit", "--quiet", "--message=trunk moves on")
    report = made(world, "main", "warmer")
    assert report.diff.files == ()
    assert report.compared == world.git("rev-parse", "main~1")
    assert ", since `" in markdown(report)


def test_problems_of_the_head_are_shown_and_those_of_the_base_are_counted(world: World) -> None:
    world.branch("bad", {"experiments/tone/parameters.yaml": "temperature: hot\nunknown: 1\n"})
    report = made(world, "main", "bad")
    assert [p.place for p in report.validity.problems] == ["temperature", "unknown"]
    assert {p.file for p in report.validity.problems} == {"experiments/tone/parameters.yaml"}
    text = markdown(report)
    assert "### What is wrong" in text
    assert "`experiments/tone/parameters.yaml:1`" in text
    world.branch("worse", {"datasets/other.jsonl": "[]\n"}, start="bad")
    later = made(world, "bad", "worse")
    assert later.validity.old == 2
    assert {p.file for p in later.validity.problems} == {"datasets/other.jsonl"}


def test_a_definition_that_cannot_be_read_is_reported(world: World) -> None:
    world.branch("broken", {"gitexp.yaml": "id: [\n"})
    report = made(world, "main", "broken")
    assert not report.validity.valid
    assert "gitexp.yaml" in markdown(report)


def test_secrets_are_masked_in_every_form(world: World) -> None:
    world.branch("secret", parameters("temperature: 0.5\n\nkey: SECRET_NAME_42\n"))
    report = made(world, "main", "secret")
    assert "SECRET_NAME_42" not in markdown(report) + html(report) + str(report.to_dict())


def test_nothing_that_changes_is_said_so(world: World) -> None:
    report = made(world, "main", "main")
    assert "## gitexp: nothing changes" in markdown(report)


def test_a_shallow_checkout_fetches_what_it_lacks(world: World) -> None:
    world.run(1, [True, True, False], temperature=0.75)
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    base = world.git("rev-parse", "main")
    (world.clone / "README").write_text("new\n")
    world.git("add", "README")
    world.git("commit", "--quiet", "--message=trunk moves on")
    world.git("push", "--quiet", "origin", "main")
    tip = world.git("rev-parse", "main")
    report = made(world, tip, head, world.shallow())
    assert (report.compared, report.notes) == (base, ())
    assert report.diff.files == ()
    assert report.evaluated[0].total == 1
    assert {e.environment: e.bound for e in report.effects} == {
        "production": True,
        "staging": False,
    }


def test_a_shallow_checkout_of_the_change_itself_does_as_well(world: World) -> None:
    world.branch("warmer", parameters("temperature: 0.75\n"))
    report = made(world, "origin/main", "HEAD", world.shallow("warmer"))
    assert report.compared == world.git("rev-parse", "main")
    assert [c.name for c in report.diff.changes] == ["temperature"]


def test_a_shallow_checkout_that_may_not_fetch_is_a_clear_error(world: World) -> None:
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    with pytest.raises(NotFound, match="there is no commit"):
        made(world, "HEAD", head, world.shallow(), fetch=False)


def test_a_commit_that_is_nowhere_is_a_clear_error(world: World) -> None:
    with pytest.raises(MissingObject, match="is not in this clone and cannot be fetched"):
        made(world, "main", "f" * 40)
    with pytest.raises(NotFound, match="there is no commit 'nowhere'"):
        made(world, "main", "nowhere")


def test_a_hidden_merge_base_is_said_and_the_base_compared(world: World) -> None:
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    (world.clone / "README").write_text("new\n")
    world.git("add", "README")
    world.git("commit", "--quiet", "--message=trunk moves on")
    world.git("push", "--quiet", "origin", "main")
    where = world.shallow()
    world.git("fetch", "--quiet", "--depth=1", "origin", head, directory=where)
    report = made(world, "HEAD", head, where, fetch=False)
    assert report.compared == report.base.commit
    assert report.notes[0].startswith("this clone does not show where both lines parted")
    assert "this clone does not show where both lines parted" in markdown(report)


def test_unrelated_lines_are_compared_as_they_are(world: World) -> None:
    world.git("checkout", "--quiet", "--orphan", "other")
    world.git("commit", "--quiet", "--message=another beginning")
    world.git("switch", "--quiet", "main")
    report = made(world, "main", "other")
    assert report.notes == (
        "base and head have no commit in common, so both are compared as they are",
    )


def test_a_change_of_an_environment_is_reported_against_its_branch(world: World) -> None:
    head = world.proposed(temperature=0.75)
    world.run(1, [True] * 10, temperature=0.75)
    for base in ("origin/env/bot/production", "env:production"):
        report = made(world, base, head)
        assert (report.kind, report.validity.valid) == ("environment", True)
        assert [c.name for c in report.diff.changes] == ["temperature"]
        (effect,) = report.effects
        assert (effect.environment, effect.relation) == ("production", "other")
        kinds = {asked.kind: asked.outcome for asked in effect.requirements}
        assert kinds == {"approvals": "missing", "gate": "met"}
        assert report.evaluated[0].finished == 1
    assert "## gitexp: a change of `production`" in markdown(report)


def test_a_change_of_an_environment_is_reported_in_a_shallow_checkout(world: World) -> None:
    head = world.git("rev-parse", world.proposed(temperature=0.75))
    base = world.git("rev-parse", "origin/env/bot/production")
    report = made(world, base, head, world.shallow())
    assert report.kind == "environment"
    assert [c.name for c in report.diff.changes] == ["temperature"]
    assert report.notes == ()


def test_an_environment_that_has_moved_since_is_said(world: World) -> None:
    head = world.proposed(temperature=0.75)
    world.git("switch", "--quiet", "--detach", "origin/env/bot/production")
    world.git("commit", "--quiet", "--allow-empty", "--message=moved")
    world.git("push", "--quiet", "origin", "HEAD:refs/heads/env/bot/production")
    world.git("switch", "--quiet", "main")
    report = made(world, "origin/env/bot/production", head)
    assert report.notes == (
        "environment 'production' has moved since the change was made; it is to be renewed",
    )


def test_a_change_of_another_environment_is_refused(world: World) -> None:
    head = world.proposed(temperature=0.75)
    with pytest.raises(InvalidInput, match="is of environment 'production', and the base is not"):
        made(world, "origin/env/bot/staging", head)
    with pytest.raises(InvalidInput, match="is of environment 'production', and the base is not"):
        made(world, "main", head)


def test_a_change_of_an_environment_says_what_is_asked_and_by_whom(world: World) -> None:
    head = world.proposed(temperature=0.75)
    report = made(world, "env:production", head)
    assert report.asked is not None
    assert (report.asked.action, report.asked.by) == ("promote", "Ada Example <ada@example.org>")
    text = markdown(report)
    assert (
        f"to make `{report.asked.live}` live, promoted by `Ada Example <ada@example.org>`" in text
    )


def test_taking_an_environment_out_of_use_is_reported(world: World) -> None:
    with world.open() as repository, pytest.raises(ApprovalRequired) as caught:
        repository.environments.unbind("production", reason="over")
    head = f"origin/change/bot/{caught.value.change}"
    world.git("fetch", "--quiet", "origin")
    report = made(world, "env:production", head)
    assert report.asked is not None
    assert (report.asked.live, report.asked.reason) == (None, "over")
    assert report.asked.change == caught.value.change
    assert report.diff.experiments[0].kind == "removed"
    assert report.evaluated == ()
    assert "to unbind it, unbound by `Ada Example <ada@example.org>`" in markdown(report)
