"""The catalogue: every benchmark, by name and in the order in which they run."""

from __future__ import annotations

from tests.benchmarks.recipes import Recipe
from tests.benchmarks.rows import (
    environments,
    exchanging,
    history,
    listing,
    running,
    saving,
    starting,
)

MODULES = (starting, environments, saving, listing, history, running, exchanging)
RECIPES: dict[str, Recipe] = {module.RECIPE.name: module.RECIPE for module in MODULES}
