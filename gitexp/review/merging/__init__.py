"""Merging documents key by key, where lines would conflict or blend what nobody has tried."""
