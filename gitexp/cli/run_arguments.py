"""Arguments and options of the commands about runs, defined once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import (
    Decorator,
    pairs,
    patch_of,
    set_file_option,
    tags_of,
    version_option,
)
from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session

if TYPE_CHECKING:
    from gitexp.runs.tracking.starting import NewRun

RUN_VARIABLE = "GITEXP_RUN_ID"
"""The environment variable that names the run a program is a part of."""


override_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SLOT=VALUE",
    help="Change a value for this run only; may be repeated",
)
name_option = click.option("--name", metavar="TEXT", help="Name the run")
description_option = click.option("--description", metavar="TEXT", help="Describe the run")
tag_option = click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Set a tag; may be repeated"
)
push_option = click.option("--push", is_flag=True, help="Send it to the shared remote")
_NEW_RUN = (
    version_option,
    override_option,
    set_file_option,
    name_option,
    description_option,
    tag_option,
    click.option("--parent", metavar="RUN", help="Make it a part of this run"),
    click.option("--retry", metavar="RUN", help="Make it another attempt at this run's work"),
)


def new_run_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a new run, which are the arguments of `new_run_of`."""
    for option in reversed(_NEW_RUN):
        function = option(function)
    return function


def new_run_of(
    session: Session,
    experiment: str,
    *,
    version: str | None,
    settings: tuple[str, ...],
    files: tuple[str, ...],
    name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    parent: str | None,
    retry: str | None,
) -> NewRun:
    """Return what a run of an experiment begins with, held by this process.

    Raises:
        NotFound: there is no such experiment, parent or run to retry.
        InvalidDocuments: a value is wrong.
    """
    from gitexp.runs.tracking.starting import NewRun

    return NewRun(
        experiment=session.experiment(experiment).name,
        version=version,
        overrides=patch_of(session, settings, files),
        name=name or "",
        description=description or "",
        tags=tags_of(tags),
        parent=parent and run_id_of(session, parent),
        retry_of=retry and run_id_of(session, retry),
    )


def run_argument(name: str = "run", **attributes: Any) -> Decorator:
    """Return an argument that names a run by its id or the beginning of one."""
    return click.argument(name, metavar=attributes.pop("metavar", name.upper()), **attributes)


def run_id_of(session: Session, text: str | None) -> str:
    """Return the full id of a run that somebody named, or that the environment names.

    Raises:
        UsageFault: neither names one.
        NotFound: no run has that id.
    """
    wanted = text or session.environ.get(RUN_VARIABLE)
    if not wanted:
        raise UsageFault("which run?", hint=f"Name it, or set {RUN_VARIABLE}.")
    return session.repository.runs.resolve(wanted)


def params_of(texts: Iterable[str]) -> dict[str, Any]:
    """Return params that `--param NAME=VALUE` gives: JSON where it is JSON, else text."""
    return {name: _plain(text) for name, text in pairs(texts, "--param")}


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def metrics_of(texts: Iterable[str]) -> dict[str, float]:
    """Return metrics that `--metric NAME=NUMBER` gives.

    Raises:
        UsageFault: a text is no number.
    """
    found: dict[str, float] = {}
    for name, text in pairs(texts, "--metric"):
        try:
            found[name] = float(text)
        except ValueError:
            raise UsageFault(
                f"--metric {name}: {text!r} is no number", hint="Write it as --metric loss=0.3."
            ) from None
    return found
