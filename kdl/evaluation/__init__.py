"""What models are worth: cross-validation, and the errors that they make."""

from kdl.evaluation.resampling.bias_variance import bias_variance
from kdl.evaluation.validation.cross_validate import cross_validate
from kdl.evaluation.validation.intervals import resampled_interval

__all__ = [
    "bias_variance",
    "cross_validate",
    "resampled_interval",
]
