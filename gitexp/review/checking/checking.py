"""What a pull request would move, judged as the hook of a server judges a push.

A forge without hooks runs this in CI, as a check that is required before a merge. The rules are
those of the trunk of the shared remote as it stands, so no pull request loosens them for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gitexp.documents import layout
from gitexp.errors import (
    ApprovalRequired,
    Conflict,
    Forbidden,
    GitexpError,
    InvalidInput,
    MissingObject,
    NotFound,
    RemoteError,
)
from gitexp.ids import Name, ObjectId
from gitexp.project.finding import definitions
from gitexp.project.groups import Actor, Groups, groups_at
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.review.checking.proposals import Proposal, Review
from gitexp.review.checking.remotes import remote_tip, remote_view
from gitexp.review.enforcement.environments import check_environment
from gitexp.review.enforcement.experiments import check_experiment, check_trunk
from gitexp.review.enforcement.identity import Identify
from gitexp.review.enforcement.moves import Place, RefKind, RefMove, Refusal, place_of
from gitexp.review.enforcement.projects import check_owner
from gitexp.review.reporting.building import trusting
from gitexp.review.reporting.points import find_points
from gitexp.review.validating import validate
from gitexp.store.history import merge_base
from gitexp.store.refnames import ref_name_fault
from gitexp.store.trees import read_commit, tree_of


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        base, head: the ends of the pull request.
        branch: the short name of the branch that it would be merged into; None to tell it from
            the base.
        trunk: the branch whose rules count; None for the one that the base or the project names.
        actor: what the forge calls whoever asks for the merge; empty where that is not known.
        reviews: what people said on the forge.
        trusts_votes: whether votes of the ledger count that nobody signed, since a hook of the
            server looks at who pushes them.
    """

    base: str
    head: str
    branch: str | None = None
    trunk: str | None = None
    actor: str = ""
    reviews: Sequence[Review] = ()
    trusts_votes: bool = False


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a check came to.

    Attributes:
        branch: the short name of the branch that would move.
        kind: what that is to gitexp; `other` where nothing is asked of it.
        refusals: why the merge is not allowed; empty where it is.
        missing: what policies still wait for, such as approvals.
    """

    branch: str
    kind: RefKind
    base: ObjectId
    head: ObjectId
    refusals: tuple[Refusal, ...] = ()
    missing: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the merge breaks no rule."""
        return not self.refusals

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON data."""
        return {
            "allowed": self.allowed,
            "branch": self.branch,
            "kind": self.kind,
            "base": self.base,
            "head": self.head,
            "refusals": [{"message": r.message, "hint": r.hint} for r in self.refusals],
            "missing": list(self.missing),
            "approvers": list(self.approvers),
        }


def check(workspace: Workspace, question: Question) -> CheckReport:
    """Return whether the rules allow what a pull request would move.

    Where the repository holds several projects, those are asked that it concerns.

    Raises:
        NotFound, MissingObject: an end of it is not here and cannot be fetched.
        InvalidInput: it is not known which branch it would be merged into.
        RemoteUnavailable: the shared remote cannot be reached.
    """
    points = find_points(workspace, question.base, question.head, fetch=workspace.has_remote)
    trusted = trusting(workspace, points.base, question.trunk)
    branch = question.branch or branch_named(trusted, question.base)
    if fault := ref_name_fault(layout.BRANCHES + branch):
        raise InvalidInput(f"{branch!r} is no name of a branch: {fault}")
    kind: RefKind = "other"
    try:
        place = place_of(layout.BRANCHES + branch, [trusted.trunk])
        kind = place.kind
        if kind != "other":
            _judge(trusted, question, place, branch, points.head)
        refusals: tuple[GitexpError, ...] = ()
    except (MissingObject, RemoteError):
        raise  # what cannot be looked at is no answer
    except GitexpError as exc:
        refusals = (exc,)
    return CheckReport(
        branch=branch,
        kind=kind,
        base=points.base,
        head=points.head,
        refusals=tuple(_refusal(branch, exc) for exc in refusals),
        missing=tuple(m for exc in _waiting(refusals) for m in exc.missing),
        approvers=tuple(who for exc in _waiting(refusals) for who in exc.approvers),
    )


def _waiting(errors: Sequence[GitexpError]) -> list[ApprovalRequired]:
    return [error for error in errors if isinstance(error, ApprovalRequired)]


def _refusal(branch: str, error: GitexpError) -> Refusal:
    if not isinstance(error, ApprovalRequired):
        return Refusal(ref=branch, message=error.message, hint=error.hint or "")
    message = "\n".join([error.message, *error.missing])
    return Refusal(ref=branch, message=message, hint=error.hint or _APPROVAL_HINT)


_APPROVAL_HINT = (
    "Approve it, then run the check again. Votes of `gitexp change approve` count if they are "
    "signed, or with --trust-votes; reviews of the pull request with --reviews."
)


def branch_named(workspace: Workspace, text: str) -> str:
    """Return the short name of the branch that a revision names.

    Raises:
        InvalidInput: it names no branch of the shared remote.
    """
    if text.startswith("env:"):
        environment = text.removeprefix("env:")
        return f"env/{workspace.project_id}/{environment}"
    for start in (layout.BRANCHES, f"refs/remotes/{workspace.remote_name}/"):
        if text.startswith(start):
            return text.removeprefix(start)
    name = text.removeprefix(f"{workspace.remote_name}/")
    refs = (layout.BRANCHES + name, workspace.tracking(layout.BRANCHES + name))
    if any(workspace.store.ref(ref) is not None for ref in refs):
        return name
    raise InvalidInput(
        f"{text!r} names no branch, so it is not known what would be moved",
        hint="Name the branch of the pull request's base: `--branch main`.",
    )


def _judge(
    workspace: Workspace, question: Question, place: Place, branch: str, head: ObjectId
) -> None:
    """See that what a branch would become is allowed; raises what the rules say no with."""
    trunk = remote_tip(workspace, workspace.trunk_ref)
    if trunk is None:
        raise NotFound(
            f"the trunk {workspace.trunk!r} is not on the shared remote",
            hint="Name the branch whose rules count with `--trunk BRANCH`.",
        )
    found, broken = definitions(workspace.store, workspace.cache, trunk)
    if place.kind == "trunk" and (broken or not found):
        _check_repair(workspace, head)
        return
    if broken:
        raise broken[0]
    concerned = [
        replace(workspace, root=root, project_id=Name(data["id"]))
        for root, data in found.items()
        if place.kind == "trunk" or data["id"] == place.project
    ]
    if not concerned:
        raise NotFound(
            f"the trunk holds no project {place.project!r}",
            hint=f"Give the branch {branch!r} another name, or merge the project first.",
        )
    for project in concerned:
        _judge_one(remote_view(project), question, place, branch, head)


def _judge_one(
    workspace: Workspace, question: Question, place: Place, branch: str, head: ObjectId
) -> None:
    ref, store = layout.BRANCHES + branch, workspace.store
    tip = store.ref(ref)
    old = tip if place.kind == "environment" or tip is None else merge_base(store, tip, head)
    move = RefMove(ref=ref, old=old, new=head)
    proposal = _proposal(workspace, question, move)
    if place.kind == "trunk":
        check_trunk(proposal, move)
        check_owner(workspace, replace(move, old=tip))
    elif place.kind == "environment":
        _refuse_stale(proposal, move, place)
        check_environment(proposal, move, place)
    elif place.kind == "experiment":
        check_experiment(proposal, move, place)
    else:
        raise InvalidInput(
            f"branch {branch!r} is written by gitexp alone, and not by a pull request",
            hint="Record runs with `gitexp run`, and vote with `gitexp change`.",
        )


def _refuse_stale(proposal: Proposal, move: RefMove, place: Place) -> None:
    """See that what is asked stands on what is live.

    Raises:
        Conflict: the environment has moved since.
    """
    if move.old is None or move.new is None or proposal.is_forward(move):
        return
    if merge_base(proposal.store, move.old, move.new) is None:
        return  # it was never on the environment's branch
    raise Conflict(
        f"environment {place.name!r} has moved since this was asked for",
        hint="Put the change request on top of what is live with `gitexp change renew ID`; "
        "approvals are given anew.",
    )


def _check_repair(workspace: Workspace, head: ObjectId) -> None:
    """See that a pull request to a trunk without rules, or with broken ones, mends it."""
    _, broken = definitions(workspace.store, workspace.cache, head)
    if broken:
        raise broken[0]
    problems = validate(workspace, revision=head).problems
    if problems:
        raise InvalidInput("\n".join(str(problem) for problem in problems))


def _proposal(workspace: Workspace, question: Question, move: RefMove) -> Proposal:
    trunk = workspace.store.ref(workspace.trunk_ref)
    assert trunk is not None  # it was looked at before
    tree = tree_of(workspace.store, trunk)
    groups = groups_at(workspace, tree)
    assert move.new is not None
    return Proposal(
        workspace=workspace,
        project=project_at(workspace, tree),
        groups=groups,
        moves={move.ref: move},
        identify=_identify(workspace, question, groups),
        now=workspace.surroundings.clock.now(),
        in_advance=True,
        trusts_votes=question.trusts_votes,
        reviews=[r for r in question.reviews if r.commit in ("", move.new)],
    )


def _identify(workspace: Workspace, question: Question, groups: Groups) -> Identify:
    """Return what tells who asks: the forge; where there are no groups, the commits say it."""

    def who(move: RefMove) -> Actor:
        if question.actor:
            identity = groups.of(question.actor)
            return Actor(identity=identity, name=question.actor, source="variable")
        if groups:
            raise Forbidden(
                "it is not known who asks for this",
                hint="Name whoever opened the pull request: `--actor NAME`, as the forge knows "
                "them.",
            )
        assert move.new is not None
        committer = read_commit(workspace.store, move.new).committer
        return Actor(identity=committer.email, name=committer.name)

    return who
