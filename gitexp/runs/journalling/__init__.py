"""Journals: what a running run has so far, safe from the death of its process."""
