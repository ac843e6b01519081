"""The project that reports are made of, with its people and policies."""

from __future__ import annotations

from tests.review.reporting.conftest import made_world, world

__all__ = ["made_world", "world"]
