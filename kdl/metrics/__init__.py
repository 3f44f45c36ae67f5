"""Metrics."""

from kdl.metrics.bits_per_token import BitsPerToken
from kdl.metrics.confusion_matrix import ConfusionMatrix
from kdl.metrics.exact_match import ExactMatch
from kdl.metrics.f1_score import F1Score
from kdl.metrics.fbeta_score import FBetaScore
from kdl.metrics.psnr import PSNR
from kdl.metrics.ssim import SSIM
from kdl.metrics.token_error_rate import TokenErrorRate

__all__ = [  # noqa: RUF022 (to Ruff, PSNR and SSIM are constants and come first)
    "BitsPerToken",
    "ConfusionMatrix",
    "ExactMatch",
    "F1Score",
    "FBetaScore",
    "PSNR",
    "SSIM",
    "TokenErrorRate",
]
