"""Endpoints: the systems under test, described by files and called for each sample."""
