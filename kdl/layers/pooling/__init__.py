"""Pooling, its inverse, and pyramids of it."""
