"""Numbers of a model, and ways to change them during `fit`."""
