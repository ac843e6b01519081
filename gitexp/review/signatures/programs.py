"""Running `ssh-keygen` and `gpg`: found on the PATH, given bytes, never left waiting.

Which program runs is decided by the user's PATH alone. What Git's configuration says about it
(`gpg.program`, `gpg.ssh.program`, `gpg.ssh.defaultKeyCommand`) is not looked at, because a
repository that came from elsewhere can bring a configuration of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import NotFound, StoreError
from gitexp.store.git_program import find_program

_PATIENCE = 60.0
_KEPT = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a call ended: the exit code, standard output, and standard error as text."""

    code: int
    out: bytes
    errors: str


def bare_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment without the user's own settings, keys and agents.

    Moments that name no zone are read as UTC, so that the same file means the same everywhere.
    """
    kept = {name: environ[name] for name in _KEPT if name in environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", "HOME": str(home), "GNUPGHOME": str(home)}


def run_program(
    name: str,
    arguments: Sequence[str],
    *,
    given: bytes,
    environ: Mapping[str, str],
    directory: Path,
    interactive: bool = False,
) -> Outcome:
    """Return how a call ended.

    Args:
        given: its standard input.
        interactive: whether it may ask the user on the terminal, and take its time for that.

    Raises:
        NotFound: the program is not installed.
        StoreError: it cannot be started, or did not end.
    """
    path = find_program(environ, name)
    if path is None:
        raise NotFound(f"{name} is not installed", hint=_INSTALLED[name])
    try:
        done = subprocess.run(
            [path, *arguments],
            input=given,
            capture_output=True,
            cwd=directory,
            env=dict(environ),
            timeout=None if interactive else _PATIENCE,
            # Without a terminal of its own it fails where it would ask.
            start_new_session=not interactive,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise StoreError(f"{name} did not answer for {_PATIENCE:.0f} seconds") from exc
    except (OSError, ValueError) as exc:
        raise StoreError(f"{name} cannot be run: {exc}") from exc
    errors = done.stderr.decode("utf-8", "replace").replace("\r", "")
    return Outcome(code=done.returncode, out=done.stdout, errors=errors.strip())


_INSTALLED = {
    "ssh-keygen": "It is part of OpenSSH, version 8.9 or newer; install that.",
    "gpg": "It is part of GnuPG; install that.",
}
