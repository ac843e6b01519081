"""MLflow: gitexp as its tracking store, and what MLflow has as runs of gitexp."""
