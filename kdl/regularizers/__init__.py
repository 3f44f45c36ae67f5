"""Penalties on weights and activations."""

from kdl.regularizers.elastic_net import ElasticNet
from kdl.regularizers.max_norm import MaxNorm

__all__ = ["ElasticNet", "MaxNorm"]
