"""Whose keys count: the files in a project's directory that say so, and checks against them.

`allowed_signers` (the format of OpenSSH) says which SSH keys belong to whom, `revoked_keys` (a
list of public keys or a KRL) which of them do not count any more, and `allowed_keys.asc` holds
the OpenPGP keys that count. They are copied under fixed names into a private directory that goes
with the check: nothing of a repository is ever a path, an option or a program.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.review.signatures import gpg, ssh
from gitexp.review.signatures.answers import UNSIGNED, Answer, Unverified
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store

COMMITS = "git"
"""The namespace of signatures of commits."""

_MOST_BYTES = 4 * 2**20
_LONGEST_SIGNATURE = 64 * 2**10


@dataclass(frozen=True, kw_only=True)
class Signers:
    """Whose keys count, as three files say it; one that is missing or empty allows nobody.

    Attributes:
        allowed: SSH keys and whom they belong to.
        revoked: SSH keys that do not count any more; None where there is no such file.
        keys: OpenPGP keys.
    """

    allowed: bytes = b""
    revoked: bytes | None = None
    keys: bytes = b""

    @contextmanager
    def checking(self, environ: Mapping[str, str], *, now: datetime) -> Iterator[Check]:
        """Give a check of signatures at a moment; its private files go at the end.

        Args:
            environ: the user's environment variables, of which the PATH says where programs are.
            now: the moment at which keys must be valid: the present one.
        """
        with tempfile.TemporaryDirectory(prefix="gitexp-signers-") as directory:
            yield Check(signers=self, environ=environ, now=now, directory=Path(directory))


@dataclass(kw_only=True)
class Check:
    """A check of any number of signatures against the same signers at the same moment."""

    signers: Signers
    environ: Mapping[str, str]
    now: datetime
    directory: Path
    _ssh: ssh.SshSigners | None = field(default=None, init=False)
    _gpg: gpg.GpgKeys | None = field(default=None, init=False)

    def answer(self, payload: bytes, signature: bytes, *, namespace: str, claimed: str) -> Answer:
        """Return whose signature this is, or why it counts for nothing.

        Args:
            payload: what is signed. An OpenPGP signature knows no namespaces, so the payload
                itself must say what it is.
            claimed: the address of whoever says that the signature is theirs; among several
                addresses of one key it is preferred, and it is never more than that.

        Raises:
            NotFound: `ssh-keygen` or `gpg`, whichever the signature needs, is not installed.
        """
        if not signature.strip():
            return UNSIGNED
        if len(signature) > _LONGEST_SIGNATURE:
            return Unverified(reason="the signature is far too long")
        if signature.startswith(ssh.BEGIN):
            return self._by_ssh(payload, signature, namespace, claimed)
        if signature.startswith(gpg.BEGIN):
            return self._by_gpg(payload, signature, claimed)
        return Unverified(reason="its signature is neither one of SSH nor of OpenPGP")

    def _by_ssh(self, payload: bytes, signature: bytes, namespace: str, claimed: str) -> Answer:
        if not self.signers.allowed.strip():
            return Unverified(reason=f"no SSH key is allowed: {layout.SIGNERS_FILE} names none")
        if self._ssh is None:
            self._ssh = self._ssh_signers()
        return self._ssh.check(
            payload, signature, namespace=namespace, claimed=claimed, now=self.now
        )

    def _ssh_signers(self) -> ssh.SshSigners:
        allowed, revoked = self.directory / "allowed", self.directory / "revoked"
        allowed.write_bytes(self.signers.allowed)
        if self.signers.revoked is not None:
            revoked.write_bytes(self.signers.revoked)
        return ssh.SshSigners(
            directory=self.directory,
            allowed=allowed,
            revoked=revoked if self.signers.revoked is not None else None,
            environ=self.environ,
        )

    def _by_gpg(self, payload: bytes, signature: bytes, claimed: str) -> Answer:
        if not self.signers.keys.strip():
            return Unverified(reason=f"no OpenPGP key is allowed: {layout.GPG_KEYS_FILE} is empty")
        if self._gpg is None:
            home = self.directory / "gpg"
            home.mkdir(mode=0o700)
            self._gpg = gpg.GpgKeys(home=home, environ=self.environ)
            self._gpg.load(self.signers.keys)
        return self._gpg.check(payload, signature, claimed=claimed, now=self.now)


def signers_at(
    workspace: Workspace, tree: TreeId | None, *, reader: Store | None = None
) -> Signers:
    """Return whose keys count by the files of a tree; nobody's without a tree.

    Ask it about the tip of the trunk of the shared remote, never about what asks to be let in.

    Raises:
        InvalidInput: a symbolic link or a directory stands in the place of one of the files, or
            one of them is too large.
        MissingObject, DamagedObject: one of them cannot be read.
    """
    if tree is None:
        return Signers()
    from gitexp.store.trees import blob_at

    store = reader or workspace.store

    def content(name: str) -> bytes | None:
        return blob_at(store, tree, layout.join(workspace.root, name), limit=_MOST_BYTES)

    return Signers(
        allowed=content(layout.SIGNERS_FILE) or b"",
        revoked=content(layout.REVOKED_FILE),
        keys=content(layout.GPG_KEYS_FILE) or b"",
    )
