"""Policies judged: what an environment asks of a move, and whether it is there."""
