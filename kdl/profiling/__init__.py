"""What takes the time and the memory of a training."""

from kdl.profiling.layer_costs import layer_costs
from kdl.profiling.profile import Profile, profile

__all__ = ["Profile", "layer_costs", "profile"]
