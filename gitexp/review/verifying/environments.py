"""Whether the branches of environments tell a true story.

Every commit says which version became live, with all its values, and which commit it was made on
top of. So each is held to the version that it names, and to the commit before it, also where a
forge merged it: then the merge holds what one of its sides held.
"""

from __future__ import annotations

from functools import partial

from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Binding, Snapshot, environment_at
from gitexp.environments.branches import branch_of, names_with_branches
from gitexp.errors import InvalidDocuments
from gitexp.ids import Name, ObjectId
from gitexp.review.verifying.examination import Branch, Examination, one_line
from gitexp.review.verifying.values import values_of_version
from gitexp.store.model import Commit
from gitexp.store.trees import read_commit

_REPAIR = "Promote a version again: `gitexp promote EXPERIMENT {environment}`."
_HISTORY = "See who did it with `gitexp env history {environment}` and `git log`."


def check_environments(look: Examination) -> None:
    """Note what is wrong with the branches of the environments."""
    for name in names_with_branches(look.workspace):
        for branch in look.branch(branch_of(look.workspace, name)):
            look.since_then("environments", branch, partial(_check_branch, look, name))


def _check_branch(look: Examination, name: Name, branch: Branch, since: ObjectId | None) -> None:
    with look.reading("environments", branch=branch.name):
        for commit_id in look.commits(branch, since):
            with look.reading("environments", branch=branch.name, commit=commit_id):
                _Move(look, branch, name, read_commit(look.store, commit_id)).check()


class _Move:
    """One commit of an environment's branch."""

    def __init__(self, look: Examination, branch: Branch, name: Name, commit: Commit) -> None:
        self._look = look
        self._branch = branch
        self._name = name
        self._commit = commit

    def check(self) -> None:
        """Note what is wrong with it."""
        self._look.looked_at["bindings"] += 1
        parents = [
            read_commit(self._look.store, parent)
            for parent in self._look.history.parents(self._commit.id)
        ]
        if parents and self._commit.tree == parents[0].tree:
            return  # it repeats what was said before
        try:
            snapshot = self._snapshot()
        except InvalidDocuments as exc:
            self._note(one_line(exc), _REPAIR)
            return
        self._check_line(snapshot.binding, parents)
        self._check_version(snapshot)

    def _snapshot(self) -> Snapshot:
        workspace = self._look.workspace
        return environment_at(
            self._look.store,
            self._commit.id,
            environment=self._name,
            project=workspace.project_id,
            cache=None if self._look.full else workspace.cache,
        )

    def _check_line(self, binding: Binding, parents: list[Commit]) -> None:
        """Hold what the commit says it was made on top of to its parents."""
        if len(self._commit.parents) > 1:
            if not any(self._commit.tree == parent.tree for parent in parents[1:]):
                self._note("a merge whose content neither side had", _HISTORY)
            return
        before = self._commit.parents[0] if self._commit.parents else None
        if binding.previous is not None and binding.previous != before:
            told = f"it says that it follows {binding.previous[:10]}, and it follows "
            self._note(told + (before[:10] if before else "nothing"), _HISTORY)

    def _check_version(self, snapshot: Snapshot) -> None:
        binding = snapshot.binding
        if binding.version is None or binding.experiment_id is None:
            return
        if not self._look.is_here(binding.version):
            self._note_absent(binding)
            return
        found = values_of_version(self._look, binding.version, binding.experiment_id)
        if found is None:
            told = f"version {binding.version[:10]} holds no experiment {binding.experiment_id}"
            self._note(f"{told} ({binding.experiment})", _REPAIR)
        elif found.problem is not None:
            told = f"the values of version {binding.version[:10]} are not valid: {found.problem}"
            self._note(told, _REPAIR)
        elif digest_of(snapshot.values) != digest_of(found.values):
            told = f"its values are not those of version {binding.version[:10]} of "
            self._note(f"{told}{binding.experiment}", _REPAIR)

    def _note_absent(self, binding: Binding) -> None:
        assert binding.version is not None
        live = self._commit.id == self._branch.tip
        shared = not self._look.workspace.has_remote
        self._look.add(
            "environments",
            f"version {binding.version[:10]} of {binding.experiment}, which "
            f"{'is' if live else 'was'} live, is not here",
            f"Ask the shared remote for it: `git fetch {self._look.workspace.remote_name} "
            f"{binding.version}`.",
            severity="problem" if live and shared else "note",
            branch=self._branch.name,
            commit=self._commit.id,
        )

    def _note(self, message: str, advice: str) -> None:
        self._look.add(
            "environments",
            message,
            advice.format(environment=self._name),
            branch=self._branch.name,
            commit=self._commit.id,
        )
