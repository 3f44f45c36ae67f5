"""Scores of a model, and their gradients."""
