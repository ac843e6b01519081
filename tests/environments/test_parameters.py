"""Parameters: a read-only mapping with types, provenance and secrets that stay secret."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import Digest, VersionId

PROVENANCE = Provenance(
    experiment="checkout",
    experiment_id="xabcdefghijklmnop",
    version=VersionId("1" * 40),
    digest=Digest("sha256:" + "2" * 64),
    environment="production",
    environment_commit=VersionId("3" * 40),
)
VALUES: dict[str, Any] = {
    "model": "small",
    "temperature": 0.5,
    "retries": 3,
    "strict": True,
    "tools": ["search", {"name": "mail"}],
    "limits": {"day": 5},
    "api_key": "BOT_KEY",
    "keys": "a slot",
    "values": 1,
    "get": None,
    "version": "v9",
}
TYPES = {
    "model": "model",
    "temperature": "number",
    "retries": "integer",
    "strict": "boolean",
    "tools": "list",
    "limits": "object",
    "api_key": "secret",
    "gone": "text",
}


@pytest.fixture
def parameters() -> Parameters:
    return Parameters(
        VALUES, types=TYPES, provenance=PROVENANCE, environ={"BOT_KEY": "s3cr3t", "EMPTY": ""}
    )


def test_it_is_a_mapping_of_native_values(parameters: Parameters) -> None:
    assert dict(parameters) == VALUES
    assert parameters == VALUES
    assert list(parameters) == list(VALUES)
    assert len(parameters) == len(VALUES)
    assert {**parameters}["retries"] == 3
    assert parameters.get("nothing", 7) == 7
    assert "nothing" not in parameters
    assert ["unhashable"] not in [parameters]


def test_a_missing_name_is_a_key_error(parameters: Parameters) -> None:
    with pytest.raises(KeyError):
        parameters["nothing"]


@pytest.mark.parametrize("name", ["keys", "values", "get", "version"])
def test_slots_named_like_methods_are_reached_by_index(parameters: Parameters, name: str) -> None:
    assert parameters[name] == VALUES[name]
    assert callable(getattr(parameters, "keys"))  # noqa: B009


def test_it_cannot_be_changed(parameters: Parameters) -> None:
    with pytest.raises(TypeError):
        parameters["model"] = "big"  # type: ignore[index]
    with pytest.raises(TypeError):
        del parameters["model"]  # type: ignore[attr-defined]


def test_lists_and_objects_are_copies(parameters: Parameters) -> None:
    parameters["tools"][1]["name"] = "changed"
    parameters.get_list("tools").append("more")
    parameters.get_object("limits")["day"] = 0
    parameters.to_dict()["tools"].clear()
    assert parameters["tools"] == VALUES["tools"]
    assert parameters["limits"] == {"day": 5}


def test_what_it_was_made_from_may_change(parameters: Parameters) -> None:
    source = {"tools": ["search"]}
    made = Parameters(source, types={}, provenance=PROVENANCE)
    source["tools"].append("more")
    assert made["tools"] == ["search"]


def test_typed_getters(parameters: Parameters) -> None:
    assert parameters.get_text("model") == "small"
    assert parameters.get_integer("retries") == 3
    assert parameters.get_number("temperature") == 0.5
    assert parameters.get_number("retries") == 3
    assert parameters.get_boolean("strict") is True
    assert parameters.get_list("tools") == VALUES["tools"]
    assert parameters.get_object("limits") == {"day": 5}


def test_a_default_stands_for_a_slot_without_a_value(parameters: Parameters) -> None:
    assert parameters.get_text("gone", "x") == "x"
    assert parameters.get_list("gone", None) is None
    with pytest.raises(NotFound) as caught:
        parameters.get_text("modle")
    assert caught.value.message == "no parameter 'modle' in checkout@1111111111"
    assert caught.value.hint == "Did you mean 'model'?"


@pytest.mark.parametrize(
    "getter, name, message",
    [
        (Parameters.get_text, "retries", "parameter 'retries' is an integer, not text"),
        (Parameters.get_integer, "strict", "parameter 'strict' is a boolean, not an integer"),
        (Parameters.get_integer, "temperature", "parameter 'temperature' is a number, not"),
        (Parameters.get_number, "strict", "parameter 'strict' is a boolean, not a number"),
        (Parameters.get_number, "model", "parameter 'model' is text, not a number"),
        (Parameters.get_boolean, "retries", "parameter 'retries' is an integer, not a boolean"),
        (Parameters.get_list, "limits", "parameter 'limits' is an object, not a list"),
        (Parameters.get_object, "tools", "parameter 'tools' is a list, not an object"),
        (Parameters.get_text, "get", "parameter 'get' is null, not text"),
        (Parameters.get_text, "api_key", "parameter 'api_key' is a secret, not text"),
    ],
)
def test_another_type_is_an_error_that_names_both(
    parameters: Parameters, getter: Callable[..., Any], name: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        getter(parameters, name)
    with pytest.raises(InvalidInput):
        getter(parameters, name, "a default does not hide it")


def test_a_secret_is_the_name_of_a_variable_until_it_is_asked_for(parameters: Parameters) -> None:
    assert parameters["api_key"] == "BOT_KEY"
    assert parameters.to_dict()["api_key"] == "BOT_KEY"
    assert parameters.secret("api_key") == "s3cr3t"
    assert parameters.secret("api_key", {"BOT_KEY": "other"}) == "other"


@pytest.mark.parametrize("environ, state", [({}, "not set"), ({"BOT_KEY": ""}, "empty")])
def test_a_secret_without_its_variable_names_it(
    parameters: Parameters, environ: dict[str, str], state: str
) -> None:
    with pytest.raises(NotFound) as caught:
        parameters.secret("api_key", environ)
    assert caught.value.message == (
        f"the environment variable BOT_KEY, which parameter 'api_key' refers to, is {state}"
    )


def test_only_secret_slots_are_secrets(parameters: Parameters) -> None:
    with pytest.raises(InvalidInput, match="parameter 'model' is text, not a secret"):
        parameters.secret("model")
    with pytest.raises(NotFound, match="no parameter 'nothing'"):
        parameters.secret("nothing")


def test_no_print_shows_a_secret_or_its_variable(parameters: Parameters) -> None:
    for text in (
        repr(parameters),
        str(parameters),
        f"{parameters}",
        json.dumps(parameters.masked()),
    ):
        assert "s3cr3t" not in text
        assert "BOT_KEY" not in text
        assert "<secret>" in text
    assert repr(parameters).endswith("from checkout@1111111111)")


def test_pickling_leaves_the_environment_behind(
    parameters: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(parameters)
    assert b"s3cr3t" not in data
    there = pickle.loads(data)
    assert there == parameters
    assert (there.provenance, there.types) == (parameters.provenance, parameters.types)
    monkeypatch.setenv("BOT_KEY", "of the worker")
    assert there.secret("api_key") == "of the worker"


def test_types_are_those_of_the_values(parameters: Parameters) -> None:
    assert parameters.types["temperature"] == "number"
    assert parameters.types["version"] == ""
    assert "gone" not in parameters.types


def test_provenance_as_data() -> None:
    assert PROVENANCE.to_dict() == {
        "experiment": "checkout",
        "experiment_id": "xabcdefghijklmnop",
        "version": "1" * 40,
        "digest": "sha256:" + "2" * 64,
        "environment": "production",
        "environment_commit": "3" * 40,
        "source": "environment",
        "stale": False,
    }
