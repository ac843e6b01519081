"""`gitexp flag publish` and `gitexp flag export`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import (
    bypass_option,
    environment_argument,
    environment_option,
    reason_option,
)
from gitexp.cli.flag_views import published_entry, published_fields
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.plain import json_text
from gitexp.cli.session import Session
from gitexp.cli.terminal import write_out


@command(
    "publish",
    examples=[
        "gitexp flag publish checkout production",
        "gitexp flag publish checkout search production -m 'After the holidays'",
        "gitexp flag publish checkout production --experiment checkout-test",
        "gitexp flag publish checkout production --revision 3f2a91c",
        "gitexp flag publish search production --remove",
    ],
)
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@environment_argument()
@click.option("--experiment", metavar="NAME", help="Take them as this shared experiment has them")
@click.option("--revision", metavar="REVISION", help="Take them as this shared commit has them")
@click.option("--remove", is_flag=True, help="Take them away from the environment instead")
@reason_option
@bypass_option
@output_options
def publish_command(
    output: Output,
    keys: tuple[str, ...],
    environment: str,
    experiment: str | None,
    revision: str | None,
    remove: bool,
    reason: str | None,
    bypass: str | None,
) -> None:
    """Publish flags in an environment

    Applications read them there. They are taken from the trunk of the shared remote. The
    environment's branch gets one commit; what is live there stays live. Where the environment's
    policies ask for approval, a change request is opened instead: its id is printed, and the exit
    code is 4.
    """
    flags = output.session.repository.flags
    if remove and (experiment or revision):
        raise UsageFault("--remove takes nothing from anywhere", hint="Leave the rest out.")
    if remove:
        binding = flags.withdraw(*keys, environment=environment, reason=reason, bypass=bypass)
    else:
        binding = flags.publish(
            *keys,
            environment=environment,
            experiment=experiment,
            revision=revision,
            reason=reason,
            bypass=bypass,
        )
    if not binding.created:
        output.session.say(f"no change: the flags of {environment} are so already")
    else:
        for note in flags.moved_people(environment):
            output.session.say(f"note: {note}")
    entry = published_entry(binding)
    output.entry(entry, published_fields(entry), quiet=binding.commit or "")


@command(
    "export",
    examples=[
        "gitexp flag export > flags.json",
        "gitexp flag export checkout --environment production --format flagd",
    ],
)
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@environment_option("Take them as they are published there")
@click.option(
    "--format",
    "form",
    type=click.Choice(["flagd"]),
    default="flagd",
    metavar="flagd",
    help="Choose the format  [default: flagd]",
)
@click.pass_obj
def export_command(
    session: Session, keys: tuple[str, ...], environment: str | None, form: str
) -> None:
    """Write flags in the format of flagd

    What the format cannot say is told on standard error. Its hash is another one: as many people
    get each variant, but not the same.
    """
    export = session.repository.flags.export(*keys, environment=environment)
    for key, notes in export.notes.items():
        for note in notes:
            session.warn(f"{key}: {note}" if key else note)
    write_out(json_text(export.document))
