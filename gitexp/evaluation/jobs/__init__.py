"""Entrypoints, the jobs that are made through them, and the workers that do the jobs."""
