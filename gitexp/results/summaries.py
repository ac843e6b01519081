"""What runs add up to, by run and by version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from gitexp.errors import InvalidInput
from gitexp.experiments.versions import list_versions
from gitexp.project.workspace import Workspace
from gitexp.results.groups import Group, grouped
from gitexp.results.rates import change_points, distinct_samples, pass_rate_interval, pooled
from gitexp.runs.run import Run

GroupBy = Literal["run", "version"]


def summarize(
    workspace: Workspace, name: str, runs: Iterable[Run], *, group_by: GroupBy = "run"
) -> dict[str, list[dict[str, Any]]]:
    """Return `{"items": [...]}`: the results of an experiment's runs, by run or by version.

    Raises:
        NotFound: there is no such experiment, which only versions need.
        InvalidInput: `group_by` is neither `run` nor `version`.
    """
    if group_by == "run":
        return {"items": by_run(runs)}
    if group_by == "version":
        return {"items": by_version(workspace, name, runs)}
    raise InvalidInput(
        f"results cannot be grouped by {group_by!r}", hint="Group them by run or by version."
    )


def by_run(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return the documents of the runs in their order, `stats` included."""
    return [run.to_dict() for run in runs]


def by_version(workspace: Workspace, name: str, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return what the runs of each version add up to, the newest version first.

    Which run belongs where is for `groups` to say. Each item holds:

    - `version`, `digest`, `message` and `parent_version`; `overrides` for values that no version
      has.
    - `datasets`: the names of the datasets of its finished runs, sorted; their rows are added up.
    - `runs`: `id`, `status`, `created_at` and `stats` of each of its runs, in the order given.
    - `stats`: the sum over its finished runs; `unfinished`: how many others there are. The rows of
      those are the ones that happened to be done first, so they count in no rate.
    - `pass_rate`: passed of total; `scored_pass_rate`: passed of those that passed or failed.
    - `pass_rate_interval`: the 95 % Wilson interval of the pass rate, `[low, high]`, over
      `samples`: asking the same samples again makes the rate no surer.
    - `change_points`: the pass rate less that of the parent version, in percentage points, over
      the same samples and evaluators; None where the two had none in common.
    - `changed`: the values that differ from the parent's, `{slot: {before, after}}`, with None
      on the side that has no such slot.

    Raises:
        NotFound: there is no such experiment.
    """
    groups = grouped(list_versions(workspace, name), runs)
    return [_item(group, groups.get(group.parent)) for group in groups.values() if group.runs]


def _item(group: Group, parent: Group | None) -> dict[str, Any]:
    stats = pooled(group.finished)
    interval = pass_rate_interval(group.finished)
    item = {
        "version": group.version,
        "digest": group.digest,
        "message": group.message,
        "parent_version": group.parent_version,
        "datasets": sorted({run.dataset.name for run in group.finished if run.dataset}),
        "runs": [_brief(run) for run in group.runs],
        "unfinished": len(group.runs) - len(group.finished),
        "stats": stats.to_dict(),
        "pass_rate": stats.pass_rate,
        "pass_rate_interval": [interval.low, interval.high] if interval else None,
        "samples": distinct_samples(group.finished),
        "scored_pass_rate": stats.scored_pass_rate,
        "change_points": change_points(parent.finished, group.finished) if parent else None,
        "changed": group.changed(),
    }
    return item | ({"overrides": dict(group.overrides)} if group.overrides else {})


def _brief(run: Run) -> dict[str, Any]:
    document = run.to_dict()
    return {key: document[key] for key in ("id", "status", "created_at", "stats")}
