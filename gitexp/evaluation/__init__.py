"""Evaluations: datasets, endpoints and evaluators, and the runner that brings them together."""
