"""`gitexp run tag|delete|restore|reap|sync`: what happens to runs after they ended."""

from __future__ import annotations

import click

from gitexp.cli.arguments import tags_of, yes_option
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.run_views import run_table
from gitexp.cli.views import ref_change_table


@command("tag", examples=["gitexp run tag RUN best=yes", "gitexp run tag RUN --remove best"])
@run_argument()
@click.argument("tags", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Remove a tag")
@output_options
def tag_command(output: Output, run: str, tags: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Set or remove tags of a run, which may be over

    The change is a file of its own beside the run's record, which stays as it is.
    """
    runs = output.session.repository.runs
    run_id = run_id_of(output.session, run)
    if not (tags or removed):
        raise UsageFault("which tag?", hint="Write NAME=VALUE, or --remove NAME.")
    if tags:
        runs.set_tags(run_id, tags_of(tags))
    if removed:
        runs.delete_tags(run_id, removed)
    _show(output, run_id)


@command("delete", examples=["gitexp run delete RUN", "gitexp run delete RUN RUN --yes"])
@run_argument("runs", nargs=-1, required=True, metavar="RUN...")
@yes_option
@output_options
def delete_command(output: Output, runs: tuple[str, ...], yes: bool) -> None:
    """Delete a run, so that it can be restored"""
    session = output.session
    ids = [run_id_of(session, run) for run in runs]
    session.confirm(f"Delete {len(ids)} run{'s' * (len(ids) != 1)}?", yes=yes)
    deleted = [session.repository.runs.delete(run_id).to_dict() for run_id in ids]
    output.listing(deleted, run_table(deleted), ids=ids)


@command("restore", examples=["gitexp run restore RUN"])
@run_argument()
@output_options
def restore_command(output: Output, run: str) -> None:
    """Bring a deleted run back"""
    run_id = run_id_of(output.session, run)
    output.session.repository.runs.restore(run_id)
    _show(output, run_id)


@command("reap", examples=["gitexp run reap"])
@output_options
def reap_command(output: Output) -> None:
    """Record runs whose processes are gone

    They count as killed, with all that they logged. Every command that reads runs does it too.
    """
    items = [run.to_dict() for run in output.session.repository.runs.reap()]
    table = run_table(items, note="" if items else "nothing to reap")
    output.listing(items, table, ids=[item["id"] for item in items])


@command("sync", examples=["gitexp run sync", "gitexp run sync tone"])
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@output_options
def sync_command(output: Output, experiments: tuple[str, ...]) -> None:
    """Send runs to the shared remote and fetch others'

    Where others were faster, their runs are joined with yours; no run is ever lost.
    """
    moved = output.session.repository.runs.sync(experiments or None)
    table = ref_change_table(moved, nothing="the shared remote has every run already")
    output.listing(moved, table, ids=[change.ref for change in moved])


def _show(output: Output, run_id: str) -> None:
    document = output.session.repository.runs.get(run_id).to_dict()
    output.entry(document, run_table([document]), quiet=run_id, text=f"{run_id}\n")
