"""Why a model decides so: which parts of an input its score depends on."""

from kdl.attribution.attention_rollout import attention_rollout
from kdl.attribution.by_place import by_place
from kdl.attribution.grad_cam import grad_cam, grad_cam_plus_plus
from kdl.attribution.gradient import gradient
from kdl.attribution.integrated_gradients import integrated_gradients
from kdl.attribution.occlusion import occlusion
from kdl.attribution.overlay import overlay
from kdl.attribution.saliency import saliency
from kdl.attribution.smooth_grad import smooth_grad
from kdl.attribution.worth.curves import deletion_curve, insertion_curve
from kdl.attribution.worth.randomization_test import randomization_test

__all__ = [
    "attention_rollout",
    "by_place",
    "deletion_curve",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "insertion_curve",
    "integrated_gradients",
    "occlusion",
    "overlay",
    "randomization_test",
    "saliency",
    "smooth_grad",
]
