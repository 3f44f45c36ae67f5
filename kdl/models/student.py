"""A classifier that learns from another one."""

from typing import Any, Literal, Self

import keras
from keras import ops, tree

from kdl.checks import check_choice, check_name
from kdl.models.images.features import features
from kdl.private import over_replicas
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Student(keras.Model):
    """A classifier that learns from a teacher, a trained one, as well as from labels.

    That is distillation. With the logits `z` of the student and `t` of the teacher, a
    temperature `T` and `D` as below, training minimizes

        (1 - alpha) * loss
            + alpha * T² * KL(softmax(t / T) || softmax(z / T))
            + alpha * feature_weight * D
            + penalties

    where `loss` is what the model is compiled with, and penalties are those of
    regularizers. A temperature above 1 shows how the teacher ranks the wrong classes,
    and `T²` keeps the gradient as large as that of labels.

    `D` compares which examples of a batch look alike to either model, by the features
    of a layer of each, whose sizes may differ: with `A` the features, an example a row,
    and `G` the rows of `A Aᵀ` scaled to length one, it is the mean over examples of
    `|G_teacher - G_student|²`. The paper divides by the batch size once more, so that
    its weight of 3000 at 128 examples is 23 here.

    Everything else is as of a functional `keras.Model`: `fit`, callbacks, any
    optimizer. Sample weights count for each term. Without a teacher, and in
    `evaluate`, the model is an ordinary classifier: the loss of the validation is that
    of labels. The teacher is no part of the model. It is not saved with it, its weights
    do not count, and are constants in a compiled step.

    `keras.distillation.Distiller` is not used: by default it compares raw logits in
    place of probabilities, it ignores sample weights and the regularizers of the
    student, it runs the student twice for features, and needs them of one size.

    Args:
        inputs: `keras.Input`, or a structure of such, as of `keras.Model`.
        outputs: `keras.KerasTensor` of logits, of shape `(batch, …, classes)`.
        alpha: Float in `[0, 1]`, or a schedule of it. The share of the teacher.
            Defaults to `0.9`.
        temperature: Float in `(0, inf)`, or a schedule of it; 2 to 10 is usual.
            Defaults to `4.0`.
        matching: What is compared with the teacher: `"targets"`, its probabilities,
            `"features"`, or `"both"`. Defaults to `"targets"`.
        feature_weight: Float in `[0, inf)`, or a schedule of it. Defaults to `20.0`.
        layer: Optional string. Name of the layer of the student whose features are
            compared. Defaults to `None`, for the last one that returns images.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> teacher = kdl.models.cnn((8, 8, 1), 10)
    >>> small = kdl.models.cnn((8, 8, 1), 10, filters=(4, 8), units=())
    >>> student = kdl.models.Student(small.input, small.output, temperature=2.0)
    >>> student.learn_from(teacher)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> student.compile("adam", loss)
    >>> history = student.fit(x, y, verbose=0)

    References:
        - [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531)
        - [Tung and Mori, 2019](https://arxiv.org/abs/1907.09682), features
    """

    # What is taught, once there is a teacher. A plain object, since Keras would count
    # and save a model that is an attribute.
    _lessons = None

    def __init__(
        self,
        inputs: Tensor,
        outputs: Tensor,
        alpha: FloatOrSchedule = 0.9,
        temperature: FloatOrSchedule = 4.0,
        matching: Literal["targets", "features", "both"] = "targets",
        feature_weight: FloatOrSchedule = 20.0,
        layer: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check_tensors("inputs", inputs)
        if len(_check_tensors("outputs", outputs)) > 1:
            raise ValueError(
                "`outputs` must be one keras.KerasTensor, the logits. Received: "
                f"outputs={outputs!r}"
            )
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.alpha = number("alpha", alpha, "[0, 1]")
        self.temperature = number("temperature", temperature, "(0, inf)")
        self.matching = check_choice(
            "matching", matching, ("targets", "features", "both")
        )
        self.feature_weight = number("feature_weight", feature_weight, "[0, inf)")
        self.layer = check_name("layer", layer)

    @property
    def has_teacher(self) -> bool:
        """Whether there is a teacher to learn from."""
        return self._lessons is not None

    def learn_from(self, teacher: keras.Model, layer: str | None = None) -> None:
        """Takes a teacher, in place of that before.

        Args:
            teacher: `keras.Model` of the same inputs, and of logits of the same
                classes. It is not changed.
            layer: Optional string. Name of the layer of the teacher whose features are
                compared. Defaults to `None`, for the last one that returns images.

        Raises:
            ValueError: If the teacher has other inputs or outputs, or no such layer.
        """
        shapes = [
            (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
            for model in (self, teacher)
        ]
        if not isinstance(teacher, keras.Model) or shapes[0] != shapes[1]:
            raise ValueError(
                "`teacher` must be a keras.Model from inputs of shape {} to logits of "
                "shape {}, as the student is. Received: {}".format(
                    *shapes[0],
                    "{} to {}".format(*shapes[1])
                    if isinstance(teacher, keras.Model)
                    else repr(teacher),
                )
            )
        student = self
        if self.matching != "targets":
            teacher = _with_features(teacher, check_name("layer", layer))
            student = _with_features(self, self.layer)
        self._lessons = _Lessons(teacher, student)
        if self.train_function is not None:
            # It was compiled for the teacher before.
            self.make_train_function(force=True)

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if not training or not self._is_taught or self.matching == "targets":
            return super().call(inputs, training=training, mask=mask, **kwargs)
        seen, outputs = self._lessons.student(inputs, training=training, mask=mask)
        self._lessons.seen = seen
        return outputs

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        loss = super().compute_loss(
            x=x,
            y=y,
            y_pred=y_pred,
            sample_weight=sample_weight,
            training=training,
        )
        if not training or not self._is_taught:
            return loss
        alpha = now(self.alpha)
        penalties = over_replicas(sum(ops.sum(penalty) for penalty in self.losses))
        (weight,) = tree.flatten(sample_weight) or (None,)
        taught = self._taught(x, y_pred, weight)
        return (1 - alpha) * (loss - penalties) + alpha * taught + penalties

    @property
    def _is_taught(self):
        return self.has_teacher and self.alpha != 0.0

    def _taught(self, x, y_pred, sample_weight):
        """What the teacher says of a batch, as a loss."""
        lessons, taught = self._lessons, 0.0
        said = tree.map_structure(ops.stop_gradient, lessons.teacher(x, training=False))
        (logits,) = tree.flatten(y_pred)
        if self.matching != "targets":
            seen, said = said
            alike = _difference(_likeness(seen), _likeness(lessons.seen))
            # That of the next batch must be of the next batch.
            lessons.seen = None
            taught += now(self.feature_weight) * _MEAN(alike, alike, sample_weight)
        if self.matching != "features":
            (said,) = tree.flatten(said)
            temperature = now(self.temperature)
            divergence = _divergence(said, logits, temperature)
            taught += temperature**2 * _MEAN(divergence, divergence, sample_weight)
        return taught

    def get_config(self) -> dict[str, Any]:
        network = keras.Model(self.input, self.output, name=self.name)
        return {
            "network": network.get_config(),
            "alpha": keras.saving.serialize_keras_object(self.alpha),
            "temperature": keras.saving.serialize_keras_object(self.temperature),
            "matching": self.matching,
            "feature_weight": keras.saving.serialize_keras_object(self.feature_weight),
            "layer": self.layer,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        network = keras.Model.from_config(config["network"], custom_objects)
        options = {name: value for name, value in config.items() if name != "network"}
        return cls(network.input, network.output, name=network.name, **options)


class _Lessons:
    """A teacher, and the student as it is compared with it.

    Attributes:
        teacher: `keras.Model` of logits, or of features and logits.
        student: Likewise.
        seen: Features of the student of the batch that is being trained.
    """

    def __init__(self, teacher, student):
        self.teacher, self.student, self.seen = teacher, student, None


class _Mean(keras.losses.Loss):
    """Weighs and averages values of examples as Keras does those of its losses."""

    def call(self, y_true, y_pred):
        return y_pred


_MEAN = _Mean(name="teacher", dtype="float32")


def _check_tensors(name, tensors):
    """Returns the tensors of a structure, of a functional model to be."""
    flat = tree.flatten(tensors)
    if not flat or not all(isinstance(part, keras.KerasTensor) for part in flat):
        raise ValueError(
            f"`{name}` must be a keras.KerasTensor, as of keras.Model(inputs, "
            f"outputs). Received: {name}={tensors!r}"
        )
    return flat


def _with_features(model, layer):
    """A model that returns the features of a layer beside its outputs."""
    return keras.Model(model.input, [features(model, layer).output, model.output])


def _divergence(teacher, student, temperature):
    """KL divergence of the softened probabilities of each example."""
    teacher, student = (
        ops.log_softmax(ops.cast(logits, "float32") / temperature, -1)
        for logits in (teacher, student)
    )
    return ops.sum(ops.exp(teacher) * (teacher - student), -1)


def _likeness(x):
    """How alike the examples of a batch are, each as a row of length one."""
    x = ops.reshape(ops.cast(x, "float32"), (ops.shape(x)[0], -1))
    products = ops.matmul(x, ops.transpose(x))
    squares = ops.sum(ops.square(products), -1, keepdims=True)
    # Of features that are all zero, nothing is like another.
    return products * ops.rsqrt(ops.maximum(squares, 1e-12))


def _difference(a, b):
    """Squared distance of each row."""
    return ops.sum(ops.square(a - b), -1)
