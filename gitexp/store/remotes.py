"""Opening a remote by its configured name or its address, with whatever program is there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from gitexp.errors import InvalidInput, NotFound, StoreError
from gitexp.store.git_program import GitProgram, find_git
from gitexp.store.git_remote import GitRemote
from gitexp.store.protocol import Remote, Store
from gitexp.store.refspecs import parse_refspec
from gitexp.store.urls import check_url, looks_like_address, parse_address, sanitize
from gitexp.store.watching import PATIENCE

if TYPE_CHECKING:
    from gitexp.store.disk import DiskStore
    from gitexp.store.dulwich_remote import DulwichRemote
    from gitexp.store.gitconfig import Setting

Implementation = Literal["git", "dulwich"]

_LONGEST_SILENCE = 300
"""Seconds after which git gives up an HTTP connection without bytes; a hook may take minutes."""


def open_remote(
    store: DiskStore,
    name_or_url: str,
    *,
    environ: Mapping[str, str],
    interactive: bool = False,
    prefer: Implementation | None = None,
    may_cut_history: bool = False,
    patience: float = PATIENCE,
) -> Remote:
    """Return the remote of that configured name, or at that address.

    The `git` program is used where it is on the PATH, because credential helpers, ssh and
    proxies are set up for it; else dulwich. Nothing is contacted yet.

    Args:
        store: the local repository.
        name_or_url: a name such as `origin`, an address, or a path.
        environ: the user's environment.
        interactive: whether credentials may be asked for on the terminal.
        prefer: use this implementation and no other.
        may_cut_history: whether fetching with a depth may make the repository shallow.
        patience: seconds without a sign of life after which the remote is given up; more where
            credentials may be asked for.

    Raises:
        NotFound: no remote of that name is configured and it is no address or path.
        InvalidInput: the address has a scheme or a form that is not allowed.
        StoreError: git is preferred and not installed.
    """
    named = has_remote(store, name_or_url)
    if not named:
        _require_address(name_or_url)
    git = None if prefer == "dulwich" else find_git(environ)
    if git is None and prefer == "git":
        raise StoreError(
            "the git program is not on the PATH", hint="Install git, or leave the choice open."
        )
    if git is None:
        made = _dulwich_remote(store, name_or_url, named, environ, interactive, may_cut_history)
        return replace(made, wire=replace(made.wire, patience=patience))
    program = program_for(store, git, environ, interactive=interactive)
    limits = _limits(store, environ, patience)
    remote = _git_remote(
        store, name_or_url, named, replace(program, settings=limits), may_cut_history
    )
    return replace(remote, patience=patience, objects=store.common_dir / "objects")


def has_remote(store: Store, name: str) -> bool:
    """Return whether a remote of that name is configured."""
    return remote_url(store, name) is not None


def remote_url(store: Store, name: str, *, push: bool = False) -> str | None:
    """Return the configured address of a remote, as it stands there, or None.

    It may hold a password: `gitexp.store.urls.redact` makes it fit to be shown.
    """
    if not name or name.startswith("-") or not name.isprintable():
        return None
    fetching = store.config(f"remote.{name}.url")
    pushing = store.config(f"remote.{name}.pushurl")
    return (pushing or fetching) if push else (fetching or pushing)


def program_for(
    store: DiskStore, git: str, environ: Mapping[str, str], *, interactive: bool = False
) -> GitProgram:
    """Return the `git` program, to run in a repository."""
    worktree = store.worktree
    # Found by walking up and not named, git checks who owns the repository.
    inside = worktree is not None and os.path.lexists(worktree / ".git")
    directory = worktree if inside and worktree is not None else store.git_dir
    return GitProgram(path=git, directory=directory, environ=environ, interactive=interactive)


def _limits(store: DiskStore, environ: Mapping[str, str], patience: float) -> tuple[str, ...]:
    """Return settings that end silent connections, where the user has not decided on them."""
    chosen = []
    if not (store.config("http.lowSpeedLimit") or store.config("http.lowSpeedTime")):
        chosen += ["http.lowSpeedLimit=1", f"http.lowSpeedTime={_LONGEST_SILENCE}"]
    ssh = (
        environ.get("GIT_SSH") or environ.get("GIT_SSH_COMMAND") or store.config("core.sshCommand")
    )
    if not ssh:
        chosen.append(f"core.sshCommand=ssh -o ConnectTimeout={max(round(patience), 1)}")
    return tuple(chosen)


def _git_remote(
    store: DiskStore, name_or_url: str, named: bool, program: GitProgram, may_cut_history: bool
) -> GitRemote:
    if not named:
        address = absolute(check_url(name_or_url))
        return GitRemote(program=program, address=address, may_cut_history=may_cut_history)
    address = _allowed(remote_url(store, name_or_url) or "", name_or_url, program)
    pushing = store.config(f"remote.{name_or_url}.pushurl")
    return GitRemote(
        program=program,
        address=address,
        name=name_or_url,
        push_address=pushing and _allowed(pushing, name_or_url, program, "--push"),
        may_cut_history=may_cut_history,
    )


def _allowed(address: str, name: str, program: GitProgram, *which: str) -> str:
    """Return a configured address, or what `url.<base>.insteadOf` makes of one that is none."""
    try:
        return check_url(address)
    except InvalidInput:
        done = program.run("remote", "get-url", *which, "--end-of-options", name)
        effective = done.out.strip()
        if done.code != 0 or effective == address:
            raise
        return check_url(effective)


def _dulwich_remote(
    store: DiskStore,
    name_or_url: str,
    named: bool,
    environ: Mapping[str, str],
    interactive: bool,
    may_cut_history: bool,
) -> DulwichRemote:
    from gitexp.store.dulwich_remote import DulwichRemote
    from gitexp.store.dulwich_wire import Wire

    settings = _settings(store, environ)
    fetching = remote_url(store, name_or_url) if named else absolute(check_url(name_or_url))
    pushing = store.config(f"remote.{name_or_url}.pushurl") if named else None
    key = f"remote.{name_or_url}.fetch"
    tracked = [s.value for s in settings if s.key == key and not s.value.startswith("^")]
    return DulwichRemote(
        store=store,
        wire=Wire(settings=tuple(settings), environ=environ, interactive=interactive),
        address=check_url(instead_of(fetching or "", settings)),
        push_address=check_url(pushing or instead_of(fetching or "", settings, push=True)),
        name=name_or_url if named else None,
        tracking=tuple(map(parse_refspec, tracked)) if named else (),
        may_cut_history=may_cut_history,
    )


def instead_of(address: str, settings: Sequence[Setting], *, push: bool = False) -> str:
    """Return an address as the longest matching `url.<base>.insteadOf` rewrites it."""
    for name in ("pushinsteadof", "insteadof") if push else ("insteadof",):
        rules = [
            (value, key[len("url.") : -len(name) - 1])
            for key, value in settings
            if key.startswith("url.") and key.endswith(f".{name}") and address.startswith(value)
        ]
        if rules:
            prefix, base = max(rules, key=lambda rule: len(rule[0]))
            return base + address[len(prefix) :]
    return address


def _settings(store: DiskStore, environ: Mapping[str, str]) -> list[Setting]:
    from gitexp.store.gitconfig import GitConfig, Place

    place = Place(str(store.git_dir), str(store.common_dir), lambda: store.head().branch)
    return GitConfig(place, environ).settings()


def _require_address(text: str) -> None:
    if looks_like_address(text) or (text and not text.startswith("-") and os.path.isdir(text)):
        return
    if text.startswith("-"):
        check_url(text)
    raise NotFound(
        f"no remote named '{sanitize(text)}' is configured",
        hint="See `git remote -v`, or add one with `git remote add NAME URL`.",
    )


def absolute(address: str) -> str:
    """Return an address that means the same from another directory."""
    if parse_address(address).kind != "path":
        return address
    return os.path.abspath(address)
