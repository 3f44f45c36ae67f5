"""Raw inputs from files."""
