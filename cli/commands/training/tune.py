"""`kdl tune`: a search over a recipe's hyperparameters, and the folder it leaves."""

import contextlib
import dataclasses
import importlib.util
import io
from pathlib import Path

import keras
import keras_tuner
import typer
from keras import tree

from kdl import recipes, tuning
from kdl.callbacks import TensorBoardLogger
from kdl.checks import check_choice, check_exclusive, check_number
from kdl.files import WriteError, hold, write_json
from kdl.parallel import DataParallel
from kdl.recipes.own.named import Named
from kdl.recipes.own.user_code import imported
from kdl.tuning import CrossValidation, MedianStopping, search_on_ray
from kdl.tuning.cross_validation import pooled
from kdl.tuning.goals.goal import Goal
from kdl.tuning.oracles.earlier import EarlierSearches
from kdl.tuning.store.files import number_of
from kdl_cli.commands import arguments, tracking
from kdl_cli.commands.members import (
    GREEDY,
    check_combines,
    combined,
    differing,
    part_for,
    rows_of,
)
from kdl_cli.commands.spaces.narrowed import Narrowing, narrow
from kdl_cli.commands.training import aims, devices
from kdl_cli.commands.training.run import test
from kdl_cli.commands.training.tuner import Tuner, Watcher, make_oracle
from kdl_cli.folder import figures, outcome, reading, report, writing
from kdl_cli.options.search import SearchOptions
from kdl_cli.terminal.live import TrialsDisplay
from kdl_cli.terminal.text import columns_table, command

# Settings in which a search and the one that resumes it have to agree.
IDENTITY = (
    *("recipe", "data", "objective", "epochs", "seed", "backend"),
    *("oracle", "prune", "folds", "precision", "objectives", "constraints"),
    *("devices", "from", *reading.EXTRAS),
)


@dataclasses.dataclass(frozen=True)
class SearchPlan:
    """What a search is to do.

    Attributes:
        options: `SearchOptions`.
        recipe: `kdl.recipes.Recipe`.
        named: `Named` that it was made of.
        space: `keras_tuner.HyperParameters` of the narrowed space, or `None`.
        settings: Dict of plain values, as `settings.json` holds them.
        goal: `kdl.tuning.goals.goal.Goal`.
        parallel: `kdl.parallel.DataParallel` of trials that run here, or `None`.
    """

    options: SearchOptions
    recipe: recipes.Recipe
    named: Named
    space: keras_tuner.HyperParameters | None
    settings: dict
    goal: Goal
    parallel: DataParallel | None = None

    @property
    def path(self):
        """`Path` of the folder."""
        return self.options.out or Path("runs") / f"{self.named.title}-tune"

    @property
    def folds(self):
        """`kdl.tuning.CrossValidation`, or `None`."""
        return CrossValidation(self.options.folds) if self.options.folds else None

    def oracle(self):
        """Returns a new oracle for the search."""
        options = self.options
        return make_oracle(
            options.oracle,
            objective=self.goal.objectives,
            constraints=[str(constraint) for constraint in self.goal.constraints],
            max_trials=options.trials,
            seed=options.seed,
            pruner=MedianStopping() if self.settings["prune"] else None,
            max_total_epochs=options.total_epochs,
            max_seconds=60 * options.minutes if options.minutes else None,
            hyperparameters=self.space,
        )

    def defaults(self):
        """Returns a name for the default values of the search, and their dict.

        They are the recipe's, unless the space was narrowed to others.
        """
        own = recipes.hyperparameters(self.recipe, {}).values
        if self.space is None or self.space.values == own:
            return outcome.DEFAULTS, own
        return outcome.NARROWED, self.space.values


def plan(options):
    """Returns the `SearchPlan` of `SearchOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    check_choice("--engine", options.engine, ("local", "ray"))
    if options.workers > 1 and options.engine == "local":
        raise ValueError("Several --workers need a cluster: --engine ray.")
    # The processes of a cluster are set up by themselves.
    check_exclusive(
        **{
            "--engine ray": options.engine == "ray",
            "--deterministic": options.deterministic,
        }
    )
    parallel = None
    if options.devices > 1:
        devices.check_trials(options.devices)
        if options.engine == "local":
            parallel = devices.data_parallel(options.devices)
    if options.minutes is not None:
        check_number("--minutes", options.minutes, "(0, 1e9]")
    if options.from_ and options.oracle != "bayesian":
        raise ValueError(
            "--from is for a search by Bayesian optimization: leave out --oracle. "
            f"Received: --oracle={options.oracle}"
        )
    # Of folds, the validation set is part of what most models have learned.
    check_exclusive(**{"--ensemble": options.ensemble, "--folds": options.folds})
    objectives = aims.given(options)
    options = aims.with_one(options, objectives)
    recipe, named = arguments.make(options)
    goal = aims.goal(options, objectives, recipe)
    if options.ensemble:
        check_combines(recipe)
    prune = len(goal.objectives) == 1 if options.prune is None else options.prune
    settings = {
        "kind": "search",
        **arguments.settings(recipe, named, options),
        **{"objective": goal.name, "direction": goal.direction},
        **aims.settings(goal, options),
        "trials": options.trials,
        "oracle": options.oracle,
        "prune": prune,
        "folds": options.folds,
        **({"ensemble": options.ensemble} if options.ensemble else {}),
        **({"devices": options.devices} if options.devices > 1 else {}),
        **({"from": [str(path) for path in options.from_]} if options.from_ else {}),
    }
    space = None
    if options.set_ or options.range_ or options.choices:
        given = Narrowing.parse(options.set_, options.range_, options.choices)
        space, given = narrow(recipe, given)
        settings |= given.settings()
    found = SearchPlan(options, recipe, named, space, settings, goal, parallel)
    # Refuse an unknown oracle or mode of W&B.
    found.oracle()
    tracking.loggers(options.wandb)
    return found


class Search:
    """A search, new or resumed, which `begin` prepares and `perform` runs.

    Args:
        plan: `SearchPlan`.
    """

    def __init__(self, plan):
        self.plan = plan

    def begin(self):
        """Loads the data, then makes or takes over the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, path, folds = self.plan, self.plan.path, self.plan.folds
        before = writing.to_resume(path, plan.settings, identity)
        self.data = arguments.load(plan.recipe)
        if folds:
            # Refuses data that cannot be split before there is a folder.
            _, targets, *_ = pooled(**self.data)
            folds.split(tree.flatten(targets)[0])
        arguments.check_objective(
            plan.recipe,
            recipes.hyperparameters(plan.recipe, {}),
            plan.options.objective,
            plan.goal,
        )
        earlier = earlier_searches(plan)
        self.folder = writing.Folder(path, plan.settings, before, plan.named.file)
        if before is None:
            # Before the tuner writes files, which need settings beside them.
            self.folder.begin()
        tracking.silence()
        self.loggers = tracking.loggers(
            plan.options.wandb, group=path.name, directory=path
        )
        if plan.options.tensorboard:
            self.loggers.append(TensorBoardLogger(path / "tensorboard"))
        with contextlib.ExitStack() as held:
            held.enter_context(hold(path, "searching"))
            # KerasTuner prints that it reloads; `perform` prints more.
            with contextlib.redirect_stdout(io.StringIO()):
                self.tuner = Tuner(
                    plan.oracle(),
                    plan.recipe,
                    folds=folds,
                    directory=path,
                    project_name="trials",
                )
            trials, there = plan.settings["trials"], len(self.tuner.oracle.trials)
            if trials < there:
                raise ValueError(
                    f"{path} holds {there} trials, so that `--trials` must be {there} "
                    f"or more. Received: {trials}"
                )
            for search in earlier:
                self.tuner.oracle.learn_from(search)
            if before is not None:
                self.folder.begin()
            self.held = held.pop_all()

    def perform(self, console):
        """Searches, tests the best model and writes the results."""
        path, epochs = self.folder.path, self.plan.settings["epochs"]
        oracle, total = self.tuner.oracle, self.plan.settings["trials"]
        if oracle.trials:
            trials = tuning.read_search(self.tuner.project_dir).trials
            ended = sum(trial.status != "running" for trial in trials)
            console.print(
                f"Resuming the search in {path}. Trials: {ended} of {total} done."
            )
        else:
            console.print(
                f"Searching into {path}. "
                f"Trials: {total}, of up to {epochs} epochs each."
            )
        arguments.tell_data(self.plan.recipe, path, console)
        # Each trial has a seed of its own. Keras imports TensorFlow at the first seed,
        # if it is installed: what that prints comes before the table.
        keras.utils.set_random_seed(self.plan.settings["seed"])
        hint = "Run the same command to resume it."
        display = TrialsDisplay(
            console,
            total,
            epochs,
            self.tuner.executions_per_trial,
            self.plan.goal,
            self.plan.options.quiet,
        )
        with self.held, writing.ending(self.folder, console, hint):
            watcher = Watcher(self.tuner.project_dir, display, self.folder)
            try:
                with display.shown():
                    self._search(
                        watcher,
                        **self.data,
                        epochs=epochs,
                        seed=self.plan.settings["seed"],
                        verbose=0,
                        callbacks=self.loggers,
                    )
            except KeyboardInterrupt:
                watcher.interrupted()
                raise
            self.finish(console)

    def _search(self, watcher, **data):
        if self.plan.options.engine == "local":
            self.tuner.watcher = watcher
            with self.plan.parallel or contextlib.nullcontext():
                self.tuner.search(**data)
        else:
            send_modules()
            search_on_ray(
                self.tuner,
                self.plan.options.workers,
                devices=self.plan.options.devices,
                on_trial_end=watcher.end,
                **data,
            )

    def finish(self, console):
        """Tests the best model, and writes and prints the results."""
        plan, path = self.plan, self.folder.path
        search = tuning.read_search(self.tuner.project_dir)
        self.folder.write_rows(reading.TRIALS, report.rows_of(search))
        for part in report.trials(path, plan.settings):
            console.print(part)
        if not search.ranked():
            reason = self.tuner.oracle.unmet()
            console.print(reason or "No trial succeeded: there is no model.")
            self._write_page(console, search, "failed")
            raise typer.Exit(1)
        best = self._pick(search, console)
        self.folder.write_hyperparameters(plan.settings["recipe"], best.values)
        self.folder.write_figure("search.png", figures.search(search))
        model, alone = self._model(best), None
        if plan.options.ensemble:
            alone = arguments.evaluate(plan.recipe, model)
            model = self._ensemble(console, search, model)
        tested = test(plan.recipe, model, self.folder, console)
        found = self._outcome(console, search, best, alone or tested)
        results = {"test": tested, **found}
        write_json(path / reading.RESULTS, results)
        for part in outcome.parts(results):
            console.print(part)
        self._write_page(console, search, "finished")
        console.print(self.folder.listing())
        for line in tracking.lines(plan.options.wandb, path):
            console.print(line)
        console.print(
            "To train with the best hyperparameters: "
            + command("run", plan.settings["recipe"], "--hp", path)
        )

    def _pick(self, search, console):
        """The trial whose model is kept, a `TrialRecord`."""
        if len(self.plan.goal.objectives) == 1:
            return self._expected_best(search, console)
        how = self.plan.options.pick
        try:
            trial = aims.with_pick(search, how)
        except ValueError as error:  # The search has ended, and is not lost for it.
            trial = search.pick()
            how, reason = None, f"{error} "
        else:
            reason = ""
        which = f"by --pick {how}" if how else f"the best by {search.objective}"
        kept = f"The model of trial {trial.number} is kept: {which}."
        console.print(f"\n{reason}{kept}")
        return trial

    def _expected_best(self, search, console):
        """The trial of which a model of all trials expects most."""
        (trial, score, error), *_ = tuning.expected_scores(search)
        seen, *_ = search.ranked()
        if error is not None:
            line = (
                f"A model of all trials expects most of trial {trial.number}: "
                f"{search.objective} {score:.4g} ± {error:.2g}."
            )
            if trial.number == seen.number:
                line += " Its score is the best as well."
            else:
                line += (
                    f" Its model is kept. The best score, {seen.score:.4g}, is of "
                    f"trial {seen.number}, of which less is expected."
                )
            console.print(f"\n{line}")
        return trial

    def _ensemble(self, console, search, model):
        """Returns an ensemble of the best trials, of which `model` is the first."""
        recipe, count = self.plan.recipe, self.plan.options.ensemble
        state, names, models, states = recipe.get_state(model), [], [], []
        for trial in search.ranked()[:count]:
            try:
                other = model if not models else self._model(trial)
            except ValueError as error:  # The weights are gone or damaged.
                console.print(str(error))
                continue
            theirs = recipe.get_state(other)
            if not differing(recipe, state, theirs):
                names.append(f"trial {trial.number}")
                models.append(other)
                states.append(theirs)
        models, state = recipe.joined(models, states)
        # As those of a folder that is read again.
        recipe.set_state(state)
        data = part_for(recipe, models[0], "validation")
        found = combined(recipe, models, data, weights=GREEDY, rounds=count)
        rows = rows_of(found, names)
        self.folder.write_rows(reading.MEMBERS, rows)
        console.print("\nThe best trials together, on the validation set:")
        console.print(columns_table(rows))
        return found.model

    def _outcome(self, console, search, best, tested):
        """Scores of the best trial, and of that with the defaults, if there was one."""
        found = {outcome.BEST: outcome.scores(search, best, tested)}
        name, values = self.plan.defaults()
        trial = outcome.trial_with(search, values)
        if trial is None:
            return found
        if trial.number == best.number:
            return found | {name: found[outcome.BEST]}
        scores = None
        if trial.status == "completed":
            try:
                scores = arguments.evaluate(self.plan.recipe, self._model(trial))
            except ValueError as error:  # The weights are gone or damaged.
                console.print(str(error))
        return found | {name: outcome.scores(search, trial, scores)}

    def _model(self, trial):
        """Returns the model of a `TrialRecord` with its best weights."""
        (found,) = (
            found
            for trial_id, found in self.tuner.oracle.trials.items()
            if number_of(trial_id) == trial.number
        )
        return self.tuner.load_model(found)

    def _write_page(self, console, search, status):
        # Imports Plotly.
        from kdl_cli.page import page

        try:
            written = page.write(self.folder.path, search, self.folder.ended(status))
        except WriteError:
            raise
        except Exception as error:  # The results are complete without it.
            name = type(error).__name__
            console.print(f"The page with charts cannot be written: {name}: {error}")
        else:
            console.print(f"As a page with charts: {written}")


def earlier_searches(plan):
    """Returns the searches of the option `--from`, a list of `SearchRecord`.

    Raises:
        ValueError: If a folder has none, or one that tells nothing of the space.
    """
    found = []
    hp = plan.space or recipes.hyperparameters(plan.recipe, {})
    for folder in plan.options.from_ or ():
        place = reading.tuner_folder(folder)
        if place is None:
            raise ValueError(
                "--from must name the folder of a search, as `kdl tune` leaves it. "
                f"Received: --from {folder}"
            )
        found.append(tuning.read_search(place))
        EarlierSearches().add(found[-1], hp.space)
    return found


def send_modules():
    """Has Ray send the user's modules along, which its workers cannot import."""
    # Without Ray, `search_on_ray` says so.
    if modules := importlib.util.find_spec("ray") and imported():
        from ray import cloudpickle

        for module in modules:
            cloudpickle.register_pickle_by_value(module)


def identity(settings):
    """Returns the settings in which a search that resumes another has to agree."""
    names = arguments.identity(settings, IDENTITY)
    for values in (settings.get(name) or {} for name in ("set", "range", "choices")):
        names |= {f"hyperparameter {name}": value for name, value in values.items()}
    return names
