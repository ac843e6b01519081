"""A shared remote in memory with a project, and clones of it."""

from __future__ import annotations

from tests.environments.conftest import ada, grace, on_disk, world

__all__ = ["ada", "grace", "on_disk", "world"]
