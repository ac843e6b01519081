"""SSH and OpenPGP keys for tests, made anew, and the lines that allow them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PATH = {"PATH": os.environ["PATH"]}


@dataclass(frozen=True)
class SshKey:
    """A key pair in a file."""

    file: Path

    @property
    def public(self) -> str:
        """The public key, without a comment."""
        return " ".join(self.file.with_suffix(".pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """The fingerprint as `ssh-keygen -l` says it."""
        done = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(self.file)], capture_output=True, check=True
        )
        return done.stdout.decode().split()[1]

    def allowed(self, principals: str, options: str = "") -> bytes:
        """Return the line that allows the key to somebody."""
        return (
            " ".join(part for part in (principals, options, self.public) if part).encode() + b"\n"
        )


def ssh_key(directory: Path, name: str, *, passphrase: str = "") -> SshKey:
    """Return a new key."""
    file = directory / name
    options = ["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(file)]
    subprocess.run(["ssh-keygen", *options], check=True)
    return SshKey(file)


@dataclass(frozen=True)
class Gpg:
    """A directory of OpenPGP keys with its agent."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which `gpg` uses these keys."""
        return {**PATH, "GNUPGHOME": str(self.home), "HOME": str(self.home)}

    def __call__(self, *arguments: str, given: bytes = b"") -> bytes:
        """Return what a call prints; it must succeed."""
        command = ["gpg", "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback"]
        done = subprocess.run(
            [*command, *arguments],
            input=given,
            env=self.environ,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, uid: str, *, expires: str = "never", at: str | None = None) -> str:
        """Return the fingerprint of a new key."""
        faked = ["--faked-system-time", at] if at else []
        options = ["--passphrase", "", *faked]
        self(*options, "--quick-generate-key", uid, "ed25519", "sign", expires)
        listed = self("--with-colons", "--list-keys", f"={uid}").decode()
        rows = [row.split(":") for row in listed.splitlines()]
        return next(row[9] for row in rows if row[0] == "fpr")

    def public(self, key: str) -> bytes:
        """Return the armored public key."""
        return self("--armor", "--export", key)


@contextmanager
def gpg_home() -> Iterator[Gpg]:
    """Give an empty directory of keys; its agent ends with it."""
    # Of a short name: the socket of the agent lies in it.
    with TemporaryDirectory(prefix="gk") as directory:
        gpg = Gpg(Path(directory))
        try:
            yield gpg
        finally:
            kill = ["gpgconf", "--kill", "gpg-agent"]
            subprocess.run(kill, env=gpg.environ, capture_output=True, check=False)
