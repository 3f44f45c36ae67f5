"""Search spaces of whole families of parts."""

__all__ = []
