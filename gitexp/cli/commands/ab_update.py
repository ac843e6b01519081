"""`gitexp ab update`."""

from __future__ import annotations

import click

from gitexp.cli.ab_views import show_step
from gitexp.cli.arguments import experiment_argument, pairs, values_from
from gitexp.cli.files import text_of
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options


@command(
    "update",
    examples=[
        "gitexp ab update tone --set title='Warmer words' --set statistics.method=sequential",
        "gitexp ab update tone --set metrics.primary.paid.window=14d",
        "gitexp ab update tone --set metrics.secondary.errors='{type: mean, goal: decrease}'",
        "gitexp ab update tone --set variants.control.split=80 --set variants.test.split=20",
        "gitexp ab update tone --unset planning --from data.yaml",
    ],
)
@experiment_argument()
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PLACE=VALUE",
    help="Put a value, written as YAML, in a place; may be repeated",
)
@click.option(
    "--set-file",
    "files",
    multiple=True,
    metavar="PLACE=PATH",
    help="Put the text in a file in a place; may be repeated",
)
@click.option(
    "--unset", multiple=True, metavar="PLACE", help="Remove what is in a place; may be repeated"
)
@click.option(
    "--from",
    "source",
    metavar="FILE",
    help="Replace whole keys by those in a YAML file; - reads standard input",
)
@output_options
def update_command(
    output: Output,
    experiment: str,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    unset: tuple[str, ...],
    source: str | None,
) -> None:
    """Change the definition of an A/B test

    A place is a key of ab-test.yaml, or keys with points between. Variants and metrics are named
    by their key; one that is not there is added. Once the test is launched, variants, splits, flag
    and exposure rule are locked; what steps write, such as status, they alone change.
    """
    from gitexp.documents.yaml_reader import parse_yaml

    if not (settings or files or unset or source):
        raise UsageFault("nothing to change", hint="Give `--set PLACE=VALUE` or another option.")
    session = output.session
    patch = {
        place: parse_yaml(text, file=f"--set {place}").value
        for place, text in pairs(settings, "--set")
    }
    patch |= {place: text_of(session, path) for place, path in pairs(files, "--set-file")}
    found = session.experiment(experiment).ab_test
    values = values_from(session, source) if source else {}
    show_step(output, found.update(values, patch=patch, unset=unset))
