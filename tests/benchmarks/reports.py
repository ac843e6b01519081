"""Reports: outcomes as tables for people, and as one JSON document."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gitexp import __version__
from tests.benchmarks.figures import Compared, Outcome, Summary
from tests.benchmarks.measuring import Unit
from tests.benchmarks.settings import Programs

_NAME = 44
_VERDICTS = {True: "reached", False: "MISSED", None: "not measured"}


def outcome_text(outcome: Outcome, *, floor: int | None = None) -> str:
    """Return the table of one benchmark.

    Args:
        floor: peak memory up to this many bytes cannot be told apart.
    """
    rounds = "1 round" if outcome.rounds == 1 else f"{outcome.rounds} rounds"
    title = f"{outcome.name}: {outcome.about} ({rounds})"
    if outcome.failure:
        return f"{title}\n  failed: {outcome.failure}\n"
    head = f"  {'':{_NAME}} {'min':>10} {'median':>10} {'cpu':>10} {'peak MB':>8} {'a second':>9}"
    rows = [_row(summary, floor) for summary in outcome.summaries]
    lines = [title, head, *rows, *(_comparison(compared) for compared in outcome.compared)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(summary: Summary, floor: int | None) -> str:
    name = f"  {summary.name:{_NAME}} "
    if summary.minimum is None or summary.median is None:
        return name + summary.missing
    rate = f"{summary.per_second:,.0f}" if summary.operations > 1 and summary.per_second else ""
    return (
        f"{name}{_amount(summary.minimum, summary.unit):>10} "
        f"{_amount(summary.median, summary.unit):>10} "
        f"{_duration(summary.cpu_seconds):>10} {_memory(summary.peak_bytes, floor):>8} {rate:>9}"
    )


def _amount(amount: float, unit: Unit) -> str:
    return _duration(amount) if unit == "seconds" else f"{amount / 1000:,.1f} kB"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _memory(peak: int | None, floor: int | None) -> str:
    if peak is None:
        return ""
    if floor is not None and peak <= floor:
        return f"<{floor / 2**20:.0f}"
    return f"{peak / 2**20:.0f}"


def _comparison(compared: Compared) -> str:
    names = f"  {compared.comparison.subject} / {compared.comparison.beside}: "
    ratio, aim = compared.ratio, compared.comparison.at_most
    found = "not measured" if ratio is None else f"{ratio.median:.3g}"
    spread = "" if ratio is None else f" ({ratio.lowest:.3g} to {ratio.highest:.3g})"
    verdict = "" if aim is None else f"; aim: at most {aim:.3g}, {_VERDICTS[compared.reached]}"
    return names + found + spread + verdict


def aims_text(outcomes: Sequence[Outcome], *, quick: bool = False) -> str:
    """Return how many aims were reached, and every one that was not."""
    aims = [
        compared
        for outcome in outcomes
        for compared in outcome.compared
        if compared.comparison.at_most is not None
    ]
    reached = sum(compared.reached is True for compared in aims)
    left = [_comparison(compared) for compared in aims if not compared.reached]
    failed = [f"  {outcome.name} failed" for outcome in outcomes if outcome.failure]
    note = " (they are for the full sizes)" if quick else ""
    return "\n".join([f"{reached} of {len(aims)} aims reached{note}", *left, *failed]) + "\n"


def machine(programs: Programs) -> dict[str, Any]:
    """Return what was measured and on what, as JSON data."""
    return {
        "gitexp": __version__,
        "python": platform.python_version(),
        "git": version_of(Path("git")),
        "dvc": programs.dvc and version_of(programs.dvc),
        "gto": programs.gto and version_of(programs.gto),
        "mlflow": programs.mlflow and version_of(programs.mlflow),
        "inspect": programs.inspect and version_of(programs.inspect),
        "promptfoo": programs.promptfoo and version_of(programs.promptfoo),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def version_of(program: Path) -> str | None:
    """Return what a program says its version is, or None when it cannot be asked."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().split()[-1]


def machine_text(facts: dict[str, Any]) -> str:
    """Return one line that says what was measured and on what."""
    programs = ("gitexp", "python", "git", "dvc", "gto", "mlflow", "inspect", "promptfoo")
    versions = ", ".join(f"{name} {facts[name]}" for name in programs if facts[name])
    load = facts["load"]
    busy = f", load {load[0]:.1f}" if load else ""
    return f"{versions}; {facts['processors']} processors{busy}\n"


def document(
    outcomes: Sequence[Outcome], facts: dict[str, Any], *, quick: bool, floor: int | None
) -> dict[str, Any]:
    """Return everything as JSON data."""
    return {
        "machine": facts,
        "quick": quick,
        "memory_floor": floor,
        "benchmarks": [outcome.to_dict() for outcome in outcomes],
    }
