"""A workspace: one project in one repository, with all that its operations need to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.ids import Name, ObjectId
from gitexp.store.cache import DerivedCache
from gitexp.store.model import Signature
from gitexp.store.protocol import Remote, RemoteOpener, Store
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.environments.binding import Binding
    from gitexp.environments.planning import Proposal
    from gitexp.runs.rows import ResultRow, Score
    from gitexp.runs.run import Run
    from gitexp.store.signing import Sign
    from gitexp.store.transaction import Transaction

Guard = Callable[["Transaction", "Workspace", "Proposal"], "Binding"]
"""Asks the policies about a move of an environment, and raises where they say no.

It returns the binding to write: signed, and with the policies that were passed over, if any.
"""

Recombining = Callable[["Workspace", "Run"], Callable[["ResultRow"], Mapping[str, "Score"]]]
"""Gives for a run what works out anew those scores of a row that are made of its other scores."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One project in one repository.

    Attributes:
        store: objects and references.
        root: the project's directory inside the repository with '/', empty for the top.
        directory: the project's directory in the working tree, or None in a bare repository.
        project_id: the project's segment in branch names.
        trunk: the short name of the trunk.
        remote_name: the name of the shared remote.
        open_remote: opens a remote by name or URL.
        surroundings: time, randomness, environment variables.
        cache: parsed documents and other derived data, by content.
        guard: asked about every move of an environment before anything of it is written.
        sign: signs commits; None where they are never signed.
        recombine: asked about runs that two clones scored; None where no score is made of others.
    """

    store: Store
    root: str = ""
    directory: Path | None = None
    project_id: Name
    trunk: str = "main"
    remote_name: str = "origin"
    open_remote: RemoteOpener
    surroundings: Surroundings = field(default_factory=Surroundings)
    cache: DerivedCache = field(default_factory=lambda: DerivedCache(None))
    guard: Guard | None = None
    sign: Sign | None = None
    recombine: Recombining | None = None

    @property
    def has_remote(self) -> bool:
        """Whether the shared remote is configured."""
        return self.store.config(f"remote.{self.remote_name}.url") is not None

    def remote(self) -> Remote:
        """Return the shared remote.

        Raises:
            NotFound: no remote of that name is configured.
        """
        if not self.has_remote:
            raise NotFound(
                f"the shared remote {self.remote_name!r} is not configured",
                hint=f"Add it with `git remote add {shell_word(self.remote_name)} URL`.",
            )
        return self.open_remote(self.remote_name)

    def tracking(self, branch: str) -> str:
        """Return the tracking reference of a branch (both full names) of the shared remote."""
        return layout.tracking(self.remote_name, branch)

    @property
    def trunk_ref(self) -> str:
        """The full name of the trunk."""
        return f"refs/heads/{self.trunk}"

    def trunk_tip(self, reader: Store | None = None) -> ObjectId | None:
        """Return the tip of the trunk: the local one, or the remote's where that is ahead of it."""
        store = reader or self.store
        return further(store, store.ref(self.trunk_ref), store.ref(self.tracking(self.trunk_ref)))

    def signature(self) -> Signature:
        """Return who writes now, and when, as Git would decide it.

        Raises:
            InvalidInput: nobody is configured.
        """
        return signature_of(self.store.config, self.surroundings)

    def commit_sign(self, *, needed: bool = True) -> Sign | None:
        """Return what signs commits, None where `commit.gpgSign` does not ask for it.

        Args:
            needed: whether a commit that cannot be signed is an error; else it is made without
                a signature, with a notice.
        """
        wanted = self.sign is not None and self.store.config("commit.gpgsign")
        if not wanted:
            return None
        from gitexp.store.gitconfig import parse_bool

        if self.sign is None or not parse_bool(wanted, False):
            return None
        notice = self.surroundings.notice
        return self.sign if needed else partial(_signed_if_possible, self.sign, notice)


def _signed_if_possible(sign: Sign, notice: Callable[[str], None], data: bytes) -> bytes | None:
    try:
        return sign(data)
    except GitexpError as exc:
        notice(f"a commit could not be signed: {exc.message}")
        return None


def signature_of(config: Callable[[str], str | None], surroundings: Surroundings) -> Signature:
    """Return who writes now, and when.

    `GIT_AUTHOR_NAME` and `GIT_AUTHOR_EMAIL` win over `user.name` and `user.email`.

    Raises:
        InvalidInput: nobody is configured.
    """
    environ = surroundings.environ
    name = environ.get("GIT_AUTHOR_NAME") or config("user.name")
    email = environ.get("GIT_AUTHOR_EMAIL") or config("user.email")
    if not name or not email:
        lacking = [k for k, v in (("user.name", name), ("user.email", email)) if not v]
        verb = "is" if len(lacking) == 1 else "are"
        raise InvalidInput(
            f"no identity to record: {' and '.join(lacking)} {verb} not set",
            hint=_identity_hint(environ),
        )
    return Signature(name=name, email=email, when=surroundings.clock.now())


def _identity_hint(environ: Mapping[str, str]) -> str:
    if environ.get("HOME") or environ.get("USERPROFILE"):
        return (
            "Set them with `git config --global user.name NAME` and "
            "`git config --global user.email EMAIL`."
        )
    return (
        "HOME is not set, so `git config --global` has no file: set HOME, or GIT_AUTHOR_NAME and "
        "GIT_AUTHOR_EMAIL, or use `git config` without --global."
    )


def further(store: Store, ours: ObjectId | None, theirs: ObjectId | None) -> ObjectId | None:
    """Return whichever of two commits is ahead of the other; `ours` where they diverged."""
    if ours is None or theirs is None or ours == theirs:
        return ours or theirs
    from gitexp.store.history import is_ancestor

    return theirs if is_ancestor(store, ours, theirs) else ours
