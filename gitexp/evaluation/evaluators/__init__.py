"""Evaluators: from a sample and an output to a score."""
