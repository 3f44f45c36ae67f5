"""Random changes of examples."""
