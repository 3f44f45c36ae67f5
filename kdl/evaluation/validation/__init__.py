"""Scores of recipes on data that their models have not seen."""
