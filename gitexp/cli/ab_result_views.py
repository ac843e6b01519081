"""How results of A/B tests are shown: checks, a row for each metric and variant, a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitexp.cli.output import Output, one_row
from gitexp.cli.safety import markdown_text
from gitexp.cli.tables import Column, Table, read

if TYPE_CHECKING:
    from gitexp.abtests.results.computing import Recalculation
    from gitexp.abtests.results.judging import VariantResult
    from gitexp.abtests.results.model import Check, MetricResult, Results
    from gitexp.abtests.results.remaining import Remaining
    from gitexp.abtests.results.timeseries import TimeSeries

_COLUMNS = (
    Column(key="metric", title="metric", kind="code"),
    Column(key="role", title="role", spare=3),
    Column(key="stratum", title="stratum", optional=True),
    Column(key="variant", title="variant", kind="code"),
    Column(key="count", title="units", kind="number"),
    Column(key="shown_value", title="value", kind="number", data_key="value"),
    Column(key="shown_difference", title="difference", kind="number", data_key="difference"),
    Column(key="interval", title="interval", kind="number", data_key="low"),
    # People read both bounds in the column before, which no row has a text for here.
    Column(key="shown_high", title="to", kind="number", data_key="high", optional=True),
    Column(key="shown_p", title="p", kind="number", data_key="p_value", optional=True),
    Column(
        key="shown_chance",
        title="chance to win",
        kind="number",
        data_key="chance_to_win",
        optional=True,
    ),
    Column(key="verdict", title="verdict", kind="code"),
    Column(key="kept", title="guardrail", kind="code", optional=True),
    Column(key="mark", title="mark", optional=True, spare=1),
    Column(key="error", title="why not", optional=True),
)
_DAY_COLUMNS = (
    Column(key="day", title="day", kind="id"),
    Column(key="variant", title="variant", kind="code"),
    *_COLUMNS[4:12],
    Column(key="error", title="why not", optional=True),
)
_DONE_COLUMNS = (
    Column(key="experiment", title="experiment", kind="id"),
    Column(key="days", title="days that are over", kind="number"),
    Column(key="computed", title="computed", kind="number"),
    Column(key="reused", title="reused", kind="number"),
)
_REMAINING_COLUMNS = (
    Column(key="experiment", title="experiment", kind="id"),
    Column(key="planned", title="planned units", kind="number"),
    Column(key="units", title="units", kind="number"),
    Column(key="shown_rate", title="units a day", kind="number", data_key="per_day"),
    Column(key="shown_days", title="days left", kind="number", data_key="days"),
    Column(key="ends_at", title="reached", kind="time"),
)
_SIGNS: Mapping[str, str] = {
    "passed": "ok",
    "warning": "warning",
    "failed": "failed",
    "unanswered": "open",
}


def show_results(output: Output, found: Results) -> None:
    """Print a table of metrics and variants, with checks and decision: on stderr for a table."""
    rows = [row for metric in found.metrics for row in _rows(metric)]
    table = Table(columns=_COLUMNS, rows=rows, note="" if rows else "no metrics")
    ids = list(dict.fromkeys(f"{row['metric']}:{row['variant']}" for row in rows))
    output.listing(rows, table, ids=ids, document=found.to_dict())
    if output.quiet:
        return
    if output.format == "table":
        for line in _told(found):
            output.session.say(line)
    elif output.format == "md":
        output.data("\n" + "".join(f"- {markdown_text(line.strip())}\n" for line in _told(found)))


def _told(found: Results) -> Iterator[str]:
    for check in found.checks:
        yield f"{_SIGNS[check.state]}: {check.name}: {check.text}{_p_of(check)}"
    for metric in found.metrics:
        yield from (f"note: {metric.key}: {note}" for note in metric.notes)
    if found.stored:
        yield f"note: as of {read(found.as_of, 'time')}, from the days that are kept"
    decision = found.decision
    what = f"{decision.action} {decision.variant}".strip()
    yield f"decision: {what}"
    yield from (f"  because {reason}" for reason in decision.reasons)


def _p_of(check: Check) -> str:
    return "" if check.p_value is None else f" (p = {check.p_value:.3g})"


def _rows(metric: MetricResult) -> Iterator[dict[str, Any]]:
    common = {"metric": metric.key, "role": _role(metric), "mark": metric.mark}
    if metric.error:
        yield {**common, "variant": "", "error": metric.error}
    for each in metric.variants:
        yield {**common, **variant_row(each)}
    for stratum, found in metric.breakdown.items():
        yield from ({**common, "stratum": stratum, **variant_row(each)} for each in found)


def _role(metric: MetricResult) -> str:
    return f"{metric.role}, guardrail" if metric.guardrail else metric.role


def variant_row(each: VariantResult) -> dict[str, Any]:
    """Return what people and programs read of a variant's result."""
    return {
        **each.to_dict(),
        "shown_value": "" if each.value is None else f"{each.value:.6g}",
        "shown_difference": _difference(each.difference, each.relative),
        "interval": _interval(each),
        "shown_p": "" if each.p_value is None else f"{each.p_value:.3g}",
        "shown_chance": "" if each.chance_to_win is None else f"{100 * each.chance_to_win:.1f} %",
        "verdict": each.verdict or "",
        "kept": each.guarded.state if each.guarded else "",
        "error": each.error or "",
    }


def _difference(number: float | None, relative: bool) -> str:
    if number is None:
        return ""
    return f"{100 * number:+.2f} %" if relative else f"{number:+.4g}"


def _interval(each: VariantResult) -> str:
    if each.difference is None:
        return ""
    ends = (_difference(bound, each.relative) or "…" for bound in (each.low, each.high))
    return " to ".join(ends)


def show_series(output: Output, series: TimeSeries) -> None:
    """Print the course of a metric: a row for each day and variant."""
    rows: list[dict[str, Any]] = []
    for day, result in series.days.items():
        if result is None:
            rows.append({"day": day, "variant": "", "error": series.errors.get(day, "")})
            continue
        rows += [{"day": day, **variant_row(each)} for each in result.variants]
    table = Table(columns=_DAY_COLUMNS, rows=rows)
    output.listing(rows, table, ids=list(series.days), document=series.to_dict())
    if output.format == "table" and not output.quiet:
        kind = "history, made with other settings" if series.history else "the present settings"
        output.session.say(f"{series.status}; fingerprint {series.fingerprint[:16]}, {kind}")


def show_recalculation(output: Output, done: Recalculation) -> None:
    """Print what a calculation did."""
    entry = done.to_dict()
    said = f"{done.experiment}: {done.computed} computed, {done.reused} reused\n"
    output.entry(entry, one_row(entry, _DONE_COLUMNS), quiet=done.experiment, text=said)
    for note in done.notes:
        output.session.warn(note)
    for metric, reason in done.failed.items():
        output.session.warn(f"{metric} cannot be computed: {reason}")


def show_remaining(output: Output, found: Remaining) -> None:
    """Print how long a test has to go on."""
    entry = found.to_dict()
    rate = "unknown" if found.per_day is None else f"{found.per_day:.6g}"
    days = "unknown" if found.days is None else f"{found.days:.3g}"
    row = {**entry, "shown_rate": rate, "shown_days": days}
    output.entry(entry, one_row(row, _REMAINING_COLUMNS), quiet=days)
