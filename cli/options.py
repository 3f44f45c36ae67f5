"""What the commands of `kdl` take."""

import dataclasses
import functools
import inspect
from pathlib import Path
from typing import Annotated

import typer

# The largest number of epochs, trials and so on; a larger one is a typing error.
_MOST = 1_000_000

Recipe = Annotated[
    str,
    typer.Argument(
        help="Name of a recipe, see `kdl list`; or one of your own: my_recipe.py, "
        "my_recipe.py:Name or package.module:Name."
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:min|max]",
        help="What early stopping and a search go by, such as val_accuracy. Defaults "
        "to that of the recipe; a KerasTuner hypermodel has none.",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(help="tensorflow, jax or torch. Defaults to Keras's choice."),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data set, as `kdl.data.load` takes it: digits, gallery (other writers "
        "in the test set), tfds:NAME and so on. Defaults to that of the recipe."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a hyperparameter; `kdl describe` lists them. Repeatable.",
    ),
]
Hp = Annotated[
    Path | None,
    typer.Option(
        help="hyperparameters.json of a run or a search, or its folder, from which "
        "data and epochs are taken as well unless given. --set overrides it."
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, max=_MOST, help="Number of epochs. Defaults to that of the recipe."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=2**32 - 1, help="Random seed. The same seed gives the same training."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="For a recipe that goes on from another model: the folder of a run, a "
        ".keras file, or keras.applications:NAME.",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="For a recipe that learns from a teacher: the folder of its run.",
    ),
]
Unlabelled = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="For a recipe that learns from examples without labels, too: their data "
        "set, as of --data.",
    ),
]
Normal = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="For a recipe that finds anomalies: the class that is normal.",
    ),
]
Anomalous = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="For a recipe that finds anomalies: the class that is not normal, while "
        "all others are.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Arithmetic of model and training: float32, mixed_bfloat16, "
        "mixed_float16 or float64. Defaults to float32.",
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic",
        help="Give the same numbers, bit by bit, each time on the same device, which "
        "may take longer.",
    ),
]
Devices = Annotated[
    int,
    typer.Option(
        min=1,
        max=_MOST,
        help="Number of devices that train together, each on a part of every batch: "
        "GPUs, or else cores of the CPU.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what --out names, if it exists.")
]
Wandb = Annotated[
    str | None,
    typer.Option(
        metavar="MODE", help="Log to Weights & Biases: online, offline or disabled."
    ),
]


def takes(options):
    """Makes a command of a function of an instance of a dataclass.

    The fields of the dataclass are the options, each declared there with its help.
    """

    def decorate(command):
        @functools.wraps(command)
        def wrapper(**given):
            return command(options(**given))

        # From which typer takes the options.
        wrapper.__signature__ = inspect.signature(options)
        return wrapper

    return decorate


@dataclasses.dataclass(frozen=True)
class SingleOptions:
    """What commands take alike that prepare a recipe with one set of values."""

    recipe: Recipe
    set_: Set = None
    hp: Hp = None
    data: Data = None
    objective: Objective = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    seed: Seed = 0
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class RunOptions(SingleOptions):
    """What `kdl run` takes; the help of each option says what it is."""

    epochs: Epochs = None
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-N."),
    ] = None
    wandb: Wandb = None
    devices: Devices = 1
    deterministic: Deterministic = False


@dataclasses.dataclass(frozen=True)
class LearnOptions(SingleOptions):
    """What `kdl learn` takes; the help of each option says what it is."""

    epochs: Epochs = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-learn-N."
        ),
    ] = None


@dataclasses.dataclass(frozen=True)
class SweepOptions(SingleOptions):
    """What `kdl lr` takes; the help of each option says what it is."""

    steps: Annotated[
        int,
        typer.Option(
            min=20, max=_MOST, help="Number of training batches, one for each rate."
        ),
    ] = 100
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-lr-N."),
    ] = None


@dataclasses.dataclass(frozen=True)
class ProfileOptions(SingleOptions):
    """What `kdl profile` takes; the help of each option says what it is."""

    steps: Annotated[
        int,
        typer.Option(
            min=1, max=_MOST, help="Number of steps to measure, after the first one."
        ),
    ] = 30
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST,
            help="Examples of a step, any number. Defaults to that of the recipe.",
        ),
    ] = None
    largest_batch: Annotated[
        bool,
        typer.Option(
            "--largest-batch",
            help="Also find the largest batch that fits, and the size that trains the "
            "most examples per second, each in a process of its own.",
        ),
    ] = False
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            help="Memory of the host that --largest-batch may use. Defaults to what is "
            "free, but for one GB.",
        ),
    ] = None
    minutes: Annotated[
        float | None,
        typer.Option(
            help="End --largest-batch after this number of minutes. Defaults to 5.",
        ),
    ] = None
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for a trace of some steps, for TensorBoard or Perfetto.",
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file for all that is measured."),
    ] = None
    overwrite: Overwrite = False


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """What `kdl tune` takes; the help of each option says what it is."""

    recipe: Recipe
    trials: Annotated[
        int,
        typer.Option(
            min=1, max=_MOST, help="Number of trials in all, also of a resumed search."
        ),
    ] = 20
    data: Data = None
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:min|max]",
            help="What early stopping and a search go by, such as val_accuracy, or "
            "params, flops or latency_ms of the model. Repeatable: several search the "
            "front. Defaults to that of the recipe; a KerasTuner hypermodel has none.",
        ),
    ] = None
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME<=NUMBER",
            help="What the best trial has to meet, such as params<=100000, with <=, <, "
            ">= or >. Repeatable.",
        ),
    ] = None
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="knee|NAME<=NUMBER",
            help="Which model of the front of several objectives to keep: the knee, or "
            "the best by the first objective that meets a bound. Defaults to the best "
            "by the first.",
        ),
    ] = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    epochs: Epochs = None
    seed: Seed = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the search. A search in it is resumed. Defaults to "
            "runs/RECIPE-tune."
        ),
    ] = None
    oracle: Annotated[
        str,
        typer.Option(
            help="What proposes the trials: bayesian, random, grid, or a sampler of "
            "Optuna, such as optuna:tpe."
        ),
    ] = "bayesian"
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Fix a hyperparameter: only this value is tried. Repeatable.",
        ),
    ] = None
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="NAME=LOW,HIGH",
            help="Narrow the range of a numeric hyperparameter. Repeatable.",
        ),
    ] = None
    choices: Annotated[
        list[str] | None,
        typer.Option(
            "--choices",
            metavar="NAME=A,B",
            help="Narrow a choice to some of its values. Repeatable.",
        ),
    ] = None
    from_: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder of an earlier search, over a space that is the same in part, "
            "to begin with what it found. Repeatable.",
        ),
    ] = None
    prune: Annotated[
        bool | None,
        typer.Option(
            "--prune/--no-prune",
            help="End a trial early whose best epoch is worse than the median. The "
            "default, unless there are several objectives.",
        ),
    ] = None
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=_MOST,
            help="Score each trial by cross-validation with this number of folds.",
        ),
    ] = None
    nested: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=_MOST,
            metavar="FOLDS",
            help="Say what the search is worth: search anew in each of so many folds, "
            "and test what it finds on examples that the search has not seen.",
        ),
    ] = None
    ensemble: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=_MOST,
            help="Combine the best trials, up to this number, to the model of the "
            "search: the validation set chooses them one by one.",
        ),
    ] = None
    total_epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST**2,
            help="End the search after this number of epochs in all.",
        ),
    ] = None
    minutes: Annotated[
        float | None, typer.Option(help="End the search after this number of minutes.")
    ] = None
    wandb: Wandb = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log each trial for TensorBoard.")
    ] = False
    deterministic: Deterministic = False
    engine: Annotated[
        str, typer.Option(help="Where trials run: local, or ray, a Ray cluster.")
    ] = "local"
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=_MOST, help="Number of trials that run in parallel on a cluster."
        ),
    ] = 1
    devices: Devices = 1
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="Print one line per trial instead of a live table."
        ),
    ] = False
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class CrossValidateOptions(SingleOptions):
    """What `kdl cross-validate` takes; the help of each option says what it is."""

    epochs: Epochs = None
    folds: Annotated[
        int | None,
        typer.Option(min=2, max=_MOST, help="Number of folds. Defaults to 5."),
    ] = None
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="How often to draw the folds. Defaults to once."
        ),
    ] = None
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out", help="Test on one example at a time, all of them."
        ),
    ] = False
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of a table that is no input: rows with the same value, such "
            "as those of one person, stay in one fold.",
        ),
    ] = None
    scoring: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Metric of scikit-learn, such as f1_macro. Repeatable. Defaults to "
            "the loss and the metrics of the model.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=_MOST, help="Number of folds that train side by side, on Ray."
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the folds, which are resumed if it has some. Defaults to "
            "runs/RECIPE-cross-validate."
        ),
    ] = None


@dataclasses.dataclass(frozen=True)
class CompareOptions:
    """What `kdl compare` takes; the help of each option says what it is."""

    recipe: Recipe
    vary: Annotated[
        str,
        typer.Option(
            metavar="NAME[=V1,V2,…]",
            help="The hyperparameter and the values to compare. Without values, all "
            "those of a choice are compared.",
        ),
    ]
    seeds: Annotated[
        int,
        typer.Option(
            min=1, max=_MOST, help="Number of seeds to train each value with."
        ),
    ] = 5
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Train on another sample of the training set with each seed, drawn "
            "with replacement: seeds alone vary the training, not the data.",
        ),
    ] = False
    set_: Set = None
    hp: Hp = None
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:min|max]",
            help="Metric on the test set to compare values by. Defaults to that of "
            "the recipe's objective.",
        ),
    ] = None
    data: Data = None
    objective: Objective = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    epochs: Epochs = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="First of the seeds.")
    ] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the comparison. A comparison in it is resumed. "
            "Defaults to runs/RECIPE-compare-NAME."
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Print one line per run, without a progress bar."),
    ] = False
    deterministic: Deterministic = False
    backend: Backend = None


Folder = Annotated[
    Path, typer.Argument(help="Folder that `kdl run` or `kdl tune` has left.")
]
Own = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Your recipe file, if the folder is of one. Its code is run.",
    ),
]
Averaged = Annotated[
    int | None,
    typer.Option(
        "--tta",
        metavar="N",
        min=2,
        max=1000,
        help="Average over so many variants of each input, made as the training "
        "augmented them (test-time augmentation). Defaults to none.",
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Files or folders of images, arrays (.npy, .npz), numbers (.csv, .tsv, "
        ".jsonl) or texts (.txt); or - for standard input. To classify a text, the "
        "text itself."
    ),
]
SkipDamaged = Annotated[
    bool,
    typer.Option(
        "--skip-damaged", help="Leave out images that cannot be read, and count them."
    ),
]


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What `kdl predict` takes; the help of each option says what it is."""

    folder: Folder
    inputs: Inputs
    format_: Annotated[
        str, typer.Option("--format", help="csv or jsonl, a JSON object a line.")
    ] = "csv"
    out: Annotated[
        Path | None, typer.Option(help="File to write. Defaults to standard output.")
    ] = None
    overwrite: Overwrite = False
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what is predicted as PNG, of a recipe whose outputs are "
            "images."
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST,
            help="Number of inputs predicted at once. Defaults to that of the recipe.",
        ),
    ] = None
    skip_damaged: SkipDamaged = False
    tta: Averaged = None
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What `kdl explain` takes; the help of each option says what it is."""

    folder: Folder
    inputs: Inputs
    method: Annotated[
        str,
        typer.Option(
            help="integrated_gradients, saliency or smooth_grad; of images also "
            "grad_cam, grad_cam_plus_plus or occlusion; of tables the first alone."
        ),
    ] = "integrated_gradients"
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for explanation.csv, and of images a PNG of each. Defaults to "
            "explanation, in FOLDER, for images; words and columns are printed."
        ),
    ] = None
    overwrite: Overwrite = False
    skip_damaged: SkipDamaged = False
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class GenerateOptions:
    """What `kdl generate` takes; the help of each option says what it is."""

    folder: Folder
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST,
            help="Number of images or texts. Defaults to 64 images, or to one text.",
        ),
    ] = None
    class_: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Class of the images. Defaults to all, equally often.",
        ),
    ] = None
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Beginning of the text.", show_default=False),
    ] = None
    length: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST,
            help="Tokens to write, which are characters by default. Defaults to as far "
            "as the texts go that were learned.",
        ),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="What logits are divided by before a token is drawn; with 0 it is the "
            "likeliest. Defaults to 0.7.",
        ),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Tokens are drawn among the likeliest, which have this probability "
            "together. Defaults to all.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Draws images and texts.")
    ] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the images, generated in FOLDER by default; or file for "
            "the texts, standard output by default."
        ),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class EnsembleOptions:
    """What `kdl ensemble` takes; the help of each option says what it is."""

    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of runs or searches of one recipe and the same data."
        ),
    ]
    voting: Annotated[
        str | None,
        typer.Option(
            help="soft: the mean of probabilities; hard: a vote each; mean: the mean "
            "of outputs. Defaults to soft of classes, and to mean of anything else."
        ),
    ] = None
    weights: Annotated[
        str,
        typer.Option(
            help="equal; validation: those with the least loss on the validation set; "
            "greedy: members are added one by one as long as that helps there."
        ),
    ] = "equal"
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-ensemble-N."
        ),
    ] = None
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class CalibrateOptions:
    """What `kdl calibrate` takes; the help of each option says what it is."""

    folder: Folder
    method: Annotated[
        str,
        typer.Option(
            help="temperature: logits are divided by one number; vector: each class "
            "has a factor and an offset."
        ),
    ] = "temperature"
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-calibrated-N."
        ),
    ] = None
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What `kdl export` takes; the help of each option says what it is."""

    folder: Folder
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="onnx, litert, openvino, saved_model, or torch, an exported program.",
        ),
    ]
    quantize: Annotated[
        str | None,
        typer.Option(
            help="int8, int4 or float16: numbers of fewer bits. Those of the test set "
            "say what that costs."
        ),
    ] = None
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="By how much a model may become worse when it is quantized, or it is "
            "not written: of the accuracy, or else a share of the loss. Defaults to "
            "0.01.",
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the model and metadata.json. Defaults to the name of the "
            "format, in FOLDER."
        ),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """What `kdl evaluate` takes; the help of each option says what it is."""

    folder: Folder
    data: Annotated[
        str,
        typer.Option(
            help="Data set, as `kdl.data.load` takes it. Its test set is evaluated."
        ),
    ]
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for metrics and pictures. Defaults to evaluation, in FOLDER."
        ),
    ] = None
    overwrite: Overwrite = False
    tta: Averaged = None
    recipe: Own = None
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class ExamineOptions:
    """What `kdl examine` takes; the help of each option says what it is."""

    folder: Folder
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set, as `kdl.data.load` takes it. Its test set is examined. "
            "Defaults to that of the training."
        ),
    ] = None
    curve: Annotated[
        bool,
        typer.Option(
            "--curve",
            help="Train on an eighth, a quarter, a half and all of the training set, "
            "to see whether more data help.",
        ),
    ] = False
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page. Defaults to examination, in FOLDER."),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None
