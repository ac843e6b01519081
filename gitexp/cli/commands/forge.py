"""`gitexp forge` and its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import click

from gitexp.cli.forges import FORGES
from gitexp.cli.groups import Entry, LazyGroup, command, entries, group
from gitexp.cli.plain import json_text
from gitexp.cli.safety import visible
from gitexp.cli.session import Session, current_session
from gitexp.cli.terminal import write_out

if TYPE_CHECKING:
    from gitexp.integrations.forges.comments import ForgeName

FORGE_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("forge", rules="Print the rules for branches, as requests to a forge's API"),
        **entries("forge", codeowners="Print a CODEOWNERS file from the groups"),
    }
}
_CHECK = "check"
_forge_argument = click.argument(
    "forge", type=click.Choice(FORGES), metavar="|".join(FORGES), required=True
)


@group("forge", sections=FORGE_COMMANDS, cls=LazyGroup)
def forge_command() -> None:
    """Protect a repository that a forge hosts, where no hook runs

    What is printed follows from the trunk of the shared remote: its environments, policies and
    groups. Nothing is changed at the forge.
    """


@command(
    "rules",
    examples=[
        "gitexp forge rules github",
        "gitexp forge rules gitlab --check gitexp:check",
        "gitexp forge rules gitea > rules.json",
    ],
)
@_forge_argument
@click.option(
    "--check",
    default=_CHECK,
    metavar="NAME",
    help=f"Name the job that runs `gitexp check`  [default: {_CHECK}]",
)
def rules_command(forge: str, check: str) -> None:
    """Print the rules for branches, as requests to a forge's API

    Paths are below that of the repository. No branch of environments, runs and change requests may
    be rewritten or removed; an environment with policies moves by pull requests alone, which take
    its reviews and the check.
    """
    from gitexp.integrations.forges.rules import rules
    from gitexp.project.reading import current_project

    session = current_session()
    project = current_project(session.repository.workspace)
    _write(session, json_text(rules(project, cast("ForgeName", forge), check=check)))


@command(
    "codeowners",
    examples=[
        "gitexp forge codeowners github > .github/CODEOWNERS",
        "gitexp forge codeowners gitlab > .gitlab/CODEOWNERS",
    ],
)
@_forge_argument
def codeowners_command(forge: str) -> None:
    """Print a CODEOWNERS file from the groups

    Admins of the project's group own what gives rights: gitexp.yaml, groups and keys. Those who
    may approve in the group of an experiment own its files.
    """
    from gitexp.experiments.catalog import known_experiments
    from gitexp.integrations.forges.rules import codeowners
    from gitexp.project.groups import current_groups
    from gitexp.project.reading import current_project

    session = current_session()
    workspace = session.repository.workspace
    owned = {
        str(h.name): header.group for h, header in known_experiments(workspace) if header.group
    }
    text = codeowners(
        current_project(workspace),
        current_groups(workspace),
        owned,
        cast("ForgeName", forge),
        root=workspace.root,
    )
    _write(session, text)


def _write(session: Session, text: str) -> None:
    write_out(visible(text, keep="\n") if session.terminal.output else text)
