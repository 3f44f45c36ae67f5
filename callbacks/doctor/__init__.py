"""The training doctor."""
