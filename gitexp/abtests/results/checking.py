"""Checking: whether units were split as they should have been, and whether there are enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gitexp.abtests.data.sessions import CHANGED
from gitexp.abtests.data.sums import Exposures
from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.model import Check
from gitexp.clock import iso
from gitexp.errors import InvalidInput
from gitexp.stats.shares import sequential_share_test, share_test

SPLIT = "split"
SIZE = "sample size"

_FEWEST = 100
_MULTIPLE = 0.001


def checks_of(
    test: AbTest, exposures: Exposures, *, changed: bool, outdated: datetime | None
) -> Iterator[Check]:
    """Yield what was checked of who is a part of a test.

    Args:
        changed: whether rows came or went of days that were computed before.
        outdated: the moment up to which days were kept before that was noticed.
    """
    yield _split(test, exposures)
    yield _size(test, exposures)
    total = exposures.total + exposures.multiple
    if exposures.multiple:
        share = exposures.multiple / total
        shares = {variant.split for variant in test.variants}
        biased = len(shares) > 1 and test.exposure.multiple == "exclude" and share > _MULTIPLE
        done = "left out" if test.exposure.multiple == "exclude" else "kept as first seen"
        text = f"{exposures.multiple} of {total} units saw several variants and are {done}"
        if biased:
            text += "; with uneven splits that favours one of them"
        yield Check(name="several variants", state="warning" if biased else "passed", text=text)
    if exposures.unknown:
        text = f"{exposures.unknown} of {exposures.rows} rows name none of the variants"
        yield Check(name="unknown variants", state="warning", text=text)
    if exposures.unusable:
        text = f"{exposures.unusable} of {exposures.rows} rows have no unit"
        yield Check(name="rows without a unit", state="warning", text=text)
    if changed:
        text = f"{CHANGED}, and count here; the days that are kept are as they were"
        yield Check(name="past rows", state="warning", text=text)
    elif outdated:
        text = (
            f"{CHANGED}; the days up to {iso(outdated)} are kept as they were: "
            f"`gitexp ab recalculate {test.experiment} --force` computes them again"
        )
        yield Check(name="past rows", state="warning", text=text)


def _split(test: AbTest, exposures: Exposures) -> Check:
    expected = [variant for variant in test.variants if variant.split > 0]
    observed = [exposures.units.get(variant.key, 0) for variant in expected]
    if sum(observed) < _FEWEST:
        text = f"{sum(observed)} units are too few to judge the split, which takes {_FEWEST}"
        return Check(name=SPLIT, state="unanswered", text=text)
    # A sequential test is looked at again and again, and so is its split.
    asked = sequential_share_test if test.statistics.method == "sequential" else share_test
    try:
        found = asked(observed, [variant.split for variant in expected])
    except InvalidInput as exc:
        return Check(name=SPLIT, state="unanswered", text=exc.message)
    counts = ", ".join(
        f"{variant.key} {count} (expected {wanted:.0f})"
        for variant, count, wanted in zip(expected, observed, found.expected, strict=True)
    )
    if found.mismatch:
        text = f"units are not split as they should be: {counts}"
        return Check(name=SPLIT, state="failed", text=text, p_value=found.p_value)
    return Check(name=SPLIT, state="passed", text=counts, p_value=found.p_value)


def _size(test: AbTest, exposures: Exposures) -> Check:
    least = test.minimum.sample_size
    small = [v.key for v in test.variants if exposures.units.get(v.key, 0) < least]
    if small:
        text = f"fewer than {least} units in {', '.join(small)}"
        return Check(name=SIZE, state="failed", text=text)
    planned = planned_size(test)
    if planned and exposures.total < planned:
        text = f"{exposures.total} of the {planned} units that were planned"
        return Check(name=SIZE, state="warning", text=text)
    return Check(name=SIZE, state="passed", text=f"{exposures.total} units")


def planned_size(test: AbTest) -> int | None:
    """Return how many units were planned over all variants, None where nobody planned."""
    size = test.planning.get("recommended_sample_size")
    if isinstance(size, bool) or not isinstance(size, (int, float)) or size <= 0:
        return None
    return int(size)
