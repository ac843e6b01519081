"""Finds the emoji that a person means by a short code such as `thumbsup` or `kissing_heart`."""

from emojifind.finder import answer

__all__ = ["answer"]
