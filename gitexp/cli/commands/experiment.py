"""`gitexp experiment` and its verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from gitexp.cli.arguments import experiment_argument, pairs, tags_of, yes_option
from gitexp.cli.catalogue import EXPERIMENT_COMMANDS
from gitexp.cli.groups import LazyGroup, UsageFault, command, group
from gitexp.cli.output import Output, output_options
from gitexp.cli.session import Session
from gitexp.cli.views import show_experiment, summary_table

if TYPE_CHECKING:
    from gitexp.experiments.headers import Direction

LIFECYCLES = ("active", "archived", "deleted", "all")
_PAGE = 100

description_option = click.option("--description", metavar="TEXT", help="Say what it is about")
group_option = click.option(
    "--group", metavar="NAME", help="Let this group own it, instead of the project's"
)
hypothesis_option = click.option("--hypothesis", metavar="TEXT", help="Say what is expected")
location_option = click.option(
    "--artifact-location",
    metavar="URL",
    help="Keep the artifacts of runs there, such as s3://bucket/path",
)
metric_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=minimize|maximize",
    help="Say which way a metric is better; may be repeated",
)
tag_option = click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Add a tag; may be repeated"
)


def directions_of(texts: tuple[str, ...]) -> dict[str, Direction | None]:
    """Return the directions that `--metric NAME=DIRECTION` gives; an empty one removes it."""
    found: dict[str, Direction | None] = {}
    for name, text in pairs(texts, "--metric"):
        if text not in ("minimize", "maximize", ""):
            raise UsageFault(
                f"--metric {name}: {text!r} is no direction", hint="It is minimize or maximize."
            )
        found[name] = text or None  # type: ignore[assignment]
    return found


@group("experiment", sections=EXPERIMENT_COMMANDS, cls=LazyGroup)
@click.pass_context
def experiment_command(context: click.Context) -> None:
    """Create, list and change experiments

    Without a command, the active experiments are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command(
    "create",
    examples=[
        "gitexp experiment create tone",
        "gitexp experiment create tone --description 'How answers sound' --tag team=chat",
    ],
)
@click.argument("name", metavar="NAME")
@description_option
@group_option
@hypothesis_option
@tag_option
@location_option
@metric_option
@output_options
def create_command(
    output: Output,
    name: str,
    description: str | None,
    group: str | None,
    hypothesis: str | None,
    tags: tuple[str, ...],
    artifact_location: str | None,
    metrics: tuple[str, ...],
) -> None:
    """Create an experiment

    It starts on a branch of its own, private until it is shared.
    """
    created = output.session.repository.experiments.create(
        name,
        description=description,
        group=group,
        hypothesis=hypothesis,
        tags=tags_of(tags) or None,
        artifact_location=artifact_location,
        metrics=directions_of(metrics) or None,  # type: ignore[arg-type]
    )
    show_experiment(output, created)


@command(
    "list",
    examples=[
        "gitexp experiment list",
        "gitexp experiment list --search prompt --tag team=chat",
        "gitexp experiment list --lifecycle all --format csv",
    ],
)
@click.option("--search", metavar="TEXT", help="Keep those with this in name or description")
@click.option(
    "--lifecycle",
    type=click.Choice(LIFECYCLES),
    default="active",
    metavar="|".join(LIFECYCLES),
    help="Keep those in this state  [default: active]",
)
@click.option(
    "--visibility",
    type=click.Choice(["private", "shared"]),
    metavar="private|shared",
    help="Keep private or shared ones",
)
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Keep those with this tag")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_PAGE,
    metavar="N",
    help=f"List at most N  [default: {_PAGE}]",
)
@click.option(
    "--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N"
)
@output_options
def list_command(
    output: Output,
    search: str | None,
    lifecycle: Literal["active", "archived", "deleted", "all"],
    visibility: Literal["private", "shared"] | None,
    tags: tuple[str, ...],
    limit: int,
    offset: int,
) -> None:
    """List experiments"""
    page = output.session.repository.experiments.list(
        search=search,
        lifecycle=lifecycle,
        visibility=visibility,
        tags=tags_of(tags) or None,
        limit=limit,
        offset=offset,
    )
    output.listing(
        page.items,
        summary_table(page.items, note=_page_note(len(page.items), offset, page.total)),
        ids=[item.name for item in page.items],
        document={"items": page.items, "total": page.total},
    )


def _page_note(shown: int, offset: int, total: int) -> str:
    if not total:
        return "no experiments; create one with `gitexp experiment create NAME`"
    if shown == total:
        return ""
    return f"{offset + 1} to {offset + shown} of {total}" if shown else f"none of {total}"


@command("show", examples=["gitexp experiment show tone"])
@experiment_argument()
@output_options
def show_command(output: Output, experiment: str) -> None:
    """Show an experiment"""
    show_experiment(output, output.session.experiment(experiment))


@command(
    "update",
    examples=[
        "gitexp experiment update tone --description 'How answers sound'",
        "gitexp experiment update tone --hypothesis 'Calmer answers score higher'",
        "gitexp experiment update tone --entrypoint nightly",
    ],
)
@experiment_argument()
@description_option
@group_option
@hypothesis_option
@location_option
@metric_option
@click.option(
    "--entrypoint",
    "declared",
    multiple=True,
    metavar="NAME",
    help="Let jobs be created through this entrypoint; may be repeated",
)
@click.option(
    "--no-entrypoint",
    "undeclared",
    multiple=True,
    metavar="NAME",
    help="Let no more jobs be created through it; may be repeated",
)
@output_options
def update_command(
    output: Output,
    experiment: str,
    description: str | None,
    group: str | None,
    hypothesis: str | None,
    artifact_location: str | None,
    metrics: tuple[str, ...],
    declared: tuple[str, ...],
    undeclared: tuple[str, ...],
) -> None:
    """Change what its header says, such as description and group

    Tags are changed with `gitexp experiment tag`.
    """
    texts = (description, group, hypothesis, artifact_location)
    if not any((metrics, declared, undeclared)) and all(text is None for text in texts):
        raise UsageFault("nothing to change", hint="Give `--description TEXT` or another option.")
    changed = output.session.experiment(experiment)
    changed.update(
        description=description,
        group=group,
        hypothesis=hypothesis,
        artifact_location=artifact_location,
        metrics=directions_of(metrics) or None,
        entrypoints={**dict.fromkeys(declared, True), **dict.fromkeys(undeclared, False)},
    )
    show_experiment(output, changed)


@command(
    "tag",
    examples=[
        "gitexp experiment tag tone team=chat quarter=3",
        "gitexp experiment tag tone -d team",
    ],
)
@experiment_argument()
@click.argument("tags", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-d", "--delete", multiple=True, metavar="NAME", help="Remove a tag")
@output_options
def tag_command(
    output: Output, experiment: str, tags: tuple[str, ...], delete: tuple[str, ...]
) -> None:
    """Set or remove tags"""
    tagged = output.session.experiment(experiment)
    tagged.update(tags={**tags_of(tags), **dict.fromkeys(delete)})
    show_experiment(output, tagged)


@command("rename", examples=["gitexp experiment rename tone voice"])
@experiment_argument()
@click.argument("new", metavar="NEW")
@output_options
def rename_command(output: Output, experiment: str, new: str) -> None:
    """Rename an experiment

    It stays the same experiment, with its id, its versions and its runs.
    """
    renamed = output.session.experiment(experiment)
    renamed.rename(new)
    show_experiment(output, renamed)


@command("archive", examples=["gitexp experiment archive tone"])
@experiment_argument()
@output_options
def archive_command(output: Output, experiment: str) -> None:
    """Hide an experiment from listings"""
    archived = output.session.experiment(experiment)
    archived.archive()
    show_experiment(output, archived)


@command("unarchive", examples=["gitexp experiment unarchive tone"])
@experiment_argument()
@output_options
def unarchive_command(output: Output, experiment: str) -> None:
    """Show an archived experiment again"""
    unarchived = output.session.experiment(experiment)
    unarchived.unarchive()
    show_experiment(output, unarchived)


@command("delete", examples=["gitexp experiment delete tone --yes"])
@experiment_argument()
@yes_option
@output_options
def delete_command(output: Output, experiment: str, yes: bool) -> None:
    """Delete an experiment, so that it can be restored

    Environments that it is live in are unbound.
    """
    deleted = output.session.experiment(experiment)
    output.session.confirm(f"Delete {deleted.name} and unbind its environments?", yes=yes)
    deleted.delete()
    show_experiment(output, deleted)


@command("restore", examples=["gitexp experiment restore tone"])
@experiment_argument()
@output_options
def restore_command(output: Output, experiment: str) -> None:
    """Bring a deleted experiment back"""
    restored = output.session.experiment(experiment)
    restored.restore()
    show_experiment(output, restored)


@command("purge", examples=["gitexp experiment purge tone --yes"])
@experiment_argument()
@yes_option
@click.pass_obj
def purge_command(session: Session, experiment: str, yes: bool) -> None:
    """Remove an experiment's branches for good

    Only a deleted experiment is purged, here and on the shared remote, with its runs. What was
    merged into the trunk remains; the rest cannot be brought back.
    """
    purged = session.experiment(experiment)
    session.confirm(
        f"Remove {purged.name} with all of its versions and runs for good?",
        yes=yes,
        needs_answer=True,
    )
    purged.purge()
    session.say(f"{purged.name} is gone")
