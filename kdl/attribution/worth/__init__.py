"""What attributions are worth."""
