"""The catalogue: every benchmark, by name and in the order in which they run."""

from __future__ import annotations

from tests.benchmarks.recipes import Recipe
from tests.benchmarks.rows import (
    analysing,
    appending,
    environments,
    evaluating,
    exchanging,
    flags,
    history,
    indexing,
    listing,
    receiving,
    reporting,
    resuming,
    running,
    saving,
    searching,
    sending,
    sizing,
    starting,
    tracking,
)

MODULES = (
    *(starting, environments, saving, listing, history, running, exchanging, receiving),
    *(evaluating, resuming, reporting),
    *(tracking, searching, appending, indexing, sizing, sending),
    *(analysing, flags),
)
RECIPES: dict[str, Recipe] = {module.RECIPE.name: module.RECIPE for module in MODULES}
