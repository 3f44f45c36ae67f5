"""The commands of `kdl`."""

import contextlib
import errno
import gc
import importlib
import io
import re
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kdl_cli import backends
from kdl_cli.folder import reading
from kdl_cli.options.calibrate import CalibrateOptions
from kdl_cli.options.compare import CompareOptions
from kdl_cli.options.cross_validate import CrossValidateOptions
from kdl_cli.options.ensemble import EnsembleOptions
from kdl_cli.options.evaluate import EvaluateOptions
from kdl_cli.options.examine import ExamineOptions
from kdl_cli.options.explain import ExplainOptions
from kdl_cli.options.export import ExportOptions
from kdl_cli.options.generate import GenerateOptions
from kdl_cli.options.predict import PredictOptions
from kdl_cli.options.search import SearchOptions
from kdl_cli.options.shared import Backend
from kdl_cli.options.single import (
    LearnOptions,
    ProfileOptions,
    RunOptions,
    SweepOptions,
)
from kdl_cli.options.takes import takes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train recipes with Keras 3, and search their hyperparameters.",
)
# Without markup, since printed values may hold brackets.
console = Console(highlight=False, markup=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def version(asked):
    """Prints the version and exits, before anything of Keras is imported."""
    if asked:
        from importlib import metadata

        console.print(f"kdl {metadata.version('keras-kdl')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
):
    pass


@app.command("list")
def list_(backend: Backend = None):
    """Lists the recipes, and the spaces for your own recipes."""
    with refusals():
        catalogue = start(backend, "catalogue")
        console.print("Recipes, for `kdl run` and `kdl tune`", style="bold")
        console.print(catalogue.recipes_table())
        console.print("One of your own is named by its file; `kdl init` writes one.")
        console.print("\nSpaces, which recipes are made of: `kdl.spaces`", style="bold")
        console.print(catalogue.spaces_table())


@app.command()
def describe(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a recipe or a space, see `kdl list`; or a recipe of your "
            "own, such as my_recipe.py."
        ),
    ],
    backend: Backend = None,
):
    """Shows the hyperparameters of a recipe, or of a space of `kdl.spaces`.

    Their defaults, ranges, meanings and conditions.
    """
    with refusals():
        catalogue = start(backend, "catalogue")
        with told(name):
            hp, meanings, extras = catalogue.declared(name)
        console.print(catalogue.space_table(hp, meanings))
        for extra, meaning in extras.items():
            console.print(f"--{extra}: {meaning}")


@app.command()
@takes(RunOptions)
def run(options):
    """Trains a recipe, tests it, and leaves a folder with the results."""
    carry_out(options, "run", "Training")


@app.command()
@takes(SweepOptions)
def lr(options):
    """Tries learning rates on a recipe, and recommends one.

    The rate grows from batch to batch until the loss explodes.
    """
    sweep = carry_out(options, "lr", "Sweep")
    with refusals():
        sweep.suggest(console)


@app.command()
@takes(ProfileOptions)
def profile(options):
    """Says what takes the time and the memory of a training, without finishing it."""
    with refusals():
        module = start(options.backend, "measuring.profile", options=options)
        with told(options.recipe):
            work = module.Profiling(options)
        work.begin()
    with failures(), refusals():
        work.perform(console)


@app.command()
@takes(SearchOptions)
def tune(options):
    """Searches a recipe's hyperparameters, by Bayesian optimization by default.

    Run the same command to resume an interrupted search.
    """
    if options.nested is None:
        carry_out(options, "tune", "Search")
    else:
        carry_out(options, "cross_validate", "CrossValidation")


@app.command("cross-validate")
@takes(CrossValidateOptions)
def cross_validate(options):
    """Trains a recipe on several parts of the data, and tests it on the rest.

    Run the same command to resume an interrupted one.
    """
    carry_out(options, "cross_validate", "CrossValidation")


@app.command()
@takes(LearnOptions)
def learn(options):
    """Makes a recipe learn ten examples, then all of them, then the right thing.

    Says what is broken if it cannot, how large a model the data need, and how much
    regularization.
    """
    carry_out(options, "learn", "Lesson")


@app.command()
@takes(CompareOptions)
def compare(options):
    """Says which value of a hyperparameter is better, and how sure that is.

    Trains a recipe with each value and the same seeds. Run the same command to
    resume an interrupted comparison.
    """
    carry_out(options, "compare", "Comparison")


@app.command()
@takes(PredictOptions)
def predict(options):
    """Predicts what is in files, with the model that a run or a search has left."""
    with refusals():
        module = start(options.backend, "inputs.predict", errors, options)
        prediction = module.Prediction(options)
    with failures(), refusals():
        prediction.perform(errors)


@app.command()
@takes(ExplainOptions)
def explain(options):
    """Shows what of an input a prediction depends on: pixels, words or columns."""
    with refusals():
        module = start(options.backend, "inputs.explain", errors, options)
        explanation = module.Explanation(options)
    with failures(), refusals():
        explanation.perform(console)


@app.command()
@takes(GenerateOptions)
def generate(options):
    """Makes images or texts, with the model that a run or a search has left."""
    with refusals():
        module = start(options.backend, "generate", errors, options)
        generation = module.Generation(options)
    with failures(), refusals():
        generation.perform(console)


@app.command()
@takes(EvaluateOptions)
def evaluate(options):
    """Tests the model that a run or a search has left on new data."""
    with refusals():
        module = start(options.backend, "evaluate", options=options)
        evaluation = module.Evaluation(options)
        evaluation.begin()
    with failures(), refusals():
        evaluation.perform(console)


@app.command()
@takes(EnsembleOptions)
def ensemble(options):
    """Combines the models of several runs to one, and leaves a folder with it."""
    with refusals():
        module = start(options.backend, "trained.ensemble", options=options)
        work = module.Ensembling(options)
        work.begin()
    with failures(), refusals():
        work.perform(console)


@app.command()
@takes(CalibrateOptions)
def calibrate(options):
    """Makes a classifier as sure as it is right, and leaves a folder with it.

    The validation set decides; the test set says whether it helped.
    """
    with refusals():
        module = start(options.backend, "trained.calibrate", options=options)
        work = module.Calibration(options)
        work.begin()
    with failures(), refusals():
        work.perform(console)


@app.command()
@takes(ExportOptions)
def export(options):
    """Writes a trained model as a file that runs without Keras, and compares it."""
    with refusals():
        module = start(options.backend, "trained.export", options=options)
        exporting = module.Exporting(options)
    with failures(), refusals():
        exporting.perform(console)


@app.command()
@takes(ExamineOptions)
def examine(options):
    """Says where a model errs, and what may be wrong with the data, on a page."""
    with refusals():
        module = start(options.backend, "trained.examine", options=options)
        examination = module.Examination(options)
        examination.begin()
    with failures(), refusals():
        examination.perform(console)


@app.command()
def init(
    name: Annotated[
        str, typer.Argument(help="Name of the recipe, of which the file is NAME.py.")
    ],
    like: Annotated[
        str,
        typer.Option(
            help="The task to begin with: images, tabular, forecast, seq2seq or "
            "language_model."
        ),
    ] = "images",
):
    """Writes a recipe file of your own, which runs as it is."""
    from kdl_cli.commands import init

    with refusals():
        for line in init.write(name, like):
            console.print(line)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder that one of the other commands has left.")
    ],
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="knee|NAME<=NUMBER",
            help="Show which trial of the front of several objectives this is: the "
            "knee, or the best by the first objective that meets a bound.",
        ),
    ] = None,
):
    """Shows what another command has left in its folder, finished or not.

    Of a search it also writes a page with charts into the folder.
    """
    from kdl_cli.folder.report import parts

    with refusals():
        search = None
        if place := reading.tuner_folder(folder):
            # Reading a search imports Keras; any backend will do.
            backends.choose()
            with without_collection():
                from kdl.tuning import read_search

            search = read_search(place)
        if pick is not None:
            from kdl_cli.folder.report import picked

            for part in picked(folder, search, pick):
                console.print(part)
            return
        for part in parts(folder, search):
            console.print(part)
        if search:
            from kdl_cli.page import page

            console.print(f"\nAs a page with charts: {page.write(folder, search)}")


def start(requested, name, output=console, options=None):
    """Chooses the backend, and returns the module of a command, which imports Keras.

    Prints the backend if the user did not choose one.
    """
    backend, reason = backends.choose(requested)
    precision = getattr(options, "precision", None)
    if reading.reads_float64(options):
        precision = "float64"
    backends.prepare(backend, precision, getattr(options, "deterministic", False))
    if reason:
        output.print(f"Backend: {backend} ({reason}; --backend chooses)", style="dim")
    with without_collection():
        module = importlib.import_module(f"kdl_cli.commands.{name}")
    if getattr(options, "deterministic", False):
        from kdl_cli.commands.training.devices import be_deterministic

        be_deterministic()
    return module


def carry_out(options, name, kind):
    """Plans, prepares and performs a command, by the class `kind` of its module."""
    with refusals():
        module = start(options.backend, f"training.{name}", options=options)
        work = getattr(module, kind)(planned(module, options))
        work.begin()
    with failures():
        work.perform(console)
    return work


def planned(module, options):
    """Returns the plan of a command, for which code of the user may run."""
    with told(options.recipe):
        return module.plan(options)


def told(name):
    """Tells an error in the code of the user, in the recipe `name`, by its lines."""
    from kdl.recipes.own import user_code

    return user_code.told(f"{name} failed:")


@contextlib.contextmanager
def without_collection():
    """Imports faster: the garbage collector takes a sixth of the time of Keras."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def refusals():
    """Turns errors about the user's options into a message and exit code 2."""
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror and error.filename:
            text = f"{error.filename} cannot be used: {error.strerror}."
        end(text, 1 if is_full(error) else 2)
    except Exception as error:
        end_in_user_code(error, 2)
        raise


@contextlib.contextmanager
def failures():
    """Turns some errors of a training into a message and exit code 1.

    They are files that cannot be written, an objective that is not reported, data that
    cannot be learned, and errors in the code of the user.
    """
    from keras_tuner.errors import FatalValueError

    from kdl.files import WriteError
    from kdl.parallel.devices import LostProcessError
    from kdl.recipes.training.training_data import DataError

    try:
        yield
    except (WriteError, FatalValueError, DataError, LostProcessError) as error:
        end(error, 1)
    except Exception as error:
        end_in_user_code(error, 1)
        if "eterministic" in str(error) and (operation := _WITHOUT.search(str(error))):
            end(f"{operation[0]}: train without --deterministic.", 1)
        raise


# What PyTorch and TensorFlow say of an operation whose results vary.
_WITHOUT = re.compile(
    r"\S+ does not have a deterministic implementation"
    r"|[^.\n]*[Dd]eterministic[^.\n]* not (?:yet )?(?:available|supported)[^.\n]*"
)


def end_in_user_code(error, code):
    """Ends with the lines of the user's code that an error comes from, if any."""
    if isinstance(error, typer.Exit):
        return
    user_code = sys.modules.get("kdl.recipes.own.user_code")
    lines = user_code and user_code.own_lines(error)
    if lines:
        end(f"Your recipe failed:\n{lines}", code)


def is_full(error):
    """Whether the disk is full, which is not the fault of an option."""
    found = {getattr(part, "errno", None) for part in (error, error.__cause__)}
    return not found.isdisjoint({errno.ENOSPC, errno.EDQUOT})


def end(error, code):
    # A file's name may hold bytes that are not text and cannot be printed.
    text = str(error).encode(errors="backslashreplace").decode()
    errors.print(f"Error: {text}", style="red")
    raise typer.Exit(code) from None


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Prints a warning as one sentence, without the line of code that it is of."""
    errors.print(f"Warning: {message}", style="yellow")


def main():
    """Entry point of the console script."""
    warnings.showwarning = show_warning
    for stream in (sys.stdout, sys.stderr):
        # A folder's name may not be text, and a terminal may lack a character.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as stopped:
        if stopped.code == 130:
            # At a second Ctrl-C, background threads would print errors as they end.
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), signal.SIG_IGN)
        raise
