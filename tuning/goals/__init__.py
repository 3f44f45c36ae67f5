"""What a search is for: objectives, constraints, and what a model costs."""
