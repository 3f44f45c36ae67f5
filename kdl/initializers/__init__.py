"""Initial values of weights."""

__all__ = []
