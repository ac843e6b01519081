"""The data of A/B tests: from rows of exposures and events to statistics that add, day by day."""
