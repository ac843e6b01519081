"""Checking a repository against itself, and mending what is safe to mend."""
