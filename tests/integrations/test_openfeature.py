"""The provider for OpenFeature, through the standard client."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from gitexp.integrations.openfeature import GitexpProvider
from tests.review.policies.conftest import Team
from tests.review.policies.conftest import made_team as bare_team
from tests.review.policies.conftest import team as copied_team

__all__ = ["bare_team", "copied_team"]

FLAGS = {
    "checkout": "active: true\nvariants:\n  - {key: control, weight: 0}\n"
    "  - {key: test, weight: 100, payload: {color: red}}\n",
    "search": "active: true\nconditions:\n  - properties: [{key: plan, value: pro}]\n",
    "half": "active: true\nrollout: 0\npayload: 7\n",
    "limit": "active: true\npayload: 7\n",
    "greeting": "active: true\npayload: hello\n",
    "ratio": "active: true\npayload: 0.5\n",
    "off": "active: false\npayload: 1\n",
    "held": "active: true\nholdout: {id: h, percent: 100}\n",
    "drawn": "active: true\nrollout: 50\nhashing: growthbook\n",
    "devices": "active: true\nrollout: 50\nhashing: {by: device}\n",
}
SOMEBODY = EvaluationContext("user-1", {"plan": "pro"})


@pytest.fixture(scope="module")
def made_team(bare_team: Team, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team that is only ever copied, whose flags are published in production."""
    made = bare_team.copied(tmp_path_factory.mktemp("flags"))
    made.define(files={f"flags/{key}.yaml": text for key, text in FLAGS.items()})
    made.person("Ada").flags.publish(*FLAGS, environment="production")
    return made


@pytest.fixture
def team(copied_team: Team) -> Iterator[Team]:
    """A team whose flags are published in production."""
    yield copied_team
    api.shutdown()
    api.clear_providers()


def provider(team: Team, **options: Any) -> GitexpProvider:
    """Return a provider that reads somebody's clone."""
    return GitexpProvider("production", repository=team.person("Bob"), **options)


@pytest.fixture
def client(team: Team) -> OpenFeatureClient:
    """The standard client."""
    api.set_provider_and_wait(provider(team))
    return api.get_client()


def test_every_type_is_resolved(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("search", False, SOMEBODY) is True
    assert client.get_boolean_value("search", True, EvaluationContext("user-1")) is False
    assert client.get_boolean_value("checkout", False, SOMEBODY) is True
    assert client.get_string_value("checkout", "x", SOMEBODY) == "test"
    assert client.get_string_value("greeting", "x", SOMEBODY) == "hello"
    assert client.get_integer_value("limit", 0, SOMEBODY) == 7
    assert client.get_float_value("limit", 0.0, SOMEBODY) == 7.0
    assert client.get_float_value("ratio", 0.0, SOMEBODY) == 0.5
    assert client.get_object_value("checkout", {}, SOMEBODY) == {"color": "red"}


def test_whoever_has_not_the_flag_gets_the_default(client: OpenFeatureClient) -> None:
    found = client.get_integer_details("half", 3, SOMEBODY)
    assert (found.value, found.reason, found.error_code) == (3, Reason.DEFAULT, None)
    off = client.get_integer_details("off", 3, SOMEBODY)
    assert (off.value, off.reason) == (3, Reason.DISABLED)
    held = client.get_boolean_details("held", True, SOMEBODY)
    assert (held.value, held.variant, held.reason) == (False, "holdout-h", Reason.SPLIT)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("search", Reason.TARGETING_MATCH), ("checkout", Reason.SPLIT), ("limit", Reason.STATIC)],
)
def test_a_reason_says_why(client: OpenFeatureClient, key: str, reason: Reason) -> None:
    assert client.get_boolean_details(key, False, SOMEBODY).reason == reason


def test_what_cannot_be_resolved_has_an_error_code(client: OpenFeatureClient) -> None:
    unknown = client.get_boolean_details("serch", True, SOMEBODY)
    assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert unknown.error_message == "no flag 'serch'. Did you mean 'search'?"
    other = client.get_integer_details("greeting", 5, SOMEBODY)
    assert (other.value, other.error_code) == (5, ErrorCode.TYPE_MISMATCH)
    assert other.error_message == "the payload of flag 'greeting' is not an integer"
    nobody = client.get_boolean_details("drawn", True)
    assert (nobody.value, nobody.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)
    assert nobody.error_message == "flag 'drawn' is drawn, and there is no targeting key"
    without = client.get_boolean_details("devices", True, SOMEBODY)
    assert (without.value, without.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)
    assert without.error_message == "flag 'devices' is drawn, and there is no property 'device'"


def test_details_say_where_a_flag_comes_from(team: Team, client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("limit", False, SOMEBODY)
    assert found.flag_metadata["environment"] == "production"
    assert found.flag_metadata["environment_commit"] == team.tip()
    assert found.flag_metadata["stale"] is False


def test_an_environment_that_is_not_there_is_fatal(team: Team) -> None:
    broken = GitexpProvider("nowhere", repository=team.person("Bob"))
    with pytest.raises(ProviderFatalError, match="environment 'nowhere' is not declared"):
        api.set_provider_and_wait(broken, domain="broken")
    client = api.get_client("broken")
    found = client.get_boolean_details("limit", True, SOMEBODY)
    assert found.value is True
    assert found.error_code == ErrorCode.PROVIDER_FATAL


def test_each_domain_has_an_environment_of_its_own(team: Team) -> None:
    ada = team.person("Ada")
    ada.flags.publish("limit", environment="staging")
    for name in ("production", "staging"):
        api.set_provider_and_wait(GitexpProvider(name, repository=ada), domain=name)
    found = {name: api.get_client(name) for name in ("production", "staging")}
    assert found["production"].get_string_value("greeting", "-", SOMEBODY) == "hello"
    assert found["staging"].get_string_value("greeting", "-", SOMEBODY) == "-"
    assert found["staging"].get_integer_value("limit", 0, SOMEBODY) == 7


def test_refreshing_brings_what_was_published_since(team: Team) -> None:
    read = provider(team)
    api.set_provider_and_wait(read)
    client = api.get_client()
    told: list[EventDetails] = []
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, told.append)
    assert read.refresh() is False
    team.define(files={"flags/limit.yaml": "active: true\npayload: 9\n"})
    team.person("Ada").flags.publish("limit", environment="production")
    assert client.get_integer_value("limit", 0, SOMEBODY) == 7
    assert read.refresh() is True
    assert client.get_integer_value("limit", 0, SOMEBODY) == 9
    assert [details.flags_changed for details in told] == [["limit"]]


def test_without_the_remote_the_flags_from_before_are_served_as_stale(team: Team) -> None:
    read = provider(team)
    api.set_provider_and_wait(read)
    client = api.get_client()
    (team.directory / "shared.git").rename(team.directory / "gone.git")
    assert read.refresh() is False
    assert client.get_provider_status() == ProviderStatus.STALE
    found = client.get_integer_details("limit", 0, SOMEBODY)
    assert (found.value, found.flag_metadata["stale"]) == (7, True)
    (team.directory / "gone.git").rename(team.directory / "shared.git")
    read.refresh()
    assert client.get_provider_status() == ProviderStatus.READY


def test_flags_of_an_environment_that_is_gone_are_stale(team: Team) -> None:
    read = provider(team)
    api.set_provider_and_wait(read)
    client = api.get_client()
    team.git("Ada", "push", "-q", "origin", ":env/bot/production")
    assert read.refresh() is False
    assert client.get_provider_status() == ProviderStatus.STALE
    assert client.get_integer_value("limit", 0, SOMEBODY) == 7
    with pytest.raises(ProviderNotReadyError, match="no version is bound to environment"):
        api.set_provider_and_wait(provider(team), domain="later")


def test_newer_flags_are_looked_for_in_the_background(team: Team) -> None:
    api.set_provider_and_wait(provider(team, refresh=0.05))
    client = api.get_client()
    changed = Event()
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, lambda _: changed.set())
    team.define(files={"flags/limit.yaml": "active: true\npayload: 9\n"})
    team.person("Ada").flags.publish("limit", environment="production")
    assert changed.wait(60)
    assert client.get_integer_value("limit", 0, SOMEBODY) == 9


def at_event(client: OpenFeatureClient, event: ProviderEvent) -> Event:
    """Return what is set when the client's handlers are told of an event from now on."""
    told = Event()
    client.add_handler(event, lambda _: told.set())
    return told


def test_what_cannot_be_read_at_first_is_served_once_it_can(team: Team) -> None:
    read = GitexpProvider("staging", repository=team.person("Bob"), refresh=0.05)
    with pytest.raises(ProviderNotReadyError, match="no version is bound to environment"):
        api.set_provider_and_wait(read)
    client = api.get_client()
    assert client.get_integer_details("limit", 3, SOMEBODY).value == 3
    ready = at_event(client, ProviderEvent.PROVIDER_READY)
    team.person("Ada").flags.publish("limit", environment="staging")
    assert ready.wait(60)
    assert client.get_provider_status() == ProviderStatus.READY
    assert client.get_integer_value("limit", 3, SOMEBODY) == 7


def test_flags_that_were_broken_for_a_while_are_no_longer_stale(team: Team) -> None:
    read = provider(team)
    api.set_provider_and_wait(read)
    client = api.get_client()
    before = team.tip()
    team.git("Ada", "checkout", "-q", "--detach", before)
    (team.directory / "ada" / "flags" / "limit.yaml").write_text("active: false\n")
    team.git("Ada", "commit", "-qam", "by hand")
    team.git("Ada", "push", "-q", "origin", "HEAD:env/bot/production")
    assert read.refresh() is False
    assert client.get_provider_status() == ProviderStatus.STALE
    found = client.get_integer_details("limit", 3, SOMEBODY)
    assert (found.value, found.flag_metadata["stale"]) == (7, True)
    team.git("Ada", "push", "-qf", "origin", f"{before}:env/bot/production")
    assert read.refresh() is False
    assert client.get_provider_status() == ProviderStatus.READY
    assert client.get_integer_details("limit", 3, SOMEBODY).flag_metadata["stale"] is False


def test_handlers_are_told_once_that_flags_are_stale(team: Team) -> None:
    read = provider(team)
    api.set_provider_and_wait(read)
    told: list[EventDetails] = []
    api.get_client().add_handler(ProviderEvent.PROVIDER_STALE, told.append)
    (team.directory / "shared.git").rename(team.directory / "gone.git")
    read.refresh()
    read.refresh()
    (team.directory / "gone.git").rename(team.directory / "shared.git")
    ready = at_event(api.get_client(), ProviderEvent.PROVIDER_READY)
    read.refresh()
    assert ready.wait(60)
    assert len(told) == 1


class Watched(Mapping[str, str]):
    """Environment variables that call something before they are looked at."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.at_look: Callable[[], None] = lambda: None

    def __getitem__(self, name: str) -> str:
        self.at_look()
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def watched_provider(team: Team, **options: Any) -> tuple[GitexpProvider, Watched]:
    around = team.person("Bob").workspace.surroundings
    variables = Watched(around.environ)
    where, surroundings = team.directory / "bob", replace(around, environ=variables)
    made = GitexpProvider("production", repository=where, surroundings=surroundings, **options)
    return made, variables


def test_no_error_ends_the_looking_for_newer_flags(team: Team) -> None:
    read, variables = watched_provider(team, refresh=0.05)
    api.set_provider_and_wait(read)
    client = api.get_client()
    stale = at_event(client, ProviderEvent.PROVIDER_STALE)

    def fail() -> None:
        raise RuntimeError("out of order")

    variables.at_look = fail
    assert stale.wait(60)
    ready = at_event(client, ProviderEvent.PROVIDER_READY)
    variables.at_look = lambda: None
    assert ready.wait(60)


def test_a_shutdown_waits_for_no_remote_that_is_silent(team: Team) -> None:
    read, variables = watched_provider(team, refresh=0.05)
    api.set_provider_and_wait(read)
    thread = next(t for t in threading.enumerate() if t.name == "gitexp-flags")
    looked, answered = Event(), Event()

    def wait() -> None:
        looked.set()
        answered.wait(60)

    variables.at_look = wait
    assert looked.wait(60)
    before = read.flags
    api.shutdown()
    answered.set()
    thread.join(60)
    assert read.flags is before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_looks_for_newer_flags_too(team: Team) -> None:
    api.set_provider_and_wait(provider(team, refresh=0.05))
    team.define(files={"flags/limit.yaml": "active: true\npayload: 9\n"})
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.close(writing)
        os.read(reading, 1)
        client = api.get_client()
        pause = Event()
        for _ in range(600):
            if client.get_integer_value("limit", 0, SOMEBODY) == 9:
                os._exit(0)
            pause.wait(0.1)
        os._exit(1)
    os.close(reading)
    team.person("Ada").flags.publish("limit", environment="production")
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
