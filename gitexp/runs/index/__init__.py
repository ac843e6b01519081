"""The index of runs: an SQLite file that is derived from the runs branches, and disposable.

It follows the tips of the branches, here and as last fetched, by the difference between trees, so
that a question reads no object of Git that was read before. Deleting it loses nothing. One that is
damaged, half written or of an older gitexp is built again, not trusted. Several processes may
use and update it at once.
"""
