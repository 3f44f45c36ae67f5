"""What the recipes of sequences share: how what they decode by is trained."""

from types import SimpleNamespace

import numpy as np
from keras.optimizers import schedules
from scipy.special import lambertw

from kdl.callbacks import Curriculum, EarlyStopping, Resume, ScheduledSampling
from kdl.data import Batches, BucketedBatches
from kdl.models import ProfessorForcing
from kdl.recipes.training_data import check_training_data
from kdl.schedules import Adjustable, InverseSigmoidDecay, OneCycle

STRATEGIES = [
    "teacher_forcing",
    "scheduled_sampling",
    "always_own",
    "professor_forcing",
    "curriculum",
]
_DECAYS = ["linear", "exponential", "inverse_sigmoid"]


def strategy_space(hp, default):
    """Declares the strategies, and what belongs to each.

    Args:
        hp: `keras_tuner.HyperParameters`.
        default: One of `STRATEGIES`.

    Returns:
        `types.SimpleNamespace` of values.
    """
    p = SimpleNamespace(strategy=hp.Choice("strategy", STRATEGIES, default=default))
    with hp.conditional_scope("strategy", ["scheduled_sampling"]):
        p.decay = hp.Choice("decay", _DECAYS, default="exponential")
        with hp.conditional_scope("decay", ["linear", "exponential"]):
            p.final_epsilon = hp.Float("final_epsilon", 0.01, 0.9, default=0.1)
    with hp.conditional_scope("strategy", ["professor_forcing"]):
        p.professor_weight = hp.Float(
            "professor_weight", 0.01, 1.0, sampling="log", default=0.1
        )
    with hp.conditional_scope("strategy", ["curriculum"]):
        # Share of the examples to begin with, and of the epochs until all are used.
        p.first_share = hp.Float("first_share", 0.1, 0.9, default=0.3)
        p.pace = hp.Float("pace", 0.1, 0.9, default=0.5)
    return p


def feeding(p):
    """Returns the arguments of a decoder that say what it is fed in training."""
    epsilon = {"always_own": 0.0, "scheduled_sampling": Adjustable(1.0)}
    professor = None
    if p.strategy == "professor_forcing":
        professor = ProfessorForcing(weight=p.professor_weight)
    return {"epsilon": epsilon.get(p.strategy, 1.0), "professor": professor}


def fit(
    p,
    model,
    x,
    y,
    *,
    objective,
    difficulty,
    epochs,
    seed,
    sample_weight=None,
    validation_data=None,
    initial_epoch=0,
    callbacks=None,
    **kwargs,
):
    """Fits a model by the strategy of `p`, in one cycle of the learning rate.

    Args:
        p: Namespace of `strategy_space`, with `batch_size`, `learning_rate` and
            `patience` besides.
        model: Compiled `keras.Model`.
        x: Inputs, arrays or structures of arrays.
        y: Targets.
        objective: `keras_tuner.Objective`, for early stopping.
        difficulty: Of a `Curriculum`: `"length"`, or `"loss"`.
        epochs: Integer.
        seed: Integer. Draws the order of the examples.
        sample_weight: Optional array of weights of the examples.
        validation_data: Optional tuple, as of `fit`.
        initial_epoch: Integer.
        callbacks: Optional list.
        **kwargs: Other arguments of `model.fit`.

    Returns:
        What `model.fit` does.

    Raises:
        ValueError: If an argument of `model.fit` is given that this one decides, or
            if the data are as `check_training_data` refuses them.
    """
    for name in ("batch_size", "shuffle", "validation_split"):
        if name in kwargs:
            raise ValueError(f"A recipe of sequences takes no `{name}` in `fit`")
    check_training_data(model, x, y, validation_data)
    options = {
        "drop_remainder": True,
        "epoch": initial_epoch,
        "sample_weight": sample_weight,
    }
    if p.strategy == "curriculum" and difficulty == "length":
        batches = BucketedBatches(x, y, p.batch_size, seed, **options)
        difficulty = batches.lengths
    else:
        batches = Batches(x, y, p.batch_size, seed, **options)
    # Only now is the length of the cycle known, which has two steps at least.
    steps = max(2, (epochs - initial_epoch) * len(batches))
    model.optimizer.learning_rate = OneCycle(p.learning_rate, steps)
    # A model that has been fitted begins another cycle.
    model.optimizer.iterations.assign(0)
    ours = []
    if p.strategy == "scheduled_sampling":
        ours.append(ScheduledSampling(decay(p, epochs)))
    if p.strategy == "curriculum":
        grown = max(1, round(p.pace * epochs))
        share = schedules.PolynomialDecay(p.first_share, grown, 1.0)
        ours.append(Curriculum(batches, difficulty, share))
    if validation_data is not None:
        ours.append(
            EarlyStopping(
                objective.name,
                mode=objective.direction,
                patience=p.patience,
                restore_best_weights=True,
                verbose=0,
            )
        )
    callbacks = callbacks or []
    # What sets epsilon by the epoch alone remembers nothing.
    remembered = [callback for callback in ours if hasattr(callback, "get_state")]
    for callback in callbacks:
        if isinstance(callback, Resume):
            callback.cover(batches, remembered)
    return model.fit(
        batches,
        shuffle=False,
        validation_data=validation_data,
        initial_epoch=initial_epoch,
        epochs=epochs,
        # Ours come first, so that a checkpoint sees what they changed.
        callbacks=[*ours, *callbacks],
        **kwargs,
    )


def decay(p, epochs):
    """Returns the schedule of epsilon by epoch.

    The inverse sigmoid is half in the middle of the training.

    Args:
        p: Namespace of `strategy_space`.
        epochs: Integer in `[1, inf)`.
    """
    last = max(1, epochs - 1)
    if p.decay == "linear":
        return schedules.PolynomialDecay(1.0, last, p.final_epsilon)
    if p.decay == "exponential":
        return schedules.ExponentialDecay(1.0, last, p.final_epsilon)
    # Half is at k log k.
    half = max(2.0, epochs / 2)
    return InverseSigmoidDecay(half / float(lambertw(half).real))


def texts(splits):
    """Returns `splits`, provided they hold pairs of texts.

    Raises:
        ValueError: If they hold something else.
    """
    for part in splits:
        x, y = map(np.asarray, part)
        is_text = all(array.dtype.kind in "UO" and array.ndim == 1 for array in (x, y))
        if not is_text or len(x) != len(y) or not len(x):
            raise ValueError(
                "`source` must hold texts, and one text for each. Received: "
                f"{x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
    return splits


def predictions(model, evaluation, x):
    """Returns what a model predicts, if its decoder is fed in one way or the other.

    Args:
        model: `keras.Model` with a decoder named `"decoder"`.
        evaluation: `"teacher_forcing"` or `"free_running"`.
        x: Inputs.
    """
    decoder = model.get_layer("decoder")
    usual, decoder.evaluation = decoder.evaluation, evaluation
    try:
        # Another model of the same layers, which Keras compiles anew.
        again = type(model)(model.inputs, model.outputs)
        inputs = [x] if not isinstance(x, dict) else [x[i.name] for i in model.inputs]
        return again.predict(inputs, verbose=0)
    finally:
        decoder.evaluation = usual


def errors_figure(errors, what, step):
    """Draws errors by step, under teacher forcing and free-running.

    Args:
        errors: Dict of arrays `(steps,)` by evaluation.
        what: String. What the errors are, for the axis.
        step: String. What the steps are.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    # Dashed, one is seen where the other is the same.
    for style, (evaluation, values) in zip(("-", "--"), errors.items(), strict=True):
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, style, label=evaluation.replace("_", " "))
    axes.set_xlabel(step)
    axes.set_ylabel(what)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
