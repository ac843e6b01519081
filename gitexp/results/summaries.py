"""What runs add up to: by run, version, dataset, tag or day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.experiments.versions import list_versions
from gitexp.project.workspace import Workspace
from gitexp.results.groups import Documents, Group, grouped
from gitexp.results.rates import change_points, distinct_samples, pass_rate_interval, pooled
from gitexp.runs.aggregating import Aggregate, Grouping, Tally, aggregate, aggregate_of
from gitexp.runs.filters import parse_filter
from gitexp.runs.run import Run
from gitexp.runs.searching import LifecycleChoice, RunQuery, documents, search

NEWEST_RUNS = 100
"""How many runs are listed where nothing else is said."""

_TAG = "tag:"
_KINDS = ("run", "version", "dataset", "day")
_HINT = "Group them by run, version, dataset, day, or tag:NAME."


@dataclass(frozen=True, kw_only=True)
class ResultsQuery:
    """Which results are asked for.

    Attributes:
        group_by: `run`, `version`, `dataset`, `day` (on which runs were made, in UTC) or
            `tag:NAME`.
        dataset: the name of the dataset whose runs alone count.
        filter: see `gitexp.runs.filters`.
        limit: how many of the newest runs count; None for all, but `NEWEST_RUNS` by run.
    """

    group_by: str = "run"
    dataset: str | None = None
    filter: str = ""
    limit: int | None = None
    lifecycle: LifecycleChoice = "active"

    @property
    def conditions(self) -> str:
        """The filter, with what else is asked of runs."""
        parts = [f"({self.filter})"] if self.filter.strip() else []
        if self.dataset is not None:
            name = self.dataset.replace("'", "''")
            parts.append(f"attributes.dataset = '{name}'")
        return " AND ".join(parts)


def results(workspace: Workspace, name: str, query: ResultsQuery) -> dict[str, Any]:
    """Return `{"items": [...]}`: what the runs of an experiment add up to.

    By run, an item is the run's document. By version, see `by_version`. Otherwise an item names
    its `dataset`, its `day`, or the `value` of its `tag`, and has `versions`, `datasets`,
    `run_count`, `unfinished`, `stats`, both pass rates, the interval and `samples`, which mean
    what they mean there. Runs without a dataset or without the tag are one item, the last.

    Raises:
        NotFound: there is no such experiment, which only versions need.
        InvalidInput: the grouping or the filter cannot be used.
        StoreError: a record is damaged; the message names it.
        Conflict: one run is recorded with two contents.
    """
    grouping = _grouping(query.group_by)
    parse_filter(query.filter)  # alone, so that an error names the right column
    asked = RunQuery(
        filter=query.conditions,
        experiments=(name,),
        lifecycle=query.lifecycle,
        limit=query.limit or NEWEST_RUNS,
    )
    if query.group_by == "run":
        return {"items": list(search(workspace, asked).documents)}
    if query.limit is None:
        found = aggregate(workspace, asked, grouping)
    else:
        found = aggregate_of(search(workspace, asked).documents, grouping)
    if query.group_by == "version":
        return {"items": _by_version(workspace, name, found, lambda ids: documents(workspace, ids))}
    return {"items": _by_group(query.group_by, found.tallies)}


def summarize(
    workspace: Workspace, name: str, runs: Iterable[Run], *, group_by: str = "run"
) -> dict[str, Any]:
    """Return `{"items": [...]}` as `results` does, over runs that are at hand.

    Raises:
        NotFound: there is no such experiment, which only versions need.
        InvalidInput: the grouping cannot be used.
    """
    grouping = _grouping(group_by)
    if group_by == "run":
        return {"items": by_run(runs)}
    if group_by == "version":
        return {"items": by_version(workspace, name, runs)}
    return {"items": _by_group(group_by, aggregate_of(by_run(runs), grouping).tallies)}


def _grouping(group_by: str) -> Grouping:
    tag = group_by.removeprefix(_TAG) if group_by.startswith(_TAG) else ""
    if not tag and group_by not in _KINDS:
        raise InvalidInput(f"results cannot be grouped by {group_by!r}", hint=_HINT)
    return Grouping(tag=tag, day=group_by == "day")


def by_run(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return the documents of the runs in their order, `stats` included."""
    return [run.to_dict() for run in runs]


# --- by version -----------------------------------------------------------------------------


def by_version(workspace: Workspace, name: str, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return what the runs of each version add up to, the newest version first.

    Which run belongs where is for `groups` to say. Each item holds:

    - `version`, `digest`, `message` and `parent_version`; `overrides` for values that no version
      has.
    - `datasets`: the names of the datasets of its finished runs, sorted; their rows are added up.
    - `run_count`: how many runs there are; `runs`: `id`, `status`, `created_at` and `stats` of
      each, the newest first. Of many runs over one dataset, only the newest are among `runs`.
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
    at_hand = by_run(runs)
    by_id = {document["id"]: document for document in at_hand}
    return _by_version(workspace, name, aggregate_of(at_hand), lambda ids: by_id)


def _by_version(
    workspace: Workspace, name: str, found: Aggregate, documents_of: Documents
) -> list[dict[str, Any]]:
    versions = list_versions(workspace, name)
    groups = grouped(versions, found.tallies, found.briefs, documents=documents_of)
    return [_item(group, groups.get(group.parent)) for group in groups.values() if group.tallies]


def _item(group: Group, parent: Group | None) -> dict[str, Any]:
    item = {
        "version": group.version,
        "digest": group.digest,
        "message": group.message,
        "parent_version": group.parent_version,
        "datasets": _datasets(group.tallies),
        "runs": [brief.to_dict() for brief in group.briefs],
        **_totals(group.tallies),
        "change_points": change_points(parent.tallies, group.tallies) if parent else None,
        "changed": group.changed(),
    }
    return item | ({"overrides": dict(group.overrides)} if group.overrides else {})


def _datasets(tallies: Iterable[Tally]) -> list[str]:
    names = {tally.subject.dataset for tally in tallies if tally.finished}
    return sorted(name for name in names if name is not None)


def _totals(tallies: Sequence[Tally]) -> dict[str, Any]:
    stats, interval = pooled(tallies), pass_rate_interval(tallies)
    return {
        "run_count": sum(tally.runs for tally in tallies),
        "unfinished": sum(tally.runs - tally.finished for tally in tallies),
        "stats": stats.to_dict(),
        "pass_rate": stats.pass_rate,
        "pass_rate_interval": [interval.low, interval.high] if interval else None,
        "samples": distinct_samples(tallies),
        "scored_pass_rate": stats.scored_pass_rate,
    }


# --- by dataset, tag or day -----------------------------------------------------------------


def _by_group(group_by: str, tallies: Iterable[Tally]) -> list[dict[str, Any]]:
    found: dict[str | None, list[Tally]] = {}
    for tally in tallies:
        subject = tally.subject
        value = subject.dataset if group_by == "dataset" else subject.group
        found.setdefault(value, []).append(tally)
    # Days are read from the newest, names from the first.
    values = sorted((v for v in found if v is not None), reverse=group_by == "day")
    order = [*values, *([None] if None in found else [])]
    return [_group_item(group_by, value, found[value]) for value in order]


def _group_item(group_by: str, value: str | None, tallies: Sequence[Tally]) -> dict[str, Any]:
    named: Mapping[str, Any] = {group_by: value}
    if group_by.startswith(_TAG):
        named = {"tag": group_by.removeprefix(_TAG), "value": value}
    versions = {tally.subject.version for tally in tallies} - {None}
    return {**named, "versions": len(versions), "datasets": _datasets(tallies), **_totals(tallies)}
