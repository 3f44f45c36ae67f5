"""Data sets to load."""
