"""Blocks of convolutions."""
