"""What differs between two states of a project, as values: see `gitexp.review.diffing.compare`."""
