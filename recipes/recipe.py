"""What all recipes do alike."""

import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np

from kdl import notebook
from kdl.callbacks import EarlyStopping, Resume
from kdl.callbacks.log_numbers import optimizers_of
from kdl.checks import check_integer
from kdl.data import Batches, load
from kdl.data.sources.load import check_source, load_to_test
from kdl.data.splits import Splits
from kdl.layers import Clock
from kdl.parallel.data_parallel import in_force
from kdl.private import build_step, learning_rate
from kdl.recipes.classes import relabelled
from kdl.recipes.estimator import estimator
from kdl.recipes.explanations import Explanation, explained
from kdl.recipes.reading.files import check_suffix, numbers
from kdl.recipes.reading.from_disk import (
    evaluated,
    in_order,
    is_on_disk,
    predicted,
    reading,
)
from kdl.recipes.reading.variants import Variants
from kdl.recipes.training.epoch_bar import EpochBar
from kdl.recipes.training.hyperparameters import hyperparameters
from kdl.recipes.training.precision import (
    PRECISIONS,
    arithmetic,
    check_precision,
    in_its_precision,
)
from kdl.recipes.training.training_data import check_shapes, check_training_data
from kdl.schedules import OneCycle
from kdl.typing import Arrays, HyperParameters, Image

# What `fit` goes by where the space of a recipe does not declare it.
_DEFAULTS = {"batch_size": 32, "learning_rate": 1e-3, "patience": 10}


class Recipe(keras_tuner.HyperModel):
    """Base class of recipes: a task to learn, and a space of models for it.

    Write a recipe of your own as a subclass. It states its `objective` and its
    `default_source`, declares its hyperparameters in `space(hp)`, and returns a
    compiled model from `build(hp)`. All else is inherited: loading and checking the
    data, training in one cycle with early stopping and exact resume, evaluation on the
    test set and predictions. Everything that takes a recipe of kdl takes yours.

    Three hyperparameters have a meaning for `fit` if `space` returns them:
    `batch_size` (defaults to 32), `learning_rate`, the highest rate of the cycle
    (defaults to 0.001), and `patience`, the number of epochs without improvement after
    which training stops (defaults to 10).

    Args:
        source: What to learn, as `kdl.data.load` takes it. Loaded when it is first
            needed. Defaults to `None`, the `default_source` of the class.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.
        precision: `"float32"`, `"mixed_bfloat16"`, `"mixed_float16"` or `"float64"`.
            The arithmetic of models and training, as Keras's policies of that name.
            In mixed precision, weights, losses and the last layer of a model are
            float32, unless that is a decoder, and of float16 the loss is scaled.
            Defaults to `"float32"`.
        **extras: What else the recipe takes, by a name in `extras`. Each becomes an
            attribute, `None` where it is not given.

    Attributes:
        default_source: String or `kdl.data.Splits`.
        sources: Dict of sources that only this recipe has: functions of a seed that
            return `kdl.data.Splits`, by name.
        extras: Dict of strings. What else the recipe takes besides the source, such as
            a teacher, and what that is, by name.
        objective: `keras_tuner.Objective`. What early stopping monitors and a search
            optimizes.
        epochs: Integer. Default number of epochs.
        meanings: Dict of strings. What a hyperparameter is, and its unit, by name.
            Subclasses add to those of their base.
        capacity: Tuple of names of hyperparameters that make a model larger.
        regularization: Tuple of names of hyperparameters that regularize a model, as by
            augmentation.
        takes_nan: Boolean. Whether inputs may have missing numbers.
        scores_classes: Boolean. Whether outputs for integer targets are scores of these
            classes, one for each.
        precisions: Tuple of strings. What `precision` may be.
        overlap: Optional integer. Of examples that follow each other, as windows of a
            series do, how many before and after one may hold a part of it. `None` for
            examples of which any may be drawn for a test.
        combines: Boolean. Whether predictions are made of the outputs of a model alone,
            so that several models can be combined to one, as `kdl ensemble` does.
        joins: Tuple of names among `kept` in which models may differ and still be
            combined, since `joined` makes one of theirs.
        kept: Tuple of names of attributes that predictions need besides the model,
            such as the names of the classes. Each holds JSON.
        reads: Tuple of strings. Endings of the files that `read` reads.
        reads_texts: Boolean. Whether raw inputs are texts, which `kdl predict` takes on
            the command line, too.
        at_once: Integer. How many inputs `kdl predict` reads and predicts at once,
            unless it is told another number.
        deployed: String. What `kdl export` writes of a model: a sentence of what it
            returns, for who has no kdl.
        waited: Float in `[0, 1]`. Share of the time of the last fit that its batches
            took, as `kdl.data.Batches.seconds` counts it; `None` before.

    Example:

    >>> import types
    >>> import keras_tuner
    >>> class Linear(kdl.recipes.Recipe):
    ...     default_source = "digits"
    ...     objective = keras_tuner.Objective("val_loss", "min")
    ...
    ...     def space(self, hp):
    ...         return types.SimpleNamespace(l2=hp.Float("l2", 0.0, 0.1, default=0.01))
    ...
    ...     def build(self, hp):
    ...         penalty = keras.regularizers.L2(self.space(hp).l2)
    ...         dense = keras.layers.Dense(10, kernel_regularizer=penalty)
    ...         model = keras.Sequential([keras.layers.Flatten(), dense])
    ...         loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ...         model.compile("adam", loss)
    ...         return model
    >>> recipe = Linear()
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    """

    default_source: str | Splits | None = None
    sources: dict[str, Callable[[int], Splits]] = {}
    extras: dict[str, str] = {}
    objective: keras_tuner.Objective = keras_tuner.Objective("val_loss", "min")
    epochs: int = 20
    meanings: dict[str, str] = {
        "batch_size": "examples of a training step",
        "learning_rate": "highest learning rate of the cycle",
        "patience": "epochs without improvement before training stops",
    }
    capacity: tuple[str, ...] = ()
    regularization: tuple[str, ...] = ()
    takes_nan: bool = False
    scores_classes: bool = True
    precisions: tuple[str, ...] = PRECISIONS
    overlap: int | None = None
    combines: bool = True
    joins: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    reads: tuple[str, ...] = (".npy", ".npz", ".csv", ".tsv", ".jsonl")
    reads_texts: bool = False
    at_once: int = 256
    deployed: str = "It returns the outputs of the model."
    waited: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.meanings = {**super(cls, cls).meanings, **cls.meanings}
        if "build" in vars(cls):
            cls.build = in_its_precision(cls.build)

    # Whether its `fit` may declare hyperparameters, and report other metrics.
    fits_by_itself = False

    # KerasTuner's hypermodels, as recipes, have no constructor of this class.
    _precision = "float32"

    def __init__(
        self,
        source: str | Splits | None = None,
        seed: int = 0,
        precision: Literal[
            "float32", "mixed_bfloat16", "mixed_float16", "float64"
        ] = "float32",
        **extras: Any,
    ) -> None:
        super().__init__(name=words(type(self).__name__))
        self.source = self.check_source(
            self.default_source if source is None else source
        )
        self.seed = check_integer("seed", seed, "[0, 4294967296)")
        self.precision = precision
        self.take(extras)

    @property
    def precision(self) -> str:
        return self._precision

    @precision.setter
    def precision(self, precision: str) -> None:
        self._precision = check_precision("precision", precision, self.precisions)

    def take(self, extras: dict[str, Any]) -> None:
        """Takes what else there is besides the source; what is not given is `None`.

        A recipe that has `extras` of its own overrides this to check them.

        Args:
            extras: Dict of values by name.

        Raises:
            ValueError: If the recipe takes nothing of that name.
        """
        for name in extras:
            if name not in self.extras:
                known = ", ".join(f"`{name}`" for name in self.extras)
                raise ValueError(
                    f"The recipe {self.name!r} takes no `{name}`."
                    + (f" It takes {known}." if known else "")
                )
        vars(self).update({name: extras.get(name) for name in self.extras})

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        """Declares the whole search space; its defaults are the recipe.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Returns:
            `types.SimpleNamespace` of values by name.
        """
        raise NotImplementedError

    def check_source(self, source: str | Splits) -> str | Splits:
        """Returns `source`, provided it is one of `sources`, or of `kdl.data.load`.

        Raises:
            ValueError: If it is not.
        """
        is_own = isinstance(source, str) and source in self.sources
        if self.sources and isinstance(source, str) and not is_own:
            try:
                return check_source(source)
            except ValueError as error:
                own = ", ".join(map(repr, self.sources))
                text = str(error).replace("must be ", f"must be {own}, ", 1)
                raise ValueError(text) from None
        return source if is_own else check_source(source)

    def check(self, splits: Splits) -> Splits:
        """Returns `splits`, provided the recipe can learn them.

        Raises:
            ValueError: If it cannot.
        """
        return splits

    def check_training(self, splits: Splits) -> None:
        """Refuses `splits` that can be tested on, as `check` says, but not learned.

        Raises:
            ValueError: If they are such.
        """

    def inputs(self, raw: Any) -> Any:
        """Returns raw inputs, as the source has them, as the model takes them."""
        return raw

    def inputs_for(self, model: keras.Model, x: Arrays) -> Any:
        """Returns inputs as one model takes them.

        What `inputs` and `data` return is for all models of the recipe. A recipe
        overrides this where hyperparameters decide what a model takes, such as the size
        of its vocabulary. Defaults to the inputs themselves.

        Args:
            model: `keras.Model` of this recipe.
            x: Inputs, as `inputs` returned them.
        """
        return x

    def targets_for(self, model: keras.Model, y: Arrays) -> Any:
        """Returns targets as one model takes them, as `inputs_for` does inputs."""
        return y

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        """Returns inputs and targets of a part of the splits, as `fit` takes them."""
        x, y = part
        return self.inputs(x), y

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields the raw inputs in a file, one by one.

        Args:
            path: `Path` of a file, or `"-"`, standard input.

        Yields:
            Tuple of a name, which says where in the file an input stands, and the
            input, as the source has them.

        Raises:
            ValueError: If the file is of a kind that the recipe does not read, or
                does not hold what it should.
        """
        if path != "-":
            check_suffix(path, self.reads)
        return numbers(path)

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        """Returns what outputs mean, as dicts.

        They are one for each of the raw inputs. Where an input has several, each says
        by `"input"` of which it is, counted from 0.
        """
        return [{"output": output.tolist()} for output in outputs]

    def pictures(self, raw: Any, outputs: Any) -> Iterable[Image] | None:
        """Returns outputs as images, if that is what they are.

        `kdl predict --images DIR` writes them as PNG. Defaults to `None`: a recipe has
        such images if it overrides this.

        Args:
            raw: Inputs as the source has them.
            outputs: What `outputs` returned for them.

        Returns:
            Iterable of a `PIL.Image.Image` for each of the raw inputs.
        """
        return None

    def examine(self, model: keras.Model) -> dict[str, Any]:
        """What a model makes of the test set, as pictures and tables by file name."""
        return {}

    def remarks(self, hp: HyperParameters | None = None) -> Iterator[str]:
        """Yields what is good to know before a training of these data, in sentences.

        The commands print each before they go on to the next, so that what takes its
        time between two of them is announced.

        Args:
            hp: Optional `keras_tuner.HyperParameters` of the training. Defaults to
                `None`, where there are several.
        """
        yield from ()

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        """Returns the batches that a model is fitted to.

        Args:
            p: Namespace of hyperparameters.
            x: Inputs, as `inputs` returned them.
            y: Targets.
            **options: Further arguments of `kdl.data.Batches`.
        """
        return Batches(x, y, p.batch_size, **options)

    def scores(self, model: keras.Model, x: Arrays, y: Arrays) -> dict[str, float]:
        """Returns scores of a model that are none of its metrics, floats by name.

        In a fit, the logs of each epoch have those of the validation set, by names that
        begin with `val_`. Early stopping and a search may go by them. Defaults to none.

        Args:
            model: `keras.Model` of this recipe.
            x: Inputs, as the model takes them.
            y: Targets.
        """
        return {}

    def callbacks(
        self, p: SimpleNamespace, batches: Batches, epochs: int
    ) -> Iterable[keras.callbacks.Callback]:
        """Returns the callbacks of a fit, besides early stopping."""
        return []

    @functools.cached_property
    def splits(self) -> Splits:
        """`kdl.data.Splits` of the source, with the labels of `set_state`, if any."""
        own = isinstance(self.source, str) and self.sources.get(self.source)
        splits = own(self.seed) if own else load(self.source, self.seed)
        classes = vars(self).get("classes")
        if classes is not None and splits.classes is not None:
            splits = relabelled(splits, classes)
        return self.check(splits)

    def test_on(self, source: str | Splits) -> None:
        """Takes data that the model has not learned from as the test set.

        `evaluate` and `examine` then look at the test set that the source came with,
        or else at all of its examples.

        Args:
            source: As of `kdl.data.load`.

        Raises:
            ValueError: If the source is unknown, or is nothing for this recipe.
        """
        self.source = self.check_source(source)
        own = isinstance(source, str) and self.sources.get(source)
        if own or "classes" not in self.kept:
            splits = (own(self.seed) if own else load(source, self.seed)).tested_whole()
        else:
            splits = load_to_test(source, self.seed, self.classes)
            if splits.classes is not None and self.classes is not None:
                splits = relabelled(splits, self.classes)
        self.splits = self.check(splits)

    def data(self) -> dict[str, Any]:
        """Keyword arguments of `model.fit`: the training and the validation set."""
        self.check_training(self.splits)
        x, y = self.encode(self.splits.train)
        return {
            "x": x,
            "y": y,
            "validation_data": self.encode(self.splits.validation),
        }

    def test_data(self) -> dict[str, Any]:
        """Keyword arguments of `model.evaluate`: the test set.

        Of inputs on disk, `x` are `kdl.data.Batches`, which hold the targets.
        """
        x, y = self.encode(self.splits.test)
        return {"x": in_order(x, y)} if is_on_disk(x) else {"x": x, "y": y}

    def fit(
        self,
        hp: HyperParameters,
        model: keras.Model,
        x: Arrays,
        y: Arrays,
        *,
        sample_weight: Arrays | None = None,
        validation_data: tuple[Any, ...] | None = None,
        initial_epoch: int = 0,
        epochs: int | None = None,
        seed: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Fits a model to arrays, in one cycle from `initial_epoch` to `epochs`.

        The arguments are those of `model.fit`, and `seed`, which draws the order of
        the examples and their augmentation. The batch size is a hyperparameter. In a
        notebook, one line takes the place of the progress that Keras prints.

        Raises:
            ValueError: If an argument of `model.fit` is given that the recipe decides,
                or if the data are as `check_training_data` refuses them.
        """
        self.check_options(kwargs)
        if validation_data is not None:
            validation_data = self.pair_for(model, *validation_data)
        check_training_data(
            model,
            *self.pair_for(model, x, y),
            validation_data,
            self.takes_nan,
            self.scores_classes,
        )
        p = SimpleNamespace(**{**_DEFAULTS, **vars(self.space(hp))})
        epochs = self.epochs if epochs is None else epochs
        parallel, options, fit = in_force(), {}, model.fit
        if parallel is not None:
            parallel.check_batch_size(p.batch_size)
            options = {"shard": parallel.shard}
            fit = functools.partial(parallel.fit, model)
        batches = self.batches(
            p,
            x,
            y,
            seed=seed,
            remainder="drop",
            epoch=initial_epoch,
            sample_weight=sample_weight,
            **options,
        )
        # Only now is the length of the cycle known, which has two steps at least.
        steps = max(2, (epochs - initial_epoch) * len(batches))
        cycle = OneCycle(p.learning_rate, steps)
        *_, optimizer = optimizers_of(model)
        if not _is_schedule(learning_rate(optimizer), cycle):
            model.optimizer.learning_rate = cycle
            if model.train_function is not None:
                # It was compiled for the cycle of the fit before.
                model.make_train_function(force=True)
        with arithmetic(self.precision):
            build_step(model, batches[0])
        # A model that has been fitted begins another cycle.
        for variable in model.optimizer.variables:
            # There are several where one is made of others.
            if variable.name == "iteration":
                variable.assign(0)
        for layer in model.layers:
            if isinstance(layer, Clock):
                layer.batches.assign(0)
        ours = list(self.callbacks(p, batches, epochs))
        if validation_data is not None:
            # Before what goes by them.
            ours.insert(0, _Scores(self.scores, *validation_data[:2]))
            if is_on_disk(validation_data[0]):
                validation_data = in_order(*validation_data)
            stop = EarlyStopping(
                self.objective.name,
                mode=self.objective.direction,
                patience=p.patience,
                restore_best_weights=True,
                verbose=0,
            )
            ours.append(stop)
        callbacks = callbacks or []
        # Others, which set a number by the epoch alone, remember nothing.
        remembered = [callback for callback in ours if hasattr(callback, "get_state")]
        for callback in callbacks:
            if isinstance(callback, Resume):
                callback.cover(batches, remembered)
        if notebook.takes_over(kwargs.get("verbose", "auto")):
            kwargs["verbose"] = 0
            callbacks = [*callbacks, EpochBar(epochs, self.objective)]
        kwargs.setdefault("validation_batch_size", max(32, p.batch_size))
        begun, before = time.perf_counter(), batches.seconds
        with reading(batches, validation_data), arithmetic(self.precision):
            history = fit(
                batches,
                shuffle=False,
                validation_data=validation_data,
                initial_epoch=initial_epoch,
                epochs=epochs,
                # Ours come first, so that a checkpoint sees what they changed.
                callbacks=[*ours, *callbacks],
                **kwargs,
            )
        took = time.perf_counter() - begun
        self.waited = (batches.seconds - before) / took
        return history

    def check_options(self, kwargs: dict[str, Any]) -> None:
        """Refuses arguments of `model.fit` that the recipe decides."""
        for name in ("batch_size", "shuffle", "validation_split"):
            if name in kwargs:
                raise ValueError(f"The recipe {self.name!r} takes no `{name}` in `fit`")

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        """Returns a model's loss and metrics on the test set, a dict of floats."""
        return evaluated(model, *self.pair_for(model, **self.test_data()))

    def predict(self, model: keras.Model | Variants, raw: Any) -> list[dict[str, Any]]:
        """Predicts what raw inputs are.

        Args:
            model: `keras.Model` of this recipe.
            raw: Inputs as the source has them, such as an array of images or a list
                of texts.

        Returns:
            List of dicts, one or more for each input.

        Raises:
            ValueError: If the inputs do not have the shape that the model takes.
        """
        return self.rows(raw, self.outputs(model, raw))

    def outputs(self, model: keras.Model | Variants, raw: Any) -> Any:
        """Returns the outputs of a model for raw inputs, of which `rows` makes rows.

        Raises:
            ValueError: If the inputs do not have the shape that the model takes.
        """
        x, _ = self.pair_for(model, self.inputs(raw))
        check_shapes("`raw`", x, getattr(model, "input_shape", None))
        return predicted(model, x)

    def network(self, model: keras.Model) -> keras.Model:
        """Returns what `kdl export` writes of a model, a `keras.Model` of one pass.

        It is the model itself. A recipe overrides this where predictions need a part
        alone, or several passes.
        """
        return model

    def network_data(
        self,
        model: keras.Model,
        part: Literal["train", "validation", "test"],
        count: int,
    ) -> tuple[Any, Any]:
        """Returns examples as `network` takes them, arrays in memory.

        Args:
            model: `keras.Model` of this recipe.
            part: String. `"train"`, `"validation"` or `"test"`.
            count: Integer. How many, at most; spread over the part.

        Returns:
            Tuple of inputs and targets, or of inputs and `None` if the network has no
            targets.
        """
        x, y = self.encode(getattr(self.splits, part))
        length = len(keras.tree.flatten(x)[0])
        rows = np.unique(np.linspace(0, length - 1, min(count, length)).astype(int))
        # What is on disk is read here.
        some = keras.tree.map_structure(lambda each: each[rows], (x, y))
        return self.pair_for(model, *some)

    def explain(
        self, model: keras.Model, raw: Any, method: str = "integrated_gradients"
    ) -> Explanation:
        """Says what of raw inputs the outputs of a model depend on.

        It knows images, and rows of numbers, of which the model returns a score for
        each class, or a number. A recipe of other inputs overrides this.

        Args:
            model: `keras.Model` of this recipe.
            raw: As of `predict`.
            method: String, the name of a function of `kdl.attribution`:
                `"integrated_gradients"`, `"saliency"` or `"smooth_grad"`; of images
                also `"grad_cam"`, `"grad_cam_plus_plus"` or `"occlusion"`. Defaults to
                `"integrated_gradients"`.

        Returns:
            Tuple of two: `rows`, a list of dicts, as `predict` returns them, and
            `pictures`, a list of a `PIL.Image.Image` for each input or `None`.

        Raises:
            ValueError: If inputs or outputs of the recipe are of another kind, or if
                the method is none for them.
        """
        return explained(self, model, raw, method)

    def estimator(self, model: keras.Model) -> Any:
        """Returns a trained model as a fitted estimator of scikit-learn.

        It takes inputs as the source has them, of a table also a data frame, and is for
        what looks at estimators, such as `sklearn.inspection.permutation_importance`. A
        classifier predicts labels, integers.

        Args:
            model: `keras.Model` of this recipe.

        Raises:
            ValueError: If it predicts neither one class nor one number an example.
        """
        return estimator(self, model, self.splits.test[1])

    def pair_for(
        self,
        model: keras.Model | Variants,
        x: Arrays,
        y: Arrays | None = None,
        *weights: Any,
    ) -> tuple[Any, ...]:
        """Returns inputs, targets and maybe weights as a model takes them."""
        if isinstance(model, Variants):
            # They are made of inputs as they are.
            return (x, self.targets_for(model.model, y), *weights)
        return (self.inputs_for(model, x), self.targets_for(model, y), *weights)

    def averaged(
        self,
        model: keras.Model,
        count: int = 2,
        hp: Mapping[str, Any] | None = None,
        merge: Literal["probabilities", "logits"] = "probabilities",
    ) -> keras.Model | Variants:
        """Returns a model that predicts means over variants of each input.

        That is test-time augmentation: of an image, say, and its mirror image. What it
        returns is for `predict` and `evaluate`.

        Args:
            model: `keras.Model` of this recipe.
            count: Integer in `[2, 1000]`. Number of variants, of which the first is the
                input itself. It takes as many times as long. Defaults to `2`.
            hp: Optional dict of all values of the training by name: variants are made
                as its augmentation was. Defaults to `None`, the recipe's own.
            merge: `"probabilities"` or `"logits"`. Which of them are averaged. Defaults
                to `"probabilities"`.

        Raises:
            ValueError: If inputs of this recipe have no variants.
        """
        raise ValueError(
            f"The recipe {self.name!r} has no variants of an input to average over."
        )

    def values_of(self, hp: Mapping[str, Any] | None = None) -> SimpleNamespace:
        """Returns values as a namespace; those of the recipe if there are none.

        Where all are given, no data are needed, as the space may need them.
        """
        return SimpleNamespace(**hp) if hp else self.space(hyperparameters(self, {}))

    def get_state(self, model: keras.Model | None = None) -> dict[str, Any]:
        """Returns what predictions need besides the model, a dict of JSON.

        Args:
            model: Optional `keras.Model` that is saved beside the state. A recipe may
                need it to compute the state, such as mean embeddings. Defaults to
                `None`.
        """
        return {name: getattr(self, name) for name in self.kept}

    def joined(
        self, models: Sequence[keras.Model], states: Sequence[Mapping[str, Any]]
    ) -> tuple[list[keras.Model], dict[str, Any]]:
        """Returns models that take the same inputs, to be combined to one.

        Args:
            models: List of `keras.Model`s of this recipe.
            states: List of what `get_state` returned of each. They differ in `joins`
                alone.

        Returns:
            Tuple of a list of `keras.Model`s, and of the state that belongs to them.
        """
        return list(models), dict(states[0])

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what `get_state` returned, in place of what the source says.

        Raises:
            ValueError: If something is missing.
        """
        for name in self.kept:
            if name not in state:
                raise ValueError(
                    f"The state of the recipe {self.name!r} must have {name!r}. It "
                    f"has: {', '.join(map(repr, state)) or 'nothing'}"
                )
            vars(self)[name] = state[name]


class _Scores(keras.callbacks.Callback):
    """Puts scores of the validation set into the logs.

    Args:
        scores: Function of a model, inputs and targets, which returns a dict.
        x: Inputs.
        y: Targets.
    """

    def __init__(self, scores, x, y):
        super().__init__()
        self.scores, self.x, self.y = scores, x, y

    def on_epoch_end(self, epoch, logs=None):
        # Not each epoch need be validated.
        if "val_loss" in logs:
            scores = self.scores(self.model, self.x, self.y)
            logs |= {f"val_{name}": value for name, value in scores.items()}


def words(name):
    """Returns the name of a class or a function in words.

    `LanguageModel` is language_model, and `Seq2Seq` seq2seq.
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_schedule(rate, schedule):
    """Whether a learning rate is a schedule like another one."""
    alike = type(rate) is type(schedule)
    return alike and rate.get_config() == schedule.get_config()
