"""Serving flags to an application: those of an environment, with where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.clock import Clock
from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.environments.binding import Snapshot
from gitexp.errors import InvalidDocuments
from gitexp.flags.documents import Flag
from gitexp.flags.evaluating import Evaluator
from gitexp.flags.problems import problems_of
from gitexp.ids import Digest, Name, ObjectId


@dataclass(frozen=True, kw_only=True)
class FlagProvenance:
    """Where flags come from.

    Attributes:
        environment_commit: the commit of the environment's branch that was read.
        digests: the digest of each flag, by key, as they were verified.
        stale: whether the shared remote could not be asked, so that newer flags may be published.
    """

    project: str
    environment: str
    environment_commit: ObjectId
    digests: Mapping[str, Digest]
    stale: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the provenance as JSON data."""
        return {**vars(self), "digests": dict(self.digests)}


class ServedFlags(Evaluator):
    """The flags that are published in an environment.

    Attributes:
        provenance: where they come from.
    """

    provenance: FlagProvenance

    @classmethod
    def of(cls, snapshot: Snapshot, *, stale: bool = False, clock: Clock) -> ServedFlags:
        """Return the flags of what an environment says in one commit.

        Raises:
            InvalidDocuments: a flag that was pushed there by hand is not right.
        """
        _refuse_wrong(snapshot)
        served = cls(
            (Flag.from_dict(key, document) for key, document in snapshot.flags.items()),
            clock=clock,
        )
        binding = snapshot.binding
        served.provenance = FlagProvenance(
            project=binding.project,
            environment=binding.environment,
            environment_commit=snapshot.commit,
            digests=binding.flags,
            stale=stale,
        )
        return served


def _refuse_wrong(snapshot: Snapshot) -> None:
    problems = [
        problem
        for key, document in snapshot.flags.items()
        for problem in problems_of(
            ParsedDocument(value=dict(document)),
            f"{snapshot.commit[:10]}:{layout.flag_path('', Name(key))}",
        )
    ]
    if problems:
        raise InvalidDocuments(problems, hint="Correct the flag, and publish it again.")
