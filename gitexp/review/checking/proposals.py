"""A merge that nobody has made yet, as the rules of a push see it: who asks, and who agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gitexp.errors import Forbidden
from gitexp.project.groups import Actor, Groups, Role, identity_key
from gitexp.project.policies import GateRule
from gitexp.review.enforcement.moves import RefMove
from gitexp.review.enforcement.pushes import Push
from gitexp.review.policies.facts import Ballot, Evidence, GateFinding, Period, Vote
from gitexp.review.policies.moves import Move
from gitexp.review.signatures.answers import Answer


@dataclass(frozen=True, kw_only=True)
class Review:
    """What somebody said on a forge about the head of a pull request.

    Attributes:
        user: what the forge calls them.
        commit: the commit that they looked at; empty where the forge does not say.
    """

    user: str
    decision: Literal["approve", "reject"]
    at: datetime
    commit: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Proposal(Push):
    """A merge that is asked about in advance.

    Attributes:
        reviews: what people said about this very head.
    """

    reviews: Sequence[Review] = ()

    def require(self, move: RefMove, role: Role, group: str, what: str) -> Actor:
        """Return who asks, after seeing that they or somebody who agrees have a role in a group.

        Raises:
            Forbidden: nobody of them has.
        """
        asking = self.identify(move)
        agreeing = (self.groups.of(r.user) for r in self.reviews if r.decision == "approve")
        if any(self.groups.may(identity, role, group) for identity in agreeing):
            return asking
        try:
            return super().require(move, role, group, what)
        except Forbidden as exc:
            agreed = "it takes their approval of this commit, or that they ask for it themselves"
            raise Forbidden(exc.message, hint=f"{exc.hint} On a forge {agreed}.") from exc

    def evidence(self) -> Evidence:
        """Return what policies ask about, with the reviews among the votes."""
        return _Reviewed(super().evidence(), self)


class _Reviewed:
    """Evidence with the reviews of a forge among the votes."""

    def __init__(self, known: Evidence, proposal: Proposal) -> None:
        self._known = known
        self._proposal = proposal

    @property
    def now(self) -> datetime:
        return self._known.now

    @property
    def groups(self) -> Groups:
        return self._known.groups

    def owner(self, move: Move) -> str:
        return self._known.owner(move)

    def ballot(self, move: Move, subject: str) -> Ballot | None:
        """Return the votes for a subject: those of the ledger, and of reviews the newest of each.

        A vote in the ledger is the person's vote, whatever they said on the forge.
        """
        found = self._known.ballot(move, subject)
        if found is None and not self._proposal.reviews:
            return None
        votes = [*found.votes] if found is not None else []
        known = {identity_key(vote.by) for vote in votes}
        said = {identity_key(vote.by): vote for vote in map(self._vote, self._reviews())}
        votes += [vote for key, vote in said.items() if key not in known]
        asked = found.requesters if found is not None else ()
        return Ballot(
            # Whoever opened the pull request asks too, whatever the ledger says about it.
            requesters=tuple(dict.fromkeys([*asked, move.actor.identity])),
            votes=votes,
            closed=found.closed if found is not None else "",
            unsigned=found.unsigned if found is not None else 0,
        )

    def _reviews(self) -> Sequence[Review]:
        return sorted(self._proposal.reviews, key=lambda review: review.at)

    def _vote(self, review: Review) -> Vote:
        return Vote(
            decision=review.decision,
            by=self.groups.of(review.user),
            # The clock is the forge's, and what it recorded is over.
            at=min(review.at, self.now - timedelta(seconds=1)),
            reason=review.reason,
        )

    def gate(self, rule: GateRule, move: Move) -> GateFinding:
        return self._known.gate(rule, move)

    def live_periods(self, environment: str, mark: str) -> Sequence[Period]:
        return self._known.live_periods(environment, mark)

    def promotion_signature(self, move: Move) -> Answer:
        return self._known.promotion_signature(move)

    def version_signature(self, move: Move) -> Answer:
        return self._known.version_signature(move)
