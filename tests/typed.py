"""Calls as a user writes them, one room after the other, which mypy reads.

Nothing runs this file. A line with `type: ignore` is a mistake that mypy has to find:
one that it does not find is an ignore too many, which is an error as well.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import keras
import numpy as np

import kdl
from kdl.data import Batches, Splits

model = keras.Sequential([keras.layers.Dense(10)])
x, y = np.zeros((8, 4)), np.zeros(8, int)

# Attribution.
assert_type(kdl.attribution.grad_cam(model, x, score=3), np.ndarray)
assert_type(kdl.attribution.integrated_gradients(model, x).gap, np.ndarray)
assert_type(kdl.attribution.deletion_curve(model, x, x, steps=5).areas, np.ndarray)
kdl.attribution.occlusion(model, x, lambda outputs: outputs[:, 0], window=(3, 3))
kdl.attribution.occlusion(model, x, window="3")  # type: ignore[arg-type]
kdl.attribution.integrated_gradients(
    model,
    x,
    rule="trapezoid",  # type: ignore[arg-type]
)

# Callbacks.
early = kdl.callbacks.EarlyStopping(
    ["val_loss", "val_accuracy"], mode={"val_loss": "min"}
)
early = kdl.callbacks.EarlyStopping(criterion=kdl.callbacks.Patience(5), top_k=3)
resume = kdl.callbacks.Resume(Path("run"), callbacks=[early])
assert_type(resume.path, Path)
assert_type(kdl.callbacks.LearningRateFinder().find(model, x, y), float)
kdl.callbacks.ReduceOnPlateau(mode="lowest")  # type: ignore[arg-type]
kdl.callbacks.TensorBoardLogger(directory=3)  # type: ignore[arg-type]

# Data.
splits = kdl.data.digits("gallery", seed=3)
assert_type(splits, Splits)
assert_type(splits.classes, list[str] | None)
assert_type(kdl.data.load("penguins").summary(), dict[str, Any])
batches = Batches(x, y, 4, augment=[kdl.data.MixUp(10)], balance=True)
assert_type(len(batches), int)
assert_type(kdl.data.Characters.from_texts, Any)  # type: ignore[attr-defined]
assert_type(kdl.data.Subwords.from_texts(["a text"], size=300), kdl.data.Subwords)
assert_type(kdl.data.Characters("abc").encode(["cab"]), np.ndarray)
kdl.data.digits("random")  # type: ignore[arg-type]
kdl.data.moments(x, axis="last")  # type: ignore[arg-type]

# Deployment.
exported = kdl.deployment.export(model, Path("exported"), "onnx", tolerance=1e-3)
assert_type(exported.difference, float)
run = kdl.deployment.load(exported.path)
assert_type(run.metadata, dict[str, Any])
kdl.deployment.export(model, "exported", "onnx", overwrite="no")  # type: ignore[arg-type]

# Evaluation.
assert_type(kdl.evaluation.majority_error(5, 0.2), float)
assert_type(kdl.evaluation.reliability(x, y, bins=5).accuracy, np.ndarray)
assert_type(kdl.evaluation.slices({"size": y}, y)[0].rule, str)
assert_type(kdl.evaluation.resampled_interval([0.9, 0.8], 80, 20)[0], float)
kdl.evaluation.cross_validate(kdl.recipes.Images(), {"depth": 2}, cv=3)
kdl.evaluation.expected_calibration_error(x, y, strategy="size")  # type: ignore[arg-type]

# Initializers, layers, losses, metrics, models, optimizers, regularizers, schedules.
kdl.initializers.Xavier(gain="relu", seed=3)
kdl.initializers.Xavier(gain="swish")  # type: ignore[arg-type]
schedule = kdl.schedules.OneCycle(0.5, total_steps=1000, anneal="linear")
layer = kdl.layers.Dropout(schedule, noise_shape=(None, 1, 4))
assert_type(layer.get_config(), dict[str, Any])
assert_type(kdl.layers.StochasticDepth.linear_rates(0.2, 4), list[float])
kdl.layers.DropBlock2D(0.1, block_size=3, data_format="channels_first")
kdl.layers.DropBlock2D(0.1, block_size="3")  # type: ignore[arg-type]
kdl.layers.DropBlock2D(0.1, data_format="NHWC")  # type: ignore[arg-type]
kdl.layers.ResidualBlock()  # type: ignore[call-arg]
kdl.losses.TripletLoss(margin=None, mining="semihard")
kdl.losses.TripletLoss(mining="easy")  # type: ignore[arg-type]
assert_type(kdl.metrics.frechet_distance(x, x), float)
assert_type(kdl.metrics.ConfusionMatrix(10).matrix("true"), np.ndarray)
kdl.metrics.F1Score(10, average="mean")  # type: ignore[arg-type]
kdl.models.resnet((32, 32, 3), 10, filters=(16, 32), depth=[1, 2], stem="small")
kdl.models.resnet((32, 32, 3), 10, stem="tiny")  # type: ignore[arg-type]
decoder = kdl.models.RecurrentDecoder(keras.layers.GRUCell(8), 20, 4)
assert_type(decoder.generate(9, by=kdl.models.Sampling(0.7)).tokens, np.ndarray)
decoder.generate(9, by="beams")  # type: ignore[arg-type]
controlled = kdl.optimizers.ControlledOptimizer(
    keras.optimizers.SGD(0.1), {"dense/.*": schedule}, hyperparameters={"momentum": 0.9}
)
assert_type(controlled.values(), dict[str, float])
kdl.optimizers.ControlledOptimizer(keras.optimizers.SGD(0.1), watch="all")  # type: ignore[arg-type]
kdl.regularizers.GroupLasso(schedule, axis=[0, 1])
kdl.regularizers.GroupLasso(axis="rows")  # type: ignore[arg-type]
kdl.schedules.OneCycle(0.5, total_steps=1e3)  # type: ignore[arg-type]

# Parallel, profiling.
with kdl.parallel.DataParallel(2) as parallel:
    assert_type(parallel, kdl.parallel.DataParallel)
kdl.parallel.DataParallel("gpu")  # type: ignore[arg-type]
profile = kdl.profiling.profile(kdl.recipes.Images(), x, y, steps=5)
assert_type(profile.shares, dict[str, float])
assert_type(profile.device_memory, int | None)
kdl.profiling.profile(model, x, y, steps="few")  # type: ignore[arg-type]


# Recipes, spaces, tuning.
class Small(kdl.recipes.Images):
    default_source = "gallery"
    kept = (*kdl.recipes.Images.kept, "mean")

    def scores(self, model: keras.Model, x: Any, y: Any) -> dict[str, float]:
        return {"mean": 0.0}

    def callbacks(self, p: Any, batches: Batches, epochs: int) -> Iterator[Any]:
        yield kdl.callbacks.Adjust("learning_rate", lambda epoch: 0.1 / (1 + epoch))


recipe = Small("fashion", precision="mixed_bfloat16")
assert_type(recipe.splits, Splits)
assert_type(recipe.predict(model, x), list[dict[str, Any]])
recipe.evaluate(recipe.averaged(model, 4, merge="logits"))
_, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
assert_type(kdl.recipes.load("runs/digits")[0], kdl.recipes.Recipe)
kdl.recipes.Images(precision="float8")  # type: ignore[arg-type]


def build(hp: Any) -> keras.Model:
    assert_type(kdl.spaces.activation(hp, "dense", ["relu", "gelu"]), str)
    assert_type(kdl.spaces.optimizer.meanings, dict[str, str])
    kdl.spaces.dropout(hp, scope=3)  # type: ignore[arg-type]
    return model


tuner = kdl.tuning.BayesianOptimization(build, ["val_loss", "params"], max_trials=8)
tuner = kdl.tuning.BayesianOptimization(recipe, acquisition="ucb", directory="search")
assert_type(kdl.tuning.read_search("search").trials[0].score, float | None)
kdl.tuning.BayesianOptimization(build, "val_loss", acquisition="ts")  # type: ignore[arg-type]
kdl.tuning.MedianStopping(warmup_epochs="3")  # type: ignore[arg-type]
