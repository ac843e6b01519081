"""Asking a server behind ssh for the address and the credentials of its Git LFS API."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from gitexp.errors import InvalidInput, RemoteError
from gitexp.store.lfs.endpoints import Endpoint, Operation
from gitexp.store.lfs.settings import LfsSettings
from gitexp.store.pushes import unanswered, unavailable
from gitexp.store.urls import Address, check_url
from gitexp.store.watching import PATIENCE

_NOT_THERE = 127


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What the server answered: the address of the API, and headers that open it."""

    url: str
    headers: Mapping[str, str]


def authenticate(
    endpoint: Endpoint, operation: Operation, settings: LfsSettings, *, interactive: bool
) -> Granted:
    """Return what `git-lfs-authenticate` on the server grants.

    A server that does not know the command is taken for one whose web address is like its ssh
    address.

    Raises:
        RemoteUnavailable: it cannot be reached or refuses.
        RemoteError: its answer makes no sense.
    """
    command = _command(endpoint.address, operation, settings, interactive=interactive)
    done = _run(command, endpoint, settings.environ, interactive=interactive)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == _NOT_THERE or "git-lfs-authenticate: not found" in said:
        return Granted(url=endpoint.url, headers={})
    if done.returncode != 0:
        line = said.splitlines()[-1] if said else f"ssh ended with {done.returncode}"
        raise unavailable(endpoint.title, endpoint.remote, line, denied=done.returncode == 255)
    return _granted(done.stdout, endpoint)


def _granted(answer: bytes, endpoint: Endpoint) -> Granted:
    try:
        data = json.loads(answer)
        headers = {str(name): str(value) for name, value in (data.get("header") or {}).items()}
        if not all(text.isprintable() for pair in headers.items() for text in pair):
            raise ValueError("a header with a control character")
        url = check_url(data["href"]).rstrip("/") if data.get("href") else endpoint.url
        if not url.startswith(("http://", "https://")):
            raise ValueError("an address that is not on the web")
    except (ValueError, TypeError, AttributeError, InvalidInput) as exc:
        raise RemoteError(
            f"git-lfs-authenticate of {endpoint.title} makes no sense: {exc}",
            hint="Ask those who run the server, or set `git config lfs.url URL`.",
        ) from exc
    return Granted(url=url, headers=headers)


def _command(
    address: Address, operation: Operation, settings: LfsSettings, *, interactive: bool
) -> list[str]:
    path = unquote(address.path) if address.kind == "ssh" else address.path
    user = unquote(address.user) if address.user and address.kind == "ssh" else address.user
    where = f"{user}@{address.host}" if user else address.host
    port = ["-p", address.port] if address.port else []
    remote_command = f"git-lfs-authenticate {shlex.quote(path)} {operation}"
    return [*_program(settings, interactive=interactive), *port, where, remote_command]


def _program(settings: LfsSettings, *, interactive: bool) -> list[str]:
    single = settings.environ.get("GIT_SSH")
    configured = settings.environ.get("GIT_SSH_COMMAND") or settings.get("core.sshcommand")
    words = shlex.split(configured) if configured else [single or "ssh"]
    quiet = not interactive and Path(words[0]).stem.endswith("ssh")
    return [*words, *(["-o", "BatchMode=yes"] * quiet)]


def _run(
    command: list[str], endpoint: Endpoint, environ: Mapping[str, str], *, interactive: bool
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            start_new_session=not interactive,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise unanswered(endpoint.title, endpoint.remote, PATIENCE) from exc
    except OSError as exc:
        raise unavailable(endpoint.title, endpoint.remote, str(exc), denied=False) from exc
