"""How good a model is, how sure, where it errs, and what several do together."""

from kdl.evaluation.calibration.bins import expected_calibration_error, reliability
from kdl.evaluation.calibration.choose_threshold import choose_threshold
from kdl.evaluation.calibration.conformal_sets import ConformalSets
from kdl.evaluation.calibration.reliability_figure import reliability_figure
from kdl.evaluation.calibration.scaling import calibrated, fit_scaling
from kdl.evaluation.ensembles.bagging import bagging
from kdl.evaluation.ensembles.ensemble import ensemble
from kdl.evaluation.ensembles.ensemble_weights import ensemble_weights
from kdl.evaluation.ensembles.gradient_boosting import gradient_boosting
from kdl.evaluation.ensembles.greedy_selection import greedy_selection
from kdl.evaluation.ensembles.majority_error import majority_error
from kdl.evaluation.ensembles.samme import samme
from kdl.evaluation.ensembles.snapshots import snapshots
from kdl.evaluation.errors.bootstrap_interval import bootstrap_interval
from kdl.evaluation.errors.label_errors import label_errors
from kdl.evaluation.errors.near_duplicates import near_duplicates
from kdl.evaluation.errors.slices import slices
from kdl.evaluation.resampling.bias_variance import bias_variance
from kdl.evaluation.resampling.learning_curve import learning_curve
from kdl.evaluation.validation.cross_validate import cross_validate
from kdl.evaluation.validation.intervals import resampled_interval

__all__ = [
    "ConformalSets",
    "bagging",
    "bias_variance",
    "bootstrap_interval",
    "calibrated",
    "choose_threshold",
    "cross_validate",
    "ensemble",
    "ensemble_weights",
    "expected_calibration_error",
    "fit_scaling",
    "gradient_boosting",
    "greedy_selection",
    "label_errors",
    "learning_curve",
    "majority_error",
    "near_duplicates",
    "reliability",
    "reliability_figure",
    "resampled_interval",
    "samme",
    "slices",
    "snapshots",
]
