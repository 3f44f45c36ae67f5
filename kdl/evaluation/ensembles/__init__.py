"""Several models that decide together."""
