"""Prompts: templates with their variables, versioned by the commits that change them."""
