"""Which runs used exactly the values that experiments have after a change.

They are found by the experiment's id and the digest of the values, whatever became of the commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.evidence import brief_of
from gitexp.review.diffing.model import ExperimentDiff
from gitexp.review.reporting.report import Evaluated
from gitexp.runs.same_values import same_values
from gitexp.runs.searching import RunQuery, choice_of, search, with_sources

_SHOWN = 20


class Wanted(NamedTuple):
    """Values of an experiment.

    Attributes:
        experiment_id: None where its header cannot be read.
        digest: None where the values are not valid.
    """

    experiment: str
    experiment_id: str | None
    digest: Digest | None

    @property
    def filter(self) -> str:
        """The filter for the runs that used these values, which are valid."""
        return same_values(self.experiment_id or "", self.digest or "")


def evaluated(workspace: Workspace, found: Sequence[ExperimentDiff]) -> list[Evaluated]:
    """Return for each experiment whose values change which runs used the new ones."""
    changed = [
        experiment
        for experiment in found
        if experiment.kind != "removed" and experiment.digest_after != experiment.digest_before
    ]
    return runs_of(workspace, [Wanted(one.name, one.id, one.digest_after) for one in changed])


def runs_of(workspace: Workspace, wanted: Sequence[Wanted]) -> list[Evaluated]:
    """Return, for experiments with their values, the runs that used these."""
    found = [_runs_of(workspace, one) for one in wanted]
    asked = [one.filter for one, runs in zip(wanted, found, strict=True) if runs.runs]
    ended = [f"{one} AND status = 'finished'" for one in asked]
    numbers = _counts(workspace, [*asked, *ended])
    pairs = iter(zip(numbers[: len(asked)], numbers[len(asked) :], strict=True))
    return [_counted(one, *next(pairs)) if one.runs else one for one in found]


def _counts(workspace: Workspace, filters: Sequence[str]) -> list[int]:
    """Return how many runs fit each of some filters, all of them of one moment."""
    choices = [choice_of(RunQuery(filter=text)) for text in filters]
    return with_sources(workspace, None, lambda sources: [sources.count(c) for c in choices])


def _counted(found: Evaluated, total: int, finished: int) -> Evaluated:
    return replace(found, total=total, finished=finished)


def _runs_of(workspace: Workspace, wanted: Wanted) -> Evaluated:
    """Return the newest runs of some values, not counted yet."""
    found = Evaluated(experiment=wanted.experiment, digest=wanted.digest)
    if wanted.digest is None:
        return replace(found, problem="its values are not valid")
    if wanted.experiment_id is None:
        return replace(found, problem="its header cannot be read")
    try:
        page = search(workspace, RunQuery(filter=wanted.filter, limit=_SHOWN))
    except GitexpError as exc:
        return replace(found, problem=exc.message)
    return replace(found, runs=tuple(brief_of(run) for run in page.runs))
