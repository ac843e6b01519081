"""How runs compared row by row are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.results.pairings import PairedMeasure, Pairing

_MOST_SAMPLES = 10
_COLUMNS = (
    Column(key="run", title="run", kind="id", spare=5),
    Column(key="name", title="paired", kind="code"),
    Column(key="before", title="baseline", kind="number"),
    Column(key="after", title="run's", kind="number"),
    Column(key="difference", title="difference", kind="number"),
    Column(key="range", title="interval"),
    Column(key="p", title="p", kind="number", spare=2),
    Column(key="rose", title="better", kind="number"),
    Column(key="fell", title="worse", kind="number"),
    Column(key="pairs", title="pairs", kind="number", spare=3),
    Column(key="clear", title="clear", kind="flag", spare=1),
)


def pairing_table(pairings: Sequence[Pairing]) -> Table:
    """Return a row for each measure of each run against the baseline."""
    rows = [_row(pairing, measure) for pairing in pairings for measure in pairing.measures]
    columns = [c for c in _COLUMNS if c.key != "run" or len(pairings) > 1]
    return Table(columns=columns, rows=rows)


def _row(pairing: Pairing, measure: PairedMeasure) -> dict[str, Any]:
    known = measure.direction is not None
    rose, fell = (
        (measure.better, measure.worse) if known else (measure.increased, measure.decreased)
    )
    up, down = ("", "") if known else (" higher", " lower")
    return {
        "run": pairing.run,
        "name": measure.name,
        "before": f"{measure.before:.4g}",
        "after": f"{measure.after:.4g}",
        "difference": f"{measure.difference:+.4g}",
        "range": _range(measure.interval),
        "p": None if measure.p_value is None else _p_text(measure.p_value),
        "rose": f"{len(rose or ())}{up}",
        "fell": f"{len(fell or ())}{down}",
        "pairs": measure.pairs,
        "clear": measure.is_clear,
    }


def _range(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:+.3g} to {interval[1]:+.3g}" if interval else ""


def _p_text(p_value: float) -> str:
    return "<0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def paired_fields(pairing: Pairing) -> dict[str, Any]:
    """Return the measures of a pairing as flat fields, for a row that programs read."""
    fields: dict[str, Any] = {}
    for measure in pairing.measures:
        low, high = measure.interval or (None, None)
        said = {
            "difference": measure.difference,
            "low": low,
            "high": high,
            "p_value": measure.p_value,
            "increased": len(measure.increased),
            "decreased": len(measure.decreased),
            "pairs": measure.pairs,
            "clear": measure.is_clear,
        }
        field = f"{measure.kind}.{measure.name}.paired"
        fields |= {f"{field}.{name}": value for name, value in said.items()}
    return fields


def pairing_notes(pairings: Sequence[Pairing]) -> list[str]:
    """Return which samples moved, and what could not be compared, a line each."""
    return [line for pairing in pairings for line in _notes(pairing, alone=len(pairings) == 1)]


def _notes(pairing: Pairing, *, alone: bool) -> Iterator[str]:
    head = "" if alone else f"{pairing.run}: "
    shown: list[tuple[Any, Any]] = []
    for measure in pairing.measures:
        moved = (measure.increased, measure.decreased)
        if moved in shown:
            continue
        shown.append(moved)
        words = ("rose", "fell") if measure.direction is None else ("better", "worse")
        if measure.direction == "minimize":
            moved = moved[::-1]
        for word, samples in zip(words, moved, strict=True):
            if samples:
                yield f"{head}{visible(measure.name)} {word}: {_named([m.sample for m in samples])}"
    for ids, where in (
        (pairing.only_in_baseline, "in the baseline alone"),
        (pairing.only_in_run, "in the run alone"),
        (pairing.changed, "not paired, since input or expected value differ"),
        (pairing.other_evaluators, "not compared, since the evaluators are not the same"),
    ):
        if ids:
            yield f"{head}{where}: {_named(ids)}"
    if not pairing.same_dataset:
        yield f"{head}the datasets differ: only the {pairing.pairs} equal rows are compared"
    if pairing.repeats_differ:
        yield f"{head}one run has more passes over some samples; those are not paired"


def _named(ids: Sequence[str]) -> str:
    names = ", ".join(visible(name) for name in islice(ids, _MOST_SAMPLES))
    more = len(ids) - _MOST_SAMPLES
    return f"{names} and {more} more" if more > 0 else names
