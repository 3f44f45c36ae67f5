"""Models that make data like those that they have learned."""
