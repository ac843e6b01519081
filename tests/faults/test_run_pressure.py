"""Runs under pressure, for a moment; `python -m tests.faults.run_pressure` goes on for longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.run_pressure import SCENARIOS

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="needs fork and process descriptors"),
]

ROOT = Path(__file__).parents[2]
SEED = 20261121


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_acknowledged_is_lost(scenario: str) -> None:
    options = [f"--scenario={scenario}", f"--seed={SEED}", "--rounds=1", "--each=3", "--stride=61"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run_pressure", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"ok {scenario} seed {SEED}: "), done.stdout
