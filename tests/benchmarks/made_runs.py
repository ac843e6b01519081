"""Made runs: each follows from its number, so that every tracker can be given the same ones.

Nothing but the standard library is imported: the workers of all trackers use this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DAY_MILLIS = 86_400_000
BEGIN_MILLIS = 1_767_225_600_000  # the first moment of 2026, UTC

_MIXER = 2_654_435_761
_LASTED_MILLIS = 45_000
_STEPS = 100
_METRICS = ("loss", "accuracy", "recall", "latency", "cost")
_OPTIMIZERS = ("adam", "sgd", "lamb", "lion")
_TEAMS = ("chat", "search", "voice")


class MadeRun(NamedTuple):
    """What a tracker is told of one run: 5 metrics, 5 params and 4 tags.

    Attributes:
        began, ended: milliseconds since 1970.
        step: at which each metric was logged, once.
    """

    number: int
    name: str
    began: int
    ended: int
    step: int
    metrics: Mapping[str, float]
    params: Mapping[str, str | int | float]
    tags: Mapping[str, str]


def made_run(number: int, a_day: int) -> MadeRun:
    """Return the run of a number, when so many begin each day at even distances."""
    began = BEGIN_MILLIS + number * DAY_MILLIS // a_day
    return MadeRun(
        number=number,
        name=f"trial-{number}",
        began=began,
        ended=began + _LASTED_MILLIS,
        step=_STEPS,
        metrics={name: _part(number, place) for place, name in enumerate(_METRICS)},
        params={
            "optimizer": _OPTIMIZERS[number % len(_OPTIMIZERS)],
            "lr": round(_part(number, 5), 4),
            "batch_size": 2 ** (4 + number % 5),
            "layers": 1 + number % 7,
            "seed": number,
        },
        tags={
            "team": _TEAMS[number % len(_TEAMS)],
            "stage": "trial" if number % 10 else "candidate",
            "host": f"node-{number % 16}",
            "ticket": f"EX-{number // 100}",
        },
    )


def _part(number: int, place: int) -> float:
    """Return a number from 0 to 1 that looks random."""
    return (number * 8 + place) * _MIXER % 2**32 / 2**32
