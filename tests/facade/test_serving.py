from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound, RemoteUnavailable
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from gitexp.serving import parameters
from gitexp.surroundings import Surroundings


@pytest.fixture(autouse=True)
def live(repository: Repository) -> None:
    Experiment.publish(
        name="tuning", values={"model": "small"}, environment="production", repository=repository
    )


def test_a_clone_serves_what_was_fetched(project: Path, surroundings: Surroundings) -> None:
    found = parameters("production", repository=project, surroundings=surroundings)
    assert dict(found) == {"temperature": 0.7, "model": "small", "key": "BOT_KEY"}
    assert found.provenance.experiment == "tuning"
    assert "small" in repr(found)


def test_a_shallow_checkout_of_the_trunk_fetches_what_is_missing(
    project: Path, surroundings: Surroundings, git
) -> None:
    url = f"file://{project.parent}/shared.git"
    git(project.parent, "clone", "--quiet", "--depth=1", url, "ci")
    found = parameters("production", repository=project.parent / "ci", surroundings=surroundings)
    assert found["model"] == "small"


def test_a_checkout_of_the_environments_branch_serves_it(
    project: Path, surroundings: Surroundings, git
) -> None:
    url = f"file://{project.parent}/shared.git"
    git(project.parent, "clone", "--quiet", "--depth=1", "--branch=env/bot/production", url, "ci")
    ci = project.parent / "ci"
    assert parameters(repository=ci, surroundings=surroundings)["model"] == "small"
    assert parameters("production", repository=ci, surroundings=surroundings)["model"] == "small"
    with pytest.raises((InvalidInput, NotFound)):
        parameters("staging", repository=ci, surroundings=surroundings)
    with pytest.raises(InvalidInput):
        parameters(experiment="tuning", repository=ci, surroundings=surroundings)


def test_an_address_serves_without_a_clone_and_when_it_is_down(
    project: Path, surroundings: Surroundings
) -> None:
    url = f"file://{project.parent}/shared.git"
    fresh = parameters("production", repository=url, surroundings=surroundings)
    assert (fresh["model"], fresh.provenance.stale) == ("small", False)
    shutil.move(project.parent / "shared.git", project.parent / "away.git")
    stale = parameters("production", repository=url, surroundings=surroundings)
    assert (stale["model"], stale.provenance.stale) == ("small", True)


def test_an_address_that_never_answered_is_an_error(
    project: Path, surroundings: Surroundings
) -> None:
    url = f"file://{project.parent}/nowhere.git"
    with pytest.raises(RemoteUnavailable):
        parameters("production", repository=url, surroundings=surroundings)


def test_an_address_without_the_environment_says_so(
    project: Path, surroundings: Surroundings
) -> None:
    url = f"file://{project.parent}/shared.git"
    with pytest.raises(NotFound, match="staging"):
        parameters("staging", repository=url, surroundings=surroundings)


def test_the_environment_variable_names_the_environment(
    project: Path, surroundings: Surroundings
) -> None:
    environ = {**surroundings.environ, "GITEXP_ENVIRONMENT": "production"}
    around = replace(surroundings, environ=environ)
    assert parameters(repository=project, surroundings=around)["model"] == "small"


def test_without_a_selector_the_default_environment_is_read(
    project: Path, surroundings: Surroundings
) -> None:
    with pytest.raises(NotFound, match="'default'"):
        parameters(repository=project, surroundings=surroundings)


def test_a_secret_is_looked_up_on_demand_and_never_shown(
    project: Path, surroundings: Surroundings
) -> None:
    environ = {**surroundings.environ, "BOT_KEY": "s3cret"}
    around = replace(surroundings, environ=environ)
    found = parameters("production", repository=project, surroundings=around)
    assert found["key"] == "BOT_KEY"
    assert found.secret("key") == "s3cret"
    assert "s3cret" not in repr(found) + str(found) + str(dict(found))
