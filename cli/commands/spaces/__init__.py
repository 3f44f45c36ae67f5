"""Values of hyperparameters that options give."""
