"""Flags in environments: published, kept by every other move, served, guarded and enforced."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import gitexp
from gitexp.documents.canonical import digest_of
from gitexp.environments.lockfile import read_lock
from gitexp.errors import (
    ApprovalRequired,
    InvalidDocuments,
    NotAllowed,
    NotBound,
    NotFound,
    Refused,
)
from tests.flags.conftest import FLAG
from tests.review.policies.conftest import Team

SOON = {"operator": "is_date_before", "value": "soon"}
REVIEWED = "policies:\n  - {name: reviewed, approvals: {count: 1}}\n"


def publish(team: Team, *keys: str, who: str = "Ada", **options: Any) -> Any:
    return team.person(who).flags.publish(
        *(keys or ("checkout",)), environment="production", **options
    )


def test_publishing_is_one_commit_that_leaves_what_is_live_as_it_is(team: Team) -> None:
    before = team.tip()
    binding = publish(team, "checkout", "search", reason="go")
    assert (binding.action, binding.previous, binding.commit) == ("flags", before, team.tip())
    listed = team.git("Ada", "ls-tree", "-r", "--name-only", "origin/env/bot/production")
    assert listed.split() == [
        "environment.yaml",
        "flags/checkout.yaml",
        "flags/search.yaml",
        "parameters.yaml",
    ]
    subject = team.git("Ada", "log", "-1", "--format=%s", "origin/env/bot/production")
    assert subject == "production: publish flags checkout, search"
    assert gitexp.parameters("production", repository=team.person("Ada"))["temperature"] == 0.5
    served = team.person("Ada").flags.of("production")
    assert sorted(served) == ["checkout", "search"]
    assert served.provenance.environment_commit == team.tip()
    assert served.provenance.digests == binding.flags


def test_publishing_the_same_again_makes_no_commit(team: Team) -> None:
    publish(team)
    before = team.tip()
    assert publish(team).created is False
    assert team.tip() == before


def test_every_other_move_keeps_the_flags(team: Team) -> None:
    publish(team)
    ada = team.person("Ada")
    team.shared(temperature=0.9)
    ada.environments.promote("tone", "production")
    assert list(ada.flags.of("production")) == ["checkout"]
    ada.environments.rollback("production")
    assert list(ada.flags.of("production")) == ["checkout"]
    assert gitexp.parameters("production", repository=ada)["temperature"] == 0.5
    ada.environments.unbind("production")
    assert list(ada.flags.of("production")) == ["checkout"]


def test_flags_are_published_where_nothing_is_bound(team: Team) -> None:
    ada = team.person("Ada")
    binding = ada.flags.publish("checkout", environment="staging")
    assert (binding.bound, binding.action) == (False, "flags")
    assert list(ada.flags.of("staging")) == ["checkout"]


def test_the_history_says_which_flags_a_move_changed(team: Team) -> None:
    publish(team, "checkout", "search")
    ada = team.person("Ada")
    ada.flags.withdraw("search", environment="production", reason="no")
    newest, middle, oldest = ada.environments.history("production")
    assert dict(newest.flags) == {"search": None}
    assert list(middle.flags) == ["checkout", "search"]
    assert (dict(oldest.flags), newest.changes) == ({}, ())


def test_people_who_change_different_flags_never_conflict(team: Team) -> None:
    bob = team.person("Bob")
    publish(team, "checkout")
    bob.flags.publish("search", environment="production")
    assert sorted(team.person("Ada").flags.of("production")) == ["checkout"]
    team.person("Ada").fetch()
    assert sorted(team.person("Ada").flags.of("production")) == ["checkout", "search"]


def test_flags_are_served_from_everywhere(team: Team, tmp_path: Path) -> None:
    publish(team)
    around = team.person("Ada").workspace.surroundings
    url = (tmp_path / "shared.git").as_uri()
    served = gitexp.feature_flags("production", repository=url, project="bot", surroundings=around)
    assert served.variant("checkout", "u1") in ("control", "test")
    assert not served.provenance.stale
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", "-b", "env/bot/production", url, tmp_path / "live"],
        check=True,
    )
    checked = gitexp.feature_flags(repository=tmp_path / "live", surroundings=around)
    assert checked.provenance == served.provenance
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, tmp_path / "ci"], check=True)
    pinned = gitexp.feature_flags("production", repository=tmp_path / "ci", surroundings=around)
    assert pinned.provenance == served.provenance
    (tmp_path / "shared.git").rename(tmp_path / "gone.git")
    old = gitexp.feature_flags("production", repository=url, project="bot", surroundings=around)
    assert old.provenance.stale
    assert old.evaluate("checkout", "u1") == served.evaluate("checkout", "u1")


def test_flags_are_read_as_locked_and_at_a_commit(team: Team) -> None:
    publish(team)
    ada = team.person("Ada")
    first = team.tip()
    ada.environments.lock("production")
    ada.flags.publish("search", environment="production")
    assert read_lock(ada.workspace)["production"].commit == first
    assert list(ada.flags.of("production", locked=True)) == ["checkout"]
    assert list(ada.flags.of("production", at=first)) == ["checkout"]
    assert len(ada.flags.of("production")) == 2


def test_an_environment_with_flags_alone_is_locked(team: Team) -> None:
    ada = team.person("Ada")
    binding = ada.flags.publish("checkout", environment="staging")
    path = ada.environments.lock()
    entries = read_lock(ada.workspace)
    assert list(entries) == ["production", "staging"]
    assert entries["staging"].to_dict() == {
        "commit": binding.commit,
        "flags": digest_of(dict(binding.flags)),
    }
    ada.flags.publish("search", environment="staging")
    assert list(ada.flags.of("staging", locked=True)) == ["checkout"]
    with pytest.raises(NotBound, match="no version is bound to environment 'staging'"):
        gitexp.parameters("staging", repository=ada, locked=True)
    newer = team.tip("env/bot/staging")
    path.write_text(path.read_text().replace(str(binding.commit), newer))
    with pytest.raises(InvalidDocuments, match=r"staging\.flags: .* is locked, but commit"):
        ada.flags.of("staging", locked=True)


def test_a_lock_tells_flags_apart_beside_the_same_values(team: Team) -> None:
    ada, bound = team.person("Ada"), team.tip()
    path = ada.environments.lock("production")
    published = publish(team).commit
    path.write_text(path.read_text().replace(bound, published))
    with pytest.raises(InvalidDocuments, match=r"flags: nothing is locked, but commit .* says sha"):
        ada.flags.of("production", locked=True)


def test_flags_that_were_changed_by_hand_are_never_served(team: Team) -> None:
    publish(team)
    team.person("Bob")
    team.git("Bob", "checkout", "-q", "env/bot/production")
    file = team.directory / "bob" / "flags" / "checkout.yaml"
    file.write_text(FLAG.replace("red", "blue"), encoding="utf-8")
    team.git("Bob", "commit", "-qam", "blue")
    team.git("Bob", "push", "-q", "origin", "env/bot/production")
    ada = team.person("Ada")
    ada.fetch()
    with pytest.raises(InvalidDocuments, match=r"is not the digest of flags/checkout\.yaml"):
        ada.flags.of("production")
    ada.environments.promote("tone", "production")
    assert ada.flags.of("production")["checkout"].variants[1].payload == {"color": "red"}


def test_publishing_a_flag_leaves_the_files_of_others_as_somebody_wrote_them(team: Team) -> None:
    publish(team)
    team.person("Bob")
    team.git("Bob", "checkout", "-q", "env/bot/production")
    file = team.directory / "bob" / "flags" / "checkout.yaml"
    file.write_text(f"# ours\n{FLAG}", encoding="utf-8")
    team.git("Bob", "commit", "-qam", "say whose it is")
    team.git("Bob", "push", "-q", "origin", "env/bot/production")
    publish(team, "search")
    changed = team.git("Ada", "show", "--format=", "--name-only", "origin/env/bot/production")
    assert changed.split() == ["environment.yaml", "flags/search.yaml"]
    assert list(team.person("Ada").flags.of("production")) == ["checkout", "search"]


def test_a_wrong_flag_that_was_pushed_by_hand_is_never_served(team: Team) -> None:
    publish(team)
    wrong = {"active": True, "conditions": [{"properties": [{"key": "version"} | SOON]}]}
    team.person("Bob")
    team.git("Bob", "checkout", "-q", "env/bot/production")
    for file, data in (
        ("flags/checkout.yaml", wrong),
        ("environment.yaml", {"flags": {"checkout": digest_of(wrong)}}),
    ):
        path = team.directory / "bob" / file
        said = yaml.safe_load(path.read_text(encoding="utf-8")) if "flags" in data else {}
        path.write_text(json.dumps({**said, **data}), encoding="utf-8")
    team.git("Bob", "commit", "-qam", "wrong")
    team.git("Bob", "push", "-q", "origin", "env/bot/production")
    ada = team.person("Ada")
    ada.fetch()
    with pytest.raises(InvalidDocuments, match=r"flags/checkout\.yaml: .*: .soon. is no date"):
        ada.flags.of("production")


def test_only_what_is_shared_is_published(team: Team) -> None:
    ada = team.person("Ada")
    ada.flags.create("own", ["control", "test"])
    with pytest.raises(NotAllowed) as caught:
        publish(team, "own")
    assert str(caught.value) == "flag 'own' is not shared: main of the shared remote lacks it"
    own = team.git("Ada", "rev-parse", "main")
    with pytest.raises(NotAllowed, match="is not on the shared remote"):
        publish(team, "checkout", revision=own)
    with pytest.raises(NotFound, match=r"no flag 'chekout' in commit"):
        publish(team, "chekout")
    with pytest.raises(NotFound, match="flag 'search' is not published in environment"):
        ada.flags.withdraw("search", environment="production")


def test_an_earlier_state_of_a_flag_is_published_by_its_commit(team: Team) -> None:
    team.define(files={"flags/checkout.yaml": FLAG.replace("red", "blue")})
    publish(team)
    ada = team.person("Ada")
    assert ada.flags.of("production")["checkout"].variants[1].payload == {"color": "blue"}
    publish(team, revision="main~1")
    assert ada.flags.of("production")["checkout"].variants[1].payload == {"color": "red"}


def test_a_flag_that_is_not_right_is_not_published(team: Team) -> None:
    team.define(files={"flags/checkout.yaml": FLAG.replace("weight: 50,", "weight: 60,")})
    with pytest.raises(InvalidDocuments, match="the weights add up to 110, not to 100"):
        publish(team)


# --- policies -------------------------------------------------------------------------------


def test_publishing_takes_the_approval_that_a_policy_asks(team: Team) -> None:
    team.define(REVIEWED)
    before = team.tip()
    with pytest.raises(ApprovalRequired) as caught:
        publish(team)
    assert team.tip() == before
    assert str(caught.value).startswith(
        "changing the flags of environment 'production': publish flag checkout takes approval"
    )
    bob = team.person("Bob")
    bob.fetch()
    change = bob.changes.get(str(caught.value.change))
    assert list(change.request.flags) == ["checkout"]
    assert bob.changes.approve(change.id).state == "applied"
    assert list(bob.flags.of("production")) == ["checkout"]


def test_a_vote_for_one_state_of_a_flag_is_none_for_another(team: Team) -> None:
    team.define(REVIEWED)
    subjects = []
    for color in ("red", "blue"):
        team.define(REVIEWED, {"flags/checkout.yaml": FLAG.replace("red", color)})
        with pytest.raises(ApprovalRequired) as caught:
            publish(team)
        subjects.append(
            team.person("Ada").changes.get(str(caught.value.change)).facts.terms.subject
        )
    assert len(set(subjects)) == 2


def test_a_change_request_says_what_changes_of_a_flag_and_whom_that_moves(team: Team) -> None:
    publish(team)
    shared = FLAG.replace("weight: 50", "weight: 60", 1).replace("weight: 50", "weight: 40", 1)
    team.define(REVIEWED, {"flags/checkout.yaml": shared})
    with pytest.raises(ApprovalRequired) as caught:
        publish(team, "checkout", "search")
    change = team.person("Ada").changes.get(str(caught.value.change))
    assert [(each.name, each.kind) for each in change.changes] == [("checkout.variants", "changed")]
    assert change.moves == ("checkout: 10 % of those with the flag change their variant",)


def test_a_change_request_is_renewed_on_top_of_other_flags(team: Team) -> None:
    team.define(REVIEWED)
    ada, bob = team.person("Ada"), team.person("Bob")
    changes = []
    for key in ("checkout", "search"):
        with pytest.raises(ApprovalRequired) as caught:
            publish(team, key)
        changes.append(str(caught.value.change))
    bob.fetch()
    bob.changes.approve(changes[0])
    ada.fetch()
    assert ada.changes.get(changes[1]).state == "stale"
    ada.changes.renew(changes[1])
    bob.fetch()
    assert bob.changes.approve(changes[1]).state == "applied"
    assert sorted(bob.flags.of("production")) == ["checkout", "search"]


def test_a_policy_may_be_about_flags_alone(team: Team) -> None:
    team.define(
        "policies:\n  - name: flags\n    when: [{action: flags}]\n    approvals: {count: 1}\n"
    )
    ada = team.person("Ada")
    team.shared(temperature=0.9)
    assert ada.environments.promote("tone", "production").created
    with pytest.raises(ApprovalRequired):
        publish(team)


def test_a_flag_must_have_been_elsewhere_for_as_long_as_a_policy_asks(team: Team) -> None:
    team.define("policies:\n  - name: order\n    order: {after: staging, for: 1h}\n")
    ada = team.person("Ada")
    with pytest.raises(Refused) as caught:
        publish(team)
    assert "flag checkout as it is was never live in staging" in str(caught.value)
    ada.flags.publish("checkout", environment="staging")
    team.clock.on(hours=2)
    assert publish(team).created
