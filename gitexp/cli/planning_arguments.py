"""The options of a metric and of a design, defined once for every command that plans."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.groups import UsageFault
from gitexp.errors import InvalidDocuments

if TYPE_CHECKING:
    from gitexp.stats.planning.designs import Design
    from gitexp.stats.planning.outcomes import Outcome

METRIC_TYPES = ("funnel", "mean_count", "mean_sum_or_avg", "ratio", "retention")
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


@dataclass(frozen=True, kw_only=True)
class Planning:
    """What the options say, as the keyword arguments of `calculate_running_time`."""

    metric: dict[str, Any]
    design: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """Both together."""
        return self.metric | self.design

    def outcome(self) -> Outcome:
        """Return what is known of the metric."""
        from gitexp.stats.planning.outcomes import BaselineStats, Known, measured_outcome

        stats = self.metric["baseline_stats"]
        given = self.metric | {"baseline_stats": stats and BaselineStats.from_dict(stats)}
        return measured_outcome(Known(**given))

    def made_design(self) -> Design:
        """Return the design."""
        from gitexp.stats.planning.running_time import design_of

        return design_of(**self.design)


def planning_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a metric and a design, and its function a `Planning`."""

    @functools.wraps(function)
    def with_planning(**given: Any) -> None:
        metric = {
            "metric_type": given.pop("metric"),
            "baseline_value": given.pop("baseline"),
            "variance": given.pop("variance"),
            "baseline_stats": _json(given.pop("stats")),
        }
        design = {name: given.pop(name) for name in _DESIGN}
        design["sides"] = int(design["sides"])
        function(planning=Planning(metric=metric, design=_with_variants(design)), **given)

    made: Callable[..., None] = with_planning
    for option in reversed(_OPTIONS):
        made = option(made)
    return made


def _with_variants(design: dict[str, Any]) -> dict[str, Any]:
    variants, allocation = design["number_of_variants"], design["allocation"]
    parts = None if allocation is None else _numbers(allocation)
    if parts is not None and variants is not None and variants != len(parts):
        raise UsageFault(
            f"the allocation has {len(parts)} parts, and there are {variants} variants"
        )
    design["allocation"] = parts
    return design


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as exc:
        raise UsageFault(
            f"{text!r} is no allocation", hint="Give the shares, as in `--allocation 50,25,25`."
        ) from exc


def _json(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    if not text.lstrip().startswith("{"):
        text = _content(text)
    from gitexp.documents.json_codec import parse_json

    try:
        found = parse_json(text, file="--stats").value
    except InvalidDocuments as exc:
        raise UsageFault(exc.message) from exc
    if not isinstance(found, dict):
        raise UsageFault('--stats is no object, such as {"number_of_samples": 100, "sum": 12}')
    return found


def _content(path: str) -> str:
    from gitexp.cli.session import current_session

    try:
        return (current_session().directory / Path(path)).read_text(encoding="utf-8")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "no text"
        raise UsageFault(f"--stats: cannot read {path!r}: {reason}") from exc


mde_option: Decorator = click.option(
    "--mde",
    type=float,
    required=True,
    metavar="PERCENT",
    help="Plan for this effect, in per cent of the baseline",
)


def size_option(*, required: bool) -> Decorator:
    """Return `--size`, units over all variants."""
    return click.option(
        "--size",
        type=click.IntRange(min=1),
        required=required,
        metavar="UNITS",
        help="Have so many units over all variants",
    )


_DESIGN = (
    "number_of_variants", "allocation", "alpha", "power", "sides", "direction", "difference",
    "correction", "metrics", "sequential", "tuned_for", "looks",
)  # fmt: skip
_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--metric",
        type=click.Choice(METRIC_TYPES),
        required=True,
        metavar="|".join(METRIC_TYPES),
        help="Say what kind of metric it is",
    ),
    click.option(
        "--baseline", type=float, metavar="N", help="Give the value it has; a share of a funnel"
    ),
    click.option(
        "--variance", type=float, metavar="N", help="Give the variance of one unit's value"
    ),
    click.option(
        "--stats",
        metavar="FILE|JSON",
        help="Take value and variance from sums, such as number_of_samples and sum",
    ),
    click.option(
        "--variants",
        "number_of_variants",
        type=click.IntRange(min=2),
        metavar="N",
        help="Have so many variants, with the control  [default: 2]",
    ),
    click.option(
        "--allocation",
        metavar="N,N,...",
        help="Split units like this, the control first  [default: evenly]",
    ),
    click.option(
        "--alpha",
        type=float,
        default=0.05,
        metavar="RATE",
        help="Find what is not there so often  [default: 0.05]",
    ),
    click.option(
        "--power",
        type=float,
        default=0.8,
        metavar="RATE",
        help="Find what is there so often  [default: 0.8]",
    ),
    click.option(
        "--sides",
        type=click.Choice(["1", "2"]),
        default="2",
        metavar="1|2",
        help="Test for a difference in one direction or either  [default: 2]",
    ),
    click.option(
        "--direction",
        type=click.Choice(["increase", "decrease"]),
        default="increase",
        metavar="increase|decrease",
        help="Say which way the effect goes  [default: increase]",
    ),
    click.option(
        "--difference",
        type=click.Choice(["relative", "absolute"]),
        default="relative",
        metavar="relative|absolute",
        help="Judge lifts or differences, as results will  [default: relative]",
    ),
    click.option(
        "--correction",
        type=click.Choice(["none", "bonferroni", "holm", "benjamini-hochberg"]),
        default="none",
        metavar="none|bonferroni|holm|benjamini-hochberg",
        help="Share alpha among the comparisons  [default: none]",
    ),
    click.option(
        "--metrics",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="Have so many metrics share the correction  [default: 1]",
    ),
    click.option(
        "--sequential", is_flag=True, help="Look at results before the end, always validly"
    ),
    click.option(
        "--tuned-for",
        type=click.IntRange(min=1),
        default=5000,
        metavar="UNITS",
        help="Make the sequence narrowest there, with --sequential  [default: 5000]",
    ),
    click.option(
        "--looks",
        type=click.IntRange(min=1, max=400),
        default=20,
        metavar="N",
        help="Look so often, with --sequential  [default: 20]",
    ),
)
