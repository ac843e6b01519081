"""The rules at the remote: what a push may do, judged where it is received."""
