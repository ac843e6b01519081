"""`gitexp show`."""

from __future__ import annotations

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import version_fields, version_page


@command(
    "show",
    examples=[
        "gitexp show tone",
        "gitexp show tone@latest~2",
        "gitexp show tone@3f2a91c --format json",
    ],
)
@experiment_argument(metavar="EXPERIMENT[@REVISION]")
@output_options
def show_command(output: Output, experiment: str) -> None:
    """Show a version and its values

    REVISION is a version id or a beginning of one, latest, latest~N, env:ENVIRONMENT, a tag, or
    any revision of Git; without it, the latest version is shown.
    """
    name, _, revision = experiment.partition("@")
    version = output.session.experiment(name).version(revision or "latest")
    output.entry(
        version, version_fields(version), quiet=version.version, text=version_page(name, version)
    )
