"""What recipes of images are made of."""
