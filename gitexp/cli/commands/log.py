"""`gitexp log`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.arguments import environment_option, experiment_argument
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.log_views import event_id, log_table
from gitexp.cli.output import Output, output_options

if TYPE_CHECKING:
    from gitexp.review.telling.events import Kind

_KINDS = (
    "save",
    "header",
    "lifecycle",
    "share",
    "run",
    "promotion",
    "change",
    "approval",
    "project",
)
_LIMIT = 100


def _kinds_of(texts: tuple[str, ...]) -> tuple[Kind, ...]:
    """Return the kinds that `--kind save,run` names."""
    named = [kind.strip() for text in texts for kind in text.split(",") if kind.strip()]
    if unknown := [kind for kind in named if kind not in _KINDS]:
        raise UsageFault(
            f"{unknown[0]!r} is no kind of event", hint=f"Kinds are {', '.join(_KINDS)}."
        )
    return tuple(named)  # type: ignore[arg-type]


@command(
    "log",
    examples=[
        "gitexp log",
        "gitexp log tone --since 7d",
        "gitexp log --env production --kind promotion,change,approval",
        "gitexp log --author alice@example.com --format md",
    ],
)
@experiment_argument(required=False, metavar="[EXPERIMENT]")
@environment_option("Tell only of this environment: its moves, and change requests for it")
@click.option("--since", metavar="WHEN", help="Begin at a day, a moment, or so long ago, as in 7d")
@click.option("--until", metavar="WHEN", help="End at a day, a moment, or so long ago")
@click.option(
    "--author", metavar="TEXT", default="", help="Tell only what somebody with this name did"
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND,...",
    help=f"Tell only these: {', '.join(_KINDS)}",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_LIMIT,
    metavar="N",
    help=f"Tell of the newest N  [default: {_LIMIT}]",
)
@click.option("--all", "everything", is_flag=True, help="Tell everything, however long")
@output_options
def log_command(
    output: Output,
    experiment: str | None,
    environment: str | None,
    since: str | None,
    until: str | None,
    author: str,
    kinds: tuple[str, ...],
    limit: int,
    everything: bool,
) -> None:
    """Tell the story of a project or an experiment

    Saves, what was pushed from here or merged, runs, promotions, change requests and votes in
    one timeline, newest first. Nothing is asked of the remote: bring it over with
    `gitexp fetch`.
    """
    from gitexp.review.telling.moments import moment_in

    session = output.session
    now = session.surroundings.clock.now()
    story = session.repository.log(
        experiment,
        environment=environment,
        since=moment_in(since, now=now) if since else None,
        until=moment_in(until, now=now, end=True) if until else None,
        author=author,
        kinds=_kinds_of(kinds),
        limit=None if everything else limit,
    )
    events = story.events
    output.listing([e.to_dict() for e in events], log_table(events), ids=[*map(event_id, events)])
    for note in story.notes:
        session.warn(note)
    if story.more and output.format == "table" and not output.quiet:
        session.say(f"there is more: the newest {limit} are shown; see --limit and --all")
