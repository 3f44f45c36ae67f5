"""Attention, and Transformer blocks."""
