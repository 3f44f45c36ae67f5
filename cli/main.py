"""The commands of `kdl`: what they take, and the order in which things happen."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kdl_cli import backends, reports

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train recipes with Keras 3, and search their hyperparameters.",
)
# Without markup: what is printed may hold brackets of any kind.
console = Console(highlight=False, markup=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

Recipe = Annotated[str, typer.Argument(help="Name of a recipe; see `kdl list`.")]
Backend = Annotated[
    str | None,
    typer.Option(help="tensorflow, jax or torch. Defaults to Keras's choice."),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="What to learn: digits, gallery (other writers in the test set) or "
        "tfds:NAME. Defaults to the recipe's own data."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A hyperparameter, as `kdl describe` names it. Repeatable.",
    ),
]
Hp = Annotated[
    Path | None,
    typer.Option(
        help="hyperparameters.json of a run or a search, or the folder it is in. "
        "--set overrides it."
    ),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Defaults to the recipe's own number.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same training.")
]

Wandb = Annotated[
    str | None,
    typer.Option(
        metavar="MODE", help="Log to Weights & Biases: online, offline or disabled."
    ),
]


@app.command("list")
def list_(backend: Backend = None):
    """Names the recipes, and the spaces for recipes of your own."""
    with refusals():
        start(backend)
        from kdl_cli import catalogue

        console.print("Recipes, for `kdl run` and `kdl tune`", style="bold")
        console.print(catalogue.recipes_table())
        console.print("\nSpaces, which recipes are made of: `kdl.spaces`", style="bold")
        console.print(catalogue.spaces_table())


@app.command()
def describe(
    name: Annotated[
        str, typer.Argument(help="Name of a recipe or a space; see `kdl list`.")
    ],
    backend: Backend = None,
):
    """Shows what a recipe, or a space of `kdl.spaces`, can vary.

    Ranges, defaults and conditions of the hyperparameters.
    """
    with refusals():
        start(backend)
        from kdl_cli import catalogue

        console.print(catalogue.space_table(catalogue.declared(name)))


@app.command()
def run(
    recipe: Recipe,
    set_: Set = None,
    hp: Hp = None,
    data: Data = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-N."),
    ] = None,
    wandb: Wandb = None,
    backend: Backend = None,
):
    """Trains a recipe, tests it, and leaves a folder with the results."""
    with refusals():
        start(backend)
        from kdl_cli.training import Training

        training = Training(recipe, data, epochs, seed, out, hp, set_ or [], wandb)
    training.perform(console)


@app.command()
def lr(
    recipe: Recipe,
    set_: Set = None,
    hp: Hp = None,
    steps: Annotated[
        int, typer.Option(min=20, help="Number of training batches to try them in.")
    ] = 100,
    data: Data = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-lr-N."),
    ] = None,
    backend: Backend = None,
):
    """Tries learning rates on a recipe, and suggests some.

    The rate grows from batch to batch until the loss explodes.
    """
    with refusals():
        start(backend)
        from kdl_cli.sweep import Sweep

        sweep = Sweep(recipe, data, steps, seed, out, hp, set_ or [])
    sweep.perform(console)
    with refusals():
        sweep.suggest(console)


@app.command()
def tune(
    recipe: Recipe,
    trials: Annotated[
        int,
        typer.Option(min=1, help="Number of trials, those of a resumed search too."),
    ] = 20,
    data: Data = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the search. A search that is there goes on. Defaults to "
            "runs/RECIPE-tune."
        ),
    ] = None,
    oracle: Annotated[
        str,
        typer.Option(
            help="What decides what to try: bayesian, random, grid, or a sampler of "
            "Optuna, such as optuna:tpe."
        ),
    ] = "bayesian",
    prune: Annotated[
        bool,
        typer.Option(
            "--prune/--no-prune",
            help="End trials early that are worse than the median.",
        ),
    ] = True,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, help="Score each trial by cross-validation in so many parts."
        ),
    ] = None,
    total_epochs: Annotated[
        int | None, typer.Option(min=1, help="End after so many epochs of all trials.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="End after so many minutes.")
    ] = None,
    wandb: Wandb = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log each trial for TensorBoard.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="Where trials run: local, or ray, a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int, typer.Option(min=1, help="Number of trials side by side on a cluster.")
    ] = 1,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Print a line a trial instead of a live table."),
    ] = False,
    backend: Backend = None,
):
    """Searches a recipe's hyperparameters, by Bayesian optimization unless told else.

    The same command goes on with a search that was interrupted.
    """
    with refusals():
        start(backend)
        from kdl_cli.search import Search

        search = Search(
            recipe,
            data,
            epochs,
            seed,
            out,
            trials,
            oracle,
            prune,
            folds,
            total_epochs,
            minutes,
            wandb,
            tensorboard,
            engine,
            workers,
            quiet,
        )
    search.perform(console)


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run, a search or a sweep.")
    ],
):
    """Shows what a run, a search or a sweep has left in its folder, finished or not.

    Of a search it also writes a page with charts into the folder.
    """
    with refusals():
        search = None
        if place := reports.tuner_folder(folder):
            # What reads a search imports Keras, on any backend that is installed.
            backends.choose()
            from kdl.tuning import read_search

            search = read_search(place)
        for part in reports.parts(folder, search):
            console.print(part)
        if search:
            from kdl_cli import page

            console.print(f"\nAs a page with charts: {page.write(folder, search)}")


def start(requested):
    """Chooses the backend, and says which where the user did not."""
    name, reason = backends.choose(requested)
    if reason:
        console.print(f"Backend: {name} ({reason}; --backend chooses)", style="dim")


@contextlib.contextmanager
def refusals():
    """Turns errors about what the user gave into one sentence and exit code 2."""
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{error.filename} cannot be used: {error.strerror}."
        errors.print(f"Error: {text}", style="red")
        raise typer.Exit(2) from None


def main():
    """Entry point of the console script."""
    app()
