"""Runs of exactly some values of one experiment, as a filter."""

from __future__ import annotations


def same_values(experiment_id: str, digest: str) -> str:
    """Return the filter for the runs of an experiment that used exactly these values.

    The digest finds them whatever became of the commit that saved the values, and the id whatever
    the experiment is called now. Without the id, runs of every experiment with equal values would
    fit, and all that set none have equal ones.
    """
    quoted = experiment_id.replace("'", "''")  # it may come from a header that nobody checked
    return f"experiment_id = '{quoted}' AND digest = '{digest}'"
