"""What Git's configuration says about Git LFS: settings by URL, and the file `.lfsconfig`.

`.lfsconfig` comes with the repository, so it is data from others: only addresses are taken from
it, they are the weakest of all settings, and they may only name a server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gitexp.errors import GitexpError, StoreError
from gitexp.store.disk import DiskStore
from gitexp.store.files import read_file
from gitexp.store.gitconfig import GitConfig, Place, Setting, parse_config

_CONFIG_FILE = ".lfsconfig"
_LARGEST = 1 << 16
_FROM_OTHERS = re.compile(r"lfs\.(?:push)?url|remote\..+\.lfs(?:push)?url")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class LfsSettings:
    """The settings that count in one repository.

    Attributes:
        own: those of the user's configuration, weakest first.
        others: the addresses of `.lfsconfig`.
        environ: the user's environment.
    """

    own: Sequence[Setting]
    others: Mapping[str, str]
    environ: Mapping[str, str]

    def get(self, key: str) -> str | None:
        """Return the user's own value of a key, or None."""
        return next((value for name, value in reversed(self.own) if name == key), None)

    def number(self, key: str, default: int) -> int:
        """Return the user's own value of a key that is a whole number; else the default."""
        text = self.get(key) or ""
        return int(text) if text.isdecimal() and len(text) < 10 else default

    def by_url(self, section: str, name: str, url: str) -> list[tuple[bool, str]]:
        """Return the values of `<section>.<url>.<name>` that hold for a URL, weakest first.

        Each comes with whether it is for this very server and not for all of them.
        """
        found = []
        for position, (key, value) in enumerate(self.own):
            pattern = _subsection(key, section, name)
            rank = 0 if pattern == "" else _specificity(pattern, url)
            if rank is not None:
                found.append((rank, position, value))
        return [(rank > 0, value) for rank, _, value in sorted(found)]

    def strongest(self, section: str, name: str, url: str) -> str | None:
        """Return the value of `<section>.<url>.<name>` that decides, or None."""
        found = self.by_url(section, name, url)
        return found[-1][1] if found else None


def lfs_settings(store: DiskStore, environ: Mapping[str, str]) -> LfsSettings:
    """Return the settings of a repository.

    Raises:
        StoreError: a file of the configuration cannot be understood.
    """
    own = config_of(store, environ).settings()
    return LfsSettings(own=own, others=dict(_from_others(store)), environ=environ)


def config_of(store: DiskStore, environ: Mapping[str, str]) -> GitConfig:
    """Return Git's configuration as it is in a repository."""
    place = Place(str(store.git_dir), str(store.common_dir), lambda: store.head().branch)
    return GitConfig(place, environ)


def _from_others(store: DiskStore) -> Iterator[Setting]:
    """Yield the addresses of `.lfsconfig`: of the working tree, else of what is checked out."""
    try:
        settings = list(parse_config(_lfsconfig(store).decode("utf-8", "replace"), _CONFIG_FILE))
    except StoreError as exc:
        raise StoreError(exc.message, hint=f"Correct {_CONFIG_FILE} by hand.") from exc
    yield from (setting for setting in settings if _FROM_OTHERS.fullmatch(setting.key))


def _lfsconfig(store: DiskStore) -> bytes:
    if store.worktree is not None:
        path = store.worktree / _CONFIG_FILE
        try:
            if not path.is_symlink() and path.is_file() and path.stat().st_size <= _LARGEST:
                return read_file(os.fspath(path)) or b""
        except OSError:
            return b""
    return _committed(store)


def _committed(store: DiskStore) -> bytes:
    from gitexp.store.trees import blob_at, tree_of

    tip = store.head().commit
    try:
        data = blob_at(store, tree_of(store, tip), _CONFIG_FILE, limit=_LARGEST) if tip else None
    except GitexpError:
        # A clone without this file, or with something else in its place, has no such settings.
        return b""
    return data or b""


def _subsection(key: str, section: str, name: str) -> str | None:
    """Return what stands between section and name; '' where nothing does, None for other keys."""
    if key == f"{section}.{name}":
        return ""
    if key.startswith(f"{section}.") and key.endswith(f".{name}"):
        return key[len(section) + 1 : -len(name) - 1] or None
    return None


def _specificity(pattern: str | None, url: str) -> int | None:
    """Return how closely a pattern of the configuration fits a URL, or None when it does not.

    As in Git, scheme, host and port have to agree, `*` stands for one part of a host, and a path
    counts by whole segments.
    """
    if pattern is None:
        return None
    try:
        ours, theirs = urlsplit(pattern), urlsplit(url)
        same_port = _port(ours.scheme, ours.port) == _port(theirs.scheme, theirs.port)
    except ValueError:
        return None
    if ours.scheme.lower() != theirs.scheme or not same_port:
        return None
    if ours.username is not None and ours.username != theirs.username:
        return None
    if not _same_host((ours.hostname or "").split("."), (theirs.hostname or "").split(".")):
        return None
    path = ours.path.rstrip("/")
    if theirs.path != path and not theirs.path.startswith(f"{path}/"):
        return None
    return 1 + 2 * len(path) + (ours.username is not None)


def _same_host(pattern: Sequence[str], host: Sequence[str]) -> bool:
    return len(pattern) == len(host) and all(
        one in ("*", other) for one, other in zip(pattern, host, strict=True)
    )


def _port(scheme: str, port: int | None) -> int | None:
    return port or _PORTS.get(scheme.lower())
