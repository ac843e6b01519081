"""Keys that are made once for all tests of signatures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.review.signatures.keyring import Gpg, SshKey, gpg_home, ssh_key


@pytest.fixture(scope="session")
def ada(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    """Ada's key."""
    return ssh_key(tmp_path_factory.mktemp("ada"), "ada")


@pytest.fixture(scope="session")
def bob(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    """Bob's key."""
    return ssh_key(tmp_path_factory.mktemp("bob"), "bob")


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    """A directory of OpenPGP keys."""
    with gpg_home() as home:
        yield home
