"""Review: differences, policies, change requests, signatures, and the rules at the remote."""
