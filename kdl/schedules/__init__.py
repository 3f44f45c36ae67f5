"""Schedules: numbers that follow the training step."""

from kdl.schedules.adjustable import Adjustable
from kdl.schedules.cyclical_learning_rate import CyclicalLearningRate
from kdl.schedules.cyclical_momentum import CyclicalMomentum
from kdl.schedules.inverse_sigmoid_decay import InverseSigmoidDecay
from kdl.schedules.inverse_square_root import InverseSquareRoot
from kdl.schedules.joined_schedules import JoinedSchedules
from kdl.schedules.number import now, number
from kdl.schedules.one_cycle import OneCycle
from kdl.schedules.one_cycle_momentum import OneCycleMomentum
from kdl.schedules.per_update import PerUpdate
from kdl.schedules.plot import plot
from kdl.schedules.warmup import Warmup
from kdl.schedules.warmup_stable_decay import WarmupStableDecay

__all__ = [
    "Adjustable",
    "CyclicalLearningRate",
    "CyclicalMomentum",
    "InverseSigmoidDecay",
    "InverseSquareRoot",
    "JoinedSchedules",
    "OneCycle",
    "OneCycleMomentum",
    "PerUpdate",
    "Warmup",
    "WarmupStableDecay",
    "now",
    "number",
    "plot",
]
