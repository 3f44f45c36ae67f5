"""The files of a search."""
