"""What may be wrong with a fit."""

import dataclasses

ADVICE = {
    "nan_in_data": (
        "Find the examples with `np.isfinite` and leave them out or fill them in. "
        "Look for divisions by zero in the preprocessing."
    ),
    "labels_out_of_range": (
        "Number the classes from 0 on, as `np.unique(y, return_inverse=True)[1]` does, "
        "and give the last layer a unit for each. Targets of a binary or one-hot "
        "cross-entropy are 0 and 1, or in between."
    ),
    "nan_from_layer": (
        "Keep the logarithms, roots and divisions of the layer away from zero, their "
        "gradients too: `sqrt(x + 1e-6)` rather than `sqrt(x)`."
    ),
    "exploding_gradients": (
        "Clip gradients with `global_clipnorm=1.0` in the optimizer. Scale the inputs "
        "to about 1, use an orthogonal or Glorot initializer, and an LSTM or GRU in "
        "place of a simple RNN."
    ),
    "rate_too_high": (
        "Divide the learning rate by 10. Warm it up with `kdl.schedules.Warmup` if "
        "only the first updates are too large."
    ),
    "nan_from_batch": (
        "Look at the examples of that batch for values that are not finite, in inputs, "
        "targets and weights, and for labels that are no class. If they are fine, clip "
        "gradients with `global_clipnorm=1.0`."
    ),
    "nan_in_weights": (
        "Look for single examples, in inputs, targets and weights, with values that "
        "are not finite. A ReLU may make 0 of NaN, so that the loss does not tell."
    ),
    "nan_loss": (
        "Check inputs and targets with `np.isfinite`, and that integer labels are from "
        "0 to the number of classes less one. If they are fine, divide the learning "
        "rate by 10. Let the loss take logits, with `from_logits=True`, in place of "
        "probabilities."
    ),
    "vanishing_gradients": (
        "Use ReLU or GELU in place of sigmoid and tanh, He's or Glorot's initializer, "
        "and batch or layer normalization. Add residual connections, or take layers "
        "away."
    ),
    "dead_units": (
        "Lower the learning rate, and start again: dead units do not come back. Scale "
        "the inputs, or use LeakyReLU or GELU in place of ReLU."
    ),
    "activation_scale": (
        "Scale inputs and targets to a mean of 0 and a deviation of 1. Use He's "
        "initializer for ReLU, Glorot's for tanh, or normalize the layer's outputs."
    ),
    "rate_too_low": (
        "Multiply the learning rate by 10, and again if nothing changes. See that a "
        "schedule has not ended already."
    ),
    "batch_and_rate": (
        "With few updates in an epoch, use smaller batches, or multiply the rate by "
        "the same factor as the batch. With a loss that goes up and down, use larger "
        "batches, or let the rate decay."
    ),
    "loss_spike": (
        "Look at the examples of that batch for wrong values or labels. If they are "
        "fine, clip gradients with `global_clipnorm=1.0`, or lower the learning rate."
    ),
    "no_trend": (
        "See that each label still belongs to its input, and that the inputs differ. "
        "Try to learn 32 examples by heart. Then try learning rates 10 times as high "
        "and as low."
    ),
    "imbalance": (
        "Look at each class, with `kdl.metrics.F1Score` or a confusion matrix: the "
        "loss counts classes otherwise than the accuracy. Then give the classes other "
        "weights, or move the threshold of the decision."
    ),
    "memorizing": (
        "See that each label still belongs to its input, in training and validation, "
        "and that both are prepared alike and come from the same source. Then use "
        "more data, or a smaller model."
    ),
    "overfitting": (
        "Stop at the best epoch with `kdl.callbacks.EarlyStopping`. Use more data or "
        "augmentation, dropout or weight decay, or a smaller model."
    ),
    "discriminator_won": (
        "Put `kdl.layers.SpectralNormalization` around the discriminator's layers, add "
        "`noise` to what it sees, or lower its learning rate."
    ),
    "mode_collapse": (
        "Lower the learning rate of the generator, or let the discriminator make "
        "several steps for one of it. Use larger batches, or tell both networks the "
        "class."
    ),
    "underfitting": (
        "Use a larger model, less dropout and weight decay, or inputs that say more. "
        "The rest may be noise in the targets."
    ),
}

_DATA = ("nan_in_data", "labels_out_of_range")
_NAN = (*_DATA, "nan_from_layer", "nan_from_batch", "nan_in_weights", "nan_loss")
_BROKEN = (*_NAN, "exploding_gradients", "rate_too_high")
_SLOW = ("vanishing_gradients", "dead_units", "rate_too_low", "activation_scale")

# By a finding, those that explain it, so that it is left out. Causes come first, and
# `activation_scale`, when it is that of the inputs, before what it explains.
CAUSES = {
    "nan_in_data": (),
    "labels_out_of_range": ("nan_in_data",),
    "nan_from_layer": _DATA,
    "activation_scale": (*_BROKEN, "vanishing_gradients", "dead_units"),
    "exploding_gradients": (*_NAN, "activation_scale"),
    "rate_too_high": (
        *_DATA,
        "nan_from_layer",
        "activation_scale",
        "exploding_gradients",
    ),
    "nan_in_weights": _BROKEN,
    "nan_from_batch": _BROKEN,
    "nan_loss": _BROKEN,
    "vanishing_gradients": _BROKEN,
    "dead_units": (*_BROKEN, "activation_scale", "vanishing_gradients"),
    "rate_too_low": (*_BROKEN, "vanishing_gradients", "dead_units"),
    "batch_and_rate": (*_BROKEN, *_SLOW),
    "loss_spike": (*_BROKEN, "activation_scale"),
    "no_trend": (*_BROKEN, *_SLOW, "batch_and_rate"),
    "imbalance": _BROKEN,
    "memorizing": (*_BROKEN, "no_trend"),
    "overfitting": (*_BROKEN, "no_trend", "memorizing"),
    "discriminator_won": _BROKEN,
    "mode_collapse": _BROKEN,
    "underfitting": (*_BROKEN, *_SLOW, "batch_and_rate", "no_trend", "memorizing"),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong with a fit.

    Attributes:
        name: String. Always the same for the same disease.
        epoch: Integer. Since when, counted from 0 as Keras does.
        seen: String. A sentence of what was seen.
        batch: Integer or `None`. The batch of the epoch, counted from 0.
        where: String or `None`. Path of a variable, or name of a layer.
    """

    name: str
    epoch: int
    seen: str
    batch: int | None = None
    where: str | None = None

    @property
    def advice(self):
        """String. What to try, the likeliest first."""
        return ADVICE[self.name]

    def __str__(self):
        where = f" in {self.where}" if self.where else ""
        # Counted from 1, as the progress bar does.
        since = f"epoch {self.epoch + 1}"
        if self.batch is not None:
            since += f", batch {self.batch + 1}"
        return (
            f"{self.name}{where}, since {since}\n"
            f"  Seen: {self.seen}\n"
            f"  Try: {self.advice}"
        )

    def as_dict(self):
        return {**dataclasses.asdict(self), "advice": self.advice}


def sort(findings):
    """Returns findings in the order of cause and effect."""
    order = list(CAUSES)
    return sorted(findings, key=lambda finding: order.index(finding.name))
