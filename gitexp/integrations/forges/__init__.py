"""Forges: the one comment that holds a report, and rules for repositories that they host."""
