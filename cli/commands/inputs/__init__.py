"""Commands for inputs from files."""
