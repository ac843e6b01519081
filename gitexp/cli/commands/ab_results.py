"""The verbs of `gitexp ab` that read data and show results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from gitexp.cli.ab_result_views import (
    show_recalculation,
    show_remaining,
    show_results,
    show_series,
)
from gitexp.cli.arguments import Decorator, experiment_argument
from gitexp.cli.commands.plot import picture_option, screen, stdout_characters
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.safety import no_workflow_commands
from gitexp.cli.session import Session, current_session
from gitexp.cli.terminal import write_out

remote_option = click.option(
    "--allow-remote",
    is_flag=True,
    help="Let addresses and databases be read that the test names",
)
memory_option = click.option(
    "--memory",
    default="1GB",
    metavar="SIZE",
    show_default=True,
    help="Hold at most so much in memory; the rest goes to disk meanwhile",
)
stored_option = click.option(
    "--stored", is_flag=True, help="Take the last day that is kept, and read no rows"
)


def metric_argument(**attributes: Any) -> Decorator:
    """Return an argument that is the key of a metric."""
    return click.argument("metric", metavar=attributes.pop("metavar", "METRIC"), **attributes)


@command(
    "results",
    examples=[
        "gitexp ab results checkout",
        "gitexp ab results checkout --stored --format json",
        "gitexp ab results checkout --as-of 2026-11-21T00:00:00Z",
    ],
)
@experiment_argument()
@click.option("--as-of", metavar="TIME", help="Count only rows before this moment")
@stored_option
@remote_option
@memory_option
@output_options
def results_command(
    output: Output,
    experiment: str,
    as_of: str | None,
    stored: bool,
    allow_remote: bool,
    memory: str,
) -> None:
    """Show what an A/B test has come to

    Every metric of every variant, what was checked, and what the results speak for.
    """
    from gitexp.abtests.data.engine import Limits

    if as_of and stored:
        raise UsageFault("--as-of and --stored contradict each other", hint="Leave one out.")
    found = output.session.experiment(experiment).ab_test.results(
        as_of=_moment(as_of),
        stored=stored,
        allow_remote=allow_remote,
        limits=Limits(memory=memory),
    )
    show_results(output, found)


def _moment(text: str | None) -> datetime | None:
    from gitexp.clock import parse_iso

    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError as exc:
        raise UsageFault(
            f"{text!r} is no moment", hint="Write it as 2026-11-21T13:15:02Z."
        ) from exc


@command(
    "timeseries",
    examples=[
        "gitexp ab timeseries checkout sales",
        "gitexp ab timeseries checkout sales --fingerprint 92374800f17c40b1 --format csv",
    ],
)
@experiment_argument()
@metric_argument()
@click.option("--fingerprint", metavar="HEX", help="Show results under other settings")
@output_options
def timeseries_command(
    output: Output, experiment: str, metric: str, fingerprint: str | None
) -> None:
    """Show the result of a metric at the end of each day

    From the days that are kept in Git; `gitexp ab recalculate` computes what is missing.
    """
    test = output.session.experiment(experiment).ab_test
    show_series(output, test.timeseries_results(metric, fingerprint))


@command(
    "recalculate",
    examples=["gitexp ab recalculate checkout", "gitexp ab recalculate checkout --force"],
)
@experiment_argument()
@click.option("--metric", "metrics", multiple=True, metavar="KEY", help="Only this metric")
@click.option("--force", is_flag=True, help="Compute every day again, beside what is kept")
@remote_option
@memory_option
@output_options
def recalculate_command(
    output: Output,
    experiment: str,
    metrics: tuple[str, ...],
    force: bool,
    allow_remote: bool,
    memory: str,
) -> None:
    """Compute and keep the days that are missing

    Only rows since the last day are read. What is there is never computed again, unless --force
    says so, which keeps the old days too. Exits with 3 where a metric cannot be computed; the
    days of the others are kept all the same.
    """
    from gitexp.abtests.data.engine import Limits

    done = output.session.experiment(experiment).ab_test.recalculate(
        metrics=metrics, force=force, allow_remote=allow_remote, limits=Limits(memory=memory)
    )
    show_recalculation(output, done)
    if done.failed:
        raise AnswerIsNo


@command(
    "remaining",
    examples=["gitexp ab remaining checkout", "gitexp ab remaining checkout --stored -q"],
)
@experiment_argument()
@stored_option
@remote_option
@output_options
def remaining_command(output: Output, experiment: str, stored: bool, allow_remote: bool) -> None:
    """Say how long a test has to go on

    Until the units that were planned are there, at the rate at which they came so far.
    """
    test = output.session.experiment(experiment).ab_test
    show_remaining(output, test.remaining_time(stored=stored, allow_remote=allow_remote))


@command(
    "plot",
    examples=[
        "gitexp ab plot checkout",
        "gitexp ab plot checkout sales",
        "gitexp ab plot checkout sales -o sales.svg",
    ],
)
@experiment_argument()
@metric_argument(metavar="[METRIC]", required=False)
@click.option("--variant", metavar="KEY", help="Draw the course of this variant alone")
@click.option("--fingerprint", metavar="HEX", help="Draw results under other settings")
@stored_option
@remote_option
@picture_option
def plot_command(
    experiment: str,
    metric: str | None,
    variant: str | None,
    fingerprint: str | None,
    stored: bool,
    allow_remote: bool,
    path: str | None,
) -> None:
    """Draw the differences of an A/B test, or the course of one metric

    Without METRIC, every difference with its interval. With it, its course from day to day.
    """
    session = current_session()
    test = session.experiment(experiment).ab_test
    if metric is None:
        if variant or fingerprint:
            raise UsageFault("--variant and --fingerprint are for one metric", hint="Name it.")
        _show_forest(session, test.results(stored=stored, allow_remote=allow_remote), path)
    else:
        series = test.timeseries_results(metric, fingerprint)
        _show_courses(session, series, variant, path)


def _show_forest(session: Session, found: Any, path: str | None) -> None:
    from gitexp.abtests.results.charts import forest
    from gitexp.abtests.results.plots import forest_picture, forest_text

    chart = forest(found)
    for note in chart.notes:
        session.warn(note)
    if path is None:
        _write(session, forest_text(chart, screen(session, stdout_characters())))
    else:
        _keep(session, path, lambda form: forest_picture(chart, form))


def _show_courses(session: Session, series: Any, variant: str | None, path: str | None) -> None:
    from gitexp.abtests.results.charts import courses
    from gitexp.abtests.results.plots import courses_picture
    from gitexp.results.terminal_plots import draw

    charts = courses(series, variant)
    for note in charts[0].notes:
        session.warn(note)
    if path is None:
        for chart in charts:
            _write(session, draw(chart.lines(), screen(session, stdout_characters())))
    else:
        _keep(session, path, lambda form: courses_picture(charts, form))


def _write(session: Session, text: str) -> None:
    write_out(no_workflow_commands(text) if session.terminal.workflow else text)


def _keep(session: Session, path: str, picture: Any) -> None:
    from gitexp.results.plots import picture_format

    data = picture(picture_format(path))
    (session.directory / path).write_bytes(data)
    session.say(f"wrote {path}")
