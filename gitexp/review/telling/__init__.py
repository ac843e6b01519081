"""The story of a project: what happened when, and who set what is there now."""
