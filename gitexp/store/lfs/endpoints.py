"""Where the large files of a remote are: asked of the configuration, else made of its address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gitexp.errors import InvalidInput, NotFound
from gitexp.store.lfs.settings import LfsSettings
from gitexp.store.remotes import instead_of
from gitexp.store.urls import Address, check_url, parse_address, redact

Operation = Literal["upload", "download"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where the large files of a remote are.

    Attributes:
        address: a repository on this machine, one behind ssh, or the LFS API of a web server.
        url: the address of the API, where there is one; for ssh what to try without its answer.
        remote: the name of the remote.
        trusted: whether the user's own configuration names it, and not a file of the repository.
    """

    address: Address
    url: str
    remote: str
    trusted: bool = True

    @property
    def directory(self) -> Path | None:
        """The repository on this machine, or None."""
        return self.address.local_path

    @property
    def is_ssh(self) -> bool:
        """Whether ssh is asked for the address and the credentials."""
        return self.address.kind in ("ssh", "scp")

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"the Git LFS server of '{self.remote}' ({redact(self.url)})"


def endpoint_of(settings: LfsSettings, remote: str, operation: Operation) -> Endpoint:
    """Return where the large files of a remote are, as Git LFS would decide it.

    `lfs.pushurl` and `lfs.url` win over those of the remote (`remote.<name>.lfsurl`), the user's
    configuration over `.lfsconfig`, and all of them over what the remote's address suggests.

    Raises:
        NotFound: the remote is not configured.
        InvalidInput: the address has a form that is not allowed.
    """
    for key in _keys(remote, operation):
        own, others = settings.get(key), settings.others.get(key)
        if own is not None:
            return _named(settings, own, remote, operation)
        if others is not None:
            return _from_others(settings, others, remote, operation)
    return _guessed(settings, remote, operation)


def _keys(remote: str, operation: Operation) -> list[str]:
    push = operation == "upload"
    keys = [*(["lfs.pushurl"] * push), "lfs.url"]
    return [*keys, *([f"remote.{remote}.lfspushurl"] * push), f"remote.{remote}.lfsurl"]


def _named(settings: LfsSettings, value: str, remote: str, operation: Operation) -> Endpoint:
    url = check_url(instead_of(value, settings.own, push=operation == "upload"))
    address = parse_address(url)
    if address.kind in ("ssh", "scp", "git"):
        return Endpoint(address=address, url=_web_url(address), remote=remote)
    return Endpoint(address=address, url=url.rstrip("/"), remote=remote)


def _from_others(settings: LfsSettings, value: str, remote: str, operation: Operation) -> Endpoint:
    found = replace(_named(settings, value, remote, operation), trusted=False)
    if found.directory is not None:
        raise InvalidInput(
            f"the address '{redact(value)}' in .lfsconfig is not allowed: it names a directory of "
            "this machine",
            hint="If you trust it, set it yourself: `git config lfs.url ADDRESS`.",
        )
    return found


def _guessed(settings: LfsSettings, remote: str, operation: Operation) -> Endpoint:
    value = _remote_url(settings, remote, operation)
    if value is None:
        raise NotFound(
            f"the remote {remote!r} is not configured",
            hint=f"Add it with `git remote add {remote} URL`.",
        )
    url = check_url(value)
    address = parse_address(url)
    if address.local_path is not None:
        return Endpoint(address=address, url=url, remote=remote)
    base = (url if address.kind in ("http", "https") else _web_url(address)).rstrip("/")
    suffix = "/info/lfs" if base.endswith(".git") else ".git/info/lfs"
    return Endpoint(address=address, url=base + suffix, remote=remote)


def _remote_url(settings: LfsSettings, remote: str, operation: Operation) -> str | None:
    """Return where Git itself pushes to or fetches from."""
    push = operation == "upload"
    if push and (pushing := settings.get(f"remote.{remote}.pushurl")):
        return instead_of(pushing, settings.own)
    fetching = settings.get(f"remote.{remote}.url")
    return fetching and instead_of(fetching, settings.own, push=push)


def _web_url(address: Address) -> str:
    """Return the web address that a server with ssh or git addresses probably has too."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"https://{host}/{address.path.lstrip('/')}".rstrip("/")
