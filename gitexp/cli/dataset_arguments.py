"""The options that choose samples of a dataset, defined once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def selection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--split`, `--filter`, `--sample`, `--seed`, `--limit`; it gets a `Selection`.

    What they say arrives as the argument `selection`.
    """

    @functools.wraps(function)
    def with_selection(
        *,
        split: str | None,
        where: str | None,
        drawn: int | None,
        seed: str,
        limit: int | None,
        **arguments: Any,
    ) -> None:
        from gitexp.evaluation.datasets.selecting import Selection

        selection = Selection(split=split, where=where, sample=drawn, seed=seed, limit=limit)
        function(selection=selection, **arguments)

    for option in reversed(_OPTIONS):
        with_selection = option(with_selection)
    return with_selection


_OPTIONS = (
    click.option("--split", metavar="NAME", help="Take the samples of this split"),
    click.option(
        "--filter",
        "where",
        metavar="EXPR",
        help="Take the samples that fit, such as \"metadata.lang = 'de'\"",
    ),
    click.option(
        "--sample",
        "drawn",
        type=click.IntRange(min=1),
        metavar="N",
        help="Take N samples at random, the same for the same seed",
    ),
    click.option("--seed", default="0", metavar="TEXT", help="Draw other samples  [default: 0]"),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N samples"
    ),
)
