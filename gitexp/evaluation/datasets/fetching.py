"""Datasets that are elsewhere: brought here once, by their digest, and read from the copy.

`https://` and `http://` go through urllib3, `file://` is a file of this machine, everything else
goes through fsspec and needs what fsspec needs for it. A copy is named by the SHA-256 of its
bytes, and gets its name when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from gitexp.errors import (
    DamagedObject,
    GitexpError,
    InvalidInput,
    NotFound,
    RemoteError,
    RemoteUnavailable,
)
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.store.files import (
    create_file,
    make_directories,
    remove_file,
    replace_file,
    sync_directory,
    write_errors,
)
from gitexp.store.gitconfig import GitConfig, Place
from gitexp.store.lfs.connections import connections_to
from gitexp.store.lfs.settings import LfsSettings, lfs_settings
from gitexp.store.lfs.streams import PIECE, Hashed, hash_file, pieces_of
from gitexp.store.protocol import Store
from gitexp.store.urls import sanitize

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MAX_FETCHED_BYTES = 32 * 2**30
"""The most bytes that are fetched, so that an address without an end fills no disk."""

_FSSPEC = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
SCHEMES = ("https", "http", "file", *_FSSPEC)
"""What the address of a dataset may begin with."""

_REDIRECTS = 5
_AGAIN = 2
_DRAFT = "draft-"
_ABANDONED_SECONDS = 86_400.0
_OUTCOME = "the dataset was not fetched"


def url_fault(url: str) -> str | None:
    """Return why an address cannot be that of a dataset, or None when it can."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in SCHEMES:
        return f"it has to begin with one of {', '.join(f'{name}://' for name in SCHEMES)}"
    if not url.isprintable() or " " in url or "::" in url:
        return "it holds a character that does not belong in it"
    authority = rest.partition("/")[0]
    if "@" in authority:
        return "credentials do not belong in it; those of the environment are used"
    if scheme == "file":
        return None if rest.startswith("/") else "its path is not absolute; write file:///path"
    return None if authority else "it names no server"


def copies(workspace: Workspace) -> Path:
    """Return the directory of the copies that a repository keeps."""
    private = workspace.store.private_dir
    return (private or workspace.surroundings.cache_root) / "datasets"


def pinned(workspace: Workspace, url: str, sha256: str) -> Path:
    """Return the file that holds what is at an address and has a digest, fetched if need be.

    Raises:
        DamagedObject: something else is there; nothing was kept.
        As `fetch` says.
    """
    copy = copies(workspace) / sha256
    return copy if _is_sound(copy, sha256) else fetch(workspace, url, expected=sha256)


def fetch(workspace: Workspace, url: str, *, expected: str | None = None) -> Path:
    """Return the copy of what is at an address; its name is the SHA-256 of its bytes.

    Args:
        expected: the SHA-256 that it has to have.

    Raises:
        DamagedObject: the bytes are not those that were expected; nothing was kept.
        NotFound: nothing is there.
        RemoteError: it cannot be read.
        InvalidInput: the address cannot be used, it holds more than is fetched, or what it needs
            is not installed.
        StoreError: the copy cannot be written.
    """
    if fault := url_fault(url):
        raise InvalidInput(f"{url!r} cannot be used: {fault}")
    directory = copies(workspace)
    draft = directory / f"{_DRAFT}{secrets.token_hex(6)}"
    with write_errors(_OUTCOME):
        make_directories(str(directory))
        _clear(directory, workspace.surroundings.clock.now())
        try:
            with contextlib.closing(_pieces(workspace, url)) as pieces:
                passing = Hashed(_bounded(url, pieces))
                create_file(str(draft), passing)
            _require(url, passing.oid, expected)
            replace_file(str(draft), str(directory / passing.oid))
        finally:
            remove_file(str(draft))
        sync_directory(str(directory))
    return directory / passing.oid


def _bounded(url: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces as long as there are not too many bytes in all."""
    left = MAX_FETCHED_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise InvalidInput(
                f"{url} has more than {MAX_FETCHED_BYTES:,} bytes, the most that are fetched",
                hint="Divide it into several files, and describe each.",
            )
        yield piece


def _clear(directory: Path, now: datetime) -> None:
    """Remove what processes left that were killed while they fetched something."""
    for draft in directory.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):
            if now.timestamp() - draft.stat().st_mtime > _ABANDONED_SECONDS:
                draft.unlink()


def _is_sound(copy: Path, sha256: str) -> bool:
    try:
        with open(copy, "rb") as file:
            return hash_file(file)[0] == sha256
    except OSError:
        return False


def _require(url: str, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise DamagedObject(
            f"{url} has the digest sha256:{found}, and pinned is sha256:{expected}",
            hint="Where the new content is wanted, pin it with `gitexp dataset add --replace`.",
        )


def _pieces(workspace: Workspace, url: str) -> Generator[bytes, None, None]:
    scheme = url.partition(":")[0]
    if scheme == "file":
        yield from _of_file(url)
    elif scheme in ("http", "https"):
        yield from _of_web(url, workspace.store, workspace.surroundings.environ)
    else:
        yield from _of_filesystem(url)


def _of_file(url: str) -> Iterator[bytes]:
    path = local_path(url)
    try:
        file = open(path, "rb")  # noqa: SIM115  closed below
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise NotFound(f"{url} cannot be read: {reason}", hint="Check the path.") from exc
    with file:
        yield from pieces_of(file)


def local_path(url: str) -> Path:
    """Return the file that a `file://` address names."""
    path = unquote(urlsplit(url).path)
    windows = os.name == "nt" and path[2:3] == ":"
    return Path(path[1:] if windows else path)


def _of_web(url: str, store: Store, environ: Mapping[str, str]) -> Iterator[bytes]:
    from urllib3 import Retry

    retries = Retry(
        total=None, connect=_AGAIN, read=_AGAIN, redirect=_REDIRECTS, status=0, backoff_factor=0.2
    )
    with _web_errors(url), connections_to(url, _settings(store, environ), at_once=1) as pool:
        response = pool.request("GET", url, preload_content=False, redirect=True, retries=retries)
        try:
            _require_answer(url, response)
            yield from response.stream(PIECE, decode_content=True)
        finally:
            response.close()


def _settings(store: Store, environ: Mapping[str, str]) -> LfsSettings:
    """Return the proxies and certificates that Git would use here."""
    if isinstance(store, DiskStore):
        return lfs_settings(store, environ)
    nowhere = Place(git_dir=os.devnull, common_dir=os.devnull, branch=lambda: None)
    return LfsSettings(own=GitConfig(nowhere, environ).settings(), others={}, environ=environ)


def _require_answer(url: str, response: BaseHTTPResponse) -> None:
    history = response.retries.history if response.retries is not None else ()
    moved = [one.redirect_location or "" for one in history]
    if url.startswith("https:") and any(place.startswith("http:") for place in moved):
        raise RemoteError(
            f"{url} redirects to {sanitize(moved[-1])}, which is less safe",
            hint="Name an address that is served by https:// all the way.",
        )
    if response.status in (404, 410):
        raise NotFound(f"{url} is not there: HTTP {response.status}", hint="Check the address.")
    if response.status != 200:
        raise RemoteError(f"{url} cannot be read: HTTP {response.status}", hint=_PRIVATE)


_PRIVATE = (
    "Check it in a browser. What needs a login is better kept in the repository with Git LFS, or "
    "in an object store such as s3://."
)


@contextlib.contextmanager
def _web_errors(url: str) -> Iterator[None]:
    from urllib3.exceptions import HTTPError

    try:
        yield
    except HTTPError as exc:
        raise RemoteUnavailable(
            f"{url} cannot be read: {sanitize(str(exc))}",
            hint="Check the address and the connection, and try again.",
        ) from exc


def _of_filesystem(url: str) -> Iterator[bytes]:
    with _filesystem_errors(url):
        try:
            from fsspec.core import url_to_fs

            filesystem, path = url_to_fs(url)
        except ImportError as exc:
            raise InvalidInput(
                f"{url} cannot be read: {exc}",
                hint="Install what it needs: `pip install 'gitexp[s3]'` for s3://; for others, "
                "see the documentation of fsspec.",
            ) from exc
        # What was listed before may be remembered, and the file written since.
        filesystem.invalidate_cache()
        with filesystem.open(path, "rb") as file:
            yield from pieces_of(file)


@contextlib.contextmanager
def _filesystem_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (GitexpError, GeneratorExit):
        raise
    except FileNotFoundError as exc:
        raise NotFound(f"{url} is not there", hint="Check the address.") from exc
    except Exception as exc:
        # The libraries behind fsspec have errors of their own, which are not imported here.
        raise RemoteError(
            f"{url} cannot be read: {sanitize(str(exc) or type(exc).__name__)}",
            hint="Check the address, the connection and the credentials of the environment.",
        ) from exc
