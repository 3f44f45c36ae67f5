"""Recipes that users write."""
