"""The project that reports are made of, with its people and policies."""

from __future__ import annotations

from tests.review.reporting.conftest import world

__all__ = ["world"]
