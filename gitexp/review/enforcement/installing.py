"""Installing the hook that enforces the rules, and what of Git's own configuration it leans on."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import AlreadyExists, InvalidInput, StoreError
from gitexp.review.enforcement.identity import SETTING, Source
from gitexp.store.disk import DiskStore
from gitexp.store.files import create_file, read_file, replace_file, write_errors
from gitexp.store.git_program import GitProgram, find_git
from gitexp.surroundings import Surroundings

HOOK = "pre-receive"
_MARK = "# Installed by gitexp; `gitexp hook install --server` writes it again."
_BITS = 128

_CHECKS = {"receive.fsckObjects": "true"}
"""What the server checks of every push, whatever it is about."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What stands on a server.

    Attributes:
        hook: the file of the hook.
        identity: where identities come from.
        created: whether the hook is new; else it was written again.
        settings: what was set in the repository's configuration.
    """

    hook: Path
    identity: str
    created: bool
    settings: Mapping[str, str]


def install(
    directory: Path,
    source: Source,
    surroundings: Surroundings,
    *,
    program: str = "",
    force: bool = False,
) -> Installed:
    """Return what was installed in a bare repository: the hook, and its settings.

    Args:
        program: how the hook calls gitexp; this very interpreter by default.
        force: whether a hook that somebody else wrote is kept aside and replaced.

    Raises:
        InvalidInput: the repository is not a bare one.
        AlreadyExists: there is a hook that gitexp did not write.
        StoreError: git is not installed, or refuses a setting.
    """
    with DiskStore.open(directory, environ=surroundings.environ) as store:
        if store.worktree is not None:
            raise InvalidInput(
                f"{directory} has a working tree, and people push to bare repositories",
                hint="Name the server's repository: `gitexp -C REPO.git hook install --server`.",
            )
        settings = dict(_settings(store, source, surroundings))
        place = _hooks(store)
        _configure(store, settings, surroundings)
        created = _write(place / HOOK, _script(program), force=force)
        return Installed(
            hook=place / HOOK, identity=str(source), created=created, settings=settings
        )


def _settings(
    store: DiskStore, source: Source, surroundings: Surroundings
) -> Iterator[tuple[str, str]]:
    yield SETTING, str(source)
    yield from _CHECKS.items()
    if source.method == "certificate" and not store.config("receive.certNonceSeed"):
        yield "receive.certNonceSeed", f"{surroundings.random_bits(_BITS):032x}"


def _hooks(store: DiskStore) -> Path:
    configured = store.config("core.hooksPath")
    if configured:
        raise InvalidInput(
            f"hooks of this repository are elsewhere: core.hooksPath is {configured}",
            hint="Unset it for this repository, or call `gitexp hook pre-receive` from the "
            "pre-receive hook that stands there.",
        )
    return store.common_dir / "hooks"


def _configure(store: DiskStore, settings: Mapping[str, str], around: Surroundings) -> None:
    path = find_git(around.environ)
    if path is None:
        raise StoreError(
            "git is not installed, and a server needs it", hint="Install git, then try again."
        )
    git = GitProgram(
        path=path, directory=store.common_dir, environ=around.environ, git_dir=store.common_dir
    )
    for key, value in settings.items():
        done = git.run("config", "--local", key, value)
        if done.code != 0:
            raise StoreError(
                f"git did not set {key}: {' '.join(done.errors)}",
                hint=f"Check who may write to {store.common_dir / 'config'}.",
            )


def _script(program: str) -> bytes:
    """Return the hook: it keeps nothing from the rules, and refuses when they cannot be asked."""
    # Isolated, so that no variable that a client sent chooses what Python runs.
    call = program or f"{shlex.quote(sys.executable)} -I -m gitexp"
    return f"#!/bin/sh\n{_MARK}\nexec {call} hook pre-receive\n".encode()


def _write(path: Path, data: bytes, *, force: bool) -> bool:
    with write_errors(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    before = read_file(str(path))
    if before is not None and _MARK.encode() not in before:
        if not force:
            raise AlreadyExists(
                f"{path} is there already, and gitexp did not write it",
                hint="Call `gitexp hook pre-receive` from it, or keep it aside and replace it "
                "with --force.",
            )
        replace_file(str(path), f"{path}.before-gitexp")
    new = f"{path}.{os.getpid()}.new"
    create_file(new, [data])
    os.chmod(new, 0o755)
    replace_file(new, str(path))
    return before is None
