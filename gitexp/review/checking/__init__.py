"""The check of a pull request where no hook runs: what a merge would move, by the same rules."""
