"""Training a recipe: what its data must be, its values, and the road to good ones."""
