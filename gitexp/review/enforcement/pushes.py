"""One push to one project: what stands on the server, what is asked for, and by whom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitexp.clock import SKEW
from gitexp.documents import layout
from gitexp.errors import Forbidden, InvalidInput, NotFound
from gitexp.experiments.headers import Header, header_at
from gitexp.ids import Name, ObjectId, name_fault
from gitexp.project.definition import Project
from gitexp.project.groups import Actor, Groups, Role
from gitexp.project.workspace import Workspace
from gitexp.review.enforcement.identity import Identify
from gitexp.review.enforcement.moves import RefMove
from gitexp.review.policies.facts import Evidence
from gitexp.store.history import is_ancestor
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import list_dir, tree_of

_OLDEST = timedelta(hours=1)
"""How long ago something may have been dated that is pushed now."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """A push as one project of the repository sees it.

    Attributes:
        workspace: the project on the server, its store with the objects of the push.
        project: its definition on the trunk as it stood before the push.
        groups: its groups, likewise; where there are none, everybody may do everything.
        moves: all moves of the push, by reference.
        identify: tells who asks for a move.
        now: the present moment.
        in_advance: whether nobody pushes yet, as in CI before a merge; what it holds may be older.
        trusts_votes: whether votes that nobody signed count, since a hook looked at who pushed
            them. Without one, whoever may push could write them in anybody's name.
    """

    workspace: Workspace
    project: Project
    groups: Groups
    moves: Mapping[str, RefMove]
    identify: Identify
    now: datetime
    in_advance: bool = False
    trusts_votes: bool = True

    @property
    def store(self) -> Store:
        """The server's objects with those of the push, and its references before it."""
        return self.workspace.store

    def is_now(self, moment: datetime, *, or_before: bool = False) -> bool:
        """Return whether what is pushed is dated now, or `or_before`, as far as clocks agree."""
        oldest = moment if or_before else self.now - _OLDEST
        return oldest <= moment <= self.now + SKEW

    def after(self, ref: str) -> ObjectId | None:
        """Return where a reference would stand after the push."""
        move = self.moves.get(ref)
        return move.new if move is not None else self.store.ref(ref)

    def tree(self, commit: ObjectId | None) -> TreeId | None:
        """Return the tree of a commit, None without one."""
        return tree_of(self.store, commit) if commit is not None else None

    def is_forward(self, move: RefMove) -> bool:
        """Return whether the new commit descends from the old one, or there is no old one."""
        if move.new is None:
            return False
        return move.old is None or is_ancestor(self.store, move.old, move.new)

    def header(self, commit: ObjectId | None, name: str) -> Header | None:
        """Return an experiment's header in a commit; None where there is none.

        Raises:
            InvalidInput: there is one that cannot be read.
        """
        try:
            return header_at(self.workspace, commit, name) if commit is not None else None
        except NotFound:
            return None

    def trunk(self) -> ObjectId | None:
        """Return the tip of the trunk before the push."""
        return self.store.ref(self.workspace.trunk_ref)

    def experiment_tip(self, name: str) -> ObjectId | None:
        """Return where an experiment lives on the server before the push."""
        project = self.workspace.project_id
        own = self.store.ref(layout.experiment_branch(project, Name(name)))
        return own if own is not None else self.trunk()

    def evidence(self) -> Evidence:
        """Return what policies ask about, as the server knows it."""
        from gitexp.review.policies.evidence import GitEvidence

        return GitEvidence(
            self.workspace,
            trunk=self.trunk(),
            now=self.now,
            reader=self.store,
            trusts_votes=self.trusts_votes,
        )

    def experiment_after(self, name: str) -> ObjectId | None:
        """Return where an experiment would live after the push."""
        own = self.after(layout.experiment_branch(self.workspace.project_id, Name(name)))
        return own if own is not None else self.after(self.workspace.trunk_ref)

    def header_by_id(self, experiment_id: str | None) -> Header | None:
        """Return the header of the experiment that has an id, whatever it is called; or None."""
        return next((h for h in self.headers_after() if h.id == experiment_id), None)

    def headers_after(self) -> Iterator[Header]:
        """Yield the headers of experiments after the push: on their branches, then the trunk's."""
        start = layout.experiment_branches(self.workspace.project_id)
        refs = {*self.store.refs(start), *(ref for ref in self.moves if ref.startswith(start))}
        for ref in sorted(refs):
            yield from self._readable(self.after(ref), ref.removeprefix(start))
        trunk = self.after(self.workspace.trunk_ref)
        directory = layout.experiments_dir(self.workspace.root)
        for entry in list_dir(self.store, tree_of(self.store, trunk), directory) if trunk else ():
            yield from self._readable(trunk, entry.name)

    def _readable(self, commit: ObjectId | None, name: str) -> Iterator[Header]:
        with contextlib.suppress(InvalidInput):
            header = None if name_fault(name) else self.header(commit, name)
            if header is not None:
                yield header

    def owner_of(self, header: Header | None) -> str:
        """Return the group that owns an experiment; the project's where it names none."""
        return (header.group if header is not None else "") or self.project.group

    def require(self, move: RefMove, role: Role, group: str, what: str) -> Actor:
        """Return who asks for a move, after seeing that they have a role in a group.

        Raises:
            Forbidden: they have not, or it cannot be told who they are.
        """
        actor = self.identify(move)
        if self.groups.may(actor.identity, role, group):
            return actor
        people = self.groups.people([group], role=role)
        asked = f" Ask {', '.join(people[:5])}." if people else ""
        raise Forbidden(
            f"{actor} may not {what}: that takes the role {role!r} in group {group!r}",
            hint=f"Roles stand in groups/{group}.yaml on {self.workspace.trunk}.{asked}",
        )
