"""Runs: what a run is, its journal while it goes on, and the branch that keeps it."""
