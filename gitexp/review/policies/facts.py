"""What is known when a move is judged: votes, results, history and signatures, looked up lazily.

Judging asks an `Evidence`, and each question only where a policy needs the answer. So the same
judgement works over a clone, in a hook over what is being pushed, and in CI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from gitexp.project.groups import same_person

if TYPE_CHECKING:
    from gitexp.project.groups import Groups
    from gitexp.project.policies import GateRule
    from gitexp.review.policies.moves import Move
    from gitexp.review.signatures.answers import Answer

Decision = Literal["approve", "reject"]


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One person's yes or no to one subject.

    Attributes:
        by: the identity of whoever voted.
        signed_by: whose verified signature the vote carries; None where it carries none.
    """

    decision: Decision
    by: str
    at: datetime
    reason: str = ""
    signed_by: str | None = None

    @property
    def is_signed(self) -> bool:
        """Whether whoever voted signed it."""
        return self.signed_by is not None and same_person(self.signed_by, self.by)


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """The votes for one subject, at most one of each person, and who asked for them.

    Attributes:
        requesters: the identities of those who asked for the change, or renewed it.
        closed: why the change takes no votes any more, such as `cancelled`; empty while it does.
        unsigned: how many votes were left out, since anybody could have written them.
    """

    requesters: Sequence[str]
    votes: Sequence[Vote] = ()
    closed: str = ""
    unsigned: int = 0


@dataclass(frozen=True, kw_only=True)
class GateFinding:
    """What came of a gate for the values of a move.

    Attributes:
        passed: None where it cannot be judged, since no run fits or a number is missing.
        text: the run and what was found, as one line.
        run: the id of the run that was judged; None where none fits.
    """

    passed: bool | None
    text: str
    run: str | None = None


@dataclass(frozen=True, kw_only=True)
class Period:
    """A time in which the same values were live without a break.

    Attributes:
        end: None while they still are.
    """

    start: datetime
    end: datetime | None = None

    def length(self, now: datetime) -> timedelta:
        """Return how long it is at a moment."""
        return max((self.end or now) - self.start, timedelta(0))


class Evidence(Protocol):
    """What judging asks. Each answer is looked up when it is asked for.

    Whatever it reads from the project itself (policies, groups, signers) it reads from the tip
    of the trunk of the shared remote.
    """

    @property
    def now(self) -> datetime:
        """The present moment."""
        ...

    @property
    def groups(self) -> Groups:
        """The people of the project and their roles."""
        ...

    def owner(self, move: Move) -> str:
        """Return the group that owns what is moved; empty where no group does."""
        ...

    def ballot(self, move: Move, subject: str) -> Ballot | None:
        """Return the votes for a subject; None where the move comes from no change request."""
        ...

    def gate(self, rule: GateRule, move: Move) -> GateFinding:
        """Return what came of a gate for the values of a move."""
        ...

    def live_periods(self, environment: str, mark: str) -> Sequence[Period]:
        """Return when values or a flag were live in an environment, oldest first.

        Args:
            mark: of the values (`values_mark`) or of the flag (`flag_mark`).
        """
        ...

    def promotion_signature(self, move: Move) -> Answer:
        """Return who signed the promotion record, whom the record must name too."""
        ...

    def version_signature(self, move: Move) -> Answer:
        """Return who signed the commit of the version that would be live."""
        ...
