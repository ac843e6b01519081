"""How A/B tests are shown: lists, one of them, and what a step of their life left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.output import Output, one_row
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.ab_test import ExperimentAbTest
    from gitexp.abtests.definition import AbTest
    from gitexp.abtests.listing import AbTestCounts, AbTestSummary
    from gitexp.abtests.sources import Data
    from gitexp.abtests.steps import Outcome

_LIST_COLUMNS = (
    Column(key="name", title="experiment", kind="id"),
    Column(key="title", title="title", spare=3),
    Column(key="state", title="status", kind="code", data_key="status"),
    Column(key="flag", title="flag", kind="code", spare=2),
    Column(key="variants", title="variants", kind="names", spare=4),
    Column(key="started_at", title="launched", kind="time", spare=1),
    Column(key="conclusion", title="conclusion", kind="code", optional=True),
    Column(key="shipped", title="shipped", kind="code", optional=True),
    Column(key="first_problem", title="problem", data_key="problem", optional=True),
)
_STEP_COLUMNS = (
    Column(key="experiment", title="experiment", kind="id"),
    Column(key="status", title="status", kind="code"),
    Column(key="commit", title="commit", kind="hash"),
)
_FIELDS = (
    Column(key="experiment", title="experiment", kind="id"),
    Column(key="title", title="title"),
    Column(key="description", title="description"),
    Column(key="state", title="status", kind="code"),
    Column(key="created_at", title="made", kind="time"),
    Column(key="created_by", title="by"),
    Column(key="flag", title="flag", kind="code"),
    Column(key="shares", title="variants"),
    Column(key="primary", title="primary"),
    Column(key="secondary", title="secondary"),
    Column(key="judged", title="statistics"),
    Column(key="plan", title="plan"),
    Column(key="sources", title="data"),
    Column(key="prompt", title="prompt", kind="code"),
    Column(key="launched_in", title="launched in", kind="hash"),
    Column(key="started_at", title="launched", kind="time"),
    Column(key="frozen_at", title="frozen", kind="time"),
    Column(key="ended_at", title="ended", kind="time"),
    Column(key="conclusion", title="conclusion", kind="code"),
    Column(key="shipped", title="shipped", kind="code"),
    Column(key="note", title="note"),
)
_COUNT_COLUMNS = (
    Column(key="launched_last_30d", title="launched in 30 days", kind="number"),
    Column(key="launched_previous_30d", title="in the 30 before", kind="number"),
    Column(key="percent_change", title="change in %", kind="number"),
    Column(key="active_experiments", title="active", kind="number"),
    Column(key="completed_last_30d", title="completed in 30 days", kind="number"),
)


def ab_table(items: Sequence[AbTestSummary]) -> Table:
    """Return a row for each A/B test."""
    rows = [
        item.to_dict()
        | {
            "state": _state(item.status, item.archived, item.exposure_frozen),
            "first_problem": _first_of(item.problem),
        }
        for item in items
    ]
    note = "" if rows else "no A/B tests that fit; make one with `gitexp ab create`"
    return Table(columns=_LIST_COLUMNS, rows=rows, note=note)


def _state(status: str, archived: bool, frozen: bool) -> str:
    more = [word for word, holds in (("archived", archived), ("frozen", frozen)) if holds]
    return ", ".join((status, *more))


def _first_of(problem: str | None) -> str:
    """Return the first of several problems, a line each, and how many more there are."""
    first, *more = (problem or "").splitlines() or [""]
    return f"{first}, and {len(more)} more" if more else first


def show_step(output: Output, outcome: Outcome) -> None:
    """Print what a step left behind: where the test stands now, and on stderr what to know."""
    entry = outcome.to_dict()
    test = outcome.test
    said = f"{test.experiment}: {_state(test.status, test.archived, test.exposure_frozen)}\n"
    output.entry(entry, one_row(entry, _STEP_COLUMNS), quiet=test.experiment, text=said)
    for note in outcome.notes:
        output.session.say(f"note: {note}")
    if outcome.commit is None:
        output.session.say("nothing was to be changed")


def show_ab(output: Output, found: ExperimentAbTest) -> None:
    """Print an A/B test: its definition, its launch, and the marks of its metrics."""
    entry, test = found.to_dict(), found.definition
    fields = one_row(_fields(entry, test), _FIELDS)
    output.entry(entry, fields, quiet=test.experiment)


def _fields(entry: dict[str, Any], test: AbTest) -> dict[str, Any]:
    marks = entry["marks"]
    return {
        **entry,
        "title": test.title if test.title != test.experiment else None,
        "description": entry["description"] or None,
        "state": _state(test.status, test.archived, test.exposure_frozen),
        "shares": "\n".join(_shares(test)),
        "primary": "\n".join(_metric(one, marks) for one in test.primary),
        "secondary": "\n".join(_metric(one, marks) for one in test.secondary),
        "judged": _judged(test),
        "plan": _plan(test),
        "sources": "\n".join(_sources(test.data)),
        "prompt": test.prompt.name if test.prompt else None,
    }


def _shares(test: AbTest) -> list[str]:
    return [
        f"{variant.key} {variant.split:.12g} %"
        + (f": {variant.name}" if variant.name != variant.key else "")
        for variant in test.variants
    ]


def _metric(metric: Any, marks: dict[str, str]) -> str:
    guard = ", guardrail" if metric.guardrail else ""
    mark = f" ({marks[metric.key]})" if metric.key in marks else ""
    return f"{metric.key}: {metric.type}, {metric.goal}{guard}{mark}"


def _judged(test: AbTest) -> str:
    chosen = test.statistics
    corrected = "" if chosen.correction == "none" else f", {chosen.correction}"
    return f"{chosen.method}, {chosen.confidence:.12g}, {chosen.difference}{corrected}"


def _plan(test: AbTest) -> str | None:
    from gitexp.abtests.results.checking import planned_size

    size, days = planned_size(test), test.planning.get("recommended_running_time_days")
    return f"{size} units" + (f", {days} days" if days else "") if size else None


def _sources(data: Data) -> Iterator[str]:
    named = {"exposures": data.exposures, "events": data.events, **data.metrics}
    for name, source in named.items():
        if source is not None:
            what = source.places or source.experiments or " ".join(source.text.split())
            yield f"{name}: {source.kind} {what if isinstance(what, str) else ', '.join(what)}"


def counts_table(counts: AbTestCounts) -> Table:
    """Return how many tests were launched and completed lately, as one row."""
    return one_row(counts.to_dict(), _COUNT_COLUMNS)
