"""Feature flags: who gets a feature and in which variant, decided the same way every time."""
