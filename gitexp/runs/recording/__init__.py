"""The ledger: the branch that keeps runs, how they get there, and how machines exchange it."""
