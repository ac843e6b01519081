"""A push as the server judges it, before anything of it is taken: every rule, for every reference.

What the rules are is read from the trunks as they stand before the push, so a push never loosens
the rules for itself. What cannot be read is refused, except on the trunk, where it is mended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.errors import (
    ApprovalRequired,
    GitexpError,
    InvalidDocuments,
    InvalidInput,
    NotAllowed,
    NotFound,
)
from gitexp.ids import Name, ObjectId
from gitexp.project.finding import definitions
from gitexp.project.groups import Actor, groups_at
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.review.enforcement.changes import check_change_branch, check_ledger, check_pin
from gitexp.review.enforcement.environments import check_environment
from gitexp.review.enforcement.experiments import check_experiment, check_trunk
from gitexp.review.enforcement.identity import SETTING, Around, Identify, identify, parse_source
from gitexp.review.enforcement.moves import Place, RefMove, Refusal, place_of
from gitexp.review.enforcement.projects import check_project
from gitexp.review.enforcement.pushes import Push
from gitexp.review.enforcement.runs import check_ledger_of_files
from gitexp.review.signatures.signers import Check, signers_at
from gitexp.store.cache import DerivedCache
from gitexp.store.disk import DiskStore
from gitexp.store.protocol import Remote, Store
from gitexp.store.quarantine import received
from gitexp.store.trees import tree_of
from gitexp.surroundings import Surroundings

_NOBODY = "(this repository)"
"""The name of no remote: what is pushed to is the shared one, whatever it was cloned from."""

_RULES: Mapping[str, Callable[[Push, RefMove, Place], None]] = {
    "trunk": lambda push, move, place: check_trunk(push, move),
    "experiment": check_experiment,
    "environment": check_environment,
    "runs": check_ledger_of_files,
    "analyses": check_ledger_of_files,
    "change": check_change_branch,
    "changes": lambda push, move, place: check_ledger(push, move),
    "pin": check_pin,
}


def judge_push(
    directory: Path, moves: Sequence[RefMove], surroundings: Surroundings
) -> list[Refusal]:
    """Return why a push to the repository in a directory is not taken; nothing where it is.

    Every reference is judged, so that all reasons are said at once. Called by a pre-receive hook,
    whose environment says where the objects of the push are.
    """
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(DiskStore.open(directory, environ=surroundings.environ))
        server = _Server(received(store, surroundings.environ), surroundings, stack)
        return list(server.refusals(moves))


@dataclass
class _Server:
    """The repository that is pushed to, and what was found out about it."""

    store: Store
    surroundings: Surroundings
    stack: contextlib.ExitStack

    @cached_property
    def cache(self) -> DerivedCache:
        """Documents that were read before, by their content; what is on disk is not trusted."""
        return DerivedCache(None)

    @cached_property
    def workspaces(self) -> Mapping[str, Workspace]:
        """The projects of the repository's trunk, by id.

        Raises:
            InvalidInput: a definition cannot be read, so nobody knows its rules.
        """
        head = self.store.head()
        found, broken = definitions(self.store, self.cache, head.commit)
        fault = broken[0].message if broken else _ambiguous(found)
        if fault:
            raise InvalidInput(
                f"the rules of this repository cannot be read: {fault}",
                hint=f"Correct it on {head.branch or 'the trunk'}, and push that alone first.",
            )
        return {data["id"]: self._workspace(root, data) for root, data in found.items()}

    def _workspace(self, root: str, definition: Mapping[str, str]) -> Workspace:
        default = self.store.head().branch or "main"
        return Workspace(
            store=self.store,
            root=root,
            project_id=Name(definition["id"]),
            trunk=definition.get("trunk", default),
            remote_name=_NOBODY,
            open_remote=_no_remote,
            surroundings=self.surroundings,
            cache=self.cache,
        )

    @property
    def trunks(self) -> set[str]:
        """The short names of the trunks: those of the projects, and what HEAD names."""
        head = self.store.head().branch
        named = {head} if head else set()
        with contextlib.suppress(GitexpError):
            named |= {workspace.trunk for workspace in self.workspaces.values()}
        return named

    def refusals(self, moves: Sequence[RefMove]) -> Iterator[Refusal]:
        """Yield why moves are not taken, in their order."""
        trunks = self.trunks
        for move in moves:
            try:
                place = place_of(move.ref, trunks)
                self._check_start(place, move)
                for push in self._concerned(place, move, moves):
                    _RULES[place.kind](push, move, place)
            except GitexpError as exc:
                yield _refusal(move, exc)

    def _check_start(self, place: Place, move: RefMove) -> None:
        """Refuse a move from elsewhere than where the reference stands.

        Git would leave that one out later, and others that were judged together with it in.
        """
        if place.kind != "other" and self.store.ref(move.ref) != move.old:
            raise NotAllowed(
                f"{move.ref} stands elsewhere by now", hint="Run `gitexp fetch`, then push again."
            )

    def _concerned(self, place: Place, move: RefMove, moves: Sequence[RefMove]) -> Iterator[Push]:
        """Yield the push as each project sees it that a reference concerns."""
        if place.kind == "other":
            return
        if place.kind == "trunk":
            self._check_projects(move, moves)
            if self._is_repair():
                return
        ids = list(self.workspaces)
        head = self.store.head().branch
        if place.kind == "trunk" and layout.branch_name(move.ref) != head:
            ids = [i for i in ids if self.workspaces[i].trunk_ref == move.ref]
        elif place.kind not in ("trunk", "pin"):
            ids = [place.project]
            if place.project not in self.workspaces:
                raise self._missing(place.project)
        for identity in ids[: 1 if place.kind == "pin" else None]:
            yield self._push(self.workspaces[identity], moves)

    def _missing(self, project: str) -> NotFound:
        head = self.store.head()
        hint = "Push the trunk with its gitexp.yaml first."
        if head.commit is None:
            hint = (
                f"HEAD of the server names {head.branch!r}, which is not there: push it first, or "
                "name another one there with `git symbolic-ref HEAD refs/heads/BRANCH`."
            )
        return NotFound(f"the trunk holds no project {project!r}", hint=hint)

    def _check_projects(self, move: RefMove, moves: Sequence[RefMove]) -> None:
        """See that the projects of a trunk can be told apart after a push to it.

        Raises:
            NotAllowed: there would be none, or nobody who may change the rules of one.
            InvalidInput: a definition could not be read, or two projects would have one id.
        """
        moved = {other.ref: other.new for other in moves}

        def after(ref: str) -> ObjectId | None:
            return moved[ref] if ref in moved else self.store.ref(ref)

        if move.new is None:
            raise NotAllowed(f"{move.ref} holds the rules, and cannot be removed")
        found, broken = definitions(self.store, self.cache, move.new)
        if broken:
            hint = "`gitexp validate` says the same before you push."
            problems = getattr(broken[0], "problems", None)
            raise InvalidDocuments(problems, hint=hint) if problems else broken[0]
        if fault := _ambiguous(found):
            raise InvalidInput(fault, hint="Give each project an id of its own.")
        known, _ = definitions(self.store, self.cache, move.old)
        for root, data in found.items():
            workspace = self._workspace(root, data)
            check_project(workspace, move, is_new=root not in known, after=after)

    def _is_repair(self) -> bool:
        """Return whether the trunk holds no project yet, or none that can be read."""
        try:
            return not self.workspaces
        except InvalidInput:
            return True

    def _push(self, workspace: Workspace, moves: Sequence[RefMove]) -> Push:
        trunk = self.store.ref(workspace.trunk_ref) or self.store.head().commit
        if trunk is None:
            raise NotFound(f"the trunk {workspace.trunk!r} is not there yet")
        tree = tree_of(self.store, trunk)
        groups = groups_at(workspace, tree)
        around = Around(
            store=self.store,
            moves=moves,
            groups=groups,
            environ=self.surroundings.environ,
            check=lambda: self._check(workspace, trunk),
        )
        return Push(
            workspace=workspace,
            project=project_at(workspace, tree),
            groups=groups,
            moves={move.ref: move for move in moves},
            identify=_once(self.store.config(SETTING), around),
            now=self.surroundings.clock.now(),
        )

    def _check(self, workspace: Workspace, trunk: ObjectId) -> Check:
        signers = signers_at(workspace, tree_of(self.store, trunk))
        now = self.surroundings.clock.now()
        return self.stack.enter_context(signers.checking(self.surroundings.environ, now=now))


def _ambiguous(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is wrong with the ids of projects by directory; nothing where all differ."""
    roots: dict[str, list[str]] = {}
    for root, data in found.items():
        roots.setdefault(data["id"], []).append(layout.join(root, layout.PROJECT_FILE))
    same = next((files for files in roots.values() if len(files) > 1), None)
    return f"{' and '.join(same)} define projects of the same id" if same else ""


def _once(setting: str | None, around: Around) -> Identify:
    """Return what tells who pushes; the source is looked at when somebody first asks."""
    known: list[Identify] = []

    def who(move: RefMove) -> Actor:
        if not known:
            known.append(identify(parse_source(setting), around))
        return known[0](move)

    return who


def _refusal(move: RefMove, error: GitexpError) -> Refusal:
    if isinstance(error, ApprovalRequired):
        message = "\n".join([error.message, *error.missing])
        hint = error.hint or "`gitexp promote` asks for it: it opens a change request."
        return Refusal(ref=move.ref, message=message, hint=hint)
    return Refusal(ref=move.ref, message=error.message, hint=error.hint or "")


def _no_remote(name_or_url: str) -> Remote:
    raise NotFound(f"no remote {name_or_url!r} is asked while a push is received")
