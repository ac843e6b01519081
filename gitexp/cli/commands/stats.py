"""`gitexp stats` and its verbs, which need no repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from gitexp.cli.catalogue import STATS_COMMANDS
from gitexp.cli.commands.plot import picture_option, screen, stdout_characters
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.planning_arguments import (
    Planning,
    mde_option,
    planning_options,
    size_option,
)
from gitexp.cli.planning_views import plan_fields, points_table, power_chart
from gitexp.cli.safety import no_workflow_commands
from gitexp.cli.terminal import write_out

if TYPE_CHECKING:
    from gitexp.cli.session import Session
    from gitexp.results.curves import LineChart
    from gitexp.stats.planning.curves import PowerPoint


@group("stats", sections=STATS_COMMANDS, cls=LazyGroup)
@click.pass_context
def stats_command(context: click.Context) -> None:
    """Plan how many units an experiment takes, and how long

    Nothing is read from a repository, and none is needed.
    """
    if context.invoked_subcommand is None:
        write_out(context.get_help() + "\n")


@command(
    "plan",
    examples=[
        "gitexp stats plan --metric funnel --baseline 0.1 --mde 5 --rate 2000",
        "gitexp stats plan --metric mean_count --baseline 4 --mde 5 --variants 3 --correction holm",
        "gitexp stats plan --metric funnel --baseline 0.1 --mde 5 --sequential --format json",
        "gitexp stats plan --metric mean_count --baseline 4 --mde 5 --method lehr",
    ],
)
@planning_options
@mde_option
@click.option(
    "--rate", type=float, metavar="UNITS", help="Expect so many new units a day, in all variants"
)
@click.option(
    "--method",
    type=click.Choice(["exact", "lehr"]),
    default="exact",
    metavar="exact|lehr",
    help="Work it out, or take the rule 16·variance/difference²  [default: exact]",
)
@output_options
def plan_command(
    output: Output,
    planning: Planning,
    mde: float,
    rate: float | None,
    method: Literal["exact", "lehr"],
) -> None:
    """Find how many units an experiment takes, and how long

    The answer counts the units of all variants together, and says the power that is achieved with
    them. Exits with 3 where there is no answer, as for a baseline of 0.
    """
    from gitexp.stats.planning.running_time import calculate_running_time

    found = calculate_running_time(
        minimum_detectable_effect=mde,
        exposure_rate_per_day=rate,
        method=method,
        **planning.arguments,
    )
    answer = found.to_dict()
    quiet = "" if found.recommended_sample_size is None else str(found.recommended_sample_size)
    output.entry(answer, plan_fields(answer), quiet=quiet)
    if not found.recommended_sample_size:
        raise AnswerIsNo


@command(
    "power",
    examples=["gitexp stats power --metric funnel --baseline 0.1 --mde 5 --size 100000"],
)
@planning_options
@mde_option
@size_option(required=True)
@output_options
def power_command(output: Output, planning: Planning, mde: float, size: int) -> None:
    """Find how surely an effect is found with a given size

    The power is that of the variant that has the least.
    """
    from gitexp.stats.planning.running_time import Sized

    found = Sized.of(planning.outcome(), planning.made_design(), size).with_effect(mde)
    _show(output, found.to_dict(), quiet=f"{found.achieved_power!r}")


@command(
    "mde",
    examples=["gitexp stats mde --metric mean_sum_or_avg --baseline 50 --size 4000"],
)
@planning_options
@size_option(required=True)
@output_options
def mde_command(output: Output, planning: Planning, size: int) -> None:
    """Find the smallest effect that a given size can find

    It is found with the power asked for, and given in per cent of the baseline.
    """
    from gitexp.stats.planning.running_time import Sized

    found = Sized.of(planning.outcome(), planning.made_design(), size).with_smallest_effect()
    _show(output, found.to_dict(), quiet=f"{found.minimum_detectable_effect!r}")


def _show(output: Output, answer: dict[str, Any], *, quiet: str) -> None:
    output.entry(answer, plan_fields(answer), quiet=quiet)


@command(
    "curve",
    examples=[
        "gitexp stats curve --metric funnel --baseline 0.1 --mde 5",
        "gitexp stats curve --metric funnel --baseline 0.1 --size 50000 -o power.svg",
        "gitexp stats curve --metric funnel --baseline 0.1 --mde 5 --points 10 --format csv",
    ],
)
@planning_options
@click.option("--mde", type=float, metavar="PERCENT", help="Show the power by size for this effect")
@size_option(required=False)
@click.option(
    "--points", type=click.IntRange(1, 1000), default=40, metavar="N", help="Work out so many"
)
@picture_option
@output_options
def curve_command(
    output: Output,
    planning: Planning,
    mde: float | None,
    size: int | None,
    points: int,
    path: str | None,
) -> None:
    """List or draw the power by size or by effect

    With --mde it is the power by size, up to twice the size that the effect takes; with --size it
    is the power by effect, up to twice the effect that the size can find.
    """
    if (mde is None) == (size is None):
        raise UsageFault(
            "a curve has an effect or a size", hint="Give one of `--mde` and `--size`."
        )
    if path is not None:
        from gitexp.results.plots import picture_format

        picture_format(path)
    found = _points(planning, mde, size, points)
    if path is not None or (output.format == "table" and not output.quiet):
        _draw(output.session, power_chart(found, over="effect" if mde is None else "size"), path)
    else:
        output.listing(
            [point.to_dict() for point in found],
            points_table(found),
            ids=[repr(point.power) for point in found],
        )


def _points(
    planning: Planning, mde: float | None, size: int | None, points: int
) -> list[PowerPoint]:
    from gitexp.stats.planning.curves import power_over_effects, power_over_sizes
    from gitexp.stats.planning.powers import Plan

    plan = Plan(
        outcome=planning.outcome(),
        design=planning.made_design(),
        lift=(1e-6 if mde is None else mde) / 100,
    )
    if mde is not None:
        return power_over_sizes(plan, points=points)
    assert size is not None
    return power_over_effects(plan, sample_size=size, points=points)


def _draw(session: Session, chart: LineChart, path: str | None) -> None:
    if path is None:
        from gitexp.results.terminal_plots import draw

        text = draw(chart, screen(session, stdout_characters()))
        write_out(no_workflow_commands(text) if session.terminal.workflow else text)
        return
    from gitexp.results.plots import picture, picture_format

    data = picture(chart, picture_format(path))
    (session.directory / path).write_bytes(data)
    session.say(f"wrote {path}")
