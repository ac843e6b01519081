"""Which runs used exactly the values that experiments have after a change, found by digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gitexp.errors import GitexpError
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.evidence import brief_of
from gitexp.review.diffing.model import ExperimentDiff
from gitexp.review.reporting.report import Evaluated
from gitexp.runs.searching import RunQuery, choice_of, search, with_sources

_SHOWN = 20


def evaluated(workspace: Workspace, found: Sequence[ExperimentDiff]) -> list[Evaluated]:
    """Return for each experiment whose values change which runs used the new ones."""
    changed = [
        experiment
        for experiment in found
        if experiment.kind != "removed" and experiment.digest_after != experiment.digest_before
    ]
    return runs_of(workspace, [(one.name, one.digest_after) for one in changed])


def runs_of(workspace: Workspace, wanted: Sequence[tuple[str, Digest | None]]) -> list[Evaluated]:
    """Return, for experiments with their values, the runs of any experiment that used these."""
    found = [_runs_of(workspace, name, digest) for name, digest in wanted]
    some = [one for one in found if one.runs]
    asked = [_asked(one.digest) for one in some]
    ended = [f"{one} AND status = 'finished'" for one in asked]
    numbers = _counts(workspace, [*asked, *ended])
    pairs = iter(zip(numbers[: len(some)], numbers[len(some) :], strict=True))
    return [_counted(one, *next(pairs)) if one.runs else one for one in found]


def _counts(workspace: Workspace, filters: Sequence[str]) -> list[int]:
    """Return how many runs fit each of some filters, all of them of one moment."""
    choices = [choice_of(RunQuery(filter=text)) for text in filters]
    return with_sources(workspace, None, lambda sources: [sources.count(c) for c in choices])


def _counted(found: Evaluated, total: int, finished: int) -> Evaluated:
    return replace(found, total=total, finished=finished)


def _asked(digest: str | None) -> str:
    return f"digest = '{digest}'"


def _runs_of(workspace: Workspace, experiment: str, digest: Digest | None) -> Evaluated:
    """Return the newest runs of some values, not counted yet."""
    if digest is None:
        return Evaluated(experiment=experiment, digest=None, problem="its values are not valid")
    try:
        page = search(workspace, RunQuery(filter=_asked(digest), limit=_SHOWN))
    except GitexpError as exc:
        return Evaluated(experiment=experiment, digest=digest, problem=exc.message)
    runs = tuple(brief_of(run) for run in page.runs)
    return Evaluated(experiment=experiment, digest=digest, runs=runs)
