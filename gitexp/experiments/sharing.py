"""Sharing: what is on the shared remote, read off Git, and moving branches there and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gitexp.documents import layout
from gitexp.errors import Conflict, GitexpError, NotAllowed, NotFound, PushRejected
from gitexp.experiments.headers import header_at, id_at
from gitexp.experiments.homes import Home, get_home, on_commit
from gitexp.experiments.namesakes import superseding_name
from gitexp.experiments.permissions import require_role
from gitexp.ids import ObjectId, VersionId
from gitexp.project.workspace import Workspace
from gitexp.store.history import ahead_behind, is_ancestor
from gitexp.store.model import PushUpdate
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact

SharingState = Literal["private", "shared", "ahead", "behind", "diverged"]
Visibility = Literal["private", "shared"]


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How an experiment's branch stands to the shared remote, as last fetched.

    Attributes:
        state: `shared` when both are equal or the experiment lives on the shared trunk.
        ahead: commits that are here and not there.
        behind: commits that are there and not here.
    """

    state: SharingState
    ahead: int = 0
    behind: int = 0

    @property
    def visibility(self) -> Visibility:
        """Whether anything of the experiment is shared."""
        return "private" if self.state == "private" else "shared"


@dataclass(frozen=True, kw_only=True)
class RefChange:
    """A reference that moved; None stands for "not there"."""

    ref: str
    old: ObjectId | None
    new: ObjectId | None


@dataclass(frozen=True, kw_only=True)
class FetchReport:
    """What a fetch brought: the tracking references that moved."""

    changed: tuple[RefChange, ...]


@dataclass(frozen=True, kw_only=True)
class PushReport:
    """What a push sent: the branches that moved on the shared remote."""

    pushed: tuple[RefChange, ...]


def sharing_of(workspace: Workspace, home: Home, *, reader: Store | None = None) -> Sharing:
    """Return how an experiment stands to the shared remote."""
    store = reader or workspace.store
    if home.shared is None:
        return Sharing(state="shared" if _on_shared_trunk(workspace, home, store) else "private")
    if home.local == home.shared:
        return Sharing(state="shared")
    if home.local is None or home.local == home.shared:
        return Sharing(state="shared")
    ahead, behind = ahead_behind(store, home.local, home.shared)
    state: SharingState = "ahead" if not behind else "behind" if not ahead else "diverged"
    return Sharing(state=state, ahead=ahead, behind=behind)


def _on_shared_trunk(workspace: Workspace, home: Home, store: Store) -> bool:
    trunk = _shared_trunk(workspace, store)
    if trunk is None or not on_commit(workspace, trunk, home.name, reader=store):
        return False
    return home.local is None or is_ancestor(store, home.local, trunk)


def _shared_trunk(workspace: Workspace, store: Store) -> ObjectId | None:
    """Return the trunk's tip on the shared remote; in a bare one, the repository is the remote."""
    tracked = store.ref(workspace.tracking(workspace.trunk_ref))
    if tracked is None and workspace.directory is None and not workspace.has_remote:
        return store.ref(workspace.trunk_ref)
    return tracked


def is_shared(
    workspace: Workspace, name: str, version: VersionId, *, reader: Store | None = None
) -> bool:
    """Return whether a version is on the shared remote, as last fetched.

    It is when its commit is reachable there from the experiment's branch or from the trunk.
    """
    store = reader or workspace.store
    home = get_home(workspace, name, reader=reader)
    tips = (home.shared, _shared_trunk(workspace, store))
    return any(tip is not None and is_ancestor(store, version, tip) for tip in tips)


def fetch_project(workspace: Workspace) -> tuple[RefChange, ...]:
    """Bring the project's branches over from the shared remote, and return what moved.

    One connection does, unless the trunk is not there, which only the remote can tell.

    Raises:
        RemoteUnavailable: it cannot be reached.
    """
    remote = workspace.remote()
    before = _tracked(workspace)
    kinds = ("exp", "env", "runs", "change", "analyses")
    branches = [f"{layout.BRANCHES}{kind}/{workspace.project_id}/*" for kind in kinds]
    # A pattern, since nothing is missing where no change request was ever opened.
    branches.append(f"{layout.BRANCHES}{layout.CHANGES_DIR}/*")
    *others, trunk = (f"+{b}:{workspace.tracking(b)}" for b in (*branches, workspace.trunk_ref))
    try:
        remote.fetch([*others, trunk], prune=True)
    except NotFound:
        remote.fetch(others, prune=True)
    return _moved(before, _tracked(workspace))


def _tracked(workspace: Workspace) -> dict[str, ObjectId]:
    return workspace.store.refs(f"refs/remotes/{workspace.remote_name}/")


def _moved(before: Mapping[str, ObjectId], after: Mapping[str, ObjectId]) -> tuple[RefChange, ...]:
    return tuple(
        RefChange(ref=ref, old=before.get(ref), new=after.get(ref))
        for ref in sorted({*before, *after})
        if before.get(ref) != after.get(ref)
    )


def share(workspace: Workspace, name: str) -> RefChange | None:
    """Put an experiment's branch on the shared remote; None when it was there already.

    Raises:
        Conflict: both sides have saved since; nothing was pushed.
        Forbidden: whoever shares it has not the role in the group that owns it.
    """
    update = share_update(workspace, get_home(workspace, name))
    if update is None:
        return None
    push(workspace, [update], what=f"experiment {name!r}")
    return RefChange(ref=update.ref, old=update.old, new=update.new)


def share_update(workspace: Workspace, home: Home) -> PushUpdate | None:
    """Return the push that shares an experiment's branch, None when there is nothing to push.

    Raises:
        Conflict: both sides have saved since.
        Forbidden: whoever shares it has not the role in the group that owns it.
    """
    sharing = sharing_of(workspace, home)
    if sharing.state == "private":
        _refuse_former_name(workspace, home)
    if sharing.state == "diverged":
        refuse_namesake(workspace, home)
        raise Conflict(
            f"experiment {home.name!r} was saved here and on {workspace.remote_name!r} since: "
            f"{sharing.ahead} ahead, {sharing.behind} behind",
            hint=f"Join the two with `gitexp pull {home.name}`, then share again.",
        )
    if sharing.state in ("shared", "behind"):
        return None
    require_role(workspace, home, "share")
    return PushUpdate(ref=home.branch, old=home.shared, new=home.local or home.tip)


def is_namesake(workspace: Workspace, home: Home, *, reader: Store | None = None) -> bool:
    """Return whether the remote's branch of this name holds another experiment."""
    if home.local is None or home.shared is None:
        return False
    ours, theirs = (
        header_at(workspace, tip, home.name, reader=reader).id for tip in (home.local, home.shared)
    )
    return ours != theirs


def refuse_namesake(workspace: Workspace, home: Home, *, reader: Store | None = None) -> None:
    """Raise Conflict when the remote's branch of this name holds another experiment."""
    if is_namesake(workspace, home, reader=reader):
        raise Conflict(
            f"{workspace.remote_name!r} has another experiment named {home.name!r}",
            hint=f"Give yours another name: `gitexp experiment rename {home.name} NEW_NAME`.",
        )


def _refuse_former_name(workspace: Workspace, home: Home) -> None:
    """Raise Conflict when the same experiment is shared under another name."""
    mine = header_at(workspace, home.tip, home.name).id
    prefix = workspace.tracking(layout.experiment_branches(workspace.project_id))
    for ref, tip in workspace.store.refs(prefix).items():
        other = ref.removeprefix(prefix)
        if id_at(workspace, tip, other) == mine:
            raise Conflict(
                f"experiment {home.name!r} is shared under the name {other!r}",
                hint=f"Follow it with `gitexp experiment rename {home.name} {other}`."
                if superseding_name(workspace, home.name) == other
                else f"Save on {other} instead; `gitexp diff {home.name} {other}` compares them.",
            )


def push(workspace: Workspace, updates: Sequence[PushUpdate], *, what: str) -> None:
    """Push updates in one atomic step.

    Raises:
        Conflict: the remote moved meanwhile; nothing was changed there.
        PushRejected: the server refused it.
    """
    try:
        workspace.remote().push(updates)
    except PushRejected as exc:
        raise _explained(workspace, exc, updates, what) from exc


def _explained(
    workspace: Workspace, error: PushRejected, updates: Sequence[PushUpdate], what: str
) -> GitexpError:
    """Return a Conflict when the remote had moved, else the refusal as it is."""
    current = workspace.remote().list_refs([update.ref for update in updates])
    moved = [update.ref for update in updates if current.get(update.ref) != update.old]
    if not moved:
        return error
    names = ", ".join(ref.removeprefix(layout.BRANCHES) for ref in moved)
    return Conflict(
        f"{what} was not pushed: {names} moved on {workspace.remote_name!r} meanwhile",
        hint="Join what others saved with `gitexp pull`, look at `gitexp status`, and try again.",
    )


def unshare(workspace: Workspace, name: str, *, bound_in: Sequence[str]) -> None:
    """Take an experiment's branch off the shared remote.

    A local branch is opened first where there is none, so nothing is lost.

    Raises:
        NotAllowed: an environment is bound to the experiment.
        NotFound: the experiment is not shared.
        Forbidden: whoever unshares it has not the role in the group that owns it.
    """
    home = get_home(workspace, name)
    if bound_in:
        raise NotAllowed(
            f"experiment {name!r} is live in {', '.join(bound_in)}",
            hint="Promote another one there first, or `gitexp env unbind ENVIRONMENT`.",
        )
    if sharing_of(workspace, home).state == "diverged":
        raise Conflict(
            f"experiment {name!r} has saves on {workspace.remote_name!r} that are not here",
            hint=f"Join them first with `gitexp pull {name}`, so that they are not lost.",
        )
    if home.shared is None:
        raise NotFound(
            f"experiment {name!r} is not on {workspace.remote_name!r}",
            hint="It is private already."
            if home.kind == "branch"
            else f"It lives on {workspace.trunk}; remove it there in a pull request.",
        )
    require_role(workspace, home, "unshare")
    keep_local(workspace, home)
    push(workspace, [PushUpdate(ref=home.branch, old=home.shared, new=None)], what=name)


def keep_local(workspace: Workspace, home: Home) -> None:
    """Open the local branch where only the shared one exists, or follow it where that is ahead."""
    if home.local == home.tip:
        return

    def work(tx: Transaction) -> None:
        tx.set_ref(home.branch, old=home.local, new=home.tip, message="gitexp: keep")

    transact(workspace.store, work)
