"""What recipes of sequences are made of."""
