"""Arguments and options of the commands about runs, defined once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from gitexp.cli.arguments import Decorator, pairs
from gitexp.cli.groups import UsageFault
from gitexp.cli.session import Session

RUN_VARIABLE = "GITEXP_RUN_ID"
"""The environment variable that names the run a program is a part of."""


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
