"""The options that choose samples of a dataset, defined once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click

CHOOSING = (
    click.option("--split", metavar="NAME", help="Take the samples of this split"),
    click.option(
        "--filter",
        "where",
        metavar="EXPR",
        help="Take the samples that fit, such as \"metadata.lang = 'de'\"",
    ),
    click.option(
        "--sample",
        type=click.IntRange(min=1),
        metavar="N",
        help="Take N samples at random, the same for the same seed",
    ),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N samples"
    ),
)
"""What chooses samples, but for the seed of a draw."""

_SEED = click.option("--seed", default="0", metavar="TEXT", help="Draw other samples  [default: 0]")
_NAMES = ("split", "where", "sample", "limit")


def selection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--split`, `--filter`, `--sample`, `--limit`, `--seed`; it gets a `Selection`.

    What they say arrives as the argument `selection`.
    """

    @functools.wraps(function)
    def with_selection(*, seed: str, **arguments: Any) -> None:
        from gitexp.evaluation.datasets.selecting import Selection

        chosen = {name: arguments.pop(name) for name in _NAMES}
        function(selection=Selection(**chosen, seed=seed), **arguments)

    for option in reversed((*CHOOSING, _SEED)):
        with_selection = option(with_selection)
    return with_selection


def selection_of(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options choose, as a request has it; nothing for all samples."""
    selection = {name: chosen[name] for name in _NAMES if chosen[name] is not None}
    if "sample" in selection and chosen["seed"] is not None:
        selection["seed"] = chosen["seed"]
    return selection
