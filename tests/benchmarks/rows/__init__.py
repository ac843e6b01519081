"""The benchmarks, a module for each kind of work."""
