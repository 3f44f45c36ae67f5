"""Texts, and the classes that they are of."""
