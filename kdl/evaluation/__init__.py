"""What models are worth: cross-validation, and the errors that they make."""

from kdl.evaluation.validation.cross_validate import cross_validate
from kdl.evaluation.validation.intervals import resampled_interval

__all__ = [
    "cross_validate",
    "resampled_interval",
]
