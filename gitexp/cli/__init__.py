"""The command line: the only part of gitexp that reads the environment and prints."""
