"""Models as files that run without Keras."""

from kdl.deployment.export import Export, export
from kdl.deployment.load import load

__all__ = ["Export", "export", "load"]
