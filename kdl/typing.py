"""Names for what the hints of several parts say."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from keras_tuner import HyperModel, HyperParameters, Objective
    from matplotlib.figure import Figure
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from PIL.Image import Image
else:
    # A hint does not import them: they are heavy or optional.
    BaseSampler = BaseStorage = Figure = HyperModel = HyperParameters = Any
    Image = Objective = Study = Any

# A tensor of the backend, or what Keras makes one of: an array, a variable, a symbol.
Tensor: TypeAlias = Any
# What a model takes or returns: an array, a list, tuple or dict of such, or rows of an
# array that stay on disk.
Arrays: TypeAlias = Any
# A size is `None` if it is not known. Of a file, Keras gives a list.
Shape: TypeAlias = tuple[int | None, ...] | list[int | None]
# Of one tensor, or of a list, tuple or dict of tensors.
Shapes: TypeAlias = tuple[Any, ...] | list[Any] | dict[str, Any]

# A number that may follow a schedule, as `kdl.schedules.number` takes it.
FloatOrSchedule: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule

# Parts of Keras, or what Keras finds them by: a name or a config.
ActivationLike: TypeAlias = str | Callable[[Tensor], Tensor]
ConstraintLike: TypeAlias = keras.constraints.Constraint | str | dict[str, Any]
InitializerLike: TypeAlias = keras.initializers.Initializer | str | dict[str, Any]
RegularizerLike: TypeAlias = keras.regularizers.Regularizer | str | dict[str, Any]
DataFormat: TypeAlias = Literal["channels_last", "channels_first"]

# What a block of layers normalizes by.
Normalization: TypeAlias = Literal["batch", "layer", "instance", "group"] | keras.Layer

# What an attribution is of, as `kdl.attribution.gradient` takes it.
Score: TypeAlias = int | ArrayLike | Callable[[Tensor], Tensor]

# Hyperparameters, or values of some of them by name.
Values: TypeAlias = HyperParameters | Mapping[str, Any]

# What builds and compiles a model.
ModelBuilder: TypeAlias = HyperModel | Callable[[HyperParameters], keras.Model]
# What a search optimizes: one metric or several.
Objectives: TypeAlias = str | Objective | Sequence[str | Objective]
# What the best of a metric is.
Mode: TypeAlias = Literal["auto", "min", "max"]

StrPath: TypeAlias = str | os.PathLike[str]
