"""What an experiment's state forbids: each function raises, or returns nothing."""

from __future__ import annotations

from gitexp.documents import layout
from gitexp.documents.problems import shell_word
from gitexp.errors import AlreadyExists, NotAllowed
from gitexp.experiments.headers import header_at
from gitexp.experiments.homes import Home, find_home
from gitexp.experiments.namesakes import successor_of
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction


def refuse_deleted(workspace: Workspace, home: Home, tx: Transaction) -> None:
    """Raise NotAllowed when the experiment is deleted."""
    if header_at(workspace, home.tip, home.name, reader=tx).lifecycle == "deleted":
        raise NotAllowed(
            f"experiment {home.name!r} is deleted",
            hint=f"Bring it back with `gitexp experiment restore {home.name}`.",
        )


def refuse_taken(workspace: Workspace, name: str, tx: Transaction) -> None:
    """Raise AlreadyExists when there is an experiment of that name."""
    home = find_home(workspace, name, reader=tx)
    if home is None:
        return
    deleted = header_at(workspace, home.tip, name, reader=tx).lifecycle == "deleted"
    raise AlreadyExists(
        f"experiment {name!r} exists already" + (" and is deleted" if deleted else ""),
        hint=f"Bring it back with `gitexp experiment restore {name}`, or remove it for good with "
        f"`gitexp experiment purge {name}`."
        if deleted
        else "Choose another name.",
    )


def refuse_checked_out(workspace: Workspace, home: Home) -> None:
    """Raise NotAllowed when a working tree has the branch checked out; it cannot go then."""
    if workspace.store.checked_out(home.branch):
        branch = layout.branch_name(home.branch)
        raise NotAllowed(
            f"the branch {branch} is checked out",
            hint=f"Switch to another one there first: `git switch {shell_word(workspace.trunk)}`.",
        )


def refuse_former_name(workspace: Workspace, home: Home, *, reader: Store | None = None) -> None:
    """Raise NotAllowed when the experiment was given another name, here or by somebody else."""
    now = successor_of(workspace, home, reader=reader)
    if now is None:
        return
    name = home.name
    raise NotAllowed(
        f"experiment {name!r} is named {now!r} now",
        hint=f"Follow it with `gitexp experiment rename {name} {now}`, which keeps what was saved "
        f"here, then use {now!r}."
        if home.local is not None
        else f"Use that name: `gitexp experiment show {now}`.",
    )
