"""How sure a model is, and whether it is right to be."""
