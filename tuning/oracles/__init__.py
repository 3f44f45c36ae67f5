"""Oracles, and their mathematics."""
