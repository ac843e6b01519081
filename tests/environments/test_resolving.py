"""Resolving: precedence, agreement, and no silent choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.environments.parameters import Parameters
from gitexp.environments.promotion import promote
from gitexp.environments.resolving import Selectors, chosen_environment, resolve
from gitexp.errors import InvalidInput, NotBound, NotFound
from gitexp.experiments.lifecycle import rename
from gitexp.project.workspace import Workspace
from tests.environments.conftest import World, promoted, saved


def resolved(workspace: Workspace, **selectors: str) -> Parameters:
    """Return what the selectors name."""
    return resolve(workspace, Selectors(**selectors))  # type: ignore[arg-type]


def having(workspace: Workspace, environment: str) -> Workspace:
    """Return the workspace of a process with GITEXP_ENVIRONMENT set."""
    environ = {"GITEXP_ENVIRONMENT": environment}
    return replace(workspace, surroundings=replace(workspace.surroundings, environ=environ))


def test_an_environment_is_what_is_live_in_it(ada: Workspace) -> None:
    version = promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    found = resolved(ada, environment="production")
    assert found.to_dict() == dict(version.values)
    assert (found.provenance.experiment, found.provenance.version, found.provenance.source) == (
        "checkout",
        version.version,
        "environment",
    )
    assert found.provenance.environment == "production"
    assert found.provenance.environment_commit == ada.store.ref(
        "refs/remotes/origin/env/bot/production"
    )


def test_an_experiment_is_its_latest_version(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    newest = saved(ada, temperature=0.2)
    found = resolved(ada, experiment="checkout")
    assert (found.provenance.version, found.provenance.source) == (newest.version, "experiment")
    assert (found.provenance.environment, found.provenance.environment_commit) == (None, None)


def test_a_version_of_an_experiment(ada: Workspace) -> None:
    old = saved(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    found = resolved(ada, experiment="checkout", version="latest~1")
    assert (found.provenance.version, found.provenance.source) == (old.version, "version")


def test_a_version_alone_knows_its_experiment(ada: Workspace) -> None:
    old = saved(ada, temperature=0.1)
    saved(ada, "other", temperature=0.1)
    rename(ada, "checkout", "payment")
    for text in (old.version, old.version[:12]):
        found = resolved(ada, version=text)
        assert (found.provenance.experiment, found.provenance.version) == ("payment", old.version)
        assert found["temperature"] == 0.1


def test_what_is_live_as_a_version(ada: Workspace) -> None:
    version = promoted(ada)
    assert resolved(ada, version="env:production").provenance.version == version.version
    with pytest.raises(NotBound):
        resolved(ada, version="env:staging")


def test_a_version_that_needs_an_experiment_says_so(ada: Workspace) -> None:
    saved(ada)
    with pytest.raises(InvalidInput) as caught:
        resolved(ada, version="latest")
    assert caught.value.message == "'latest' does not say of which experiment"
    assert caught.value.hint == "Name the experiment too, as in `EXPERIMENT@latest`."


def test_without_selectors_the_default_environment_is_read(ada: Workspace) -> None:
    version = promoted(ada, "default", temperature=0.1)
    promoted(ada, "production", temperature=0.2)
    found = resolved(ada)
    assert (found.provenance.environment, found.provenance.version) == ("default", version.version)


def test_the_variable_comes_before_the_default(ada: Workspace) -> None:
    promoted(ada, "default", temperature=0.1)
    promoted(ada, "production", temperature=0.2)
    assert resolved(having(ada, "production"))["temperature"] == 0.2
    assert resolved(having(ada, ""))["temperature"] == 0.1


def test_every_selector_comes_before_the_variable(ada: Workspace) -> None:
    promoted(ada, "default", temperature=0.1)
    version = promoted(ada, "production", temperature=0.2)
    saved(ada, temperature=0.3)
    there = having(ada, "production")
    assert resolved(there, environment="default")["temperature"] == 0.1
    assert resolved(there, experiment="checkout")["temperature"] == 0.3
    assert resolved(having(ada, "default"), version=version.version)["temperature"] == 0.2


def test_a_selector_that_fails_is_never_replaced_by_another(ada: Workspace) -> None:
    promoted(ada, "default")
    with pytest.raises(NotFound, match="'prodution' is not declared"):
        resolved(ada, environment="prodution")
    with pytest.raises(NotBound):
        resolved(ada, environment="production")
    with pytest.raises(NotFound):
        resolved(ada, experiment="nothing")
    with pytest.raises(NotFound):
        resolved(ada, version="f" * 40)
    with pytest.raises(NotBound):
        resolved(having(ada, "staging"))
    with pytest.raises(InvalidInput):
        resolved(ada, environment="")


def test_an_unbound_default_says_why_it_was_read(ada: Workspace) -> None:
    with pytest.raises(NotBound) as caught:
        resolved(ada)
    assert caught.value.message == (
        "no version is bound to environment 'default', which is read where nothing else is named"
    )
    assert caught.value.hint == (
        "Name an environment, an experiment or a version, or set GITEXP_ENVIRONMENT."
    )


def test_an_unbound_environment_of_the_variable_says_where_its_name_is_from(
    ada: Workspace,
) -> None:
    with pytest.raises(NotBound) as caught:
        resolved(having(ada, "staging"))
    assert caught.value.message == (
        "no version is bound to environment 'staging' (GITEXP_ENVIRONMENT=staging)"
    )


def test_an_environment_agrees_with_what_is_live_in_it(ada: Workspace) -> None:
    live = promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    by_experiment = resolved(ada, environment="production", experiment="checkout")
    assert (by_experiment.provenance.version, by_experiment.provenance.source) == (
        live.version,
        "environment",
    )
    by_version = resolved(ada, environment="production", version=live.version)
    assert (by_version.provenance.source, by_version.provenance.environment) == (
        "version",
        "production",
    )
    everything = resolved(
        ada, environment="production", experiment="checkout", version=live.version
    )
    assert everything == by_version == by_experiment


def test_the_same_values_under_another_hash_agree(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    again = saved(ada, temperature=0.1)
    assert resolved(ada, environment="production", version=again.version)["temperature"] == 0.1


def test_contradicting_selectors_are_an_error_that_names_both(ada: Workspace) -> None:
    live = promoted(ada, temperature=0.1)
    other = saved(ada, "other", temperature=0.9)
    newest = saved(ada, temperature=0.2)
    with pytest.raises(InvalidInput) as caught:
        resolved(ada, environment="production", version=newest.version)
    assert caught.value.message == (
        f"version '{newest.version}' and environment 'production' contradict each other: "
        f"checkout@{live.version[:10]} is live there"
    )
    with pytest.raises(InvalidInput, match="experiment 'other' and environment 'production'"):
        resolved(ada, environment="production", experiment="other")
    with pytest.raises(NotFound, match=f"experiment 'other' has no v.*{newest.version[:4]}"):
        resolved(ada, experiment="other", version=newest.version)
    assert resolved(ada, version=other.version)["temperature"] == 0.9


def test_a_pin_needs_an_environment(ada: Workspace) -> None:
    promoted(ada)
    with pytest.raises(InvalidInput, match="experiment 'checkout' and a lock contradict"):
        resolve(ada, Selectors(experiment="checkout", locked=True))
    with pytest.raises(InvalidInput, match="version 'abcd' and commit 'ef01' of an environment"):
        resolve(ada, Selectors(version="abcd", at="ef01"))


def test_a_pin_applies_to_the_environment_of_the_variable(ada: Workspace) -> None:
    old = promoted(ada, temperature=0.1)
    commit = ada.store.ref("refs/remotes/origin/env/bot/production")
    promoted(ada, temperature=0.2)
    found = resolve(having(ada, "production"), Selectors(at=commit))
    assert found.provenance.version == old.version


def test_secrets_come_from_the_surroundings(world: World, ada: Workspace) -> None:
    promoted(ada, api_key="BOT_KEY")
    grace = world.clone("Grace", environ={"BOT_KEY": "s3cr3t"})
    found = resolved(grace, environment="production")
    assert found["api_key"] == "BOT_KEY"
    assert found.secret("api_key") == "s3cr3t"
    assert resolved(grace, version="env:production").secret("api_key") == "s3cr3t"


def test_the_environment_to_read() -> None:
    assert chosen_environment("a", {"GITEXP_ENVIRONMENT": "b"}) == "a"
    assert chosen_environment(None, {"GITEXP_ENVIRONMENT": "b"}) == "b"
    assert chosen_environment(None, {}) == "default"


def test_a_promotion_elsewhere_changes_nothing(ada: Workspace) -> None:
    promoted(ada, "default", temperature=0.1)
    promote(ada, "checkout", "staging")
    assert resolved(ada)["temperature"] == 0.1
