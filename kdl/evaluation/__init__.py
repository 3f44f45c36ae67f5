"""How good a model is, how sure, where it errs, and what several do together."""

from kdl.evaluation.ensembles.ensemble import ensemble
from kdl.evaluation.ensembles.ensemble_weights import ensemble_weights
from kdl.evaluation.ensembles.greedy_selection import greedy_selection
from kdl.evaluation.ensembles.majority_error import majority_error
from kdl.evaluation.resampling.bias_variance import bias_variance
from kdl.evaluation.validation.cross_validate import cross_validate
from kdl.evaluation.validation.intervals import resampled_interval

__all__ = [
    "bias_variance",
    "cross_validate",
    "ensemble",
    "ensemble_weights",
    "greedy_selection",
    "majority_error",
    "resampled_interval",
]
