"""The guard: what the policies of the shared trunk let people do with environments."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.environments.binding import Bypass
from gitexp.errors import ApprovalRequired, Forbidden, InvalidInput, NotBound, NotFound, Refused
from gitexp.experiment import Experiment
from tests.review.policies.conftest import Team

Reviewed = Callable[..., Team]

APPROVED = "- {name: reviewed, approvals: {count: 1}}"
GATED = "- {name: good, gates: [{dataset: golden, rules: [min metrics.accuracy=0.9], max_age: 2d}]}"
ORDERED = "- {name: tried, order: {after: staging, for: 24h}}"


def refused(team: Team, **asked: str) -> str:
    """Return why a promotion to production is refused, which changes nothing."""
    before = team.tip()
    with pytest.raises(Refused) as caught:
        team.person("Ada").environments.promote("tone", "production", **asked)
    assert team.tip() == before
    return caught.value.message


def test_without_policies_everybody_promotes(team: Team) -> None:
    version = team.shared(temperature=0.2)
    binding = team.person("Ada").environments.promote("tone", "production")
    assert binding.version == version.version
    assert (binding.signature, binding.bypass) == (None, None)


def test_a_move_that_takes_approval_leaves_the_environment_alone(reviewed: Reviewed) -> None:
    team = reviewed(APPROVED)
    version = team.shared(temperature=0.2)
    with pytest.raises(ApprovalRequired) as caught:
        team.person("Ada").environments.promote("tone", "production")
    assert caught.value.change is not None
    assert caught.value.message == (
        f"promoting tone@{version.version[:10]} in environment 'production' takes approval: "
        f"change request {caught.value.change} waits for it"
    )
    assert caught.value.missing == (
        "reviewed: 0 of 1 approval given; anybody may approve but who asked for it",
    )
    assert team.tip() == ""


def test_other_environments_are_moved_as_before(reviewed: Reviewed) -> None:
    team = reviewed(APPROVED)
    version = team.shared(temperature=0.2)
    binding = team.person("Ada").environments.promote("tone", "staging")
    assert binding.version == version.version


def test_what_counts_is_the_trunk_of_the_remote_not_what_is_checked_out_or_committed_here(
    reviewed: Reviewed,
) -> None:
    team = reviewed(APPROVED)
    team.shared(temperature=0.2)
    here = team.directory / "ada" / "gitexp.yaml"
    here.write_text(here.read_text().replace("count: 1", "count: 1, self_approval: true"))
    loosened = here.read_text().partition("    policies:")[0] + "    {}\n"
    here.write_text(loosened)
    team.git("Ada", "commit", "--quiet", "--all", "--message=loosen")
    with pytest.raises(ApprovalRequired):
        team.person("Ada").environments.promote("tone", "production")


def test_policies_that_somebody_pushed_meanwhile_count(team: Team) -> None:
    team.shared(temperature=0.2)
    team.person("Grace").fetch()
    team.define(f"policies:\n  {APPROVED}\n")
    with pytest.raises(ApprovalRequired):
        team.person("Grace").environments.promote("tone", "production")


def test_a_condition_asks_only_for_what_it_describes(reviewed: Reviewed) -> None:
    team = reviewed(
        '- {name: warm, when: [{parameter: temperature, changes_by: "> 0.2"}], approvals: {}}'
    )
    ada = team.person("Ada")
    team.shared(temperature=0.5)
    with pytest.raises(ApprovalRequired):
        ada.environments.promote("tone", "production")
    team.define()
    ada.environments.promote("tone", "production")
    team.define(
        'policies: [{when: [{parameter: temperature, changes_by: "> 0.2"}], approvals: {}}]'
    )
    team.shared(temperature=0.6)
    ada.environments.promote("tone", "production")
    team.shared(temperature=0.9)
    with pytest.raises(ApprovalRequired):
        ada.environments.promote("tone", "production")


def test_policies_and_what_they_would_say_can_be_asked_for(reviewed: Reviewed) -> None:
    team = reviewed(ORDERED)
    ada = team.person("Ada")
    team.shared(temperature=0.2)
    ada.fetch()
    assert [policy.name for policy in ada.policies("production")] == ["tried"]
    assert ada.policies("staging") == ()
    with pytest.raises(NotFound, match="'nowhere' is not declared"):
        ada.policies("nowhere")
    judgement = ada.environments.check("production", "tone")
    assert judgement is not None
    assert judgement.verdict == "refused"
    assert [r.kind for r in judgement.unmet] == ["order"]
    ada.environments.promote("tone", "staging")
    assert ada.environments.check("staging") is None
    unbinding = ada.environments.check("staging", action="unbind")
    assert unbinding is not None
    assert unbinding.verdict == "allowed"
    with pytest.raises(NotBound):
        ada.environments.check("production")


# --- gates --------------------------------------------------------------------------------------


def test_a_gate_asks_for_a_shared_run_of_exactly_these_values(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    version = team.shared(temperature=0.2)
    none = (
        "the policies of environment 'production' do not allow promoting "
        f"tone@{version.version[:10]} in environment 'production':\n"
        "good: no shared run evaluated these values over golden in the last 2d"
    )
    assert refused(team) == none
    team.evaluated(version, 0.95, digest="sha256:" + "0" * 64)
    team.evaluated(version, 0.95, shared=False)
    assert refused(team) == none


def test_a_gate_passes_by_the_newest_run(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    version = team.shared(temperature=0.2)
    team.evaluated(version, 0.95)
    team.clock.on(hours=1)
    bad = team.evaluated(version, 0.5)
    assert refused(team).endswith(
        f"good: run {bad.id} over golden: min metrics.accuracy=0.9 failed (0.5)"
    )
    team.clock.on(hours=1)
    team.evaluated(version, 0.95)
    team.person("Ada").environments.promote("tone", "production")
    assert team.tip()


def test_a_run_that_is_too_old_is_deleted_or_over_another_dataset_does_not_count(
    reviewed: Reviewed,
) -> None:
    team = reviewed(GATED)
    version = team.shared(temperature=0.2)
    run = team.evaluated(version, 0.95)
    team.clock.on(days=2, seconds=-1)
    ada = team.person("Ada")
    ada.environments.promote("tone", "production")
    ada.environments.unbind("production")
    team.clock.on(seconds=2)
    assert "no shared run" in refused(team)
    team.clock.on(seconds=-2)
    ada.runs.delete(run.id)
    assert "no shared run" in refused(team)


def test_runs_of_others_are_fetched_before_a_gate_judges(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    version = team.shared(temperature=0.2)
    grace = team.person("Grace")
    grace.fetch()
    team.evaluated(version, 0.95)
    assert grace.environments.promote("tone", "production").version == version.version


def test_a_regression_is_measured_against_what_is_live(reviewed: Reviewed) -> None:
    team = reviewed("- {name: same, gates: [{rules: [max-regression metrics.accuracy=0.02]}]}")
    first = team.shared(temperature=0.2, model="large")
    ada = team.person("Ada")
    ada.experiments.get("tone").update(metrics={"accuracy": "maximize"})
    ada.experiments.get("tone").share()
    team.evaluated(first, 0.95)
    ada.environments.promote("tone", "production", version=first.version)
    worse = team.shared(temperature=0.9)
    team.evaluated(worse, 0.80)
    assert "max-regression metrics.accuracy=0.02 failed" in refused(team)
    better = team.shared(temperature=0.4)
    team.evaluated(better, 0.94)
    ada.environments.promote("tone", "production")


# --- order --------------------------------------------------------------------------------------


def test_order_counts_the_time_in_which_the_values_were_live(reviewed: Reviewed) -> None:
    team = reviewed(ORDERED)
    team.shared(temperature=0.2)
    assert refused(team).endswith("tried: these values were never live in staging")
    ada = team.person("Ada")
    ada.environments.promote("tone", "staging")
    team.clock.on(hours=23)
    assert refused(team).endswith(
        "tried: these values were live in staging for 23h without a break, and 1d are asked for"
    )
    team.clock.on(hours=1)
    ada.environments.promote("tone", "production")


def test_a_break_begins_the_time_anew(reviewed: Reviewed) -> None:
    team = reviewed(ORDERED)
    first = team.shared(temperature=0.2)
    ada = team.person("Ada")
    ada.environments.promote("tone", "staging")
    team.clock.on(hours=20)
    ada.environments.unbind("staging")
    ada.environments.promote("tone", "staging", version=first.version)
    team.clock.on(hours=20)
    assert "for 20h without a break" in refused(team)


def test_the_same_values_under_another_hash_go_on_counting(reviewed: Reviewed) -> None:
    team = reviewed(ORDERED)
    first = team.shared(temperature=0.2)
    ada = team.person("Ada")
    ada.environments.promote("tone", "staging", version=first.version)
    team.clock.on(hours=20)
    team.shared(temperature=0.3)
    again = team.shared(temperature=0.2)
    assert again.version != first.version
    ada.environments.promote("tone", "staging", version=again.version)
    team.clock.on(hours=4)
    assert ada.environments.promote("tone", "production").version == again.version


# --- other moves ----------------------------------------------------------------------------------


def test_a_rollback_and_an_unbinding_are_asked_about_like_a_promotion(team: Team) -> None:
    ada = team.person("Ada")
    for temperature in (0.2, 0.3):
        team.shared(temperature=temperature)
        ada.environments.promote("tone", "production")
    team.define(f"policies:\n  {APPROVED}\n")
    before = team.tip()
    with pytest.raises(ApprovalRequired, match=r"^rolling back to tone@"):
        ada.environments.rollback("production")
    with pytest.raises(ApprovalRequired, match=r"^unbinding environment 'production' takes"):
        ada.environments.unbind("production")
    assert team.tip() == before


def test_a_policy_for_promotions_lets_people_roll_back_at_once(team: Team) -> None:
    ada = team.person("Ada")
    first = team.shared(temperature=0.2)
    ada.environments.promote("tone", "production")
    team.shared(temperature=0.3)
    ada.environments.promote("tone", "production")
    team.define("policies: [{when: [{action: promote}], approvals: {}}]")
    assert ada.environments.rollback("production").version == first.version


def test_publishing_saves_and_shares_and_asks_for_the_promotion(reviewed: Reviewed) -> None:
    team = reviewed(APPROVED)
    ada = team.person("Ada")
    with pytest.raises(ApprovalRequired) as caught:
        Experiment.publish(
            name="tone", values={"temperature": 0.1}, environment="production", repository=ada
        )
    assert caught.value.change is not None
    version = ada.experiments.get("tone").version("latest")
    assert version.values["temperature"] == 0.1
    assert team.tip("exp/bot/tone") == version.version
    assert team.tip() == ""


def test_publishing_what_a_policy_refuses_saves_nothing(reviewed: Reviewed) -> None:
    team = reviewed(GATED)
    ada = team.person("Ada")
    with pytest.raises(Refused):
        Experiment.publish(
            name="tone", values={"temperature": 0.1}, environment="production", repository=ada
        )
    assert not ada.experiments.exists("tone")
    assert team.tip("exp/bot/tone") == ""


def test_deleting_what_is_live_where_that_takes_approval_asks_for_the_unbinding(team: Team) -> None:
    ada = team.person("Ada")
    team.shared(temperature=0.2)
    ada.environments.promote("tone", "production")
    ada.environments.promote("tone", "staging")
    team.define(f"policies:\n  {APPROVED}\n")
    tips = team.tip(), team.tip("env/bot/staging"), team.tip("exp/bot/tone")
    with pytest.raises(ApprovalRequired) as caught:
        ada.experiments.get("tone").delete()
    assert caught.value.change is not None
    assert caught.value.message == (
        "unbinding takes approval, so nothing was deleted; change requests wait for it: "
        f"{caught.value.change} (production)"
    )
    assert caught.value.missing == (
        "production: reviewed: 0 of 1 approval given; anybody may approve but who asked for it",
    )
    assert tips == (team.tip(), team.tip("env/bot/staging"), team.tip("exp/bot/tone"))


# --- bypass ---------------------------------------------------------------------------------------

BYPASSED = (
    "- {name: reviewed, approvals: {count: 1}, bypass: {users: [ada@example.org]}}\n"
    "- {name: frozen, frozen: [{hours: '00:00-24:00'}], bypass: {groups: [leads]}}"
)
LEADS = "members: {ada@example.org: {roles: [admin]}, grace@example.org: {roles: [write]}}\n"


def test_a_bypass_is_recorded_with_the_policies_that_were_not_met(reviewed: Reviewed) -> None:
    team = reviewed(
        "- {name: reviewed, approvals: {count: 1}, bypass: {users: [ada@example.org]}}\n"
        "- {name: model, when: [{parameter: temperature}], order: {after: staging}}"
    )
    ada = team.person("Ada")
    team.shared(temperature=0.2)
    ada.environments.promote("tone", "staging")
    binding = ada.environments.promote("tone", "production", bypass="production is down")
    assert binding.bypass == Bypass(policies=("reviewed",), reason="production is down")
    (entry,) = team.person("Grace").environments.history("production")
    assert entry.binding.bypass == binding.bypass


def test_groups_may_be_let_pass_and_others_may_not(reviewed: Reviewed) -> None:
    team = reviewed(BYPASSED, {"groups/leads.yaml": LEADS})
    team.shared(temperature=0.2)
    with pytest.raises(Forbidden) as caught:
        team.person("Grace").environments.promote("tone", "production", bypass="now")
    assert caught.value.message == (
        "grace@example.org may not pass over policy 'reviewed' of environment 'production'"
    )
    assert caught.value.hint == (
        "Ask ada@example.org, or do it without --bypass, which asks for what it takes."
    )
    binding = team.person("Ada").environments.promote("tone", "production", bypass="now")
    assert binding.bypass == Bypass(policies=("reviewed", "frozen"), reason="now")


def test_a_bypass_where_nothing_stands_in_the_way_is_none(team: Team) -> None:
    team.shared(temperature=0.2)
    ada = team.person("Ada")
    assert ada.environments.promote("tone", "staging", bypass="now").bypass is None


# --- signatures -----------------------------------------------------------------------------------

SIGNED = "- {name: signed, signed: true}"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """An SSH key without a passphrase."""
    file = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(command, check=True, timeout=60)
    return file


def allowing(reviewed: Reviewed, key: Path, policies: str) -> Team:
    """Return the team once Ada's key is the one that counts."""
    public = key.with_suffix(".pub").read_text()
    team = reviewed(policies, {"allowed_signers": f"ada@example.org {public}"})
    for name in ("Ada", "Grace"):
        team.person(name)
        team.git(name, "config", "gpg.format", "ssh")
        team.git(name, "config", "user.signingKey", str(key))
    return team


def test_a_promotion_is_signed_where_a_policy_asks_for_it(reviewed: Reviewed, key: Path) -> None:
    team = allowing(reviewed, key, SIGNED)
    team.shared(temperature=0.2)
    binding = team.person("Ada").environments.promote("tone", "production")
    assert binding.signature is not None
    assert binding.signature.startswith("-----BEGIN SSH SIGNATURE-----")
    unsigned = team.person("Ada").environments.promote("tone", "staging")
    assert unsigned.signature is None


def test_a_signature_is_made_last_and_not_complained_about_before(
    reviewed: Reviewed, key: Path
) -> None:
    team = allowing(reviewed, key, f"{SIGNED}\n{ORDERED}")
    version = team.shared(temperature=0.2)
    assert refused(team).splitlines()[1:] == ["tried: these values were never live in staging"]
    judgement = team.person("Ada").environments.check("production", "tone")
    assert judgement is not None
    assert [(r.outcome, r.text) for r in judgement.requirements] == [
        ("met", "the promotion is signed with your key when it is carried out"),
        ("missing", "these values were never live in staging"),
    ]
    ada = team.person("Ada")
    ada.environments.promote("tone", "staging")
    team.clock.on(hours=24)
    binding = ada.environments.promote("tone", "production")
    assert (binding.version, binding.signature is not None) == (version.version, True)


def test_a_signature_of_somebody_else_does_not_help(reviewed: Reviewed, key: Path) -> None:
    team = allowing(reviewed, key, SIGNED)
    team.shared(temperature=0.2)
    with pytest.raises(Refused, match="and was signed by"):
        team.person("Grace").environments.promote("tone", "production")
    assert team.tip() == ""


def test_without_a_key_it_is_said_how_to_name_one(reviewed: Reviewed) -> None:
    team = reviewed(SIGNED)
    team.shared(temperature=0.2)
    team.git("Ada", "config", "gpg.format", "ssh")
    with pytest.raises(InvalidInput, match="no SSH key to sign with"):
        team.person("Ada").environments.promote("tone", "production")
    assert team.tip() == ""


def test_who_may_pass_over_a_policy_needs_no_key_for_it(reviewed: Reviewed) -> None:
    team = reviewed("- {name: signed, signed: true, bypass: {users: [ada@example.org]}}")
    team.shared(temperature=0.2)
    team.git("Ada", "config", "gpg.format", "ssh")
    binding = team.person("Ada").environments.promote("tone", "production", bypass="lost my key")
    assert binding.bypass == Bypass(policies=("signed",), reason="lost my key")


def test_a_version_whose_commit_is_not_signed_is_refused(reviewed: Reviewed, key: Path) -> None:
    team = allowing(reviewed, key, "- {name: versions, versions: signed}")
    version = team.shared(temperature=0.2)
    assert refused(team).endswith(
        f"versions: version tone@{version.version[:10]} has no signature that counts: it is not "
        "signed"
    )
    team.git("Ada", "config", "commit.gpgSign", "true")
    signed = team.shared(temperature=0.3)
    assert team.person("Ada").environments.promote("tone", "production").version == signed.version
