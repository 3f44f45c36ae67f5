"""Search spaces of whole families of parts."""

from kdl.spaces.activation import activation
from kdl.spaces.constraint import constraint
from kdl.spaces.dropout import dropout
from kdl.spaces.initializer import initializer
from kdl.spaces.normalization import normalization
from kdl.spaces.optimizer import optimizer
from kdl.spaces.regularizer import regularizer
from kdl.spaces.schedule import schedule

__all__ = [
    "activation",
    "constraint",
    "dropout",
    "initializer",
    "normalization",
    "optimizer",
    "regularizer",
    "schedule",
]
