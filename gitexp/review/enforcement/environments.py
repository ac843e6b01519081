"""What may be pushed to the branch of an environment: moves that its policies allow, one by one."""

from __future__ import annotations

from collections.abc import Iterator

from gitexp.documents import layout
from gitexp.environments.binding import UNREADABLE, Binding, Snapshot, environment_at, one_line
from gitexp.errors import Forbidden, GitexpError, InvalidInput, NotAllowed, NotFound
from gitexp.experiments.headers import Header
from gitexp.ids import Name, ObjectId
from gitexp.project.groups import Actor, address_of, same_person
from gitexp.project.reading import project_at, read_document
from gitexp.review.changes.ledger import change_at
from gitexp.review.enforcement.flags import check_flags
from gitexp.review.enforcement.moves import Place, RefMove
from gitexp.review.enforcement.pushes import Push
from gitexp.review.policies.guard import refusal
from gitexp.review.policies.judging import Move, judge
from gitexp.store.history import is_ancestor
from gitexp.store.model import Commit, TreeEntry, TreeId
from gitexp.store.trees import list_dir, read_commit, read_tree, tree_of

_FILES = (layout.BINDING_FILE, layout.PARAMETERS_FILE)


def check_environment(push: Push, move: RefMove, place: Place) -> None:
    """See that a push moves an environment as its policies allow.

    Raises:
        NotAllowed: the branch would be gone or rewritten, or what it says is not true.
        ApprovalRequired, Refused: the policies of the environment say no.
        Forbidden: whoever pushes may not, or says to be somebody else.
        NotFound: no such environment is declared, or the version is not shared.
        InvalidDocuments: a commit cannot be read as an environment.
    """
    name = Name(place.name)
    if name not in push.project.environments and move.new is not None:
        raise NotFound(
            f"environment {name!r} is not declared on {push.workspace.trunk}",
            hint=f"Declare it with `gitexp env create {name}`, and push that first.",
        )
    if move.new is None or not push.is_forward(move):
        raise NotAllowed(
            f"the history of environment {name!r} would be gone",
            hint=f"Go back with `gitexp env rollback {name}` or `gitexp env unbind {name}`.",
        )
    for before, commit in _steps(push, move, name):
        _Step(push, move, name, before, commit).check()


def _steps(push: Push, move: RefMove, name: Name) -> Iterator[tuple[ObjectId | None, Commit]]:
    """Return the commits of a push with what each of them follows, oldest first.

    Raises:
        NotAllowed: they do not follow what is there.
    """
    assert move.new is not None
    found: list[tuple[ObjectId | None, Commit]] = []
    at: ObjectId | None = move.new
    while at != move.old:
        commit = read_commit(push.store, at) if at is not None else None
        if commit is None:
            raise NotAllowed(
                f"the push does not follow what environment {name!r} says now",
                hint="Run `gitexp fetch`, and promote again.",
            )
        before = move.old if move.old in commit.parents else next(iter(commit.parents), None)
        found.append((before, commit))
        at = before
    return reversed(found)


class _Step:
    """One commit of an environment's branch that a push adds."""

    def __init__(
        self, push: Push, move: RefMove, name: Name, before: ObjectId | None, commit: Commit
    ) -> None:
        self._push, self._move, self._name = push, move, name
        self._before, self._commit = before, commit

    def check(self) -> None:
        """See that the commit says what is true, and that it may say so."""
        push = self._push
        if self._before is not None and tree_of(push.store, self._before) == self._commit.tree:
            self._check_repetition()
            return
        after = environment_at(
            push.store,
            self._commit.id,
            environment=self._name,
            project=push.workspace.project_id,
        )
        self._check_files()
        self._check_origin(after.binding)
        self._check_moment()
        before = self._snapshot_before()
        check_flags(push, self._name, self._before, before, after)
        if after.binding.bound and after.binding.action != "flags":
            self._check_version(after.binding)
        actor = self._check_actor(before, after.binding)
        self._judge(before, after, actor)

    def _check_repetition(self) -> None:
        """Refuse what changes nothing, except a merge commit on top of what it brings.

        It would make change requests stale, and a merge would bring a past of its own along.
        """
        if self._before == self._move.old or len(self._commit.parents) < 2:
            raise NotAllowed(
                f"commit {self._commit.id[:10]} changes nothing in environment {self._name!r}",
                hint="Leave it out of the push.",
            )
        self._check_moment()

    def _snapshot_before(self) -> Snapshot | None:
        if self._before is None:
            return None
        try:
            return environment_at(self._push.store, self._before, environment=self._name)
        except UNREADABLE:
            return None

    def _check_files(self) -> None:
        entries = read_tree(self._push.store, self._commit.tree)
        strange = [e.name for e in entries if not _is_own(e)]
        if strange:
            raise NotAllowed(
                f"the branch of an environment holds {', '.join(_FILES)} and {layout.FLAGS_DIR}/ "
                f"alone, not {', '.join(strange[:5])}",
                hint="Promote and publish flags with gitexp, which writes them.",
            )

    def _check_origin(self, binding: Binding) -> None:
        if binding.previous != self._before:
            said = (binding.previous or "nothing")[:10]
            raise NotAllowed(
                f"commit {self._commit.id[:10]} was made for environment {self._name!r} at "
                f"{said}, and it stands at {(self._before or 'nothing')[:10]}",
                hint="Run `gitexp fetch`, and promote again; `gitexp change renew` renews a "
                "change request.",
            )

    def _check_moment(self) -> None:
        """Refuse what is dated otherwise than now: how long something was live counts from it."""
        when = self._commit.committer.when
        if not self._push.is_now(when, or_before=self._push.in_advance):
            raise NotAllowed(
                f"commit {self._commit.id[:10]} is dated {when.isoformat()}, which is not now",
                hint="Set your clock and promote again; an approved change request is carried "
                "out with `gitexp change apply`.",
            )

    def _check_version(self, binding: Binding) -> None:
        """See that the values are those of a shared version of the experiment, which is kept."""
        push, version = self._push, binding.version
        assert version is not None
        assert binding.experiment is not None
        if not self._is_shared(version, binding.experiment):
            raise NotFound(
                f"version {version[:10]} of {binding.experiment!r} is not on the remote",
                hint=f"Share it first with `gitexp share {binding.experiment}`.",
            )
        if push.after(layout.pin_ref(version)) != version:
            raise NotAllowed(
                f"version {version[:10]} is not kept from being removed",
                hint=f"Push {layout.pin_ref(version)} in the same step, as `gitexp promote` does.",
            )
        if self._digest_of(version, binding) != binding.digest:
            raise NotAllowed(
                f"the values are not those of version {version[:10]} of {binding.experiment!r}",
                hint="Save them with `gitexp commit`, and promote that version.",
            )
        self._check_types(version, binding)

    def _check_types(self, version: ObjectId, binding: Binding) -> None:
        """Refuse other types than the version's: they say what is read as a secret."""
        store = self._push.store
        types = project_at(self._push.workspace, tree_of(store, version)).types()
        values = environment_at(store, self._commit.id, environment=self._name).values
        names = {*values, *binding.types}
        wrong = sorted(name for name in names if binding.types.get(name) != types.get(name))
        if wrong:
            raise NotAllowed(
                f"the type of {wrong[0]!r} is not the one that it has in version {version[:10]}",
                hint="Promote with gitexp, which writes them.",
            )

    def _is_shared(self, version: ObjectId, experiment: str) -> bool:
        push = self._push
        project = push.workspace.project_id
        own = push.after(layout.experiment_branch(project, Name(experiment)))
        tips = [own, push.trunk(), push.store.ref(layout.pin_ref(version))]
        if not push.store.has(version):
            return False
        others = push.store.refs(layout.experiment_branches(project)).values()
        return any(
            tip is not None and is_ancestor(push.store, version, tip) for tip in (*tips, *others)
        )

    def _digest_of(self, version: ObjectId, binding: Binding) -> str | None:
        """Return the digest of a version's values as the project of that time completes them."""
        from gitexp.documents.canonical import digest_of

        push = self._push
        tree = tree_of(push.store, version)
        name = self._name_in(version, tree, binding)
        if name is None:
            return None
        path = layout.parameters_path(push.workspace.root, name)
        values = read_document(push.workspace, tree, path, "parameters") or {}
        try:
            return digest_of(project_at(push.workspace, tree).resolve(values, file=path))
        except (InvalidInput, NotFound) as exc:
            raise NotAllowed(
                f"version {version[:10]} has no valid values: {one_line(exc)}"
            ) from exc

    def _name_in(self, version: ObjectId, tree: TreeId, binding: Binding) -> Name | None:
        """Return what an experiment was called in a version; a rename leaves its id."""
        push = self._push
        directory = layout.experiments_dir(push.workspace.root)
        names = [Name(e.name) for e in list_dir(push.store, tree, directory) if e.is_tree]
        first = sorted(names, key=lambda name: name != binding.experiment)
        for name in first:
            header = _header(push, version, name)
            if header is not None and header.id == binding.experiment_id:
                return name
        return None

    def _check_actor(self, before: Snapshot | None, binding: Binding) -> Actor:
        """Return who moves the environment, after seeing that they may and are whom it names."""
        push = self._push
        owner = push.owner_of(self._header(before, binding))
        actor = push.require(self._move, "write", owner, f"move environment {self._name!r}")
        by = address_of(binding.by)
        if not same_person(by, actor.identity) and not self._asked(binding, by):
            raise Forbidden(
                f"the promotion says that it is by {by}, and {actor} pushes it",
                hint="Set `git config user.email` to the address that the server knows you by, "
                "and promote again.",
            )
        return actor

    def _header(self, before: Snapshot | None, binding: Binding) -> Header | None:
        """Return the experiment that is concerned: whose group decides is not for names to say.

        Raises:
            NotAllowed: the binding calls it by the name of another one.
        """
        push = self._push
        said = binding if binding.bound or before is None else before.binding
        if said.experiment is None:
            return None
        header = push.header(push.experiment_after(said.experiment), said.experiment)
        if header is None or (header.id != said.experiment_id and not binding.bound):
            return push.header_by_id(said.experiment_id)
        if header.id != said.experiment_id:
            raise NotAllowed(
                f"{said.experiment!r} is the name of another experiment than the one whose "
                "version is promoted",
                hint="Run `gitexp fetch`, and promote it by its own name.",
            )
        return header

    def _asked(self, binding: Binding, by: str) -> bool:
        """Return whether somebody asked for exactly this commit's content in a change request."""
        if binding.change is None:
            return False
        ledger = self._push.store.ref(layout.changes_branch(self._push.workspace.project_id))
        facts = change_at(self._push.store, ledger, binding.change)
        if facts is None:
            return False
        return any(
            same_person(by, address_of(terms.by)) and self._holds_what_is_in(terms.head)
            for terms in (facts.request.opened, *facts.renewals)
        )

    def _holds_what_is_in(self, head: ObjectId) -> bool:
        store = self._push.store
        return store.has(head) and tree_of(store, head) == self._commit.tree

    def _judge(self, before: Snapshot | None, after: Snapshot, actor: Actor) -> None:
        push = self._push
        move = Move(
            project=push.workspace.project_id,
            environment=self._name,
            before=before,
            after=after.binding,
            values=after.values,
            tip=self._before,
            actor=actor,
        )
        policies = push.project.environments[self._name].policies
        judgement = judge(policies, move, push.evidence())
        if judgement.verdict != "allowed":
            raise refusal(judgement, move)


def _is_own(entry: TreeEntry) -> bool:
    """Return whether something at the top of an environment's branch belongs there."""
    if entry.name == layout.FLAGS_DIR:
        return entry.is_tree
    return entry.name in _FILES and entry.is_file


def _header(push: Push, commit: ObjectId, name: str) -> Header | None:
    try:
        return push.header(commit, name)
    except GitexpError:
        return None
