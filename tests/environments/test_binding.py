"""Bindings as documents, and the values that are only served with the digest they were bound by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.documents import schemas
from gitexp.environments.binding import (
    Binding,
    Snapshot,
    binding_at,
    environment_at,
    snapshot_at,
    values_at,
)
from gitexp.environments.promotion import unbind
from gitexp.environments.reading import read
from gitexp.errors import InvalidDocuments, NotBound
from gitexp.ids import Digest, VersionId
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.model import PushUpdate
from tests.builders import MOMENT, commit_files
from tests.environments.conftest import World, promoted

BRANCH = "env/bot/production"

EXAMPLE = Binding(
    project="bot",
    environment="production",
    action="promote",
    experiment_id="xabcdefghijklmnop",
    experiment="checkout",
    version=VersionId("1" * 40),
    digest=Digest("sha256:" + "2" * 64),
    types={"temperature": "number"},
    by="Ada <ada@example.org>",
    at=MOMENT,
    reason="why not",
)


def test_a_binding_survives_its_document() -> None:
    document = schemas.load("environment", EXAMPLE.encode(), file="environment.yaml")
    assert Binding.from_dict(document) == EXAMPLE


def test_the_document_is_canonical() -> None:
    assert EXAMPLE.encode() == (
        b"# yaml-language-server: $schema=https://gitexp.dev/schemas/1/environment.schema.json\n"
        b"format: 1\n\n"
        b"project: bot\n\n"
        b"environment: production\n\n"
        b"action: promote\n\n"
        b"experiment:\n  id: xabcdefghijklmnop\n  name: checkout\n\n"
        b'version: "1111111111111111111111111111111111111111"\n\n'
        b"digest: sha256:" + b"2" * 64 + b"\n\n"
        b"types:\n  temperature: number\n\n"
        b"by: Ada <ada@example.org>\n\n"
        b'at: "2026-01-02T03:04:05Z"\n\n'
        b"reason: why not\n"
    )


def test_an_unbinding_names_nothing(ada: Workspace) -> None:
    promoted(ada)
    binding = unbind(ada, "production")
    assert binding.to_dict()["experiment"] is None
    assert binding.to_dict()["types"] == {}
    assert not binding.bound
    assert binding.label == "nothing"


def test_binding_and_values_of_a_commit(world: World, ada: Workspace) -> None:
    version = promoted(ada)
    tip = world.remote.ref(f"refs/heads/{BRANCH}")
    assert tip is not None
    binding = binding_at(world.remote, tip)
    assert binding is not None
    assert (binding.version, binding.commit, binding.created) == (version.version, tip, False)
    assert values_at(world.remote, tip) == version.values


def test_a_commit_of_another_branch_is_none(world: World) -> None:
    tip = world.remote.ref("refs/heads/main")
    assert tip is not None
    assert snapshot_at(world.remote, tip) is None
    assert binding_at(world.remote, tip) is None
    assert values_at(world.remote, tip) is None


def test_values_changed_without_their_digest_are_never_served(world: World, ada: Workspace) -> None:
    promoted(ada)
    broken = commit_files(world.remote, {"parameters.yaml": b"model: big\n"}, branch=BRANCH)
    grace = world.clone("Grace")
    with pytest.raises(InvalidDocuments) as caught:
        read(grace, "production")
    (problem,) = caught.value.problems
    assert (problem.file, problem.place) == (f"{broken[:10]}:environment.yaml", "digest")
    assert "is not the digest of parameters.yaml, which is sha256:" in problem.message


def test_values_from_the_cache_are_verified_again(world: World, ada: Workspace) -> None:
    promoted(ada)
    tip = world.remote.ref(f"refs/heads/{BRANCH}")
    assert tip is not None
    cache = DerivedCache(None)
    assert snapshot_at(world.remote, tip, cache=cache)
    (key,) = cache._recent
    cache.put(key, cache.get(key) | {"values": {"model": "forged"}})
    with pytest.raises(InvalidDocuments, match="is not the digest of"):
        snapshot_at(world.remote, tip, cache=cache)


@pytest.mark.parametrize(
    "files, message",
    [
        ({"environment.yaml": None}, "environment.yaml: the file is missing"),
        ({"parameters.yaml": None}, "parameters.yaml: the file is missing"),
        ({"environment.yaml": b"- 1\n"}, "environment.yaml:1"),
        ({"environment.yaml": b"{"}, "environment.yaml:2: not YAML"),
    ],
)
def test_a_branch_without_its_two_files_is_an_error(
    world: World, ada: Workspace, files: dict[str, bytes | None], message: str
) -> None:
    promoted(ada)
    commit_files(world.remote, files, branch=BRANCH)
    with pytest.raises(InvalidDocuments, match=message):
        read(world.clone("Grace"), "production")


def test_a_moment_that_does_not_exist_is_an_error(world: World, ada: Workspace) -> None:
    promoted(ada)
    tip = world.remote.ref(f"refs/heads/{BRANCH}")
    assert tip is not None
    snapshot = environment_at(world.remote, tip, environment="production")
    text = snapshot.binding.encode().replace(b"2026-01-02T", b"2026-13-45T")
    commit_files(world.remote, {"environment.yaml": text}, branch=BRANCH)
    with pytest.raises(InvalidDocuments, match="is no moment such as"):
        read(world.clone("Grace"), "production")


def test_a_branch_that_speaks_of_another_environment_is_an_error(
    world: World, ada: Workspace
) -> None:
    promoted(ada, "staging")
    staging = world.remote.ref("refs/heads/env/bot/staging")
    ada.remote().push([PushUpdate(ref=f"refs/heads/{BRANCH}", old=None, new=staging)])
    with pytest.raises(InvalidDocuments) as caught:
        read(world.clone("Grace"), "production")
    assert str(staging)[:10] in str(caught.value)
    assert '"staging" stands there, but "production" was asked for' in str(caught.value)


def test_values_beside_an_unbinding_are_an_error(world: World, ada: Workspace) -> None:
    promoted(ada)
    unbind(ada, "production")
    commit_files(world.remote, {"parameters.yaml": b"x: 1\n"}, branch=BRANCH)
    with pytest.raises(InvalidDocuments, match="values, but nothing is bound"):
        read(world.clone("Grace"), "production")


def test_an_unbound_snapshot_says_who_unbound_it() -> None:
    binding = Binding(
        project="bot",
        environment="production",
        action="unbind",
        by="Ada <ada@example.org>",
        at=MOMENT,
    )
    snapshot = Snapshot(
        binding=Binding.from_dict(binding.to_dict(), commit=VersionId("3" * 40)), values={}
    )
    with pytest.raises(NotBound) as caught:
        snapshot.bound()
    assert caught.value.message == (
        "no version is bound to environment 'production' in commit 3333333333: "
        "Ada <ada@example.org> unbound it on 2026-01-02T03:04:05Z"
    )
    assert caught.value.hint == "Bind one with `gitexp promote EXPERIMENT production`."
    of_flags = replace(snapshot.binding, action="flags", flags={"tone": "sha256:" + "0" * 64})
    with pytest.raises(NotBound, match="it holds flags alone"):
        replace(snapshot, binding=of_flags).bound()
