"""What a change would mean for environments: what is live there, and what policies would ask.

A change of the project's files moves no environment. But its values may be promoted next, so each
environment is asked what it would take: those that the experiment is live in, or all of them where
it is live in none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitexp.environments.binding import UNREADABLE, Binding, Snapshot
from gitexp.environments.branches import tip_of
from gitexp.environments.live import live_snapshot
from gitexp.errors import GitexpError
from gitexp.ids import Digest, Name, ObjectId, VersionId
from gitexp.project.groups import Actor, shared_trunk
from gitexp.project.in_force import policies_at
from gitexp.project.workspace import Workspace
from gitexp.review.policies.judgements import Judgement, Requirement, Verdict
from gitexp.review.policies.moves import Move
from gitexp.review.reporting.report import Effect, Relation

Judging = Callable[[Move], Judgement]
"""Returns what the policies in force say about a move."""

NOBODY = Actor(identity="")
"""Who would move an environment is not known before somebody does."""


def judging_in(workspace: Workspace, *, trusts_votes: bool = False) -> Judging:
    """Return what judges moves by the policies in force, over what was fetched last.

    Args:
        trusts_votes: count votes that nobody signed too, as `gitexp check` does where it is told.
    """
    from gitexp.review.policies.evidence import GitEvidence
    from gitexp.review.policies.judging import judge

    trunk = shared_trunk(workspace)
    now = workspace.surroundings.clock.now()
    evidence = GitEvidence(workspace, trunk=trunk, now=now, trusts_votes=trusts_votes)
    return lambda move: judge(policies_at(workspace, trunk, move.environment), move, evidence)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A set of values that might be promoted.

    Attributes:
        version: the commit that saved them.
        types: the slot type of each value.
    """

    experiment: str
    experiment_id: str
    version: VersionId
    digest: Digest
    values: Mapping[str, Any]
    types: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Live:
    """What an environment says now."""

    name: Name
    tip: ObjectId | None
    snapshot: Snapshot | None
    readable: bool

    @property
    def label(self) -> str | None:
        """What is live, for people; None where nothing is."""
        binding = self.snapshot.binding if self.snapshot is not None else None
        return binding.label if binding is not None and binding.bound else None


def effects(
    workspace: Workspace,
    environments: Sequence[str],
    candidates: Sequence[Candidate],
    judging: Judging,
) -> Iterator[Effect]:
    """Yield what candidates would mean for the environments of a project."""
    live = [_live(workspace, Name(name)) for name in environments]
    for candidate in candidates:
        bound = {one.name for one in live if _is_bound(one, candidate)}
        for one in live:
            asked = one.name in bound or not bound
            yield _effect(workspace, one, candidate, judging if asked else None)


def _live(workspace: Workspace, name: Name) -> _Live:
    tip = tip_of(workspace, name)
    try:
        snapshot = live_snapshot(workspace, name)
    except UNREADABLE:
        return _Live(name=name, tip=tip, snapshot=None, readable=False)
    return _Live(name=name, tip=tip, snapshot=snapshot, readable=True)


def _is_bound(live: _Live, candidate: Candidate) -> bool:
    binding = live.snapshot.binding if live.snapshot is not None else None
    return binding is not None and binding.experiment_id == candidate.experiment_id


def _relation(live: _Live, candidate: Candidate) -> Relation:
    if not live.readable:
        return "unreadable"
    if live.snapshot is None or not live.snapshot.binding.bound:
        return "nothing"
    if live.snapshot.binding.digest == candidate.digest and _is_bound(live, candidate):
        return "same"
    return "other"


def _effect(
    workspace: Workspace, live: _Live, candidate: Candidate, judging: Judging | None
) -> Effect:
    relation = _relation(live, candidate)
    judgement, problem = None, None
    if judging is not None and relation != "same":
        judgement, problem = judged(judging, _move(workspace, live, candidate))
    if judgement is not None:
        judgement = _to_be_signed(judgement)
    return Effect(
        environment=live.name,
        experiment=candidate.experiment,
        relation=relation,
        live=live.label,
        bound=_is_bound(live, candidate),
        verdict=_verdict(judgement) if judgement is not None else None,
        requirements=judgement.requirements if judgement is not None else (),
        problem=problem,
    )


def _to_be_signed(judgement: Judgement) -> Judgement:
    """Return a judgement that says who signs a promotion that nobody has made yet."""
    found = (
        replace(r, text="whoever promotes it signs the promotion") if _is_unsigned(r) else r
        for r in judgement.requirements
    )
    return replace(judgement, requirements=tuple(found))


def _verdict(judgement: Judgement) -> Verdict:
    """Return what policies say but for the signature, which is made with the promotion."""
    kept = tuple(r for r in judgement.requirements if not _is_unsigned(r))
    return replace(judgement, requirements=kept).verdict


def _is_unsigned(requirement: Requirement) -> bool:
    return (requirement.kind, requirement.outcome) == ("signed", "missing")


def judged(judging: Judging, move: Move) -> tuple[Judgement | None, str | None]:
    """Return what policies say about a move, or why they cannot be asked."""
    try:
        return judging(move), None
    except GitexpError as exc:
        return None, exc.message


def _move(workspace: Workspace, live: _Live, candidate: Candidate) -> Move:
    """Return the promotion of a candidate, as it would be made now."""
    binding = Binding(
        project=workspace.project_id,
        environment=live.name,
        action="promote",
        experiment_id=candidate.experiment_id,
        experiment=candidate.experiment,
        version=candidate.version,
        digest=candidate.digest,
        types=candidate.types,
        by="",
        at=workspace.surroundings.clock.now(),
        previous=live.tip,
    )
    return Move(
        project=workspace.project_id,
        environment=live.name,
        before=live.snapshot,
        after=binding,
        values=candidate.values,
        tip=live.tip,
        actor=NOBODY,
    )
