"""Batches that know their epoch."""
