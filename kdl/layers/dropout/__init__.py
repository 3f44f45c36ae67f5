"""Layers that drop values in training."""
