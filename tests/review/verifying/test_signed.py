"""Signatures of versions and promotions, held to the keys and the policies of the trunk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.review.verifying.findings import Finding
from tests.review.signatures.keyring import SshKey, ssh_key
from tests.review.verifying.world import ENV, Ground

ADA = "ada@example.org"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return ssh_key(tmp_path_factory.mktemp("keys"), "ada")


def allow(ground: Ground, key: SshKey, *, policies: str = "", options: str = "") -> None:
    """Put Ada's key and some policies of production on the shared trunk."""
    definition = (ground.git.path / "gitexp.yaml").read_text()
    if policies:
        definition = definition.replace("production: {}", f"production: {{policies: {policies}}}")
    ground.git("switch", "-q", "main")
    (ground.git.path / "gitexp.yaml").write_text(definition)
    (ground.git.path / "allowed_signers").write_bytes(key.allowed(ADA, options))
    ground.git("add", ".")
    ground.git("commit", "-q", "-m", "keys")
    ground.git("push", "-q", "origin", "main")


def sign_from_now_on(ground: Ground, key: SshKey) -> Ground:
    ground.git("config", "gpg.format", "ssh")
    ground.git("config", "user.signingKey", str(key.file))
    ground.git("config", "commit.gpgSign", "true")
    ground.git("config", "gitexp.sign", "true")
    return ground.reopened()


def promoted(ground: Ground) -> None:
    experiment = ground.repository.experiments.get("tone")
    experiment.commit({"model": "large", "temperature": 1.0})
    experiment.share()
    experiment.promote("production")


def found(ground: Ground) -> list[Finding]:
    return list(ground.verified("signatures").findings)


def test_what_nobody_signed_is_fine_where_nobody_asks(ground: Ground) -> None:
    assert found(ground) == []
    assert ground.verified(signatures=True).looked_at["unsigned"] > 0


def test_signed_versions_and_promotions_are_verified(ground: Ground, key: SshKey) -> None:
    allow(ground, key, policies="[{signed: true, versions: signed}]")
    ground = sign_from_now_on(ground, key)
    promoted(ground)
    assert found(ground) == []
    assert ground.verified("signatures").looked_at["signatures"] == 4


def test_a_live_promotion_has_to_be_signed_where_a_policy_says_so(
    ground: Ground, key: SshKey
) -> None:
    allow(ground, key, policies="[{signed: true, versions: signed}]")
    assert [(one.severity, one.message.partition(" has ")[2]) for one in found(ground)] == [
        ("problem", "to be signed, and is not"),
        ("problem", "to be signed, and is not"),
    ]


def test_a_key_that_has_expired_is_worth_knowing(ground: Ground, key: SshKey) -> None:
    ground = sign_from_now_on(ground, key)
    promoted(ground)
    allow(ground, key, options='valid-before="20250101"')
    notes = found(ground)
    assert {one.severity for one in notes} == {"note"}
    assert {one.message.rpartition(": ")[2] for one in notes} == {"its key has expired"}


def test_a_changed_record_is_a_problem(ground: Ground, key: SshKey) -> None:
    allow(ground, key)
    ground = sign_from_now_on(ground, key)
    promoted(ground)
    files = ground.git.raw("show", f"origin/{ENV}:environment.yaml")
    assert b"by: Ada" in files
    commit = ground.put(
        ENV, {"environment.yaml": files.replace(b"action: promote", b"action: rollback")}
    )
    problems = [one for one in found(ground) if one.severity == "problem"]
    because = "what it signs was changed afterwards"
    message = f"the signature of its promotion record does not count: {because}"
    assert [(one.commit, one.message) for one in problems] == [(commit, message)]


def test_answers_are_kept_for_the_same_keys_alone(ground: Ground, key: SshKey) -> None:
    allow(ground, key)
    ground = sign_from_now_on(ground, key)
    promoted(ground)
    assert found(ground) == []
    other = ssh_key(Path(ground.git.path.parent), "other")
    allow(ground, other)
    assert {one.message.rpartition(": ")[2] for one in found(ground)} == {
        "its key is none of the allowed signers'"
    }
