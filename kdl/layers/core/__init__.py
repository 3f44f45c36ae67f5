"""Layers of one operation."""
