"""Ways to train what decodes a sequence, on each recipe, over the same seeds.

Teacher forcing, scheduled sampling by each decay, always its own, professor forcing and
a curriculum: as many updates of the same network, on the same data in the same order.
Errors of the test set, free-running as in use and under teacher forcing, with intervals
of 95 % by Student's t over the seeds; differences to teacher forcing are taken seed by
seed. Expected, after Bengio et al.: free-running, each decay is better than teacher
forcing. A study on a copy task found that always its own was better still.

The figures are in docs/benchmarks/sequences.md.

KERAS_BACKEND=jax python benchmarks/evidence/sequences.py dates [--seeds 5]
    [--arms ARM …] [--keep FILE] [--plot FILE.png]
"""

import argparse
import sys
import time
from pathlib import Path

import keras
import numpy as np
from comparison import interval
from kept import Kept, add_option

from kdl.data import Splits, arithmetic, dates, mackey_glass, topics
from kdl.recipes import Arithmetic, Forecast, LanguageModel, Seq2Seq, run
from kdl.recipes.sequences.sequence_recipe import predictions

SAMPLING = {"strategy": "scheduled_sampling"}
ARMS = {
    "teacher forcing": {"strategy": "teacher_forcing"},
    "linear": {**SAMPLING, "decay": "linear"},
    "exponential": {**SAMPLING, "decay": "exponential"},
    "inverse sigmoid": {**SAMPLING, "decay": "inverse_sigmoid"},
    "always own": {"strategy": "always_own"},
    "professor forcing": {"strategy": "professor_forcing"},
    "curriculum": {"strategy": "curriculum"},
}
SIDES = ("free_running", "teacher_forcing")


def fewer(splits, examples):
    """Splits of which the first part has fewer examples."""
    (x, y), validation, test = splits
    return Splits((x[:examples], y[:examples]), validation, test)


# Of each recipe, what it learns, for how long, and with which numbers: small enough to
# be repeated, and hard enough that there are mistakes left.
SETTINGS = {
    "dates": (
        lambda: Seq2Seq(fewer(dates(examples=6000), 1500)),
        {"epochs": 15, "hp": {"units": 64}},
    ),
    "arithmetic": (
        lambda: Arithmetic(arithmetic()),
        {"epochs": 15, "hp": {}},
    ),
    "language_model": (
        lambda: LanguageModel(topics(64)),
        {"epochs": 8, "hp": {"units": 128}},
    ),
    "forecast": (
        lambda: Forecast(mackey_glass(horizon=60, steps=4000, delay=30.0)),
        {"epochs": 12, "hp": {"units": 32}},
    ),
}


def train(name, arm, seed):
    """Trains once, and returns errors of the test set, by side and by step."""
    make, options = SETTINGS[name]
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    recipe = make()
    # As many updates for each, of which those of the best epoch are kept.
    hp = {**options["hp"], **ARMS[arm], "patience": 30}
    start = time.process_time()
    epochs = options["epochs"]
    model, _ = run(recipe, **recipe.data(), hp=hp, epochs=epochs, seed=seed, verbose=0)
    result = {"seconds": time.process_time() - start}
    test = recipe.test_data()
    for side in SIDES:
        outputs = predictions(model, side, test["x"])
        result[side] = errors(name, outputs, test["y"]).tolist()
        if name != "forecast":
            wrong = (outputs.argmax(-1) != test["y"])[test["y"] > 0]
            result[f"{side}, all"] = float(wrong.mean())
    if name == "language_model":
        scores = model.evaluate(**test, verbose=0, return_dict=True)
        words = [row["words"] for row in recipe.continued(model, count=128)]
        known = [share for share in words if share is not None]
        result["bits per character"] = scores["bits_per_character"]
        result["share of words that are none"] = 1 - float(np.mean(known))
    return result


def errors(name, outputs, targets):
    """Errors by step: squared ones of numbers, shares of wrong ones of tokens."""
    if name == "forecast":
        return ((outputs - targets) ** 2).mean(axis=(0, 2))
    wrong = np.where(targets > 0, outputs.argmax(-1) != targets, np.nan)
    known = (targets > 0).mean(0) > 0.02  # Steps that few have would be noise.
    return np.nanmean(wrong[:, known], axis=0)


def trained(name, arms, seeds, keep):
    """Results by arm and seed, those that `keep` has from an earlier run among them."""
    known = Kept(keep)
    for seed in range(seeds):
        for arm in arms:
            if (name, arm, seed) in known:
                continue
            known[name, arm, seed] = train(name, arm, seed)
            print(f"seed {seed}, {arm}", file=sys.stderr, flush=True)
    return {arm: [known[name, arm, seed] for seed in range(seeds)] for arm in arms}


def table(name, results, measure, of):
    """Prints a measure of each arm, and how far it is from teacher forcing."""
    print(
        f"\n{measure}\n\n| arm | mean | interval | beside teacher forcing | interval |"
    )
    print("|---|---|---|---|---|")
    base = np.array([of(result) for result in results["teacher forcing"]])
    for arm, found in results.items():
        values = np.array([of(result) for result in found])
        mean, (low, high) = interval(values)
        cells = f"| {arm} | {mean:.4f} | {low:.4f} to {high:.4f} |"
        if arm == "teacher forcing":
            print(f"{cells} | |")
            continue
        difference, (least, most) = interval(values - base)
        verdict = "" if least < 0 < most else ", beyond chance"
        print(f"{cells} {difference:+.4f} | {least:+.4f} to {most:+.4f}{verdict} |")


def plot(name, results, path):
    """Draws the free-running error by step of each arm, the mean over the seeds."""
    from matplotlib.figure import Figure

    from kdl.files import write_png

    what = "root mean squared error" if name == "forecast" else "wrong characters"
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, side in zip(panels, SIDES, strict=True):
        for number, (arm, found) in enumerate(results.items()):
            curves = np.array([result[side] for result in found])
            curve = curves.mean(0)
            curve = np.sqrt(curve) if name == "forecast" else curve
            style = "-" if number < 5 else "--"
            axes.plot(np.arange(1, len(curve) + 1), curve, style, label=arm)
        axes.set_title(side.replace("_", " ").replace("free running", "free-running"))
        axes.set_xlabel("step ahead" if name == "forecast" else "position")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel(what)
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=4, fontsize=8)
    write_png(path, figure, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--arms", nargs="+", choices=ARMS, default=list(ARMS), help="these alone"
    )
    add_option(parser)
    parser.add_argument("--plot", type=Path, help="draw errors by step")
    arguments = parser.parse_args()
    name = arguments.recipe
    # All are beside teacher forcing.
    arms = [arm for arm in ARMS if arm in ("teacher forcing", *arguments.arms)]
    results = trained(name, arms, arguments.seeds, arguments.keep)
    backend = keras.backend.backend()
    print(f"$ KERAS_BACKEND={backend} python {' '.join(sys.argv)}")
    for side in SIDES:
        if name == "forecast":
            measure = f"Root mean squared error, {side.replace('_', ' ')}"
            table(name, results, measure, lambda r, s=side: np.sqrt(np.mean(r[s])))
        else:
            measure = f"Share of wrong characters, {side.replace('_', ' ')}"
            table(name, results, measure, lambda r, s=side: r[f"{s}, all"])
    for measure in ("bits per character", "share of words that are none"):
        if measure in results["teacher forcing"][0]:
            table(name, results, measure, lambda r, m=measure: r[m])
    table(name, results, "Seconds of CPU", lambda r: r["seconds"])
    if arguments.plot:
        plot(name, results, arguments.plot)


if __name__ == "__main__":
    main()
