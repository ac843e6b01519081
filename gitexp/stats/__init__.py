"""Numbers in, numbers out: no files, no names, nothing of the rest of the package."""
