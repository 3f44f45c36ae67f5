"""What metrics of images have in common."""

from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_dtype, check_name, check_number, check_targets
from kdl.typing import Shape, Tensor


class ImageMetric(keras.metrics.Mean):
    """The mean over images of how alike they are.

    Args:
        max_value: Float in `(0, inf)`. The value of white.
        name: String.
        dtype: Optional dtype of the result.
    """

    def __init__(self, max_value: float, name: str, dtype: DTypeLike | None) -> None:
        super().__init__(check_name("name", name), check_dtype("dtype", dtype))
        self.max_value = check_number("max_value", max_value, "(0, inf)")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y_pred = ops.convert_to_tensor(y_pred, self.dtype)
        self.check(tuple(y_pred.shape))
        y_true = check_targets(
            ops.convert_to_tensor(y_true, self.dtype), y_pred.shape, "images"
        )
        super().update_state(self.likeness(y_true, y_pred), sample_weight)

    def check(self, shape: Shape) -> None:
        """Raises a `ValueError` if images may not be of a shape."""

    def likeness(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns a value for each image, a tensor of shape `(batch,)`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "max_value": self.max_value}
