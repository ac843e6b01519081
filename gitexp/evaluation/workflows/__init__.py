"""Workflows: what is done for each sample, task by task."""
