"""Which recipes each format holds, and what quantization and pruning cost.

    python benchmarks/export.py formats --backend jax
    python benchmarks/export.py quantization --backend jax
    python benchmarks/export.py pruning --backend jax

The first prints a table of recipes and formats: the largest difference of what the file
returns from what Keras predicts on the test set, as a share of the largest output, or
why it is refused. Models are those of the recipes' defaults with random weights, and a
small one of texts. The second trains the recipe images on digits and prints, of each
format and each kind of numbers, the accuracy and the size of the files. The third
prunes that recipe to several sparsities by `kdl.callbacks.MagnitudePruning`, and prints
the accuracy.

The figures are in docs/export.md.
"""

import argparse
import os
import tempfile
from pathlib import Path

# Values in place of the defaults, which take minutes to write.
SMALL = {"Text": {"buckets": 4096, "words": 1000, "longest": 0}}
RECIPES = (
    *("Images", "MetricLearning", "Segmentation", "SuperResolution", "Tabular", "Text"),
    *("Forecast", "Seq2Seq", "LanguageModel", "Autoencoder", "GAN", "Diffusion"),
)
FORMATS = "saved_model", "onnx", "litert", "openvino", "torch"
QUANTIZATIONS = None, "int8", "int4", "float16"
EXAMPLES = 8


def formats(names, wanted):
    """Prints a row for each recipe."""
    import keras

    from kdl import recipes

    print(
        f"| recipe | {' | '.join(wanted)} |\n|{'---|' * (1 + len(wanted))}", flush=True
    )
    reasons = []
    for name in names:
        cells = []
        recipe = getattr(recipes, name)()
        hp = recipes.hyperparameters(recipe, SMALL.get(name, {}))
        keras.utils.set_random_seed(0)
        model = recipe.build(hp)
        network = recipe.network(model)
        for variable in network.variables:
            # Some kernels begin at zero, and would show no difference.
            if variable.path.endswith("kernel"):
                variable.assign_add(0.05 * keras.random.normal(variable.shape))
        x, _ = recipe.network_data(model, "test", EXAMPLES)
        for format in wanted:
            found, reason = tried(network, format, x)
            cells.append(found)
            if reason:
                reasons.append(f"- `{recipe.name}` as {format}: {reason}")
        print(f"| `{recipe.name}` | {' | '.join(cells)} |", flush=True)
    print("\n", *reasons, sep="\n")


def tried(network, format, x):
    """The cell of a table, and why it is refused, if it is."""
    from kdl.deployment import export

    with tempfile.TemporaryDirectory() as folder:
        try:
            found = export(network, Path(folder) / "model", format, x)
        except ValueError as error:
            return "refused", str(error)
    return f"{found.difference:.0e}", None


def quantization(wanted, epochs):
    """Prints a row for each format."""
    import keras
    import numpy as np

    from kdl import recipes
    from kdl.deployment import export, load

    keras.utils.set_random_seed(0)
    recipe = recipes.Images()
    data = recipe.data()
    model, _ = recipes.run(recipe, **data, epochs=epochs, verbose=0)
    network, (x, y) = recipe.network(model), recipe.splits.test
    print("| format |" + "".join(f" {kind or 'float32'} |" for kind in QUANTIZATIONS))
    print("|---" * (1 + len(QUANTIZATIONS)) + "|", flush=True)
    for format in wanted:
        cells = []
        for kind in QUANTIZATIONS:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "model"
                options = {"quantize": kind} if kind else {}
                if kind == "int8":
                    options["calibration"] = data["x"][:256]
                try:
                    found = export(network, place, format, x[:EXAMPLES], **options)
                    scores = load(place)(x)
                except ValueError as error:
                    cells.append(f"refused: {str(error).partition(' Received')[0]}")
                    continue
            accuracy = np.mean(np.argmax(scores, -1) == y)
            cells.append(f"{accuracy:.4f}, {found.size / 1000:.0f} kB")
        print(f"| `{format}` | {' | '.join(cells)} |", flush=True)


def pruning(epochs, seeds):
    """Prints the accuracy at each sparsity, means of several seeds."""
    import keras
    import numpy as np

    from kdl import recipes
    from kdl.callbacks import MagnitudePruning

    print(
        "| sparsity | accuracy on the test set | weights that are zero |\n|---|---|---|"
    )
    for sparsity in (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98):
        found, zeros = [], 0.0
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            recipe = recipes.Images()
            data = recipe.data()
            hp = recipes.hyperparameters(recipe, {})
            model = recipe.build(hp)
            callbacks = []
            if sparsity:
                steps = epochs * (len(data["y"]) // hp.get("batch_size"))
                callbacks = [
                    MagnitudePruning(sparsity, begin=steps // 4, end=3 * steps // 4)
                ]
            # Without a validation set, nothing restores weights of an earlier epoch.
            recipe.fit(
                *(hp, model, data["x"], data["y"]),
                epochs=epochs,
                seed=seed,
                callbacks=callbacks,
                verbose=0,
            )
            found.append(recipe.evaluate(model)["accuracy"])
            kernels = [v for v in model.trainable_variables if len(v.shape) > 1]
            values = np.concatenate(
                [np.ravel(keras.ops.convert_to_numpy(kernel)) for kernel in kernels]
            )
            zeros = float(np.mean(values == 0))
        mean, error = np.mean(found), np.std(found, ddof=1) / np.sqrt(seeds)
        print(
            f"| {sparsity:.2f} | {mean:.4f} ± {error:.4f} | {zeros:.3f} |", flush=True
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["formats", "quantization", "pruning"])
    parser.add_argument("--backend", default="jax")
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--formats", nargs="+", default=FORMATS)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    if options.what == "formats":
        formats(options.recipes, options.formats)
    elif options.what == "quantization":
        quantization(options.formats, options.epochs)
    else:
        pruning(options.epochs, options.seeds)


if __name__ == "__main__":
    main()
