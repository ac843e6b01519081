"""Traces of evaluations as OpenTelemetry spans, in files and sent to a collector."""
