"""Penalties on weights and activations."""

from kdl.regularizers.elastic_net import ElasticNet
from kdl.regularizers.group_lasso import GroupLasso
from kdl.regularizers.kl_sparsity import KLSparsity
from kdl.regularizers.max_norm import MaxNorm

__all__ = ["ElasticNet", "GroupLasso", "KLSparsity", "MaxNorm"]
