"""Evaluating feature flags in one process, for somebody else each time."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.figures import Comparison
from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Contest, Recipe, beside, subject, yardstick
from tests.benchmarks.settings import Setting

_WORKERS = Path(__file__).parent.parent / "flag_workers.py"
_KINDS = {"split": "a rollout and two variants", "rules": "two rules, a rollout and two variants"}
_REACH = 100_000
"""How many evaluations a second are asked for."""


def build(setting: Setting) -> Contest:
    """Return the contest of gitexp, flagd's evaluator in process and PostHog's local evaluation."""
    aim = f"{_REACH:,} evaluations a second"
    subjects = [yardstick(setting, aim, 1 / _REACH)]
    comparisons: list[Comparison] = []
    for kind, about in _KINDS.items():
        own = _subject(setting, f"gitexp: {about}", "gitexp", kind)
        peers = [
            _subject(setting, f"{title}: {about}", who, kind, module)
            for title, who, module in (
                ("flagd", "flagd", "openfeature.contrib.tools.flagd"),
                ("PostHog", "posthog", "posthog"),
            )
        ]
        hashed = _subject(setting, f"gitexp, GrowthBook's hash: {about}", "growthbook", kind)
        subjects += [own, hashed, *peers]
        comparisons += beside(own.name, aim, *(peer.name for peer in peers), at_most=1)
        comparisons += beside(hashed.name, aim, at_most=1)
    return Contest(subjects=tuple(subjects), comparisons=tuple(comparisons))


def _subject(setting: Setting, name: str, who: str, kind: str, module: str = "") -> Subject:
    count = setting.sizes.evaluations
    return subject(
        setting,
        name,
        [setting.programs.python, _WORKERS, who, kind, str(count)],
        operations=count,
        times_itself=True,
        missing="" if not module or _is_there(module) else f"not installed: pip install {module}",
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


RECIPE = Recipe(name="flags", about="evaluate feature flags", rounds=5, build=build)
