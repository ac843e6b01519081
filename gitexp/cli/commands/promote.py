"""`gitexp promote`."""

from __future__ import annotations

from gitexp.cli.arguments import (
    bypass_option,
    environment_argument,
    experiment_argument,
    reason_option,
    version_option,
    versionless,
)
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import show_binding


@command(
    "promote",
    examples=[
        "gitexp promote tone staging",
        "gitexp promote tone production --version 3f2a91c -m 'Passed in staging'",
        "gitexp promote tone production --bypass 'Production is down'",
    ],
)
@experiment_argument(callback=versionless)
@environment_argument()
@version_option
@reason_option
@bypass_option
@output_options
def promote_command(
    output: Output,
    experiment: str,
    environment: str,
    version: str | None,
    reason: str | None,
    bypass: str | None,
) -> None:
    """Make a version live in an environment

    Any shared version can be promoted. The environment's branch gets one commit, pushed to the
    shared remote; when somebody else moved the environment meanwhile, nothing is changed.

    Where the environment's policies ask for approval, a change request is opened instead: its id
    is printed, and the exit code is 4.
    """
    environments = output.session.repository.environments
    binding = environments.promote(
        experiment, environment, version=version or "latest", reason=reason, bypass=bypass
    )
    show_binding(output, binding)
