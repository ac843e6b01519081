"""Runs of one experiment, and of exactly some values of it, as filters."""

from __future__ import annotations


def same_values(experiment_id: str, digest: str) -> str:
    """Return the filter for the runs of an experiment that used exactly these values.

    The digest finds them whatever became of the commit that saved the values, and the id whatever
    the experiment is called now. Without the id, runs of every experiment with equal values would
    fit, and all that set none have equal ones.
    """
    return f"{of_experiment(experiment_id)} AND digest = '{digest}'"


def of_experiment(experiment_id: str) -> str:
    """Return the filter for the runs of an experiment, whatever it was called."""
    quoted = experiment_id.replace("'", "''")  # it may come from a file that nobody checked
    return f"experiment_id = '{quoted}'"
