"""Artifacts: files that a run made, from where they come to where they are kept."""
