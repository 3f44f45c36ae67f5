"""Searches that run on Ray or by Optuna."""
