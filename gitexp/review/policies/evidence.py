"""Evidence from Git: what a repository knows about a move, each thing looked up once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from gitexp.documents import layout
from gitexp.environments.branches import ALL_OF_HISTORY
from gitexp.errors import NotFound
from gitexp.ids import Name, ObjectId
from gitexp.project.groups import Groups, groups_at
from gitexp.project.policies import GateRule
from gitexp.project.workspace import Workspace
from gitexp.review.policies.facts import Ballot, GateFinding, Period, Vote
from gitexp.review.policies.moves import Move, values_mark
from gitexp.review.policies.timelines import Step, periods_of, steps_of
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of

if TYPE_CHECKING:
    from gitexp.experiments.homes import Home
    from gitexp.review.changes.model import ChangeFacts
    from gitexp.review.changes.model import Vote as WrittenVote
    from gitexp.review.signatures.answers import Answer
    from gitexp.review.signatures.signers import Check


class GitEvidence:
    """What a repository knows, as `Evidence` asks for it.

    Attributes:
        now: the moment of judging.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        trunk: ObjectId | None,
        now: datetime,
        reader: Store | None = None,
        online: bool = False,
        trusts_votes: bool = True,
    ) -> None:
        """Hold what is read.

        Args:
            trunk: the tip of the trunk of the shared remote, where groups and signers stand.
            reader: a store that knows more than the workspace's, such as what is being pushed.
            online: bring over what an answer needs before it is looked up; else what was last
                fetched answers.
            trusts_votes: count votes that nobody signed too, as is right where a hook of the
                remote looked at who pushed them.
        """
        self.now = now
        self._workspace = workspace
        self._trunk = trunk
        self._store = reader or workspace.store
        self._online = online and workspace.has_remote
        self._trusts_votes = trusts_votes
        self._brought: set[str] = set()
        self._steps: dict[str, list[Step]] = {}
        self._gates: dict[tuple[GateRule, str, ObjectId | None, str | None], GateFinding] = {}
        self._ballots: dict[tuple[str, str], Ballot | None] = {}

    @cached_property
    def groups(self) -> Groups:
        """The people of the project and their roles."""
        return groups_at(self._workspace, self._trunk_tree, reader=self._store)

    @cached_property
    def _trunk_tree(self) -> TreeId | None:
        return tree_of(self._store, self._trunk) if self._trunk is not None else None

    # --- who owns, who voted ----------------------------------------------------------------

    def owner(self, move: Move) -> str:
        """Return the group that owns what is moved; empty where no group does.

        It is that of the experiment as it is shared, else the project's.
        """
        from gitexp.experiments.permissions import owner_of, project_group

        home = self._home(move)  # a name that is gone leaves it to whoever owned it
        if home is None:
            return project_group(self._workspace, reader=self._store)
        return owner_of(self._workspace, home, reader=self._store)

    def _home(self, move: Move) -> Home | None:
        """Return where the experiment of a move lives, by its id where the name is gone."""
        from gitexp.experiments.homes import find_home

        name = move.after.experiment or (move.before and move.before.binding.experiment)
        if not name:
            return None
        return find_home(self._workspace, name, reader=self._store) or self._renamed(move)

    def _renamed(self, move: Move) -> Home | None:
        """Return the home of what is moved by its id, whatever it is called now."""
        from gitexp.experiments.namesakes import known_experiments

        before = move.before.binding.experiment_id if move.before else None
        wanted = move.after.experiment_id or before
        known = known_experiments(self._workspace, reader=self._store)
        return next((home for home, header in known if header.id == wanted), None)

    def ballot(self, move: Move, subject: str) -> Ballot | None:
        """Return the votes for a subject; None where no change request is known for it."""
        if move.change is None:
            return None
        key = (move.change, subject)
        if key not in self._ballots:
            self._ballots[key] = self._ballot(move.change, subject)
        return self._ballots[key]

    def _ballot(self, change: str, subject: str) -> Ballot | None:
        from gitexp.review.changes.ledger import change_at
        from gitexp.review.changes.states import expiry_of, votes_for

        branch = layout.changes_branch(Name(self._workspace.project_id))
        self._bring(branch)
        tip = self._shared(branch)
        facts = change_at(self._store, tip, change, cache=self._workspace.cache)
        if facts is None:
            return None
        is_over = self.now >= expiry_of(facts.terms)
        with self._check() as check:
            votes = [_vote(vote, check) for vote in votes_for(facts, subject)]
        counted = [vote for vote in votes if self._trusts_votes or vote.is_signed]
        return Ballot(
            requesters=facts.requesters,
            votes=counted,
            closed=_end(facts) or "expired" * is_over,
            unsigned=len(votes) - len(counted),
        )

    # --- runs and history -------------------------------------------------------------------

    def gate(self, rule: GateRule, move: Move) -> GateFinding:
        """Return what came of a gate for the values of a move."""
        from gitexp.review.policies.evaluations import gate_finding

        key = (rule, move.environment, move.tip, values_mark(move.after))
        if key not in self._gates:
            home = self._home(move)
            name = home.name if home is not None else move.after.experiment
            assert name is not None  # gates are asked about what is bound
            branch = layout.runs_branch(Name(self._workspace.project_id), Name(name))
            self._bring(branch)
            self._gates[key] = gate_finding(self._workspace, rule, move, self.now, branch=branch)
        return self._gates[key]

    def live_periods(self, environment: str, mark: str) -> Sequence[Period]:
        """Return when values or a flag were live in an environment, oldest first.

        Raises:
            MissingObject: its history is cut off here.
        """
        if environment not in self._steps:
            name = Name(environment)
            branch = layout.environment_branch(Name(self._workspace.project_id), name)
            self._bring(branch, whole=True)
            self._steps[environment] = steps_of(self._workspace, name, reader=self._store)
        return periods_of(self._steps[environment], mark, self.now)

    # --- signatures -------------------------------------------------------------------------

    def promotion_signature(self, move: Move) -> Answer:
        """Return who signed the promotion record, whom the record must name too.

        One that comes from a change request may be as old as that is; no other is older than a
        change request may be.
        """
        from gitexp.project.policies import EXPIRES_AFTER
        from gitexp.review.signatures.promotions import verify

        oldest = EXPIRES_AFTER if move.change is None else None
        with self._check() as check:
            return verify(move.after.to_dict(), check, oldest=oldest)

    def version_signature(self, move: Move) -> Answer:
        """Return who signed the commit of the version that would be live."""
        from gitexp.review.signatures.answers import Unverified
        from gitexp.review.signatures.commits import commit_answer

        assert move.after.version is not None  # it is asked for versions alone
        if not self._store.has(move.after.version):
            return Unverified(reason="its commit is not in this repository", signed=False)
        with self._check() as check:
            return commit_answer(check, self._store, move.after.version)

    @contextmanager
    def _check(self) -> Iterator[Check]:
        from gitexp.review.signatures.signers import signers_at

        signers = signers_at(self._workspace, self._trunk_tree, reader=self._store)
        environ = self._workspace.surroundings.environ
        with signers.checking(environ, now=self.now) as check:
            yield check

    # --- references -------------------------------------------------------------------------

    def _shared(self, branch: str) -> ObjectId | None:
        if self._workspace.has_remote:
            return self._store.ref(self._workspace.tracking(branch))
        return self._store.ref(branch)

    def _bring(self, branch: str, *, whole: bool = False) -> None:
        """Bring a branch over once, where that is asked for; one that is not there is none.

        Raises:
            RemoteUnavailable: the remote cannot be reached.
        """
        if not self._online or branch in self._brought:
            return
        depth = ALL_OF_HISTORY if whole and self._workspace.store.is_shallow() else None
        try:
            refspec = f"+{branch}:{self._workspace.tracking(branch)}"
            self._workspace.remote().fetch([refspec], depth=depth)
        except NotFound:
            pass  # a branch that nobody has pushed yet
        self._brought.add(branch)


def _end(facts: ChangeFacts) -> str:
    """Return how a change request ended where it is over, empty where it is not."""
    return facts.closing.state if facts.closing is not None else ""


def _vote(vote: WrittenVote, check: Check) -> Vote:
    """Return a vote as judging reads it, with whoever signed it."""
    return Vote(
        decision=vote.decision,
        by=vote.identity,
        at=vote.at,
        reason=vote.reason or "",
        signed_by=_signer(vote, check),
    )


def _signer(vote: WrittenVote, check: Check) -> str | None:
    from gitexp.review.signatures.answers import Verified
    from gitexp.review.signatures.promotions import APPROVAL, verify

    if vote.signature is None:
        return None
    answer = verify(vote.to_dict(), check, purpose=APPROVAL)
    return answer.identity if isinstance(answer, Verified) else None
