"""Where the environments of change requests stand: their tips, their policies, what they hold."""

from __future__ import annotations

from gitexp.environments.binding import UNREADABLE, Binding, snapshot_at
from gitexp.environments.branches import tip_of
from gitexp.environments.history import line_of_commits
from gitexp.errors import DamagedObject, MissingObject
from gitexp.experiments.homes import find_home
from gitexp.experiments.permissions import owner_of, project_group
from gitexp.ids import Name, ObjectId
from gitexp.project.groups import shared_trunk
from gitexp.project.in_force import policies_at
from gitexp.project.workspace import Workspace
from gitexp.review.changes.model import ChangeFacts
from gitexp.review.changes.states import Standing
from gitexp.review.subjects import policies_digest
from gitexp.store.protocol import Store


def held_by(workspace: Workspace, facts: ChangeFacts, *, reader: Store) -> ObjectId | None:
    """Return the first commit of the environment's branch that holds what was asked for, or None.

    What is written down of its end is not looked at.
    """
    environment = Name(facts.request.environment)
    return _Held(workspace, environment, reader).commit_of(facts)


class Standings:
    """Where environments stand, each looked at once for any number of change requests."""

    def __init__(self, workspace: Workspace, *, reader: Store | None = None) -> None:
        self._workspace = workspace
        self._reader = reader or workspace.store
        self._held: dict[str, _Held] = {}
        self._policies: dict[str, str | None] = {}
        self._owners: dict[str | None, str] = {}

    def of(self, facts: ChangeFacts) -> Standing:
        """Return where the environment of a change request stands."""
        request = facts.request
        name = Name(request.environment)
        return Standing(
            tip=tip_of(self._workspace, name, reader=self._reader),
            applied=self._applied(facts),
            policies=self._policies_of(request.environment),
            owner=self._owner(request.experiment or self._experiment_before(facts)),
        )

    def _applied(self, facts: ChangeFacts) -> ObjectId | None:
        if facts.closing is not None and facts.closing.state == "applied":
            return facts.closing.commit
        environment = facts.request.environment
        if environment not in self._held:
            self._held[environment] = _Held(self._workspace, Name(environment), self._reader)
        return self._held[environment].commit_of(facts)

    def _policies_of(self, environment: str) -> str | None:
        if environment not in self._policies:
            self._policies[environment] = self._digest(environment)
        return self._policies[environment]

    def _digest(self, environment: str) -> str | None:
        trunk = shared_trunk(self._workspace, reader=self._reader)
        if trunk is None:
            return None
        policies = policies_at(self._workspace, trunk, environment, reader=self._reader)
        return policies_digest([policy.document for policy in policies])

    def _experiment_before(self, facts: ChangeFacts) -> str | None:
        """Return the experiment that was live where something was asked."""
        base = facts.request.opened.base
        try:
            before = snapshot_at(self._reader, base, cache=self._workspace.cache) if base else None
        except UNREADABLE:
            return None
        return before.binding.experiment if before else None

    def _owner(self, experiment: str | None) -> str:
        if experiment not in self._owners:
            home = (
                find_home(self._workspace, experiment, reader=self._reader) if experiment else None
            )
            self._owners[experiment] = (
                owner_of(self._workspace, home, reader=self._reader)
                if home
                else project_group(self._workspace, reader=self._reader)
            )
        return self._owners[experiment]


class _Held:
    """The bindings of an environment's branch that come from change requests.

    They are found in what the branch says, however they came there: carried out by a command, or
    merged by a forge, by a merge commit, squashed or rebased.
    """

    def __init__(self, workspace: Workspace, environment: Name, reader: Store) -> None:
        tip = tip_of(workspace, environment, reader=reader)
        self._workspace = workspace
        self._reader = reader
        self._line = iter(line_of_commits(workspace, tip, reader=reader) if tip else ())
        self._found: dict[str, list[tuple[ObjectId, Binding]]] = {}
        self._seen: set[ObjectId] = set()

    def commit_of(self, facts: ChangeFacts) -> ObjectId | None:
        """Return the first commit that holds what a change request asks for, or None."""
        self._walk_to(facts.request.opened.base)
        held = self._found.get(facts.id, [])
        return next((c for c, b in reversed(held) if facts.request.is_held_by(b)), None)

    def _walk_to(self, base: ObjectId | None) -> None:
        """Read the branch back to the commit on top of which something was asked."""
        while base not in self._seen:
            try:
                commit = next(self._line, None)
            except (MissingObject, DamagedObject):
                commit = None  # what a shallow clone does not hold cannot be told from it
            if commit is None:
                return
            self._seen.add(commit.id)
            self._note(commit.id)

    def _note(self, commit: ObjectId) -> None:
        try:
            snapshot = snapshot_at(self._reader, commit, cache=self._workspace.cache)
        except UNREADABLE:
            return
        if snapshot is not None and snapshot.binding.change:
            self._found.setdefault(snapshot.binding.change, []).append((commit, snapshot.binding))
