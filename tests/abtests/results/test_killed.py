"""A calculation that is killed: what was kept is kept, and the next one goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitexp.abtests.reading import read_test
from gitexp.abtests.results import days as store
from gitexp.abtests.results.computing import recalculate
from gitexp.abtests.results.fingerprints import Fingerprint
from tests.abtests.data.making import day
from tests.abtests.results.conftest import SALES, Launched, at

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[3]

DYING = """
import os, signal, sys
from pathlib import Path
from gitexp.abtests.data.state import State
from gitexp.abtests.reading import read_test
from gitexp.abtests.results import days
from gitexp.abtests.results.computing import recalculate
from gitexp.store.disk import DiskStore
from tests.abtests.data.making import day
from tests.abtests.results.conftest import at
from tests.runs.making import IDENTITY, workspace_on

place, owner, name, calls = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
environ = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
store = DiskStore.open(place)
workspace = at(workspace_on(store, directory=place, environ=environ), day(5.5))
target = {"days": days, "state": State}[owner]
usual, count = getattr(target, name), 0

def dying(*arguments, **options):
    global count
    count += 1
    done = usual(*arguments, **options)
    if count == calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

setattr(target, name, dying)
recalculate(workspace, read_test(workspace, "warm"))
"""


@pytest.mark.parametrize(
    ("owner", "name", "calls", "left"),
    [
        ("state", "_take_exposures", 1, 5),
        ("state", "advance", 3, 3),
        ("days", "write", 1, 4),
        ("days", "write", 4, 1),
    ],
)
def test_a_killed_calculation_is_gone_on_with(
    owner: str, name: str, calls: int, left: int, launched: Launched, tmp_path: Path
) -> None:
    workspace = launched(SALES)
    killed = subprocess.run(
        [sys.executable, "-c", DYING, str(workspace.directory), owner, name, str(calls)],
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL
    workspace = at(workspace, day(5.6))
    test = read_test(workspace, "warm")
    assert recalculate(workspace, test).computed == left
    value = Fingerprint.of(test, test.metrics[0]).value
    kept = store.days_of_metric(workspace, "warm", "sales", value)
    assert list(kept) == [f"2026-01-0{number}" for number in (1, 2, 3, 4, 5)]
    again = recalculate(at(workspace, day(5.7)), test, force=True)
    assert again.computed == 5
    for number, record in store.days_of_metric(workspace, "warm", "sales", value).items():
        before = kept[number].sums
        assert record.sums is not None
        assert before is not None
        for variant, cell in record.sums.totals.items():
            assert cell.means == pytest.approx(before.totals[variant].means, rel=1e-12)
