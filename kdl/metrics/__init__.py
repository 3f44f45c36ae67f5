"""Metrics."""

from kdl.metrics.bits_per_character import BitsPerCharacter
from kdl.metrics.bits_per_token import BitsPerToken
from kdl.metrics.confusion_matrix import ConfusionMatrix
from kdl.metrics.exact_match import ExactMatch
from kdl.metrics.expected_calibration_error import ExpectedCalibrationError
from kdl.metrics.f1_score import F1Score
from kdl.metrics.fbeta_score import FBetaScore
from kdl.metrics.generated.density_coverage import density_coverage
from kdl.metrics.generated.frechet_distance import frechet_distance
from kdl.metrics.generated.image_features import image_features
from kdl.metrics.generated.precision_recall import precision_recall
from kdl.metrics.generated.sample_quality import SampleQuality
from kdl.metrics.hard_labels import HardLabels
from kdl.metrics.mean_iou import MeanIoU
from kdl.metrics.psnr import PSNR
from kdl.metrics.ssim import SSIM
from kdl.metrics.token_error_rate import TokenErrorRate

__all__ = [
    "PSNR",
    "SSIM",
    "BitsPerCharacter",
    "BitsPerToken",
    "ConfusionMatrix",
    "ExactMatch",
    "ExpectedCalibrationError",
    "F1Score",
    "FBetaScore",
    "HardLabels",
    "MeanIoU",
    "SampleQuality",
    "TokenErrorRate",
    "density_coverage",
    "frechet_distance",
    "image_features",
    "precision_recall",
]
