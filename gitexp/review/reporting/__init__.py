"""The report of a pull request: what changes, whether it is valid, how it did, and who decides."""
