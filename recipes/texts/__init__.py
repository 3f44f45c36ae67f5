"""Classify texts."""
