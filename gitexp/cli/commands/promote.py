"""`gitexp promote`."""

from __future__ import annotations

from gitexp.cli.arguments import (
    environment_argument,
    experiment_argument,
    reason_option,
    version_option,
)
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_binding


@command(
    "promote",
    examples=[
        "gitexp promote tone staging",
        "gitexp promote tone production --version 3f2a91c -m 'Passed in staging'",
    ],
)
@experiment_argument()
@environment_argument()
@version_option
@reason_option
@output_options
def promote_command(
    output: Output, experiment: str, environment: str, version: str | None, reason: str | None
) -> None:
    """Make a version live in an environment

    Any shared version can be promoted. The environment's branch gets one commit, pushed to the
    shared remote; when somebody else moved the environment meanwhile, nothing is changed.
    """
    environments = output.session.repository.environments
    binding = environments.promote(
        experiment, environment, version=version or "latest", reason=reason
    )
    show_binding(output, binding)
