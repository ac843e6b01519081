"""Which runs used exactly the values that experiments have after a change, found by digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitexp.errors import GitexpError
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.evidence import brief_of
from gitexp.review.diffing.model import ExperimentDiff
from gitexp.review.reporting.report import Evaluated
from gitexp.runs.searching import RunQuery, count, search

_SHOWN = 20


def evaluated(workspace: Workspace, found: Sequence[ExperimentDiff]) -> Iterator[Evaluated]:
    """Yield for each experiment whose values change which runs used the new ones."""
    for experiment in found:
        if experiment.kind != "removed" and experiment.digest_after != experiment.digest_before:
            yield runs_of(workspace, experiment.name, experiment.digest_after)


def runs_of(workspace: Workspace, experiment: str, digest: Digest | None) -> Evaluated:
    """Return the runs of any experiment that used exactly these values."""
    if digest is None:
        return Evaluated(experiment=experiment, digest=None, problem="its values are not valid")
    asked = f"digest = '{digest}'"
    try:
        page = search(workspace, RunQuery(filter=asked, limit=_SHOWN))
        if not page.documents:
            return Evaluated(experiment=experiment, digest=digest)
        finished = RunQuery(filter=f"{asked} AND status = 'finished'")
        return Evaluated(
            experiment=experiment,
            digest=digest,
            total=count(workspace, RunQuery(filter=asked)),
            finished=count(workspace, finished),
            runs=tuple(brief_of(run) for run in page.runs),
        )
    except GitexpError as exc:
        return Evaluated(experiment=experiment, digest=digest, problem=exc.message)
