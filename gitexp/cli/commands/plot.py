"""`gitexp plot` and its verbs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from gitexp.cli.commands.run_compare import (
    baseline_option,
    metrics_option,
    run_ids_of,
    runs_argument,
)
from gitexp.cli.groups import Entry, LazyGroup, command, entries, group
from gitexp.cli.rendering import text_width
from gitexp.cli.run_arguments import run_id_of
from gitexp.cli.safety import no_workflow_commands
from gitexp.cli.session import Session, current_session
from gitexp.cli.terminal import write_out
from gitexp.results.terminal_plots import Characters, Screen, draw

if TYPE_CHECKING:
    from gitexp.results.curves import Chart, XAxis

PLOT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": entries(
        "plot",
        metric="Draw the course of a metric in one run or several",
        compare="Draw the metrics of runs beside each other",
    )
}

_LEAST_HEIGHT, _MOST_HEIGHT = 8, 20
_FRAME_LINES = 5

picture_option = click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    help="Write a picture, .png or .svg  [default: draw in the terminal]",
)


@group("plot", sections=PLOT_COMMANDS, cls=LazyGroup)
@click.pass_context
def plot_command(context: click.Context) -> None:
    """Draw metrics of runs

    As pictures, PNG or SVG, which need the extra `gitexp[plot]`, or as text in the terminal.
    """
    if context.invoked_subcommand is None:
        write_out(context.get_help() + "\n")


@command(
    "metric",
    examples=[
        "gitexp plot metric 20261121T1315 --metric loss",
        "gitexp plot metric 20261121T1315 --metric loss --x relative --log-y",
        "gitexp plot metric 20261121T1315 --metric loss --smooth 10 -o loss.svg",
    ],
)
@runs_argument
@click.option("--metric", required=True, metavar="NAME", help="Draw this metric")
@click.option(
    "--x",
    type=click.Choice(["step", "time", "relative"]),
    default="step",
    metavar="step|time|relative",
    help="Choose the horizontal axis; relative is seconds since a run began  [default: step]",
)
@click.option(
    "--smooth",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Show at each point the mean of the last N values",
)
@click.option("--log-y", is_flag=True, help="Make the vertical axis logarithmic")
@picture_option
def metric_command(
    runs: tuple[str, ...], metric: str, x: XAxis, smooth: int, log_y: bool, path: str | None
) -> None:
    """Draw the course of a metric in one run or several

    NaN and infinities are gaps. A run that is going on is drawn as far as it has come.
    """
    from gitexp.results.chosen_runs import metric_chart

    session = current_session()
    _check_name(path)
    ids = run_ids_of(session, runs)
    workspace = session.repository.workspace
    chart = metric_chart(workspace, ids, metric, x=x, smooth=smooth, log_y=log_y)
    for note in chart.notes:
        session.warn(note)
    _show(session, chart, path)


@command(
    "compare",
    examples=[
        "gitexp plot compare 20261121T1315 20261121T1402",
        "gitexp plot compare 20261121T1315 20261121T1402 -o both.png",
    ],
)
@runs_argument
@baseline_option
@metrics_option
@picture_option
def compare_command(
    runs: tuple[str, ...], baseline: str | None, metrics: tuple[str, ...], path: str | None
) -> None:
    """Draw the metrics of runs beside each other

    A panel for each metric, score and pass rate, with a bar for the latest value of each run.
    """
    from gitexp.results.curves import bar_chart

    session = current_session()
    _check_name(path)
    comparison = session.repository.runs.compare(
        run_ids_of(session, runs), baseline=baseline and run_id_of(session, baseline)
    )
    _show(session, bar_chart(comparison.only(metrics) if metrics else comparison), path)


def _check_name(path: str | None) -> None:
    """Refuse a name for a picture before any work is done."""
    if path is not None:
        from gitexp.results.plots import picture_format

        picture_format(path)


def _show(session: Session, chart: Chart, path: str | None) -> None:
    if path is None:
        text = draw(chart, screen(session, stdout_characters()))
        write_out(no_workflow_commands(text) if session.terminal.workflow else text)
        return
    from gitexp.results.plots import picture, picture_format

    # Drawn before the file is opened: what was there stays when there is nothing to put in.
    data = picture(chart, picture_format(path))
    (session.directory / path).write_bytes(data)
    session.say(f"wrote {path}")


def screen(session: Session, characters: Characters) -> Screen:
    """Return what can be drawn on in this session."""
    terminal = session.terminal
    height = terminal.height - _FRAME_LINES if terminal.output else _MOST_HEIGHT
    return replace(
        Screen(measure=text_width),
        width=terminal.width,
        height=max(_LEAST_HEIGHT, min(height, _MOST_HEIGHT)),
        styled=terminal.styled,
        characters=characters,
    )


def stdout_characters() -> Characters:
    """Return what standard output can show."""
    try:
        "⣿█▏│┤└─".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "ascii"
    return "unicode"
