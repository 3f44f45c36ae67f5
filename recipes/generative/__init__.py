"""Recipes that learn what data look like."""
