"""Initial values of weights."""

from kdl.initializers.bilinear_upsampling import BilinearUpsampling
from kdl.initializers.chrono import Chrono
from kdl.initializers.class_prior_bias import ClassPriorBias
from kdl.initializers.delta_orthogonal import DeltaOrthogonal
from kdl.initializers.forget_gate_bias import ForgetGateBias
from kdl.initializers.icnr import ICNR
from kdl.initializers.kaiming import Kaiming
from kdl.initializers.lsuv import lsuv
from kdl.initializers.sparse import Sparse
from kdl.initializers.xavier import Xavier

__all__ = [  # noqa: RUF022 (to Ruff, ICNR is a constant and comes first)
    "BilinearUpsampling",
    "Chrono",
    "ClassPriorBias",
    "DeltaOrthogonal",
    "ForgetGateBias",
    "ICNR",
    "Kaiming",
    "Sparse",
    "Xavier",
    "lsuv",
]
