"""Going on with an evaluation that was killed when nine rows in ten were done."""

from __future__ import annotations

import subprocess

from tests.benchmarks.grounds import copied
from tests.benchmarks.measuring import CommandFailed
from tests.benchmarks.recipes import Contest, Recipe, beside, subject
from tests.benchmarks.rows.evaluating import Ground, new_ground
from tests.benchmarks.settings import Setting

_ENDPOINT = "later"


def build(setting: Setting) -> Contest:
    """Return the contest of the rest of an evaluation, and of as many rows alone."""
    ground = new_ground(setting)
    rows, dataset = setting.sizes.rows, f"rows-{setting.sizes.rows}"
    rest = rows // 10
    ours, alone = f"gitexp, the last {rest:,} of {rows:,} rows", f"gitexp, {rest:,} rows alone"
    other = copied(ground.clone, "warm")
    return Contest(
        subjects=(
            subject(
                setting,
                ours,
                ground.worker("go_on", ground.clone, rows, _ENDPOINT, other),
                prepare=lambda number: _kill(ground, dataset, rows - rest),
                operations=rest,
                times_itself=True,
            ),
            subject(
                setting,
                alone,
                ground.worker("part", other, dataset, rest, _ENDPOINT),
                operations=rest,
                times_itself=True,
            ),
        ),
        comparisons=beside(ours, alone),
    )


def _kill(ground: Ground, dataset: str, rows: int) -> None:
    """Begin an evaluation that ends as after `kill -9` as soon as so many rows are recorded."""
    command = ground.worker("die", ground.clone, dataset, rows, _ENDPOINT)
    done = subprocess.run(command, env=dict(ground.setting.environ), capture_output=True, text=True)
    if not done.returncode or done.stderr:
        raise CommandFailed(f"an evaluation was not killed: {done.stderr or 'it went on'}")


RECIPE = Recipe(
    name="resume", about="go on with an evaluation that was killed", rounds=5, build=build
)
