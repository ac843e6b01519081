"""Results: what the runs of an experiment add up to, by run and by version."""
