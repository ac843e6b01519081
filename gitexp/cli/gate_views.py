"""How the verdicts of a gate are shown: to people, to programs, and to CI as JUnit XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.results.gates.judging import GateReport, Verdict

_COLUMNS = (
    Column(key="rule", title="rule"),
    Column(key="outcome", title="outcome"),
    Column(key="shown", title="value", data_key="value", kind="number"),
    Column(key="range", title="interval", data_key="interval", optional=True, spare=3),
    Column(key="before", title="baseline", data_key="baseline", kind="number", optional=True),
    Column(key="now", title="now", data_key="current", kind="number", optional=True, spare=2),
    Column(key="pairs", title="pairs", kind="number", optional=True, spare=4),
    Column(key="reason", title="note", data_key="reason", optional=True),
)
_COULD_NOT = {"unjudged": "could not be judged"}


def gate_table(report: GateReport) -> Table:
    """Return a row for each rule."""
    return Table(columns=_COLUMNS, rows=[_row(verdict) for verdict in report.verdicts])


def _row(verdict: Verdict) -> dict[str, Any]:
    low_high = verdict.interval
    return verdict.to_dict() | {
        "rule": verdict.rule.text,
        "shown": _digits(verdict.value),
        "range": f"{_digits(low_high[0])} to {_digits(low_high[1])}" if low_high else None,
        "before": _digits(verdict.baseline),
        "now": _digits(verdict.current),
    }


def _digits(number: float | None) -> str | None:
    return None if number is None else f"{number:.4g}"


def summary(report: GateReport) -> str:
    """Return what a gate came to, in one line."""
    counts = {outcome: report.count(outcome) for outcome in ("passed", "failed", "unjudged")}
    said = [f"{count} {_COULD_NOT.get(name, name)}" for name, count in counts.items() if count]
    against = f" against {report.baseline}" if report.baseline else ""
    total = len(report.verdicts)
    rules = "1 rule" if total == 1 else f"{total} rules"
    return f"{_HEADLINES[report.outcome]}: of {rules}{against} {', '.join(said)}"


_HEADLINES = {
    "passed": "the gate is passed",
    "failed": "the gate is not passed",
    "unjudged": "the gate could not be judged",
}


def junit_xml(report: GateReport) -> bytes:
    """Return the verdicts as JUnit XML: a failure for a rule that failed, an error for unjudged.

    Nothing in it can be taken for XML or for a control sequence, whatever names and reasons hold.
    """
    from xml.etree import ElementTree as ET

    counts = {
        "tests": str(len(report.verdicts)),
        "failures": str(report.count("failed")),
        "errors": str(report.count("unjudged")),
    }
    root = ET.Element("testsuites", {"name": "gitexp gate", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": f"gate {report.run}", **counts})
    properties = ET.SubElement(suite, "properties")
    for name, value in (("run", report.run), ("baseline", report.baseline)):
        if value:
            ET.SubElement(properties, "property", {"name": name, "value": visible(value)})
    for verdict in report.verdicts:
        name = visible(verdict.rule.text)
        case = ET.SubElement(suite, "testcase", {"name": name, "classname": "gitexp.gate"})
        text = visible(verdict_text(verdict))
        if verdict.outcome == "passed":
            ET.SubElement(case, "system-out").text = text
        else:
            kind = "failure" if verdict.outcome == "failed" else "error"
            ET.SubElement(case, kind, {"message": text, "type": verdict.outcome}).text = text
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def verdict_text(verdict: Verdict) -> str:
    """Return what a rule came to, in one line."""
    parts = []
    if verdict.value is not None:
        parts.append(f"{_digits(verdict.value)}")
    if verdict.interval:
        low, high = verdict.interval
        parts.append(f"interval {_digits(low)} to {_digits(high)}")
    if verdict.baseline is not None:
        parts.append(f"{_digits(verdict.baseline)} in the baseline")
    if verdict.current is not None:
        parts.append(f"now {_digits(verdict.current)}")
    if verdict.pairs is not None:
        parts.append(f"{verdict.pairs} pairs")
    if verdict.reason:
        parts.append(verdict.reason)
    return f"{_COULD_NOT.get(verdict.outcome, verdict.outcome)}: {', '.join(parts)}"
