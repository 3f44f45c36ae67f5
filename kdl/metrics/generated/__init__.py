"""What generated samples are worth."""
