"""Datasets: versioned lists of samples, read from files, and compared."""
