"""Moves of environments by plain `git push`: what breaks a rule does not get through."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import yaml

from gitexp.documents.yaml_writer import dump_yaml
from tests.review.enforcement.conftest import DEFINITION
from tests.review.enforcement.serving import Person, Server

pytestmark = pytest.mark.interop

STAGING, PRODUCTION = "env/bot/staging", "env/bot/production"


@pytest.fixture
def carol(server: Server) -> Person:
    """A writer who shared two versions and made the first one live in staging."""
    carol = server.person("carol")
    tone = carol.repository.experiments.create("tone")
    tone.commit({"temperature": 0.1})
    tone.commit({"temperature": 0.2})
    tone.share()
    carol.repository.environments.promote("tone", "staging", version="latest~1")
    return carol


def on(person: Person, branch: str) -> None:
    """Check a branch of an environment out, as the server has it."""
    person.git("fetch", "--quiet")
    person.git("switch", "--quiet", "--force-create", "mine", f"origin/{branch}")


def forged(person: Person, branch: str, **changed: object) -> None:
    """Commit what staging says with some keys of the binding changed, on top of a branch."""
    tip = person.git("rev-parse", "HEAD")
    found = yaml.safe_load(person.git("show", f"origin/{STAGING}:environment.yaml"))
    data = {**found, "from": tip, "environment": branch.rsplit("/", 1)[1], **changed}
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    data["at"] = changed.get("at", now)
    person.git.commit({"environment.yaml": dump_yaml(data, schema="environment").decode()})


def test_a_promotion_by_gitexp_is_taken(server: Server, carol: Person) -> None:
    before = server.tip(STAGING)
    carol.repository.environments.promote("tone", "staging")
    assert server.tip(STAGING) != before


def test_rolling_back_and_unbinding_are_taken(server: Server, carol: Person) -> None:
    environments = carol.repository.environments
    environments.promote("tone", "staging")
    environments.rollback("staging")
    environments.unbind("staging")
    live = environments.get("staging").binding
    assert live is not None
    assert not live.bound


def test_a_promotion_that_needs_approval_is_refused(server: Server, carol: Person) -> None:
    carol.git("fetch", "--quiet")
    carol.git("switch", "--quiet", "--orphan", "mine")
    for file in ("environment.yaml", "parameters.yaml"):
        text = carol.git("show", f"origin/{STAGING}:{file}") + "\n"
        text = text.replace("environment: staging", "environment: production")
        (carol.git.path / file).write_text(text)
    carol.git("add", "environment.yaml", "parameters.yaml")
    carol.git("commit", "--quiet", "--message", "straight to production")
    said = carol.refused(f"mine:{PRODUCTION}")
    assert "reviewed: 0 of 1 approval given" in said
    assert "it opens a change request" in said
    assert server.tip(PRODUCTION) is None


def test_the_branch_is_never_rewritten_or_removed(server: Server, carol: Person) -> None:
    carol.repository.environments.promote("tone", "staging")
    on(carol, STAGING)
    assert "would be gone" in carol.refused("--force", f"mine~1:{STAGING}")
    assert "would be gone" in carol.refused("--delete", STAGING)
    carol.git("reset", "--quiet", "--hard", "mine~1")
    carol.git("commit", "--quiet", "--allow-empty", "--message", "other")
    assert "would be gone" in carol.refused("--force", f"mine:{STAGING}")


def test_an_environment_that_is_not_declared_cannot_be_made(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    said = carol.refused("mine:env/bot/prodution")
    assert "environment 'prodution' is not declared on main" in said


def test_values_that_are_no_version_are_refused(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    carol.git.commit({"parameters.yaml": "temperature: 0.9\n\nprompt: hello\n"})
    assert "is not the digest of parameters.yaml" in carol.refused(f"mine:{STAGING}")
    from gitexp.documents.canonical import digest_of

    carol.git("reset", "--quiet", "--hard", "HEAD~1")
    values = {"temperature": 0.9, "prompt": "hello"}
    (carol.git.path / "parameters.yaml").write_bytes(dump_yaml(values, schema="parameters"))
    carol.git("add", "parameters.yaml")
    forged(carol, STAGING, digest=digest_of(values))
    assert "the values are not those of version" in carol.refused(f"mine:{STAGING}")


def test_a_version_that_is_not_shared_is_refused(server: Server, carol: Person) -> None:
    tone = carol.repository.experiments.get("tone")
    saved = tone.commit({"temperature": 0.7})
    on(carol, STAGING)
    values = dict(saved.values)
    (carol.git.path / "parameters.yaml").write_bytes(dump_yaml(values, schema="parameters"))
    carol.git("add", "parameters.yaml")
    forged(carol, STAGING, version=saved.version, digest=saved.digest)
    assert "is not on the remote" in carol.refused(f"mine:{STAGING}")


def test_a_version_that_is_not_kept_is_refused(server: Server, carol: Person) -> None:
    live = carol.repository.environments.get("staging").binding
    assert live is not None
    listed = carol.repository.experiments.get("tone").versions()
    saved = next(v for v in listed if v.version != live.version and v.values["temperature"] == 0.2)
    on(carol, STAGING)
    values = dict(saved.values)
    (carol.git.path / "parameters.yaml").write_bytes(dump_yaml(values, schema="parameters"))
    carol.git("add", "parameters.yaml")
    forged(carol, STAGING, version=saved.version, digest=saved.digest)
    pin = f"refs/gitexp/pins/{saved.version}"
    assert f"Push {pin} in the same step" in carol.refused(f"mine:{STAGING}")
    carol.takes(f"mine:{STAGING}", f"{saved.version}:{pin}")


def test_a_record_made_for_another_state_is_refused(server: Server, carol: Person) -> None:
    first = server.tip(STAGING)
    carol.repository.environments.promote("tone", "staging")
    on(carol, STAGING)
    forged(carol, STAGING, **{"from": first, "reason": "again"})
    said = carol.refused(f"mine:{STAGING}")
    assert f"was made for environment 'staging' at {first[:10] if first else ''}" in said


def test_what_was_live_in_one_environment_is_no_promotion_to_another(
    server: Server, carol: Person
) -> None:
    alice = server.person("alice")
    alice.git.commit(
        {"gitexp.yaml": DEFINITION.replace("count: 1", "count: 1, self_approval: true")}
    )
    alice.takes("main")
    on(carol, STAGING)
    said = carol.refused(f"mine:{PRODUCTION}")
    assert '"staging" stands there, but "production" was asked for' in said


def test_nobody_promotes_in_anothers_name(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    forged(carol, STAGING, by="Alice <alice@example.com>", reason="trust me")
    said = carol.refused(f"mine:{STAGING}")
    assert "it is by alice@example.com, and carol <carol@example.com> pushes it" in said


def test_readers_move_nothing(server: Server, carol: Person) -> None:
    dave = server.person("dave")
    on(dave, STAGING)
    forged(dave, STAGING, by="Dave <dave@example.com>", reason="why not")
    assert "may not move environment 'staging'" in dave.refused(f"mine:{STAGING}")


@pytest.mark.parametrize("hours", [-30, 2])
def test_a_commit_that_is_dated_otherwise_than_now_is_refused(
    server: Server, carol: Person, hours: int
) -> None:
    when = (datetime.now(timezone.utc) + timedelta(hours=hours)).isoformat()
    carol.git.environ.update(GIT_COMMITTER_DATE=when, GIT_AUTHOR_DATE=when)
    on(carol, STAGING)
    forged(carol, STAGING, reason="long ago")
    assert "which is not now" in carol.refused(f"mine:{STAGING}")


def test_other_files_do_not_belong_on_the_branch(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    (carol.git.path / "evil.py").write_text("print('hello')\n")
    carol.git("add", "evil.py")
    forged(carol, STAGING, reason="more")
    assert "alone, not evil.py" in carol.refused(f"mine:{STAGING}")


def test_a_link_in_the_place_of_the_values_is_refused(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    (carol.git.path / "parameters.yaml").unlink()
    (carol.git.path / "parameters.yaml").symlink_to("/etc/passwd")
    carol.git("add", "parameters.yaml")
    forged(carol, STAGING, reason="link")
    assert "parameters.yaml" in carol.refused(f"mine:{STAGING}")


def test_policies_that_are_loosened_in_the_same_push_still_hold(
    server: Server, carol: Person
) -> None:
    alice = server.person("alice")
    loose = DEFINITION.replace("{count: 1, groups: [leads]}", "{count: 1, users: [nobody@x.org]}")
    loose = loose.replace("    policies:\n      - name: reviewed\n        approvals: ", "    # ")
    alice.git.commit({"gitexp.yaml": loose})
    alice.git("switch", "--quiet", "--orphan", "mine")
    for file in ("environment.yaml", "parameters.yaml"):
        alice.git("fetch", "--quiet")
        text = alice.git("show", f"origin/{STAGING}:{file}") + "\n"
        text = text.replace("environment: staging", "environment: production")
        text = text.replace("Carol <carol@", "Alice <alice@")
        (alice.git.path / file).write_text(text)
    alice.git("add", "environment.yaml", "parameters.yaml")
    alice.git("commit", "--quiet", "--message", "both at once")
    said = alice.refused("main", f"mine:{PRODUCTION}")
    assert "reviewed: 0 of 1 approval given" in said
    assert server.tip(PRODUCTION) is None


def test_a_commit_in_between_is_judged_too(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    forged(carol, STAGING, by="Alice <alice@example.com>", reason="one")
    forged(carol, STAGING, reason="two")
    assert "it is by alice@example.com" in carol.refused(f"mine:{STAGING}")


def test_two_honest_moves_in_one_push_are_taken(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    forged(carol, STAGING, reason="one")
    forged(carol, STAGING, reason="two")
    carol.takes(f"mine:{STAGING}")


def test_an_unrelated_history_is_refused(server: Server, carol: Person) -> None:
    on(carol, STAGING)
    tree = carol.git("rev-parse", "mine^{tree}")
    other = carol.git("commit-tree", tree, "-m", "new beginning")
    assert "would be gone" in carol.refused("--force", f"{other}:{STAGING}")


def test_a_bound_experiment_stays_on_the_remote(server: Server, carol: Person) -> None:
    said = carol.refused("--delete", "exp/bot/tone")
    assert "staging is bound to experiment 'tone'" in said


def test_whose_approval_it_takes_does_not_follow_from_a_name(server: Server, carol: Person) -> None:
    other = carol.repository.experiments.create("other")
    other.commit({"temperature": 0.3})
    other.share()
    on(carol, STAGING)
    found = yaml.safe_load(carol.git("show", "HEAD:environment.yaml"))
    forged(carol, STAGING, experiment={"id": found["experiment"]["id"], "name": "other"})
    assert "'other' is the name of another experiment" in carol.refused(f"mine:{STAGING}")
