"""Large files to and from a remote: over its Git LFS API, or between two repositories on a disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO

from gitexp.errors import NotFound
from gitexp.store.disk import DiskStore
from gitexp.store.files import read_error
from gitexp.store.git_program import find_git
from gitexp.store.lfs.batch import LfsServer
from gitexp.store.lfs.credentials import Credentials
from gitexp.store.lfs.endpoints import Endpoint, Operation, endpoint_of
from gitexp.store.lfs.objects import LfsObjects, objects_at, objects_in
from gitexp.store.lfs.pointers import Pointer
from gitexp.store.lfs.settings import LfsSettings, lfs_settings
from gitexp.store.lfs.ssh import authenticate
from gitexp.store.lfs.streams import pieces_of
from gitexp.store.lfs.web import Web
from gitexp.store.remotes import program_for

_AT_ONCE = 8
_MOST_AT_ONCE = 64


def upload(
    store: DiskStore,
    remote: str,
    pointers: Collection[Pointer],
    *,
    opened: Callable[[Pointer], IO[bytes] | None],
    environ: Mapping[str, str],
    interactive: bool = False,
) -> list[Pointer]:
    """Return the objects that were sent: those of the given ones that the remote did not have.

    When this returns, the remote has all of them.

    Args:
        opened: returns an object with its bytes checked, or None when it is not here.

    Raises:
        RemoteUnavailable: the remote cannot be reached, or refused the credentials.
        RemoteError: it refused an object.
        NotFound: it has no place for large files, or an object is neither here nor there.
    """
    if not pointers:
        return []
    settings = lfs_settings(store, environ)
    endpoint = endpoint_of(settings, remote, "upload")
    directory = _directory(store, endpoint)
    if directory is not None:
        return [one for one in pointers if _copy(one, objects_at(directory), opened, endpoint)]
    with _server(store, endpoint, "upload", settings, interactive) as server:
        answers = list(server.batch("upload", list(pointers)))
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        wanted = [answer for answer in answers if "upload" in answer.actions]

        def send(number: int) -> None:
            answer = wanted[number]
            server.send(answer, lambda: _required(answer.pointer, opened, endpoint))

        _all_at_once(send, len(wanted), settings)
        return [answer.pointer for answer in wanted]


def download(
    store: DiskStore,
    remote: str,
    pointer: Pointer,
    *,
    environ: Mapping[str, str],
    interactive: bool = False,
) -> Path:
    """Return where an object is, brought from the remote and checked.

    Raises:
        RemoteUnavailable: the remote cannot be reached, or refused the credentials.
        NotFound: the remote does not have it.
        DamagedObject: other bytes came than its name says; nothing was kept.
    """
    settings, objects = lfs_settings(store, environ), objects_in(store, environ)
    endpoint = endpoint_of(settings, remote, "download")
    directory = _directory(store, endpoint)
    if directory is not None:
        return _copied_from(objects_at(directory), pointer, objects, endpoint)
    with _server(store, endpoint, "download", settings, interactive) as server:
        (answer,) = server.batch("download", [pointer])
        if answer.error is not None:
            raise answer.error
        server.bring(answer, lambda pieces: objects.receive(pieces, pointer))
    return objects.path(pointer.oid)


def _directory(store: DiskStore, endpoint: Endpoint) -> Path | None:
    """Return the remote's directory; a relative one begins where Git runs."""
    given = endpoint.directory
    return (store.worktree or store.git_dir) / given if given is not None else None


@contextlib.contextmanager
def _server(
    store: DiskStore,
    endpoint: Endpoint,
    operation: Operation,
    settings: LfsSettings,
    interactive: bool,
) -> Iterator[LfsServer]:
    given: Mapping[str, str] = {}
    if endpoint.is_ssh:
        granted = authenticate(endpoint, operation, settings, interactive=interactive)
        endpoint, given = replace(endpoint, url=granted.url), granted.headers
    environ = settings.environ
    git = find_git(environ)
    program = program_for(store, git, environ, interactive=interactive) if git else None
    credentials = Credentials(environ, program, home=endpoint.url if endpoint.trusted else None)
    web = Web(endpoint, settings, credentials, given=given, at_once=_at_once(settings))
    try:
        yield LfsServer(web)
    finally:
        web.close()


def _all_at_once(work: Callable[[int], None], count: int, settings: LfsSettings) -> None:
    """Do numbered pieces of work, several at a time; the first failure ends what has not begun."""
    if count <= 1:
        for number in range(count):
            work(number)
        return
    with ThreadPoolExecutor(max_workers=min(_at_once(settings), count)) as pool:
        begun = [pool.submit(work, number) for number in range(count)]
        try:
            for one in begun:
                one.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _at_once(settings: LfsSettings) -> int:
    return min(max(settings.number("lfs.concurrenttransfers", _AT_ONCE), 1), _MOST_AT_ONCE)


def _required(
    pointer: Pointer, opened: Callable[[Pointer], IO[bytes] | None], endpoint: Endpoint
) -> IO[bytes]:
    file = opened(pointer)
    if file is None:
        raise NotFound(
            f"the Git LFS object {pointer.oid} is neither in this repository nor at "
            f"{endpoint.title}",
            hint="Push from where it was made.",
        )
    return file


def _copy(
    pointer: Pointer,
    theirs: LfsObjects,
    opened: Callable[[Pointer], IO[bytes] | None],
    endpoint: Endpoint,
) -> bool:
    """Return whether an object had to be copied into a repository on this machine."""
    if theirs.is_sound(pointer):
        return False
    with _required(pointer, opened, endpoint) as file:
        theirs.receive(pieces_of(file), pointer)
    return True


def _copied_from(
    theirs: LfsObjects, pointer: Pointer, objects: LfsObjects, endpoint: Endpoint
) -> Path:
    found = theirs.find(pointer)
    if found is None:
        raise NotFound(
            f"{endpoint.title} does not have the object {pointer.oid}",
            hint="Whoever made it may still have it: `git lfs push --all REMOTE`.",
        )
    try:
        file = open(found, "rb")  # noqa: SIM115  the next line closes it
    except OSError as exc:
        raise read_error(exc, str(found)) from exc
    with file:
        return objects.receive(pieces_of(file), pointer)
