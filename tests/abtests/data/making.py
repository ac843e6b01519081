"""Tests of tests: rows of exposures and events, and the same sums computed with pandas alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gitexp.abtests.definition import AbTest
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from tests.runs.making import IDENTITY, workspace_on

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)
EXPOSURES: Mapping[str, Any] = {"file": "exposures.csv"}
EVENTS: Mapping[str, Any] = {"file": "events.csv"}


def day(number: float) -> datetime:
    """Return the moment so many days after the launch."""
    return BEGAN + timedelta(days=number)


def ab_test(*metrics: Mapping[str, Any], **rest: Any) -> AbTest:
    """Return a test that runs since `BEGAN`, with two variants unless told otherwise."""
    data = {"exposures": EXPOSURES, "events": EVENTS} | rest.pop("data", {})
    document = {
        "flag": "checkout",
        "status": "running",
        "variants": [{"key": "control"}, {"key": "test"}],
        "metrics": {"primary": list(metrics)},
        "started_at": "2026-01-01T00:00:00Z",
        "data": data,
    }
    return AbTest.from_dict("checkout", document | rest)


def in_memory() -> Workspace:
    """Return a workspace without files."""
    return workspace_on(MemoryStore(config=IDENTITY))


def in_directory(directory: Path) -> Workspace:
    """Return a workspace whose files of data are in a directory, and whose state is in memory."""
    return replace(in_memory(), directory=directory)


def made_rows(
    units: int = 600, rows: int = 4000, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return exposures and events of ten days, events from nine days before on."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp(BEGAN)
    exposures = pd.DataFrame(
        {
            "unit": rng.integers(0, units, rows),
            "time": start + pd.to_timedelta(rng.integers(-86_400, 864_000, rows), unit="s"),
        }
    )
    exposures["variant"] = np.where(exposures["unit"] % 2 == 0, "control", "test")
    exposures.loc[rng.random(rows) < 0.01, "variant"] = "test"
    exposures["country"] = np.where(exposures["unit"] % 3 == 0, "de", "fr")
    events = pd.DataFrame(
        {
            "unit": rng.integers(0, units + 50, 2 * rows),
            "time": start + pd.to_timedelta(rng.integers(-777_600, 864_000, 2 * rows), unit="s"),
            "event": rng.choice(["buy", "view"], 2 * rows),
            "value": rng.lognormal(0, 1, 2 * rows).round(2),
        }
    )
    return exposures, events


def counted(exposures: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """Return the units that count: their first moment and their variant, by unit."""
    start, end = pd.Timestamp(BEGAN), pd.Timestamp(until)
    rows = exposures[(exposures["time"] >= start) & (exposures["time"] < end)].sort_values("time")
    units = rows.groupby("unit").agg(
        first=("time", "first"), variant=("variant", "first"), seen=("variant", "nunique")
    )
    return units[units["seen"] == 1]


def joined(units: pd.DataFrame, events: pd.DataFrame, event: str, until: datetime) -> pd.DataFrame:
    """Return the rows of an event of units that count, up to a moment."""
    rows = events[(events["event"] == event) & (events["time"] < pd.Timestamp(until))]
    return rows.merge(units.reset_index(), on="unit")
