"""Other people's tools over gitexp, and gitexp behind other people's tools."""
