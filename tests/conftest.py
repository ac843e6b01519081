"""What every test stands on: properties are checked with the same examples on every machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed",
    database=None,
    deadline=None,
    derandomize=True,
    # The first draw on a machine builds Unicode tables, and is slow once.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")
