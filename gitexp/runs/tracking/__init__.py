"""Tracking: beginning a run, logging to it, and how it ends."""
