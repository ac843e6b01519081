"""The results of A/B tests: judged, kept by day, and summed up into a decision."""
