"""The runner: samples, tasks and evaluators become the rows of a run."""
