"""A/B tests: what they are, their life, their data and their results."""
