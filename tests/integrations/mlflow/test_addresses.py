from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import InvalidInput
from gitexp.integrations.mlflow.addresses import (
    address_of,
    parse_address,
    place_of,
    split_artifact_address,
)


@pytest.mark.parametrize(
    ("uri", "directory", "project"),
    [
        ("gitexp:/data/bot", "/data/bot", None),
        ("gitexp:///data/bot", "/data/bot", None),
        ("gitexp://localhost/data/bot", "/data/bot", None),
        ("gitexp:apps/bot", "apps/bot", None),
        ("gitexp:.", ".", None),
        ("gitexp:/data/my%20bot", "/data/my bot", None),
        ("gitexp:///C:/data/bot", "C:/data/bot", None),
        ("gitexp:/data/all.git?project=bot", "/data/all.git", "bot"),
    ],
)
def test_an_address_names_a_directory_and_perhaps_a_project(
    uri: str, directory: str, project: str | None
) -> None:
    found = parse_address(uri)
    assert (found.directory, found.project) == (Path(directory), project)


@pytest.mark.parametrize("uri", ["gitexp:", "gitexp://host/work", "file:/work", "/work", ""])
def test_another_address_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_address(uri)
    assert str(caught.value) == f"{uri!r} is no address of a project"


@pytest.mark.parametrize("directory", ["/data/bot", "/data/my bot#1", "/data/50%"])
def test_an_address_that_was_made_is_read_back(directory: str) -> None:
    assert parse_address(address_of(Path(directory), "bot")).directory == Path(directory)
    assert parse_address(address_of(Path(directory), "bot")).project == "bot"


def test_the_address_of_artifacts_is_that_of_the_project_and_a_path() -> None:
    uri = "gitexp:///data/1/bot/12/20260102T030405-aaaaaaaa/artifacts/model/MLmodel"
    address, inside = split_artifact_address(uri)
    assert parse_address(address).directory == Path("/data/1/bot")
    place = place_of(inside)
    assert place is not None
    assert (place.run, place.model, place.inside) == (
        "20260102T030405-aaaaaaaa",
        "",
        "model/MLmodel",
    )


def test_the_files_of_a_logged_model_are_below_its_id() -> None:
    place = place_of("12/models/m-abc/artifacts/MLmodel")
    assert place is not None
    assert (place.run, place.model, place.inside) == ("", "m-abc", "MLmodel")


@pytest.mark.parametrize("path", ["", "12", "12/run", "12/run/other", "x/run/artifacts", "12/../a"])
def test_another_path_names_no_artifacts(path: str) -> None:
    assert place_of(path) is None


def test_the_address_of_a_project_names_no_artifacts() -> None:
    assert split_artifact_address("gitexp:///data/bot") == ("gitexp:///data/bot", "")
    query = "gitexp:///data/all.git/12/run/artifacts?project=bot"
    address, inside = split_artifact_address(query)
    assert parse_address(address) == parse_address("gitexp:/data/all.git?project=bot")
    assert inside == "12/run/artifacts"
