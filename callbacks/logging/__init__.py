"""Callbacks that log and draw."""
