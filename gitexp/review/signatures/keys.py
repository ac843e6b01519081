"""The user's own signing key, as Git's configuration names it, and what is signed with it.

`user.signingKey`, `gpg.format` (`openpgp` or `ssh`) and `commit.gpgSign` mean what they mean to
Git; `gitexp.sign` says that promotions and approvals are signed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gitexp.errors import InvalidInput
from gitexp.project.workspace import signature_of
from gitexp.review.signatures.gpg import sign_with_gpg
from gitexp.review.signatures.ssh import sign_with_ssh
from gitexp.store.gitconfig import parse_bool
from gitexp.surroundings import Surroundings

Config = Callable[[str], str | None]

KeyFormat = Literal["openpgp", "ssh"]


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key of the user's, and how to ask for its signature.

    Attributes:
        name: what `user.signingKey` says, or the user's identity.
        directory: where a relative path in the name begins.
        interactive: whether a person can be asked for a passphrase.
    """

    name: str
    format: KeyFormat
    environ: Mapping[str, str]
    directory: Path
    interactive: bool

    def sign(self, payload: bytes, *, namespace: str) -> bytes:
        """Return the armored signature of some bytes.

        Args:
            namespace: what it is for; only an SSH signature carries it.

        Raises:
            InvalidInput: the key is not there or cannot be used.
            NotFound: the program for it is not installed.
        """
        with tempfile.TemporaryDirectory(prefix="gitexp-signing-") as scratch:
            if self.format == "openpgp":
                return sign_with_gpg(
                    payload,
                    key=self.name,
                    environ=self.environ,
                    directory=Path(scratch),
                    interactive=self.interactive,
                )
            return sign_with_ssh(
                payload,
                key=self.name,
                namespace=namespace,
                environ=self.environ,
                directory=self.directory,
                scratch=Path(scratch),
                interactive=self.interactive,
            )


def signing_key(config: Config, surroundings: Surroundings) -> SigningKey:
    """Return the user's signing key; an OpenPGP key is that of their identity if none is named.

    Raises:
        InvalidInput: the format is neither `openpgp` nor `ssh`, or no SSH key is named, or nobody
            is configured.
    """
    form, name = (config("gpg.format") or "openpgp").lower(), config("user.signingKey")
    if form not in ("openpgp", "ssh"):
        raise InvalidInput(
            f"gpg.format is {form!r}, and gitexp signs with openpgp or ssh",
            hint="Set one of them with `git config gpg.format ssh`.",
        )
    if not name and form == "ssh":
        raise InvalidInput(
            "no SSH key to sign with: user.signingKey is not set",
            hint="Name yours with `git config --global user.signingKey ~/.ssh/id_ed25519.pub`.",
        )
    return SigningKey(
        name=name or str(signature_of(config, surroundings)),
        format="ssh" if form == "ssh" else "openpgp",
        environ=surroundings.environ,
        directory=surroundings.directory,
        interactive=surroundings.interactive,
    )


def is_on(config: Config, key: str) -> bool:
    """Return whether a setting of Git's configuration is true."""
    return parse_bool(config(key) or "false", False)
