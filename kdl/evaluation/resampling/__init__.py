"""What a model owes to the examples that it happened to be trained on."""
